/**
 * `kfp-runtime artifacts` on the command line: its options, and what a call of it asks for.
 *
 * @module
 */
import type { CommandEntry } from "../../command-entry.ts";
import { single } from "../../option-values.ts";
import { HISTORY_OPTIONS, optional, readHistoryOptions, RUN_OPERAND, type HistoryCommand } from "./common.ts";

/** `kfp-runtime artifacts`. */
export interface ArtifactsCommand extends HistoryCommand {
  readonly kind: "artifacts";
  readonly run: string;
  /** `TASK.KEY`, or the key alone. */
  readonly artifact?: string;
  /** Shows it in the desktop's own program. */
  readonly open: boolean;
  /** The logs of steps as well. */
  readonly all: boolean;
}

/** `kfp-runtime artifacts` on the command line. */
export const artifactsEntry: CommandEntry<ArtifactsCommand> = {
  name: "artifacts",
  describe: "List what the steps of a run have made, with type, size and place",
  operands: [RUN_OPERAND, { name: "artifact", describe: "TASK.OUTPUT, or OUTPUT alone", required: false, completes: "artifact" }],
  options: {
    ...HISTORY_OPTIONS,
    open: {
      type: "boolean",
      default: false,
      describe: "Open the artifact, or the folder of all, in the desktop's program for it",
    },
    all: { type: "boolean", default: false, describe: "List the logs of the steps as well" },
  },
  missing: "Which run? kfp-runtime artifacts RUN, and RUN may be last",
  read: (values) => {
    const artifact = optional(values, "artifact");
    return {
      kind: "artifacts",
      ...readHistoryOptions(values),
      run: single(values, "run"),
      ...(artifact === undefined ? {} : { artifact }),
      open: values["open"] === true,
      all: values["all"] === true,
    };
  },
};
