/**
 * `kfp-runtime rewrite-workflow` on the command line: its options, and what a call of it asks for.
 *
 * @module
 */
import { DEFAULT_LOOP_PARALLELISM } from "../../../resident/rewrite/marks.ts";
import type { CommandEntry } from "../../command-entry.ts";
import { readCount, readPath, single } from "../../option-values.ts";

/** Forms of the workflow. */
export const WORKFLOW_OUTPUTS = ["yaml", "json"] as const;

/** `kfp-runtime rewrite-workflow`. */
export interface RewriteWorkflowCommand {
  readonly kind: "rewrite-workflow";
  readonly file: string;
  readonly output: (typeof WORKFLOW_OUTPUTS)[number];
  /** Whether to say what has changed. */
  readonly diff: boolean;
  /** 0: loops stay as they are. */
  readonly loopParallelism: number;
}

/** `kfp-runtime rewrite-workflow` on the command line. */
export const rewriteWorkflowEntry: CommandEntry<RewriteWorkflowCommand> = {
  name: "rewrite-workflow",
  describe: "Show an Argo Workflow of KFP with its drivers left to a resident driver",
  operands: [
    { name: "workflow", describe: "The Workflow as YAML or JSON; - is standard input", required: true, completes: "pipeline" },
  ],
  options: {
    output: { choices: WORKFLOW_OUTPUTS, default: "yaml", describe: "What the workflow is printed as" },
    diff: { type: "boolean", default: false, describe: "Say on standard error what has changed" },
    "loop-parallelism": {
      requiresArg: true,
      default: String(DEFAULT_LOOP_PARALLELISM),
      describe: "Iterations at a time of loops that do not say; 0 leaves them unlimited",
    },
  },
  missing: "Which workflow? kfp-runtime rewrite-workflow WORKFLOW.yaml",
  read: (values) => {
    const parallelism = single(values, "loop-parallelism");
    return {
      kind: "rewrite-workflow",
      file: readPath(values, "workflow"),
      output: WORKFLOW_OUTPUTS.find((output) => output === single(values, "output")) ?? "yaml",
      diff: values["diff"] === true,
      loopParallelism: parallelism === "0" ? 0 : readCount(parallelism, "loop-parallelism"),
    };
  },
};
