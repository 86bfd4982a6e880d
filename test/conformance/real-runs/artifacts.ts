/** What the pipelines of artifacts.py come to. @module */
import { OK, prints, writes, type RealRun } from "./real-run.ts";

export const artifacts: readonly RealRun[] = [
  {
    pipeline: "artifact_types",
    // The component writes none of its six files: the first that is missed fails it.
    state: "FAILED",
    tasks: { "make-every-type": { state: "FAILED", error: /declared output artifact "artifact" is missing/ } },
    notRun: ["read-every-type"],
  },
  {
    pipeline: "artifact_metrics",
    // The SDK's SlicedClassificationMetrics has no table of slices when it is made from an executor input.
    state: "FAILED",
    tasks: { "make-metrics": { state: "FAILED", error: /exit status 1/, prints: /no attribute '_sliced_metrics'/ } },
    notRun: ["read-any", "read-any-2"],
  },
  {
    pipeline: "artifact_lists",
    tasks: {
      "make-dataset-list": { artifacts: { Output: [{ content: "a" }, { content: "b" }] } },
      "make-dataset-list.for-loop-2": OK,
      "make-dataset-list.for-loop-2.make-dataset[0]": writes("data", "a"),
      "make-dataset-list.for-loop-2.make-dataset[1]": writes("data", "b"),
      "read-dataset-list": prints("[{}, {}]"),
      "pass-dataset-list": OK,
      "pass-dataset-list.read-dataset-list": prints("[{}, {}]"),
    },
    outputs: { artifacts: { Output: [{ content: "a" }, { content: "b" }] } },
  },
  {
    pipeline: "artifact_python_style",
    // The components give places and write nothing there.
    state: "FAILED",
    tasks: {
      "make-in-python": { state: "FAILED", error: /declared output artifact "Output" is missing/ },
      "make-two-in-python": { state: "FAILED", error: /declared output artifact "(data|model)" is missing/ },
    },
    notRun: ["read-dataset", "read-dataset-2", "read-any"],
  },
  {
    pipeline: "artifact_custom_path",
    // Nobody makes the folder of the path that the component chooses.
    state: "FAILED",
    tasks: {
      "make-at-custom-path": {
        state: "FAILED",
        error: /exit status 1/,
        prints: /FileNotFoundError: .* No such file or directory: '\/tmp\/custom\/data'/,
      },
    },
    notRun: ["read-dataset"],
  },
  {
    pipeline: "artifact_long_names",
    tasks: {
      "make-dataset": writes("data", "s"),
      "with-long-names": writes("a_rather_long_name_of_an_output_artifact_of_this_component", "s"),
    },
  },
];
