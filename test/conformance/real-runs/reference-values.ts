/** What the reference's pipelines of parameters, artifacts, exits and importers come to. @module */
import { OK, prints, returns, FAILED_1, type RealRun, type TaskExpected, type ValuesExpected } from "./real-run.ts";

const SPOKEN = "Hello World!";
/** Prints, and returns what it has printed. */
const says = (text: string): TaskExpected => ({ ...prints(text), ...returns(text) });

/** Of `preprocess`: message, dict and list as they were given. */
function preprocessed(message: string, dict: Record<string, number>, list: string[]): ValuesExpected {
  return {
    parameters: {
      output_parameter_path: message,
      output_bool_parameter_path: true,
      output_dict_parameter_path: dict,
      output_list_parameter_path: list,
    },
    artifacts: { output_dataset_one: { content: message }, output_dataset_two_path: { content: message } },
  };
}

export const referenceValues: readonly RealRun[] = [
  {
    pipeline: "artifact_cache",
    tasks: {
      mantle: { artifacts: { Output: { content: "foo" } } },
      "mantle.core": { artifacts: { Output: { content: "foo" } } },
      "mantle.core.core-comp": { artifacts: { dataset: { content: "foo" } } },
      "crust-comp": prints("input:  foo"),
    },
  },
  {
    pipeline: "artifact_crust",
    tasks: {
      mantle: { artifacts: { Output: { content: "foo" } } },
      "mantle.core": { artifacts: { Output: { content: "foo" } } },
      "mantle.core.core-comp": { artifacts: { dataset: { content: "foo" } } },
      "crust-comp": prints("input:  foo"),
    },
  },
  {
    pipeline: "concat_message",
    parameters: { message1: "one ", message2: "two" },
    tasks: { "concat-message": returns("one two") },
    outputs: { parameters: { Output: "one two" } },
  },
  {
    pipeline: "env-var",
    parameters: { env_var: "KFP_REAL_RUN_WORD" },
    env: { KFP_REAL_RUN_WORD: "spoken" },
    tasks: { comp: returns("spoken") },
    outputs: { parameters: { Output: "spoken" } },
  },
  {
    pipeline: "env-var",
    variant: "not set",
    parameters: { env_var: "KFP_REAL_RUN_WORD" },
    state: "FAILED",
    tasks: { comp: { state: "FAILED", prints: /Exception: Env var is not set/, error: /exit status 1/ } },
  },
  { pipeline: "fail_v2", state: "FAILED", tasks: { fail: FAILED_1 } },
  {
    pipeline: "identity",
    parameters: { value: '"quoted" \\ 123' },
    tasks: { identity: returns('"quoted" \\ 123') },
    outputs: { parameters: { Output: '"quoted" \\ 123' } },
  },
  {
    pipeline: "lightweight_python_functions_pipeline",
    parameters: { message: "m" },
    tasks: {
      preprocess: preprocessed("m", { A: 1, B: 2 }, ["a", "b", "c"]),
      // A hundred times the same line.
      train: {
        artifacts: {
          model: {
            type: "Model",
            metadata: { accuracy: 0.9 },
            content:
              /^(Step \d+\ndataset_one_contents: m \|\| dataset_two_contents: m \|\| message: m \|\| input_bool: True, type <class 'bool'> \|\| input_dict: \{'A': 1, 'B': 2\}, type <class 'dict'> \|\| input_list: \['a', 'b', 'c'\], type <class 'list'> \n\n=====\n){100}$/,
          },
        },
      },
    },
  },
  {
    pipeline: "lightweight_python_functions_with_outputs",
    parameters: { first_message: "ab", second_message: "cd", first_number: 1, second_number: 2 },
    tasks: {
      "add-numbers": returns(3),
      "concat-message": returns("abcd"),
      "output-artifact": { artifacts: { Output: { content: "abcd\nabcd\nabcd" } } },
      "output-named-tuple": {
        parameters: { scalar: "123" },
        // Metrics are what the metadata holds, and it holds none: their file goes nowhere.
        artifacts: { model: { type: "Model", content: "Model contents: abcd\nabcd\nabcd" } },
      },
    },
  },
  {
    pipeline: "mixed_parameters",
    tasks: {
      mantle: returns(1),
      "mantle.core": returns(1),
      "mantle.core.core-comp": returns(1),
      "crust-comp": prints("sum : 3"),
    },
  },
  {
    pipeline: "multiple_parameters_namedtuple",
    tasks: {
      mantle: { parameters: { val1: "foo", val2: "bar" } },
      "mantle.core": { parameters: { val1: "foo", val2: "bar" } },
      "mantle.core.core-comp": { parameters: { val1: "foo", val2: "bar" } },
      "crust-comp": prints("val1:  foo\nval2:  bar"),
    },
  },
  {
    pipeline: "nested_return",
    tasks: {
      "nested-return": returns([
        { A_a: "1", B_b: "2" },
        { A_a: "10", B_b: "20" },
      ]),
    },
    outputs: {
      parameters: {
        Output: [
          { A_a: "1", B_b: "2" },
          { A_a: "10", B_b: "20" },
        ],
      },
    },
  },
  {
    pipeline: "pipeline_as_exit_task",
    state: "FAILED",
    tasks: {
      "exit-handler-1": { state: "FAILED" },
      "exit-handler-1.fail-op": { ...FAILED_1, prints: "Task failed." },
      "exit-handler-1.print-op": prints(SPOKEN),
      "conditional-notification": OK,
      "conditional-notification.get-run-state": {
        prints: /^Pipeline status: {2}\{.*'state': 'FAILED'.*\}$/m,
        parameters: { Output: "FAILED" },
      },
      "conditional-notification.condition-1": OK,
      "conditional-notification.condition-1.print-op": prints("notify task failure."),
    },
  },
  {
    pipeline: "pipeline_in_pipeline",
    tasks: {
      "print-op1": says("Hello"),
      "inner-pipeline": OK,
      "inner-pipeline.print-op1": says("world"),
      "inner-pipeline.print-op2": prints("world"),
    },
  },
  {
    pipeline: "pipeline_with_input_status_state",
    // Its exit task wants the state COMPLETE, which no run has.
    state: "FAILED",
    tasks: {
      "exit-handler-1": OK,
      "exit-handler-1.some-task": prints("Executing some_task()..."),
      "echo-state": { ...FAILED_1, prints: /^AssertionError$/m },
    },
  },
  {
    pipeline: "pipeline_with_metrics_outputs",
    tasks: {
      "output-metrics": { artifacts: { metrics: { type: "Metric", metadata: /^\{"accuracy":\d{1,3}\}$/ } } },
      "for-loop-2": OK,
      "for-loop-2.output-metrics-2[0]": { artifacts: { metrics: { type: "Metric", metadata: /^\{"accuracy":\d{1,3}\}$/ } } },
      "for-loop-2.output-metrics-2[1]": { artifacts: { metrics: { type: "Metric", metadata: /^\{"accuracy":\d{1,3}\}$/ } } },
    },
  },
  {
    pipeline: "pipeline_with_multiple_exit_handlers",
    state: "FAILED",
    tasks: {
      "exit-handler-1": { state: "FAILED" },
      "exit-handler-1.fail-op": { ...FAILED_1, prints: "Task failed." },
      "exit-handler-1.print-op-2": prints(SPOKEN),
      "print-op": prints("First exit handler has worked!"),
      "exit-handler-2": OK,
      "exit-handler-2.print-op-4": prints(SPOKEN),
      "print-op-3": prints("Second exit handler has worked!"),
      "exit-handler-3": OK,
      "exit-handler-3.print-op-6": prints(SPOKEN),
      "print-op-5": prints("Third exit handler has worked!"),
    },
  },
  {
    pipeline: "pipeline_with_outputs",
    tasks: {
      "print-op1": says("Hello"),
      "inner-pipeline": {
        parameters: { msg: "world" },
        artifacts: { data: { type: "Artifact", content: "world\n" } },
      },
      "inner-pipeline.print-op1": says("world"),
      "inner-pipeline.print-op2": { prints: "", artifacts: { data: { type: "Artifact", content: "world\n" } } },
    },
    outputs: { artifacts: { Output: { type: "Artifact", content: "world\n" } } },
  },
  {
    pipeline: "pipeline_with_params_containing_format",
    tasks: {
      "print-op": says("Hello KFP"),
      "print-op-2": says("Hello KFP, again."),
      "for-loop-2": OK,
      "for-loop-2.print-op2[0]": says("1 and KFP."),
      "for-loop-2.print-op2[1]": says("2 and KFP."),
    },
  },
  {
    pipeline: "pipeline_with_placeholders",
    tasks: {
      "print-all-placeholders": prints(
        /^pipeline-with-placeholders [\d -]+, pipeline-with-placeholders-[0-9a-f]{5}, [0-9a-f-]{36}, print-all-placeholders, [0-9a-f-]{36}$/m,
      ),
    },
  },
  { pipeline: "pipeline_with_retry", tasks: { add: returns(8) } },
  {
    pipeline: "pipeline_with_reused_component",
    tasks: { "add-numbers": returns(5), "add-numbers-2": returns(10), "add-numbers-3": returns(17) },
  },
  {
    pipeline: "pipeline_with_string_machine_fields_task_output",
    tasks: {
      "accelerator-limit": returns("1"),
      "accelerator-type": returns("NVIDIA_TESLA_P4"),
      "cpu-limit": returns("4000m"),
      "memory-limit": returns("15G"),
      "sum-numbers": returns(3),
    },
  },
  {
    pipeline: "pipeline_with_task_final_status",
    state: "FAILED",
    tasks: {
      "exit-handler-1": { state: "FAILED" },
      "exit-handler-1.fail-op": { ...FAILED_1, prints: "Task failed." },
      "exit-handler-1.print-op": prints(SPOKEN),
      "exit-op": prints(
        /^Pipeline status: {2}FAILED\nJob resource name: {2}\S+\nPipeline task name: {2}exit-handler-1\nError code: {2}\S+\nError message: {2}.+$/m,
      ),
    },
  },
  {
    pipeline: "pipeline_with_task_using_ignore_upstream_failure",
    state: "FAILED",
    tasks: { "fail-op": { ...FAILED_1, prints: "message" }, "print-op": prints("default") },
  },
  {
    pipeline: "preprocess",
    parameters: { message: "m", input_dict_parameter: { k: 5 }, input_list_parameter: ["v"] },
    tasks: { preprocess: preprocessed("m", { k: 5 }, ["v"]) },
    outputs: preprocessed("m", { k: 5 }, ["v"]),
  },
  {
    pipeline: "pythonic_artifacts_test_pipeline",
    tasks: {
      "gen-data": { artifacts: { Output: { content: "some data", metadata: { length: 9 } } } },
      "train-model": { artifacts: { Output: { type: "Model", content: "model trained" } } },
    },
  },
  {
    pipeline: "pythonic_artifacts_with_multiple_returns",
    // Both outputs of the inner pipeline are its component's first; "Hello, world" is cut in the middle. An artifact goes by
    // the name of the output that it came from.
    tasks: {
      "make-dataset": { artifacts: { Output: { type: "Artifact", content: "Hello, world" } } },
      "splitter-pipeline": {
        artifacts: {
          dataset1: { content: "Hello,", metadata: { original_data: "Output" } },
          dataset2: { content: "Hello,", metadata: { original_data: "Output" } },
        },
      },
      "splitter-pipeline.dataset-splitter": {
        artifacts: {
          dataset1: { content: "Hello,", metadata: { original_data: "Output" } },
          dataset2: { content: " world", metadata: { original_data: "Output" } },
        },
      },
    },
    outputs: { artifacts: { Output: { content: "Hello,", metadata: { original_data: "Output" } } } },
  },
];
