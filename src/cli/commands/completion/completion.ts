/**
 * `kfp-runtime completion` on the command line: the script that a shell loads.
 *
 * @module
 */
import type { CommandEntry } from "../../command-entry.ts";
import { single } from "../../option-values.ts";

/** Shells with a script. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** One of them. */
export type Shell = (typeof SHELLS)[number];

/** `kfp-runtime completion`. */
export interface CompletionCommand {
  readonly kind: "completion";
  readonly shell: Shell;
}

/** `kfp-runtime completion` on the command line. */
export const completionEntry: CommandEntry<CompletionCommand> = {
  name: "completion",
  describe: "Print the script that completes kfp-runtime in a shell",
  operands: [{ name: "shell", describe: "bash, zsh or fish", required: true, choices: SHELLS }],
  options: {},
  missing: "Which shell? kfp-runtime completion bash, zsh or fish",
  read: (values) => ({ kind: "completion", shell: SHELLS.find((shell) => shell === single(values, "shell")) ?? "bash" }),
};
