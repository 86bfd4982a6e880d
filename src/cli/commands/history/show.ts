/**
 * `kfp-runtime show` on the command line: its options, and what a call of it asks for.
 *
 * @module
 */
import type { CommandEntry } from "../../command-entry.ts";
import { single } from "../../option-values.ts";
import { HISTORY_OPTIONS, optional, readHistoryOptions, RUN_OPERAND, TASK_OPERAND, type HistoryCommand } from "./common.ts";

/** `kfp-runtime show`. */
export interface ShowCommand extends HistoryCommand {
  readonly kind: "show";
  readonly run: string;
  readonly task?: string;
}

/** `kfp-runtime show` on the command line. */
export const showEntry: CommandEntry<ShowCommand> = {
  name: "show",
  describe: "Show a run, or one of its tasks: states, outputs, metrics, and why it failed",
  operands: [RUN_OPERAND, TASK_OPERAND],
  options: HISTORY_OPTIONS,
  missing: "Which run? kfp-runtime show RUN, and RUN may be last",
  read: (values) => {
    const task = optional(values, "task");
    return {
      kind: "show",
      ...readHistoryOptions(values),
      run: single(values, "run"),
      ...(task === undefined ? {} : { task }),
    };
  },
};
