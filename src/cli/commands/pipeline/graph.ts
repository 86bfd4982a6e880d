/**
 * `kfp-runtime graph` on the command line: its options, and what a call of it asks for.
 *
 * @module
 */
import type { CommandEntry } from "../../command-entry.ts";
import { readPath, single } from "../../option-values.ts";
import { HOME_OPTION } from "../home.ts";

/** Forms of the graph. */
export const GRAPH_OUTPUTS = ["text", "mermaid", "svg", "json"] as const;

/** `kfp-runtime graph`. */
export interface GraphCommand {
  readonly kind: "graph";
  /** A file, or a run. */
  readonly what: string;
  readonly home: string;
  readonly output: (typeof GRAPH_OUTPUTS)[number];
}

/** `kfp-runtime graph` on the command line. */
export const graphEntry: CommandEntry<GraphCommand> = {
  name: "graph",
  describe: "Draw a compiled pipeline, or a run with the states of its tasks",
  operands: [
    {
      name: "what",
      describe: "PIPELINE.yaml, or a run: id, the beginning of an id, last, or name",
      required: true,
      completes: "run-or-pipeline",
    },
  ],
  options: {
    home: HOME_OPTION,
    output: { choices: GRAPH_OUTPUTS, default: "text", describe: "A tree of text, a Mermaid flowchart, a drawing, or data" },
  },
  missing: "Which pipeline or run? kfp-runtime graph PIPELINE.yaml, or kfp-runtime graph RUN",
  read: (values) => ({
    kind: "graph",
    what: single(values, "what"),
    home: readPath(values, "home"),
    output: GRAPH_OUTPUTS.find((output) => output === single(values, "output")) ?? "text",
  }),
};
