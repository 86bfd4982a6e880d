/**
 * What the SDK's own local runner does with each pipeline of the table, found by running it (kfp-local.long.test.ts).
 *
 * @module
 */
import type { JsonValue } from "../../../src/core/values/value.ts";
import { hasContainers, installsMore, needsVolumes } from "./needs.ts";
import type { OutputOf, RealRun } from "./real-run.ts";
import { realRuns } from "./table.ts";

/** Whose runner is compared. */
export const SDK = "kfp==2.17.3";

export interface Word {
  /** As docs/real-runs.md says it. */
  readonly text: string;
  /** What its error says, where it ends with one. */
  readonly error?: RegExp;
  /** Parameters that a step of it reports, and none of ours. */
  readonly differs?: Readonly<Record<string, JsonValue>>;
}

const FAILURE = /finished with status FAILURE/;

export const KFP_LOCAL_WORDS = {
  same: { text: "same outputs" },
  ends: { text: "ends well, too" },
  fails: { text: "fails, too", error: FAILURE },
  files: { text: "ends well: does not miss the files that are not written" },
  sdk: { text: "ends well: its SDK is newer than the one that is asked for" },
  containers: { text: "refuses container components", error: /only supports running Lightweight Python Components/ },
  ignore: { text: "fails: does not run what ignores a failure", error: /from task 'fail-op', but task 'fail-op' not found/ },
  loops: { text: "fails: collects nothing from conditions and inner loops", error: FAILURE },
  lists: { text: "fails: artifacts of inner loops", error: /'list' object has no attribute 'name'/ },
  oneOf: { text: "fails: OneOf of artifacts", error: /Expected 1 artifact in ArtifactSelectorSpec/ },
  items: { text: "ends well with the loop's item in the place of another parameter", differs: { Output: "i: i" } },
  names: { text: "ends well without the names of the artifacts of a loop", differs: { Output: "" } },
  secrets: { text: "ends well without the secrets", differs: { Output: "not-set" } },
  optional: { text: "fails: optional inputs without a value", error: /Unknown value type/ },
  order: { text: "fails: reads an output before its task has run", error: /but task '\S+' not found/ },
  placeholders: { text: "fails: placeholders of the run in inputs", error: /list index out of range/ },
  status: { text: "fails: names the run otherwise in the final status", error: FAILURE },
  inputs: { text: "fails: artifacts as inputs of pipelines", error: /Parent pipeline input argument '\w+' not found/ },
  untried: { text: "not tried" },
} as const satisfies Record<string, Word>;
export type KfpLocalWord = keyof typeof KFP_LOCAL_WORDS;

/** As found, where neither the state of our run nor what its steps are tells it. */
const FOUND: Readonly<Record<string, KfpLocalWord>> = {
  artifact_types: "files",
  artifacts_complex: "loops",
  collected_artifacts: "lists",
  conditional_producer_and_consumers: "loops",
  "driver-component_with_optional_inputs": "optional",
  "driver-nested_naming_conflicts": "inputs",
  "driver-oneof_simple": "oneOf",
  "driver-pipeline_with_input_status_state": "status",
  embedded_artifact: "sdk",
  if_else_with_oneof_artifacts: "oneOf",
  nested_parallel_for_secret: "secrets",
  nested_with_parameters: "loops",
  parallel_for_secret: "secrets",
  parameters_complex: "loops",
  pipeline_producer_consumer: "loops",
  pipeline_with_nested_loops: "loops",
  "pipeline_with_parallelfor_list_artifacts_GH-12033": "names",
  pipeline_with_parallelfor_pipeline_param: "items",
  pipeline_with_placeholders: "placeholders",
  pipeline_with_string_machine_fields_task_output: "order",
  pipeline_with_task_using_ignore_upstream_failure: "ignore",
  pythonic_artifacts_with_multiple_returns: "inputs",
};

/** Not tried is what takes more than this machine and the SDK: volumes, stores, further packages, stubs. */
export function kfpLocalWord(name: string): KfpLocalWord {
  const found = FOUND[name];
  if (found !== undefined) return found;
  const row = plainRowOf(name);
  if (row === undefined || needsVolumes(row) || row.stored !== undefined || installsMore(name)) return "untried";
  if (hasContainers(name)) return "containers";
  if (row.state === "FAILED") return "fails";
  return row.outputs === undefined ? "ends" : "same";
}

function plainRowOf(name: string): RealRun | undefined {
  return realRuns.find(({ pipeline, refusal, stubs }) => pipeline === name && refusal === undefined && stubs === undefined);
}

/** Stands for all that container components rule out. */
const CONTAINER_PIPELINE = "hello_world";

/** The runs that are compared. */
export function kfpLocalRows(): RealRun[] {
  const names = [...new Set(realRuns.map(({ pipeline }) => pipeline))];
  const isTried = (name: string): boolean => !["containers", "untried"].includes(kfpLocalWord(name));
  const tried = names.filter((name) => name === CONTAINER_PIPELINE || isTried(name));
  return tried.flatMap((name) => plainRowOf(name) ?? []);
}

/**
 * The outputs that the row expects of the pipeline, as kfp_local.py tells them: parameters, and of artifacts their content.
 *
 * @param coin What has fallen where the outputs depend on a coin.
 */
export function outputsAsKfpLocalTells({ outputs = {} }: RealRun, coin: "heads" | "tails"): Readonly<Record<string, unknown>> {
  const outputOf: OutputOf = () => coin;
  const { parameters = {}, artifacts = {} } = typeof outputs === "function" ? outputs(outputOf) : outputs;
  const told = Object.entries(artifacts).map(([key, value]) => {
    const list = [value].flat().map(({ content }) => ({ content }));
    return [key, Array.isArray(value) ? list : list[0]];
  });
  return { ...parameters, ...Object.fromEntries(told) };
}

/** The output parameters that the row expects of its tasks, in any order; undefined where they depend on chance. */
export function parametersOfTasks({ tasks = {} }: RealRun): Readonly<Record<string, JsonValue>>[] | undefined {
  if (typeof tasks === "function") return undefined;
  return Object.values(tasks).flatMap((task) =>
    typeof task === "string" || task.parameters === undefined ? [] : [task.parameters],
  );
}
