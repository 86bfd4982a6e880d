/**
 * `kfp-runtime diff` on the command line: its options, and what a call of it asks for.
 *
 * @module
 */
import type { CommandEntry } from "../../command-entry.ts";
import { single } from "../../option-values.ts";
import { HISTORY_OPTIONS, readHistoryOptions, type HistoryCommand } from "./common.ts";

/** `kfp-runtime diff`. */
export interface DiffCommand extends HistoryCommand {
  readonly kind: "diff";
  readonly runs: readonly [string, string];
  /** End with 1 when they differ. */
  readonly exitCode: boolean;
}

/** `kfp-runtime diff` on the command line. */
export const diffEntry: CommandEntry<DiffCommand> = {
  name: "diff",
  describe: "Compare two runs: parameters, tasks and their cache keys, metrics, artifacts by content",
  operands: [
    { name: "run", describe: "The one", required: true, completes: "run" },
    { name: "other", describe: "The other", required: true, completes: "run" },
  ],
  options: {
    ...HISTORY_OPTIONS,
    "exit-code": { type: "boolean", default: false, describe: "End with 1 when they differ" },
  },
  missing: "Which two runs? kfp-runtime diff RUN RUN, and RUN may be last",
  read: (values) => ({
    kind: "diff",
    ...readHistoryOptions(values),
    runs: [single(values, "run"), single(values, "other")],
    exitCode: values["exit-code"] === true,
  }),
};
