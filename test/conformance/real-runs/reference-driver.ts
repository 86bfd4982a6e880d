/**
 * What the test data of the reference's driver comes to: its components check their inputs themselves, and fail where one is wrong.
 *
 * @module
 */
import { OK, prints, returns, SKIPPED, type ArtifactExpected, type RealRun, type TaskExpected } from "./real-run.ts";

const artifact = (content: string, metadata: ArtifactExpected["metadata"] = {}): ArtifactExpected => ({
  type: "Artifact",
  content,
  metadata,
});

/** Of the pipelines cache_test and taskOutputArtifact_test, which differ in their caching only. */
const HURRICANE: Readonly<Record<string, TaskExpected>> = {
  "create-dataset": {
    artifacts: { output_dataset: { content: "hurricane", metadata: { category: 5, description: "A simple dataset" } } },
  },
  "process-dataset": { artifacts: { output_artifact: artifact("very_bad") } },
  "analyze-artifact": { artifacts: { output_artifact: artifact("done_analyzing") } },
};

export const referenceDriver: readonly RealRun[] = [
  { pipeline: "driver-cache_test", tasks: HURRICANE },
  { pipeline: "driver-taskOutputArtifact_test", tasks: HURRICANE },
  {
    pipeline: "driver-taskOutputParameter_test",
    tasks: {
      "create-dataset": { parameters: { output_parameter_path: "hurricane" } },
      "process-dataset": { parameters: { output_int: 100 } },
      "analyze-artifact": { parameters: { output_opinion: true } },
    },
  },
  {
    pipeline: "driver-componentInput",
    tasks: {
      "process-inputs": { artifacts: { output_text: { content: "[default_name, 42, 0.5, True]" } } },
      "analyze-inputs": {},
    },
  },
  {
    pipeline: "driver-component_with_optional_inputs",
    tasks: {
      "component-op": prints(
        [
          "input_str1: Hello, type: <class 'str'>",
          "input_str2: World, type: <class 'str'>",
          "input_str3: None, type: <class 'NoneType'>",
          "input_str4_from_pipeline: Some component default, type: <class 'str'>",
          "input_str5_from_pipeline: Some pipeline default, type: <class 'str'>",
          "input_str6_from_pipeline: None, type: <class 'NoneType'>",
          "input_bool1: True, type: <class 'bool'>",
          "input_bool2: None, type: <class 'NoneType'>",
          "input_dict: {'a': 1}, type: <class 'dict'>",
          "input_list: ['123'], type: <class 'list'>",
          "input_int: 100, type: <class 'int'>",
        ].join("\n"),
      ),
    },
  },
  {
    pipeline: "driver-k8s_parameters",
    // Three components ask Kubernetes for their own pod.
    objects: {
      "cfg-1/cfgKey1": "value1",
      "cfg-1/cfgKey2": "value2",
      "cfg-2/cfgKey3": "value3",
      "cfg-3/cfgKey4": "value4",
      "secret-1/secretKey1": "value1",
      "secret-1/secretKey2": "value2",
      "secret-2/secretKey3": "value3",
      "secret-3/secretKey4": "value4",
    },
    stubs: {
      reason: "cluster",
      programs: {
        "exec-assert-values": [
          "sh",
          "-c",
          'echo "$CFG_KEY_1 $CFG_KEY_2 $CFG_KEY_3 $CFG_KEY_4 $(cat /tmp/config_map/cfgKey3)"; ' +
            'echo "$SECRET_KEY_1 $SECRET_KEY_2 $SECRET_KEY_3 $SECRET_KEY_4 $(cat /tmp/secret/secretKey3)"',
        ],
        "exec-assert-values-two": ["echo", "two"],
        "exec-assert-values-three": ["echo", "three"],
      },
    },
    tasks: {
      "cfg-name-generator": { parameters: { some_output: "cfg-3" } },
      "secret-name-generator": { parameters: { some_output: "secret-3" } },
      "get-access-mode": { parameters: { access_mode: ["ReadWriteOnce"] } },
      "get-node-affinity": {
        parameters: {
          node_affinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchExpressions: [{ key: "kubernetes.io/os", operator: "In", values: ["linux"] }] }],
            },
          },
        },
      },
      "generate-requests-resources": { parameters: { cpu_request_out: "100m", memory_request_out: "500Mi" } },
      createpvc: OK,
      "assert-values": prints("value1 value2 value3 value4 value3\nvalue1 value2 value3 value4 value3"),
      deletepvc: OK,
      "assert-values-two": prints("two"),
      "secondary-pipeline": OK,
      "secondary-pipeline.assert-values-three": prints("three"),
    },
  },
  {
    pipeline: "driver-loop_collected_InputParameter_Iterator",
    tasks: {
      "secondary-pipeline": { parameters: { Output: ["s1", "s2", "s3", "s4"] } },
      "secondary-pipeline.split-ids": returns(["s1", "s2", "s3", "s4"]),
      "secondary-pipeline.for-loop-1": OK,
      ...Object.fromEntries(
        ["s1", "s2", "s3", "s4"].flatMap((id, index): [string, TaskExpected][] => [
          [
            `secondary-pipeline.for-loop-1.create-file[${index}]`,
            { prints: `Creating file with content: ${id}`, artifacts: { file: artifact(id) } },
          ],
          [`secondary-pipeline.for-loop-1.read-single-file[${index}]`, { prints: id, parameters: { Output: id } }],
        ]),
      ),
      "secondary-pipeline.read-values": { prints: "['s1', 's2', 's3', 's4']", parameters: { Output: "values read" } },
      "read-values": { prints: "['s1', 's2', 's3', 's4']", parameters: { Output: "values read" } },
    },
  },
  {
    pipeline: "driver-loop_collected_raw_Iterator",
    tasks: {
      "secondary-pipeline": OK,
      "secondary-pipeline.create-dataset": {
        artifacts: {
          output_dataset: { content: "cat", metadata: { item_count: 5, description: "A simple dataset with integers" } },
        },
      },
      "secondary-pipeline.for-loop-2": OK,
      ...Object.fromEntries(
        ["1", "2", "3"].flatMap((id, index): [string, TaskExpected][] => [
          [
            `secondary-pipeline.for-loop-2.process-dataset[${index}]`,
            { prints: `cat-${id}`, artifacts: { output_artifact: artifact(`cat-${id}`, { model_id: id }) } },
          ],
          [
            `secondary-pipeline.for-loop-2.analyze-artifact[${index}]`,
            { artifacts: { analyze_output_artifact: artifact(`{"values": cat-${id}}`) } },
          ],
        ]),
      ),
      "secondary-pipeline.analyze-artifact-list": prints("actual_values:  ['cat-1', 'cat-2', 'cat-3']"),
      "analyze-artifact-list": prints("actual_metadata:  ['1', '2', '3']"),
    },
  },
  {
    pipeline: "driver-nested_k8s_pvc_outputs",
    tasks: { nested: { parameters: { pvc_name: "nested-pvc" } }, "nested.createpvc": { parameters: { name: "nested-pvc" } } },
  },
  {
    pipeline: "driver-nested_naming_conflicts",
    tasks: {
      a: { artifacts: { output_dataset: { content: "sunny" } } },
      "pipeline-b": { artifacts: { Output: artifact("done_analyzing") } },
      "pipeline-b.a": { artifacts: { output_dataset: { content: "raining" } } },
      "pipeline-b.b": { artifacts: { output_artifact_b: artifact("very_good") } },
      "pipeline-b.pipeline-c": { artifacts: { Output: artifact("done_analyzing") } },
      "pipeline-b.pipeline-c.a": { artifacts: { output_dataset: { content: "hurricane" } } },
      "pipeline-b.pipeline-c.b": { artifacts: { output_artifact_b: artifact("very_bad") } },
      "pipeline-b.pipeline-c.c": { artifacts: { output_artifact_c: artifact("done_analyzing") } },
      verify: {},
    },
  },
  {
    pipeline: "driver-nested_pipeline_opt_input_child_level_compiled",
    tasks: optionalInputs(),
  },
  { pipeline: "nested_pipeline_opt_input_child_level_compiled", tasks: optionalInputs() },
  {
    pipeline: "driver-oneof_simple",
    tasks: {
      "secondary-pipeline": { artifacts: { Output: artifact("dog") } },
      "secondary-pipeline.create-dataset": {
        parameters: { condition_out: "second" },
        artifacts: { output_dataset: { content: "second" } },
      },
      "secondary-pipeline.condition-branches-1": OK,
      "secondary-pipeline.condition-branches-1.condition-2": SKIPPED,
      "secondary-pipeline.condition-branches-1.condition-3": OK,
      "secondary-pipeline.condition-branches-1.condition-3.give-animal-2": { artifacts: { output_animal: artifact("dog") } },
      "secondary-pipeline.condition-branches-1.condition-3.analyze-animal": {
        artifacts: { analysis_output: artifact("done_analyzing") },
      },
      "secondary-pipeline.condition-branches-1.condition-4": SKIPPED,
      "check-animal": {},
    },
  },
  {
    pipeline: "driver-pipeline_with_input_status_state",
    tasks: {
      "exit-handler-1": OK,
      "exit-handler-1.some-task": prints("Executing some_task()..."),
      "echo-state": prints(
        /^PipelineTaskFinalStatus\(state='SUCCEEDED', pipeline_job_resource_name='status-state-pipeline-\w+', pipeline_task_name='exit-handler-1'/m,
      ),
    },
  },
];

/** The components check that three inputs are given and three have the defaults of the pipeline around. */
function optionalInputs(): Readonly<Record<string, TaskExpected | "SUCCEEDED">> {
  return {
    "nested-pipeline": OK,
    ...Object.fromEntries(
      ["a-bool", "a-int", "a-str", "b-bool", "b-int", "b-str"].map((name) => [`nested-pipeline.component-${name}`, {}]),
    ),
  };
}
