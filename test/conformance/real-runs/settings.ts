/** What the pipelines of task_settings.py, platform_settings.py and python_components.py come to. @module */
import { gives, prints, returns, type RealRun } from "./real-run.ts";

export const settings: readonly RealRun[] = [
  { pipeline: "task_retries", tasks: { say: prints("bare"), "say-2": prints("full") } },
  {
    pipeline: "task_caching",
    tasks: {
      "make-text": gives({ text: "cached" }),
      "make-text-2": gives({ text: "never" }),
      "make-text-3": gives({ text: "by key" }),
    },
  },
  { pipeline: "task_display_names", tasks: { say: prints("a"), "say-2": prints("b") } },
  { pipeline: "task_order", tasks: { say: prints("first"), "say-2": prints("second"), "say-3": prints("third") } },
  {
    pipeline: "task_images",
    tasks: {
      "make-text": gives({ text: "s" }),
      say: prints("constant"),
      "say-2": prints("parameter"),
      "say-3": prints("output"),
    },
  },
  { pipeline: "task_resources", tasks: { say: prints("all"), "say-2": prints("requests") } },
  { pipeline: "task_resources_from_parameters", tasks: { say: prints("all") } },
  { pipeline: "task_resources_from_tasks", tasks: { "make-quantity": gives({ quantity: 7 }), say: prints("limits") } },
  { pipeline: "task_environment", tasks: { say: prints("environment") } },
  {
    pipeline: "task_environment",
    variant: "shown",
    // DOLLAR names another variable as Kubernetes expands it; $HOME is left to a shell, and none reads it.
    stubs: { reason: "shows", programs: { "exec-say": ["sh", "-c", 'echo "$PLAIN|${EMPTY-unset}|$DOLLAR"'] } },
    tasks: { say: prints("a value||a value and $HOME") },
  },
  {
    pipeline: "task_config",
    claims: ["claim"],
    tasks: {
      "start-elsewhere": prints(/^TaskConfig\(.*'gpu'.*'disk': 'ssd'.*'MODE'.*'far'.*'\/claim'.*'nvidia\.com\/gpu'.*\) 3$/m),
    },
  },
  {
    pipeline: "task_config_empty",
    tasks: { "start-elsewhere": prints(/^TaskConfig\(affinity=None, tolerations=None, node_selector=None, .*\) 2$/m) },
  },
  {
    pipeline: "workspace",
    tasks: {
      "make-text": gives({ text: "s" }),
      "write-to": prints("/kfp-workspace"),
      say: prints("no workspace"),
      "write-to-2": prints("/kfp-workspace/s"),
    },
  },
  { pipeline: "time_limits_of_the_run", tasks: { say: prints("soon over") } },
  {
    pipeline: "python_packages",
    // No such index is anywhere; and without the SDK the third has no program.
    stubs: {
      reason: "index",
      programs: {
        "exec-with-packages": [
          "sh",
          "-c",
          'printf %s "$1" > "$0"',
          "{{$.outputs.parameters['Output'].output_file}}",
          "{{$.inputs.parameters['name']}}",
        ],
        "exec-without-kfp": ["echo", "{{$.inputs.parameters['name']}}"],
      },
    },
    tasks: { "with-packages": gives({ Output: "a" }), "with-environment": returns("b"), "without-kfp": prints("c") },
  },
  {
    pipeline: "python_containerized",
    stubs: {
      reason: "image",
      programs: {
        "exec-containerized": [
          "sh",
          "-c",
          'printf %s "$1" > "$0"',
          "{{$.outputs.parameters['Output'].output_file}}",
          "{{$.inputs.parameters['name']}}",
        ],
      },
    },
    tasks: { containerized: gives({ Output: "a" }) },
  },
  {
    pipeline: "python_notebook",
    tasks: { "make-text": gives({ text: "s" }), "with-notebook": prints("[nb cell 2 stream] s") },
  },
  {
    pipeline: "python_embedded_file",
    tasks: { "with-embedded-file": prints(/^\/\S+\/greeting\.txt$/m) },
  },
];
