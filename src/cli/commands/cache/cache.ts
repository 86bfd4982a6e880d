/**
 * `kfp-runtime cache` on the command line: its options, and what a call of it asks for.
 *
 * @module
 */
import { UsageError } from "../../../core/errors.ts";
import { LAST } from "../../../local/history/run-reference.ts";
import type { CommandEntry } from "../../command-entry.ts";
import { readCount, single } from "../../option-values.ts";
import { HISTORY_OPTIONS, optional, readHistoryOptions, TASK_OPERAND, type HistoryCommand } from "../history/common.ts";

/** `kfp-runtime cache`. */
export interface CacheCommand extends HistoryCommand {
  readonly kind: "cache";
  readonly action: "ls" | "why" | "clear";
  readonly task?: string;
  readonly run: string;
  /** Entries at most. */
  readonly limit: number;
}

/** `kfp-runtime cache` on the command line. */
export const cacheEntry: CommandEntry<CacheCommand> = {
  name: "cache",
  describe: "List what the cache has, say why a task ran, or take tasks out",
  operands: [
    { name: "action", describe: "What to do", required: true, choices: ["ls", "why", "clear"] },
    { ...TASK_OPERAND, describe: "why: the task; ls and clear: only tasks of this name (default: all)" },
  ],
  options: {
    ...HISTORY_OPTIONS,
    run: { type: "string", requiresArg: true, default: LAST, describe: "why: the run of the task", completes: "run" },
    limit: { type: "string", requiresArg: true, default: "50", describe: "ls: entries at most" },
  },
  missing: "What to do? kfp-runtime cache ls, kfp-runtime cache why TASK, or kfp-runtime cache clear",
  read: (values) => {
    const action = single(values, "action");
    const task = optional(values, "task");
    if (action === "why" && task === undefined) throw new UsageError("USAGE_INVALID", "Which task? kfp-runtime cache why TASK");
    return {
      kind: "cache",
      ...readHistoryOptions(values),
      action: action === "why" || action === "clear" ? action : "ls",
      ...(task === undefined ? {} : { task }),
      run: single(values, "run"),
      limit: readCount(single(values, "limit"), "limit"),
    };
  },
};
