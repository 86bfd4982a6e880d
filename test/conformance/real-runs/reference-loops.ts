/** What the reference's pipelines of loops come to. @module */
import { OK, prints, returns, type ArtifactExpected, type RealRun, type TaskExpected } from "./real-run.ts";

const PAIRS = [
  { a: 1, b: 2 },
  { a: 2, b: 3 },
  { a: 3, b: 4 },
];

/** One entry for each item of a loop, by a label with "#" for its index. */
function each<Item>(label: string, items: readonly Item[], task: (item: Item, index: number) => TaskExpected | "SUCCEEDED") {
  return Object.fromEntries(items.map((item, index) => [label.replaceAll("#", String(index)), task(item, index)]));
}

const datasets = (...contents: string[]): ArtifactExpected[] => contents.map((content) => ({ content }));

export const referenceLoops: readonly RealRun[] = [
  {
    pipeline: "artifacts_simple",
    // 2 + 4 + 6
    tasks: {
      "for-loop-2": OK,
      ...each("for-loop-2.double[#]", ["2", "4", "6"], (content) => ({ artifacts: { out_dataset: { content } } })),
      add: { artifacts: { out_dataset: { content: "12" } } },
      "add-container": { prints: "", artifacts: { out_dataset: { content: "12" } } },
    },
    outputs: { artifacts: { Output: datasets("2", "4", "6") } },
  },
  {
    pipeline: "artifacts_complex",
    // The inner loop leaves out the 1, which is below the threshold of 2: thrice 4 + 6, and once 2 + 4 + 6.
    tasks: {
      "for-loop-2": OK,
      ...each("for-loop-2.double[#]", ["2", "4", "6"], (content) => ({ artifacts: { out_dataset: { content } } })),
      ...each("for-loop-2.for-loop-4[#]", [1, 2, 3], () => OK),
      ...Object.assign(
        {},
        ...[0, 1, 2].map((outer) => ({
          [`for-loop-2.for-loop-4.condition-5[${outer},0]`]: "SKIPPED",
          [`for-loop-2.for-loop-4.condition-5[${outer},1]`]: OK,
          [`for-loop-2.for-loop-4.condition-5.double-2[${outer},1]`]: { artifacts: { out_dataset: { content: "4" } } },
          [`for-loop-2.for-loop-4.condition-5[${outer},2]`]: OK,
          [`for-loop-2.for-loop-4.condition-5.double-2[${outer},2]`]: { artifacts: { out_dataset: { content: "6" } } },
        })),
      ),
      "add-two-lists-of-datasets": { artifacts: { Output: { content: "42" } } },
      "add-two-lists-of-datasets.add": { artifacts: { out_dataset: { content: "12" } } },
      "add-two-lists-of-datasets.add-2": { artifacts: { out_dataset: { content: "30" } } },
      "add-two-lists-of-datasets.add-two-ints": { artifacts: { out_dataset: { content: "42" } } },
    },
    outputs: { artifacts: { datasets: datasets("2", "4", "6"), sum: { content: "42" } } },
  },
  {
    pipeline: "collected_artifacts",
    tasks: {
      "collecting-artifacts": OK,
      "collecting-artifacts.split-ids": returns(["s1", "s2", "s3"]),
      "collecting-artifacts.split-chars": returns(["x", "y", "z"]),
      "collecting-artifacts.for-loop-1": OK,
      ...Object.assign(
        {},
        ...["s1", "s2", "s3"].map((id, outer) => ({
          [`collecting-artifacts.for-loop-1.create-file[${outer}]`]: {
            prints: `Creating file with content: ${id}`,
            artifacts: { file: { type: "Artifact", content: id } },
          },
          [`collecting-artifacts.for-loop-1.read-single-file[${outer}]`]: OK,
          [`collecting-artifacts.for-loop-1.for-loop-2[${outer}]`]: OK,
          [`collecting-artifacts.for-loop-1.read-datasets[${outer}]`]: returns("files read"),
          [`collecting-artifacts.for-loop-1.read-models[${outer}]`]: returns("models read"),
          ...each(`collecting-artifacts.for-loop-1.for-loop-2.single-node-dag[${outer},#]`, ["x", "y", "z"], (char) => ({
            artifacts: { Output: { content: char } },
          })),
          ...each(
            `collecting-artifacts.for-loop-1.for-loop-2.single-node-dag.create-dataset[${outer},#]`,
            ["x", "y", "z"],
            (char) => ({ prints: `Creating file with content: ${char}`, artifacts: { data: { content: char } } }),
          ),
          ...each(
            `collecting-artifacts.for-loop-1.for-loop-2.read-single-dataset-generate-model[${outer},#]`,
            ["x", "y", "z"],
            (char) => ({ artifacts: { results: modelOf(char, id) } }),
          ),
        })),
      ),
      "read-models": { prints: /(Model raw data: [xyz]-s[123]\n[\s\S]*){9}/, parameters: { Output: "models read" } },
    },
  },
  {
    pipeline: "conditional_producer_and_consumers",
    tasks: {
      "for-loop-2": OK,
      "for-loop-2.condition-3[0]": "SKIPPED",
      "for-loop-2.condition-3[1]": OK,
      "for-loop-2.condition-3.double[1]": returns(4),
      "for-loop-2.condition-3[2]": OK,
      "for-loop-2.condition-3.double[2]": returns(6),
      "condition-4": OK,
      "condition-4.add": returns(10),
    },
    outputs: { parameters: { Output: 10 } },
  },
  {
    pipeline: "nested_with_parameters",
    tasks: {
      "for-loop-2": OK,
      ...Object.assign(
        {},
        ...[1, 2, 3].map((x, outer) => ({
          [`for-loop-2.for-loop-4[${outer}]`]: OK,
          ...each(`for-loop-2.for-loop-4.double[${outer},#]`, [1, 2, 3], () => returns(2 * x)),
          ...each(`for-loop-2.for-loop-4.double-2[${outer},#]`, [1, 2, 3], (y) => returns(2 * y)),
          ...each(`for-loop-2.for-loop-4.add-two-nums[${outer},#]`, [1, 2, 3], (y) => returns(2 * x + 2 * y)),
        })),
      ),
      // 4+6+8 + 6+8+10 + 8+10+12
      add: returns(72),
    },
    outputs: {
      parameters: {
        Output: [
          [4, 6, 8],
          [6, 8, 10],
          [8, 10, 12],
        ],
      },
    },
  },
  {
    pipeline: "parameters_simple",
    tasks: {
      "for-loop-2": OK,
      ...each("for-loop-2.double[#]", [2, 4, 6], returns),
      add: returns(12),
      "add-container": { prints: /jq add/, parameters: { sum: 12 } },
    },
    outputs: { parameters: { Output: [2, 4, 6] } },
  },
  {
    pipeline: "parameters_complex",
    // Thrice the sum of 2, 4, 6, and thrice the sum of thrice 8, 10, 12.
    tasks: {
      "for-loop-2": OK,
      ...each("for-loop-2.double[#]", [2, 4, 6], returns),
      ...each("for-loop-2.for-loop-4[#]", [1, 2, 3], () => OK),
      ...Object.assign({}, ...[0, 1, 2].map((outer) => each(`for-loop-2.for-loop-4.double-2[${outer},#]`, [8, 10, 12], returns))),
      ...each("for-loop-2.simple-add[#]", [1, 2, 3], () => returns(30)),
      "nested-add": returns(90),
      "for-loop-6": OK,
      ...each("for-loop-6.simple-add-2[#]", [0, 0, 0], () => returns(12)),
      ...each("for-loop-6.nested-add-2[#]", [0, 0, 0], () => returns(90)),
      "add-two-numbers": returns(3 * 12 + 3 * 90),
    },
    outputs: { parameters: { Output: 306 } },
  },
  {
    pipeline: "pipeline_producer_consumer",
    // Twice 1, 2, 3 in each of three rounds.
    tasks: {
      "for-loop-2": OK,
      ...each("for-loop-2.for-loop-4[#]", [1, 2, 3], () => OK),
      ...Object.assign(
        {},
        ...[0, 1, 2].map((outer) => ({
          ...each(`for-loop-2.for-loop-4.double-pipeline[${outer},#]`, [2, 4, 6], returns),
          ...each(`for-loop-2.for-loop-4.double-pipeline.double[${outer},#]`, [2, 4, 6], returns),
        })),
      ),
      "add-pipeline": { parameters: { out1: 36, out2: ["m", "a", "t", "h"] } },
      "add-pipeline.add": returns(36),
      "add-pipeline.for-loop-2": OK,
      ...each("add-pipeline.for-loop-2.echo-and-return[#]", ["m", "a", "t", "h"], (letter) => ({
        ...prints(letter),
        ...returns(letter),
      })),
      "join-and-print": prints("math"),
    },
    outputs: { parameters: { Output: 36 } },
  },
  {
    pipeline: "pipeline_with_nested_loops",
    tasks: {
      "for-loop-1": OK,
      ...each("for-loop-1.for-loop-2[#]", [0, 1], () => OK),
      ...each("for-loop-1.for-loop-2.print-op[0,#]", ["1", "2"], (q) => prints(`msg: ${q}, msg2: None`)),
      ...each("for-loop-1.for-loop-2.print-op[1,#]", ["11", "22"], (q) => prints(`msg: ${q}, msg2: None`)),
      "for-loop-4": OK,
      ...each("for-loop-4.print-op-2[#]", ["1", "2"], (item) => prints(`msg: ${item}, msg2: None`)),
      ...each("for-loop-4.for-loop-6[#]", ["1", "2"], () => OK),
      ...each("for-loop-4.for-loop-6.print-op-3[0,#]", ["100", "200", "300"], (item) => prints(`msg: 1, msg2: ${item}`)),
      ...each("for-loop-4.for-loop-6.print-op-3[1,#]", ["100", "200", "300"], (item) => prints(`msg: 2, msg2: ${item}`)),
    },
  },
  {
    pipeline: "pipeline_with_parallelfor_list_artifacts_GH-12033",
    parameters: {},
    // The pipelines inside have these four texts as default.
    tasks: {
      ...Object.assign(
        {},
        ...(["artifact", "dataset"] as const).map((kind) => ({
          [`make-${kind}s`]: OK,
          [`make-${kind}s.for-loop-1`]: OK,
          ...each(`make-${kind}s.for-loop-1.make-${kind}[#]`, TEXTS(), (text) => ({
            artifacts: {
              Output: { type: kind === "artifact" ? "Artifact" : "Dataset", content: text, metadata: { length: text.length } },
            },
          })),
        })),
      ),
      "for-loop-1": OK,
      ...each("for-loop-1.print-artifact-name[#]", TEXTS(), () => returns("Output")),
      "for-loop-2": OK,
      ...each("for-loop-2.print-artifact-name-2[#]", TEXTS(), () => returns("Output")),
    },
  },
  {
    pipeline: "pipeline_with_parallelfor_parallelism",
    parameters: { loop_parameter: ["p", "q"] },
    tasks: {
      "for-loop-1": OK,
      ...each("for-loop-1.print-text[#]", ["p", "q"], prints),
      ...each("for-loop-1.for-loop-2[#]", ["p", "q"], () => OK),
      ...each("for-loop-1.for-loop-2.print-text-2[0,#]", ["p", "q"], prints),
      ...each("for-loop-1.for-loop-2.print-text-2[1,#]", ["p", "q"], prints),
      "for-loop-4": OK,
      ...each("for-loop-4.print-text-3[#]", ["1", "10"], prints),
      ...each("for-loop-4.print-text-4[#]", ["2", "20"], prints),
      ...each("for-loop-4.for-loop-6[#]", [0, 1], () => OK),
      ...Object.assign(
        {},
        ...[0, 1].map((outer) => ({
          ...each(`for-loop-4.for-loop-6.print-text-5[${outer},#]`, ["10", "100"], prints),
          ...each(`for-loop-4.for-loop-6.print-text-6[${outer},#]`, ["20", "200"], prints),
        })),
      ),
      "for-loop-8": OK,
      ...each("for-loop-8.print-int[#]", ["1", "2", "3"], prints),
      ...Object.assign(
        {},
        ...(
          [
            ["list-dict-maker-0", "for-loop-9", "print-int-2"],
            ["list-dict-maker-1", "for-loop-10", "print-int-3"],
            ["list-dict-maker-2", "for-loop-11", "print-int-4"],
            ["list-dict-maker-3", "for-loop-12", "print-int-5"],
            ["list-dict-maker-1-2", "for-loop-13", "print-int-6"],
          ] as const
        ).map(([maker, loop, step]) => ({
          [maker]: returns(PAIRS),
          [loop]: OK,
          ...each(`${loop}.${step}[#]`, ["1", "2", "3"], prints),
        })),
      ),
    },
  },
  {
    pipeline: "pipeline_with_parallelfor_pipeline_param",
    parameters: { loop_parameter: ["i", "j"], prefix: "pre" },
    tasks: {
      "make-prefix": returns("dynamic-prefix"),
      "for-loop-1": OK,
      ...each("for-loop-1.print-with-prefix[#]", ["pre: i", "pre: j"], (text) => ({ ...prints(text), ...returns(text) })),
      "for-loop-2": OK,
      ...each("for-loop-2.print-with-prefix-2[#]", ["dynamic-prefix: i", "dynamic-prefix: j"], (text) => ({
        ...prints(text),
        ...returns(text),
      })),
      "for-loop-4": OK,
      ...each("for-loop-4.for-loop-5[#]", ["x", "y"], () => OK),
      ...each("for-loop-4.for-loop-5.print-with-prefix-3[0,#]", ["pre: i", "pre: j"], returns),
      ...each("for-loop-4.for-loop-5.print-with-prefix-3[1,#]", ["pre: i", "pre: j"], returns),
    },
  },
  {
    pipeline: "pythonic_artifacts_with_list_of_artifacts",
    tasks: {
      "for-loop-1": OK,
      ...each("for-loop-1.make-dataset[#]", ["Hello", ",", " ", "world!"], (text) => ({
        artifacts: { Output: { content: text, metadata: { length: text.length } } },
      })),
      "join-datasets": { artifacts: { Output: { content: "Hello, world!" } } },
    },
    outputs: { artifacts: { Output: { content: "Hello, world!" } } },
  },
];

function modelOf(char: string, id: string): ArtifactExpected {
  const metadata = { model: char, model_name: `model-artifact-inner-iteration-${char}-${id}` };
  return { type: "Model", content: `${char}-${id}`, metadata };
}

function TEXTS(): readonly string[] {
  return ["Hello", ",", " ", "world!"];
}
