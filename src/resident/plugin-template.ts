/**
 * A driver template without a pod: the plugin object that stands in place of the driver's container, and what the controller hands out
 * of it for one node.
 *
 * The rewrite of a workflow writes it, the agent reads it; both take the format from here. The object holds the driver's flags by name,
 * as texts, so that it can be read beside the container it replaced. Flags that take their value from an input of the template are not
 * written: that would double the size of every task, and all pending tasks of a run share one object. Flags that name output files
 * become names of the template's outputs.
 *
 *     plugin:
 *       kfp-runtime-driver: { v: 1, type: CONTAINER, pipeline_name: p, run_id: 0b6e, run_name: "{{workflow.name}}", ... }
 *
 * Source: docs/spec/resident-driver.md#after, #request-body, #the-two-driver-templates.
 *
 * @module
 */
import { SpecError } from "../core/errors.ts";
import { isJsonObject } from "../core/values/json-object.ts";
import type { JsonObject, JsonValue } from "../core/values/value.ts";

/** The one key of `plugin` that is ours. */
export const PLUGIN_KEY = "kfp-runtime-driver";
/** Format of the object. A reader refuses others: a workflow that is on its way outlives an upgrade of either side. */
export const PLUGIN_VERSION = 1;

/** Inputs that the two driver templates of a compiled workflow give to flags, by flag. */
export const STANDARD_INPUTS: Readonly<Record<string, string>> = {
  type: "driver-type",
  runtime_config: "runtime-config",
  task_name: "task-name",
  parent_task_id: "parent-dag-task-id",
  iteration_index: "iteration-index",
  kubernetes_config: "kubernetes-config",
};

/** Outputs that the two driver templates read from the file a flag names, by flag. */
export const STANDARD_OUTPUTS: Readonly<Record<string, string>> = {
  parent_task_id_path: "parent-dag-task-id-path",
  iteration_count_path: "iteration-count",
  pod_spec_patch_path: "pod-spec-patch",
  cached_decision_path: "cached-decision",
  condition_path: "condition",
};

/** What a driver template asks for, whatever its form. */
export interface DriverCall {
  /** Values by flag, without dashes. */
  readonly flags: Readonly<Record<string, string>>;
  /** Name of the input parameter that is the value of a flag. */
  readonly inputs: Readonly<Record<string, string>>;
  /** Name of the output parameter whose file a flag names. */
  readonly outputs: Readonly<Record<string, string>>;
  /** Arguments that the rewriter did not know, as they stood. */
  readonly args: readonly string[];
  /** Variables of the driver's container that have a text of their own. */
  readonly env: Readonly<Record<string, string>>;
}

/** Names of the parameters that a template declares. */
export interface DeclaredNames {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** An output parameter of a template. */
export interface DeclaredOutput {
  readonly name: string;
  /** What Argo's executor would take where the driver writes no file. */
  readonly default?: string;
}

/** One node of ours in a task set: its template, processed by the controller. */
export interface PluginTask {
  readonly templateName: string;
  readonly call: DriverCall;
  /** Values of the input parameters by name; one without a value is not there. */
  readonly inputs: ReadonlyMap<string, string>;
  /** Every one must be in the result: the controller applies no defaults (docs/spec/resident-driver.md#ten-traps-details-below). */
  readonly outputs: readonly DeclaredOutput[];
}

const MEMBERS_OF_THE_FORMAT: ReadonlySet<string> = new Set(["v", "inputs", "outputs", "args", "env"]);
const FLAG_NAME = /^[a-z][a-z0-9_]*$/;
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * The object for a call. Inputs and outputs are written only where they are not those every compiled workflow has.
 *
 * @param declared Parameters of the template that the object goes into.
 * @throws {SpecError} SPEC_INVALID for a flag that the format has no room for.
 */
export function formatPlugin(call: DriverCall, declared: DeclaredNames): JsonObject {
  const foreign = Object.keys(call.flags).find((name) => !isFlagName(name));
  if (foreign !== undefined) throw invalid(`"${foreign}" is not the name of a flag that it can hold`);
  const inputs = standardInputs(call.flags, declared);
  const outputs = standardOutputs(call.flags, declared);
  return {
    v: PLUGIN_VERSION,
    ...call.flags,
    ...(sameEntries(call.inputs, inputs) ? {} : { inputs: { ...call.inputs } }),
    ...(sameEntries(call.outputs, outputs) ? {} : { outputs: { ...call.outputs } }),
    ...(call.args.length === 0 ? {} : { args: [...call.args] }),
    ...(Object.keys(call.env).length === 0 ? {} : { env: { ...call.env } }),
  };
}

/** @throws {SpecError} SPEC_INVALID for anything that {@link formatPlugin} does not write. */
export function parsePlugin(plugin: JsonValue, declared: DeclaredNames): DriverCall {
  if (!isJsonObject(plugin)) throw invalid("it is not an object");
  if (plugin["v"] !== PLUGIN_VERSION)
    throw invalid(`its format is ${JSON.stringify(plugin["v"] ?? null)}, and this driver reads ${PLUGIN_VERSION}`);
  const given = Object.entries(plugin).filter(([name]) => !MEMBERS_OF_THE_FORMAT.has(name));
  const flags = textMap(Object.fromEntries(given), "flag", FLAG_NAME);
  const args = plugin["args"] ?? [];
  if (!Array.isArray(args) || !args.every((arg) => typeof arg === "string")) throw invalid("args is not a list of texts");
  const { inputs, outputs } = plugin;
  return {
    flags,
    inputs: inputs === undefined ? standardInputs(flags, declared) : textMap(inputs, "inputs", FLAG_NAME),
    outputs: outputs === undefined ? standardOutputs(flags, declared) : textMap(outputs, "outputs", FLAG_NAME),
    args,
    env: textMap(plugin["env"] ?? {}, "env", VARIABLE_NAME),
  };
}

/** True for a template that has a plugin object of ours, whatever is in it. */
export function isPluginTemplate(template: JsonValue | undefined): template is JsonObject & { readonly plugin: JsonObject } {
  if (!isJsonObject(template)) return false;
  const { plugin } = template;
  return isJsonObject(plugin) && Object.hasOwn(plugin, PLUGIN_KEY);
}

/**
 * The node that a template of a task set stands for.
 *
 * @returns `undefined` for a template that is not ours.
 * @throws {SpecError} SPEC_INVALID for one that is ours and cannot be read.
 */
export function parsePluginTask(template: JsonValue | undefined): PluginTask | undefined {
  if (!isPluginTemplate(template)) return undefined;
  const inputs = new Map<string, string>();
  const inputNames: string[] = [];
  for (const parameter of parametersOf(template, "inputs")) {
    inputNames.push(parameter.name);
    const value = parameter.json["value"] ?? parameter.json["default"];
    if (value !== undefined && value !== null) inputs.set(parameter.name, anyText(value));
  }
  const outputs = parametersOf(template, "outputs").map(({ name, json }): DeclaredOutput => {
    const { valueFrom } = json;
    // As the executor: the default of the source, not that of the parameter.
    const fallback = isJsonObject(valueFrom) ? valueFrom["default"] : undefined;
    return { name, ...(fallback === undefined || fallback === null ? {} : { default: anyText(fallback) }) };
  });
  const declared = { inputs: inputNames, outputs: outputs.map(({ name }) => name) };
  const templateName = typeof template["name"] === "string" ? template["name"] : "";
  return { templateName, call: parsePlugin(template.plugin[PLUGIN_KEY] ?? null, declared), inputs, outputs };
}

/**
 * The command line of the driver that the node stands for. A flag that names an output file has the output's name as its value.
 *
 * What the rewriter did not know comes first: it cannot replace what is known.
 *
 * @throws {SpecError} SPEC_INVALID when an input that a flag needs has no value.
 */
export function pluginArguments({ call, inputs }: Pick<PluginTask, "call" | "inputs">, namespace: string): string[] {
  const fromInputs = Object.entries(call.inputs).map(([flag, input]) => {
    const value = inputs.get(input);
    if (value === undefined) throw invalid(`flag --${flag} takes its value from input "${input}", which has none`);
    return [flag, value] as const;
  });
  const named = [
    ...Object.entries(call.flags),
    ...fromInputs,
    ...Object.entries(call.outputs),
    ["namespace", namespace] as const,
  ];
  return [...call.args, ...named.map(([flag, value]) => `--${flag}=${value}`)];
}

function standardInputs(flags: DriverCall["flags"], { inputs }: DeclaredNames): Record<string, string> {
  const declared = new Set(inputs);
  const used = Object.entries(STANDARD_INPUTS).filter(([flag, input]) => declared.has(input) && !Object.hasOwn(flags, flag));
  return Object.fromEntries(used);
}

function standardOutputs(flags: DriverCall["flags"], { outputs }: DeclaredNames): Record<string, string> {
  const declared = new Set(outputs);
  const used = Object.entries(STANDARD_OUTPUTS).filter(([flag, output]) => declared.has(output) && !Object.hasOwn(flags, flag));
  return Object.fromEntries(used);
}

function isFlagName(name: string): boolean {
  return FLAG_NAME.test(name) && !MEMBERS_OF_THE_FORMAT.has(name);
}

function sameEntries(left: Readonly<Record<string, string>>, right: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(left);
  return names.length === Object.keys(right).length && names.every((name) => left[name] === right[name]);
}

function textMap(json: JsonValue, what: string, names: RegExp): Record<string, string> {
  if (!isJsonObject(json)) throw invalid(`${what} is not an object`);
  const entries = Object.entries(json).map(([name, value]): [string, string] => {
    if (!names.test(name)) throw invalid(`${what} has a name that it cannot have: ${JSON.stringify(name.slice(0, 64))}`);
    if (typeof value !== "string") throw invalid(`${what} "${name}" is not a text`);
    return [name, value];
  });
  return Object.fromEntries(entries);
}

function parametersOf(template: JsonObject, side: "inputs" | "outputs"): { readonly name: string; readonly json: JsonObject }[] {
  const holder = template[side];
  const list = isJsonObject(holder) ? holder["parameters"] : undefined;
  if (!Array.isArray(list)) return [];
  return list.filter(isJsonObject).flatMap((json) => {
    const { name } = json;
    return typeof name === "string" ? [{ name, json }] : [];
  });
}

/** Argo's AnyString: numbers and booleans stand for their text. */
function anyText(json: JsonValue): string {
  return typeof json === "string" ? json : JSON.stringify(json);
}

function invalid(reason: string): SpecError {
  return new SpecError("SPEC_INVALID", `Cannot read the plugin object "${PLUGIN_KEY}" of a driver template: ${reason}`);
}
