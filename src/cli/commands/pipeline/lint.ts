/**
 * `kfp-runtime lint` on the command line: its options, and what a call of it asks for.
 *
 * @module
 */
import type { CommandEntry } from "../../command-entry.ts";
import { listOf, single } from "../../option-values.ts";

/** `kfp-runtime lint`. */
export interface LintCommand {
  readonly kind: "lint";
  readonly files: readonly string[];
  readonly output: "text" | "json" | "sarif";
  /** What a local run refuses is an error. */
  readonly local: boolean;
  /** Warnings count as problems, too. */
  readonly strict: boolean;
}

/** `kfp-runtime lint` on the command line. */
export const lintEntry: CommandEntry<LintCommand> = {
  name: "lint",
  describe: "Check compiled pipelines without running them",
  operands: [
    {
      name: "pipeline",
      describe: "What the KFP SDK compiled: YAML or JSON",
      required: true,
      repeated: true,
      completes: "pipeline",
    },
  ],
  options: {
    output: { choices: ["text", "json", "sarif"], default: "text", describe: "What the problems are printed as" },
    local: { type: "boolean", default: false, describe: "What a local run refuses is an error, not a note" },
    strict: { type: "boolean", default: false, describe: "End with 1 for warnings as well" },
  },
  missing: "Which pipeline? kfp-runtime lint PIPELINE.yaml",
  read: (values) => {
    const output = single(values, "output");
    return {
      kind: "lint",
      files: listOf(values["pipeline"]).map(String),
      output: output === "json" || output === "sarif" ? output : "text",
      local: values["local"] === true,
      strict: values["strict"] === true,
    };
  },
};
