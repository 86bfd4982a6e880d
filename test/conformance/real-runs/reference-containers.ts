/** What the reference's pipelines of containers come to, and those whose programs cannot run here. @module */
import { OK, prints, type RealRun, type StubReason, type TaskExpected } from "./real-run.ts";

const HELLO = prints("hello world");

const stub = (reason: StubReason, programs: Readonly<Record<string, readonly string[]>>) => ({ reason, programs });
/** A program that writes a text to the file of its first argument. */
const writing = (text: string, ...args: string[]): readonly string[] => ["sh", "-c", `printf '%s' '${text}' > "$0"`, ...args];

/** What `set -x` and echo print, in either order. */
const spoken = (text: string): TaskExpected =>
  prints(new RegExp(`^(\\+ echo '?${text}'?\n${text}|${text}\n\\+ echo '?${text}'?)$`));

export const referenceContainers: readonly RealRun[] = [
  { pipeline: "container_component_with_no_inputs", tasks: { "hello-world-container": HELLO } },
  { pipeline: "container_no_input", tasks: { "container-no-input": HELLO } },
  { pipeline: "hello_world", tasks: { echo: HELLO } },
  { pipeline: "mounted_cabundle_secret", tasks: { echo: HELLO } },
  { pipeline: "run_as_user_cache_disabled", tasks: { echo: HELLO } },
  { pipeline: "pipeline_with_only_display_name", tasks: { echo: HELLO } },
  {
    pipeline: "container_io",
    parameters: { text: "t" },
    stubs: stub("image", {
      "exec-container-io": [
        "sh",
        "-c",
        'printf %s "$0" > "$1"',
        "{{$.inputs.parameters['text']}}",
        "{{$.outputs.parameters['output_path'].output_file}}",
      ],
    }),
    tasks: { "container-io": { prints: "", parameters: { output_path: "t" } } },
    outputs: { parameters: { output_path: "t" } },
  },
  {
    pipeline: "container_with_artifact_output",
    parameters: { num_epochs: 3 },
    stubs: stub("image", {
      "exec-container-with-artifact-output": [
        "sh",
        "-c",
        'printf "%s epochs" "$0" > "$1"; printf config > "$2"',
        "{{$.inputs.parameters['num_epochs']}}",
        "{{$.outputs.artifacts['model'].path}}",
        "{{$.outputs.parameters['model_config_path'].output_file}}",
      ],
    }),
    tasks: {
      "container-with-artifact-output": {
        prints: "",
        parameters: { model_config_path: "config" },
        artifacts: { model: { type: "Model", content: "3 epochs" } },
      },
    },
    outputs: { parameters: { model_config_path: "config" }, artifacts: { model: { type: "Model", content: "3 epochs" } } },
  },
  {
    pipeline: "container_with_concat_placeholder",
    parameters: { text1: "one" },
    stubs: stub("image", {
      "exec-container-with-concat-placeholder": [
        "sh",
        "-c",
        'printf %s "$0" > "$1"; printf two > "$2"',
        `{"Concat": ["prefix-", "{{$.inputs.parameters['text1']}}", "-suffix"]}`,
        "{{$.outputs.parameters['output_path'].output_file}}",
        "{{$.outputs.artifacts['text2'].path}}",
      ],
    }),
    tasks: {
      "container-with-concat-placeholder": {
        prints: "",
        parameters: { output_path: "prefix-one-suffix" },
        artifacts: { text2: { content: "two" } },
      },
    },
    outputs: { parameters: { output_path: "prefix-one-suffix" }, artifacts: { text2: { content: "two" } } },
  },
  {
    pipeline: "containerized_python_component",
    parameters: { message1: "a", message2: "b" },
    stubs: stub("image", { "exec-concat-message": writing("ab", "{{$.outputs.parameters['Output'].output_file}}") }),
    tasks: { "concat-message": { prints: "", parameters: { Output: "ab" } } },
    outputs: { parameters: { Output: "ab" } },
  },
  {
    pipeline: "component_with_metadata_fields",
    refusal: { reason: "artifact", says: /input "dataset_a" of the pipeline: the pipeline requires an artifact/ },
  },
  {
    pipeline: "input_artifact",
    refusal: { reason: "artifact", says: /input "data" of the pipeline: the pipeline requires an artifact/ },
  },
  {
    pipeline: "pipeline_with_metadata_fields",
    parameters: { string: "x" },
    refusal: { reason: "artifact", says: /input "in_dataset" of the pipeline: the pipeline requires an artifact/ },
  },
  {
    pipeline: "pipeline_with_various_io_types",
    parameters: { input1: "x" },
    refusal: { reason: "artifact", says: /input "input3" of the pipeline: the pipeline requires an artifact/ },
  },
  {
    pipeline: "log_streaming_compiled",
    stubs: stub("endless", { "exec-print-message": ["echo", "{{$.inputs.parameters['message']}}"] }),
    tasks: { "print-message": prints("Hello world") },
  },
  {
    pipeline: "long-running",
    stubs: stub("endless", { "exec-wait-op": ["echo", "done1"], "exec-wait-op-2": ["echo", "done2"] }),
    tasks: { "wait-op": prints("done1"), "wait-op-2": prints("done2") },
  },
  {
    pipeline: "pipeline_with_after",
    // The shell tells what it runs, too, by another way: either may be first.
    tasks: {
      "print-text": spoken("1st task"),
      "print-text-2": spoken("2nd task"),
      "print-text-3": spoken("3rd task"),
    },
  },
  {
    pipeline: "pipeline_with_artifact_upload_download",
    stubs: stub("internet", {
      "exec-download-dataset-and-upload-as-artifact": [
        "sh",
        "-c",
        'mkdir -p "$0" && printf "%s" "$1" > "$0/repo.txt"',
        "{{$.outputs.artifacts['output_dataset'].path}}",
        "{{$.inputs.parameters['dataset_repo']}}",
      ],
    }),
    tasks: {
      "download-dataset-and-upload-as-artifact": { prints: "", artifacts: { output_dataset: { files: ["repo.txt"] } } },
      "print-dataset-info": prints(/^Information about the artifact\nName: output_dataset\nURI: \S+$/m),
    },
  },
  {
    pipeline: "pipeline_with_concat_placeholder",
    // "[[" is no word of every shell: of busybox, for which it was written, and not of dash.
    stubs: stub("program", {
      "exec-component-with-concat-placeholder": [
        "echo",
        `{"Concat": ["{{$.inputs.parameters['input_one']}}", "+", "{{$.inputs.parameters['input_two']}}", "=three"]}`,
      ],
    }),
    tasks: { "component-with-concat-placeholder": prints("one+two=three") },
  },
  {
    pipeline: "pipeline_with_task_final_status_yaml",
    tasks: {
      "exit-handler-1": OK,
      "exit-handler-1.print-op": prints("Hello World!"),
      "exit-op": prints(/^user input: Hello World! pipeline status: \{.*"state":"SUCCEEDED".*\}$/),
    },
  },
  {
    pipeline: "placeholder_with_if_placeholder_none_input_value",
    tasks: { "component-with-optional-inputs": prints("--arg0 input0 --arg2 default value") },
  },
  {
    pipeline: "ray_integration_compiled",
    stubs: stub("cluster", { "exec-ray-fn": writing("100", "{{$.outputs.parameters['Output'].output_file}}") }),
    tasks: { "ray-fn": { prints: "", parameters: { Output: 100 } } },
  },
  {
    pipeline: "sequential_v1",
    parameters: { param1: "one", param2: "two" },
    tasks: { echo: prints("one"), "echo-2": prints("two") },
  },
  {
    pipeline: "two_step_pipeline",
    stubs: stub("program", {
      "exec-write-to-gcs": [
        "sh",
        "-c",
        'echo "$0" > "$1"',
        "{{$.inputs.parameters['text']}}",
        "{{$.outputs.artifacts['output_gcs_path'].path}}",
      ],
      "exec-read-from-gcs": ["cat", "{{$.inputs.artifacts['input_gcs_path'].path}}"],
    }),
    tasks: {
      "write-to-gcs": { prints: "", artifacts: { output_gcs_path: { type: "Artifact", content: "Hello KFP!\n" } } },
      "read-from-gcs": prints("Hello KFP!"),
    },
  },
  {
    pipeline: "two_step_pipeline_containerized",
    tasks: {
      component1: { prints: "", artifacts: { output_gcs: { content: "Hello KFP Containerized!\n" } } },
      component2: prints("Hello KFP Containerized!"),
    },
  },
];
