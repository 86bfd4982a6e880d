/**
 * `kfp-runtime logs` on the command line: its options, and what a call of it asks for.
 *
 * @module
 */
import type { CommandEntry } from "../../command-entry.ts";
import { single } from "../../option-values.ts";
import { HISTORY_OPTIONS, optional, readHistoryOptions, RUN_OPERAND, TASK_OPERAND, type HistoryCommand } from "./common.ts";

/** `kfp-runtime logs`. */
export interface LogsCommand extends HistoryCommand {
  readonly kind: "logs";
  readonly run: string;
  readonly task?: string;
  /** Goes on until the run is over. */
  readonly follow: boolean;
  /** The lines of driver and launcher instead of those of the steps. */
  readonly programs: boolean;
  /** Also the lines the SDK's executor prints in every Python step. */
  readonly fullLogs: boolean;
}

/** `kfp-runtime logs` on the command line. */
export const logsEntry: CommandEntry<LogsCommand> = {
  name: "logs",
  describe: "Print what the steps of a run, or one of them, have printed",
  operands: [RUN_OPERAND, TASK_OPERAND],
  options: {
    ...HISTORY_OPTIONS,
    follow: { type: "boolean", default: false, describe: "Go on until the run is over" },
    programs: { type: "boolean", default: false, describe: "The lines of driver and launcher instead" },
    "full-logs": {
      type: "boolean",
      default: false,
      describe: "Also the executor input and the messages that the SDK prints in every Python step",
    },
  },
  missing: "Which run? kfp-runtime logs RUN, and RUN may be last",
  read: (values) => {
    const task = optional(values, "task");
    return {
      kind: "logs",
      ...readHistoryOptions(values),
      run: single(values, "run"),
      ...(task === undefined ? {} : { task }),
      follow: values["follow"] === true,
      programs: values["programs"] === true,
      fullLogs: values["full-logs"] === true,
    };
  },
};
