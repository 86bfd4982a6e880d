/**
 * `kfp-runtime runs` on the command line: its options, and what a call of it asks for.
 *
 * @module
 */
import type { CommandEntry } from "../../command-entry.ts";
import { readCount, single } from "../../option-values.ts";
import { HISTORY_OPTIONS, optional, readHistoryOptions, type HistoryCommand } from "./common.ts";

/** `kfp-runtime runs`. */
export interface RunsCommand extends HistoryCommand {
  readonly kind: "runs";
  /** Runs at most. */
  readonly limit: number;
  /** Enum name of RuntimeState. */
  readonly state?: string;
}

/** `kfp-runtime runs` on the command line. */
export const runsEntry: CommandEntry<RunsCommand> = {
  name: "runs",
  describe: "List the runs of a home, newest first",
  operands: [],
  options: {
    ...HISTORY_OPTIONS,
    limit: { type: "string", requiresArg: true, default: "20", describe: "Runs at most" },
    state: {
      choices: ["pending", "running", "succeeded", "failed", "canceling", "canceled"],
      describe: "Only runs in this state",
    },
  },
  read: (values) => {
    const state = optional(values, "state");
    return {
      kind: "runs",
      ...readHistoryOptions(values),
      limit: readCount(single(values, "limit"), "limit"),
      ...(state === undefined ? {} : { state: state.toUpperCase() }),
    };
  },
};
