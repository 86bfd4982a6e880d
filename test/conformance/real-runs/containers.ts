/** What the pipelines of containers.py come to. @module */
import { gives, prints, writes, type RealRun } from "./real-run.ts";

const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`;
const UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";

export const containers: readonly RealRun[] = [
  {
    pipeline: "container_bare",
    refusal: {
      reason: "entryPoint",
      says: /containers without command and arguments \(task nothing\) is not supported in a local run/,
    },
  },
  {
    pipeline: "container_bare",
    variant: "with a command",
    stubs: { reason: "image", programs: { "exec-nothing": ["echo", "entry point"] } },
    tasks: { nothing: prints("entry point"), "only-command": prints("") },
  },
  {
    pipeline: "container_artifact_members",
    // Its program is "true", which writes neither the size nor the model that it declares.
    state: "FAILED",
    tasks: {
      "make-dataset": writes("data", "s"),
      "artifact-members": { state: "FAILED", prints: "", error: /output parameter name="size" .*did not write that file/ },
    },
  },
  {
    pipeline: "container_artifact_members",
    variant: "with a program that writes",
    stubs: {
      reason: "shows",
      programs: {
        "exec-artifact-members": [
          "sh",
          "-c",
          'cat "$0"; test "$1" = "$0:$0" && printf m > "$2" && printf 12 > "$3"',
          "{{$.inputs.artifacts['data'].path}}",
          "{{$.inputs.artifacts['data'].uri}}:{{$.inputs.artifacts['data'].path}}",
          "{{$.outputs.artifacts['model'].path}}",
          "{{$.outputs.parameters['size'].output_file}}",
        ],
      },
    },
    tasks: {
      "make-dataset": writes("data", "s"),
      "artifact-members": { prints: "s", parameters: { size: 12 }, artifacts: { model: { type: "Model", content: "m" } } },
    },
  },
  {
    pipeline: "container_artifact_metadata",
    // Single members of metadata are no placeholders: they stay as they are. Its program, "echo", writes no model.
    state: "FAILED",
    tasks: {
      "make-dataset": writes("data", "s"),
      "artifact-metadata": {
        state: "FAILED",
        prints: "{} {{$.inputs.artifacts['data'].metadata['rows']}} {} {{$.outputs.artifacts['model'].metadata['name']}}",
        error: /declared output artifact "model" is missing/,
      },
    },
  },
  {
    pipeline: "container_concat",
    tasks: { concatenated: prints("--text=t;number=12345678 items=[1,2] flag=true") },
  },
  {
    pipeline: "container_if_present",
    tasks: {
      "make-dataset": writes("data", "s"),
      "make-text": gives({ text: "s" }),
      "if-present": prints("begin --no-data --number 3"),
      "if-present-2": prints(new RegExp(`^begin --data /\\S+/make-dataset/${UUID}/data --text=given --number 4$`)),
      "concat-around-if": prints("pre-none"),
      "concat-around-if-2": prints("pre-<s>"),
    },
  },
  {
    pipeline: "container_facts",
    // The pipeline root is no placeholder of the reference's; the last is the executor input.
    tasks: {
      facts: prints(
        new RegExp(
          [
            `^container-facts ${TIME.replace("T", " ").replaceAll(":", "-").replace("Z", "")}`,
            `container-facts-[0-9a-f]{5}`,
            UUID,
            "facts",
            UUID,
            String.raw`\{\{\$\.pipeline_root\}\}`,
            TIME,
            TIME,
            String.raw`/\S+/output_metadata\.json`,
            String.raw`\{"inputs":\{\},"outputs":\{.*"outputFile":"/\S+/output_metadata\.json"\}\}$`,
          ].join(" "),
        ),
      ),
    },
  },
];
