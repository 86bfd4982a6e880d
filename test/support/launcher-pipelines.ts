/** Pipelines and commands of launcher tests. @module */
import type { JsonObject } from "@bufbuild/protobuf";
import { launcherPipeline } from "./launcher-world.ts";

export const trainOutputs = { parameters: { score: "NUMBER_DOUBLE" }, artifacts: { model: "system.Model" } };

/** One step `train` whose two outputs are outputs of the pipeline. */
export const single = launcherPipeline(
  {
    root: {
      tasks: { train: "comp-train" },
      parameters: { best: { from: [["train", "score"]], type: "NUMBER_DOUBLE" } },
      artifacts: { m: { from: [["train", "model"]] } },
    },
  },
  { "comp-train": trainOutputs },
);

/** One step `say` without outputs. */
export const plain = launcherPipeline({ root: { tasks: { say: "comp-say" } } }, { "comp-say": {} });

/** Two such steps. */
export const pair = launcherPipeline({ root: { tasks: { say: "comp-say", other: "comp-say" } } }, { "comp-say": {} });

/** One step `step` with one output parameter `o` of a type and one output artifact `a` of a title, where given. */
export function stepOf({ type, title }: { type?: string; title?: string }): JsonObject {
  const parameters = type === undefined ? {} : { parameters: { o: type } };
  const artifacts = title === undefined ? {} : { artifacts: { a: title } };
  return launcherPipeline({ root: { tasks: { step: "comp-step" } } }, { "comp-step": { ...parameters, ...artifacts } });
}

export const script = (text: string, ...args: string[]): string[] => ["sh", "-c", text, ...args];

export const scorePath = "{{$.outputs.parameters['score'].output_file}}";
export const modelPath = "{{$.outputs.artifacts['model'].path}}";

/** Writes both outputs of `train`, and something to each stream. */
export const train = script('printf 0.5 > "$0"; echo weights > "$1"; echo out; echo err >&2', scorePath, modelPath);

/** Writes the executor output file, then perhaps more. */
export function report(json: unknown, more = "true"): string[] {
  return script(`printf '%s' "$0" > "$1"; ${more}`, JSON.stringify(json), "{{$.outputs.output_file}}");
}
