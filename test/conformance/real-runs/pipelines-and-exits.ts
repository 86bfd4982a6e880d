/** What the pipelines of nested_pipelines.py come to. @module */
import { gives, OK, prints, writes, type RealRun } from "./real-run.ts";

/** `fail` of nested_pipelines.py: prints nothing and ends with 3. */
const FAIL = { state: "FAILED", prints: "", error: /exit status 3/ } as const;

export const pipelinesAndExits: readonly RealRun[] = [
  {
    pipeline: "nested_pipeline",
    tasks: {
      "make-dataset": writes("data", "s"),
      convert: { parameters: { text: "outer default" }, artifacts: { data: { content: "s" } } },
      "convert.convert-dataset": writes("data", "s"),
      "convert.make-text": gives({ text: "outer default" }),
      "read-dataset": prints("s"),
      say: prints("outer default"),
    },
  },
  {
    pipeline: "nested_pipeline_deep",
    tasks: {
      "make-dataset": writes("data", "s"),
      "convert-twice": { artifacts: { Output: { content: "s" } } },
      "convert-twice.convert": { parameters: { text: "from the top" }, artifacts: { data: { content: "s" } } },
      "convert-twice.convert.convert-dataset": writes("data", "s"),
      "convert-twice.convert.make-text": gives({ text: "from the top" }),
      "convert-twice.convert-2": { parameters: { text: "inner default" }, artifacts: { data: { content: "s" } } },
      "convert-twice.convert-2.convert-dataset": writes("data", "s"),
      "convert-twice.convert-2.make-text": gives({ text: "inner default" }),
    },
    outputs: { artifacts: { Output: { content: "s" } } },
  },
  {
    pipeline: "nested_pipeline_optional_inputs",
    // The pipeline's own input has no default: what is not given leaves the component its default.
    tasks: {
      "optional-part": OK,
      "optional-part.take-optional-text": prints("default of the component"),
      "optional-part.take-optional-text-2": prints("default of the component"),
      "optional-part-2": OK,
      "optional-part-2.take-optional-text": prints("given"),
      "optional-part-2.take-optional-text-2": prints("default of the component"),
      "optional-part-3": OK,
      "optional-part-3.take-optional-text": prints("default of the component"),
      "optional-part-3.take-optional-text-2": prints("default of the component"),
    },
  },
  {
    pipeline: "nested_pipeline_same_names",
    tasks: {
      "make-text": gives({ text: "outside" }),
      "same-names": { parameters: { Output: "outside" } },
      "same-names.make-text": gives({ text: "outside" }),
      "same-names-2": { parameters: { Output: "outside" } },
      "same-names-2.make-text": gives({ text: "outside" }),
      say: prints("outside"),
    },
  },
  {
    pipeline: "exit_handler_with_status",
    tasks: {
      "exit-handler-1": OK,
      "exit-handler-1.say": prints("work"),
      report: prints(
        /^PipelineTaskFinalStatus\(state='SUCCEEDED', pipeline_job_resource_name='exit-handler-with-status-[0-9a-f]{5}', pipeline_task_name='exit-handler-1', error_code=None, error_message=None\) over$/m,
      ),
    },
  },
  {
    pipeline: "exit_handler_after_failure",
    state: "FAILED",
    tasks: {
      "exit-handler-1": { state: "FAILED" },
      "exit-handler-1.fail": FAIL,
      report: prints(/^PipelineTaskFinalStatus\(state='FAILED', .* pipeline_task_name='exit-handler-1', .*\) failed$/m),
    },
    notRun: ["exit-handler-1.say"],
  },
  {
    pipeline: "exit_handlers_several",
    tasks: {
      "exit-handler-1": OK,
      "exit-handler-1.say-2": prints("first"),
      say: prints("first over"),
      "exit-handler-2": OK,
      "exit-handler-2.for-loop-4": OK,
      "exit-handler-2.for-loop-4.say-3[0]": prints("a"),
      "exit-handler-2.for-loop-4.say-3[1]": prints("b"),
      report: prints(/^PipelineTaskFinalStatus\(state='SUCCEEDED', .* pipeline_task_name='exit-handler-2', .*\) none$/m),
    },
  },
  {
    pipeline: "exit_handler_with_pipeline",
    tasks: {
      "exit-handler-1": OK,
      "exit-handler-1.say": prints("work"),
      "clean-up": OK,
      "clean-up.say": prints("cleaned"),
    },
  },
  {
    pipeline: "ignore_upstream_failure",
    // What ignores the failure is run, and the run has failed all the same.
    state: "FAILED",
    tasks: {
      fail: FAIL,
      "take-optional-text": prints("default of the component"),
      say: prints("anyway"),
    },
    notRun: ["say-2"],
  },
];
