/**
 * What a driver would be called with for one node: by the kubelet from the compiled template, and by the agent from the rewritten one, each
 * with the placeholders filled as Argo fills them.
 *
 * Reference: argoproj/argo-workflows workflow/common/util.go: ProcessArgs, SubstituteParams @ v4.0.8.
 *
 * @module
 */
import type { JsonObject } from "../../../src/core/values/value.ts";
import { parseDriverFlags } from "../../../src/driver/flags.ts";
import type { DriverOptions } from "../../../src/driver/options.ts";
import { parsePluginTask, pluginArguments } from "../../../src/resident/plugin-template.ts";

export interface Template extends JsonObject {
  name: string;
  inputs: { parameters: (JsonObject & { name: string; default?: string; value?: string })[] };
  outputs: { parameters: (JsonObject & { name: string; valueFrom: { path?: string } })[] };
  container: { command: string[]; args: string[] };
}

/** The namespace of every node here. */
const NAMESPACE = "team-a";
const WORKFLOW = { name: "my-run", uid: "5f0c" };

/** What came of reading a command line: options, or why there are none. */
export type CallOutcome =
  { readonly options: object; readonly connection: object; readonly warnings: readonly string[] } | string;

/** As the container is started; each output file has the output's name, which is all a plugin template knows of it. */
export async function containerCall(template: Template, given: ReadonlyMap<string, string>): Promise<CallOutcome> {
  const values = inputValues(template, given);
  const outputs = template.outputs.parameters.map(({ name }) => [`outputs.parameters.${name}.path`, name]);
  const known = new Map([...values, ...(outputs as [string, string][])]);
  const words = [...template.container.command.slice(1), ...template.container.args];
  const argv = words.map((word) => fill(word, known).replaceAll("$(NAMESPACE)", NAMESPACE));
  return await read(argv);
}

/** As the controller hands the rewritten template out, and the agent reads it. */
export async function pluginCall(template: JsonObject, given: ReadonlyMap<string, string>): Promise<CallOutcome> {
  const { inputs } = template as Template;
  const parameters = inputs.parameters.map((parameter) => {
    const value = given.get(parameter.name) ?? parameter.default;
    return value === undefined ? parameter : { ...parameter, value };
  });
  const known = new Map([...inputValues(template as Template, given)].map(([name, value]) => [name, jsonInside(value)]));
  const filled = JSON.parse(fill(JSON.stringify(template), known)) as JsonObject;
  const task = parsePluginTask({ ...filled, inputs: { parameters } });
  if (task === undefined) throw new Error("the template is none of ours");
  return await read(pluginArguments(task, NAMESPACE));
}

async function read(argv: readonly string[]): Promise<CallOutcome> {
  const environment = { KFP_POD_NAME: "pod", KFP_POD_UID: "uid" };
  try {
    const command = await parseDriverFlags(argv, { environment, readText: () => Promise.resolve(undefined) });
    if (command.mode !== "drive") return command.mode;
    const { options, connection, logLevel, warnings } = command;
    return { options: options satisfies DriverOptions, connection: { ...connection, logLevel }, warnings };
  } catch (error) {
    return String(error);
  }
}

function inputValues({ inputs }: Template, given: ReadonlyMap<string, string>): Map<string, string> {
  const values = inputs.parameters.flatMap(({ name, default: preset }): [string, string][] => {
    const value = given.get(name) ?? preset;
    return value === undefined ? [] : [[`inputs.parameters.${name}`, value]];
  });
  return new Map([...values, ["workflow.name", WORKFLOW.name], ["workflow.uid", WORKFLOW.uid]]);
}

function fill(text: string, values: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\{\{([^{}]+)\}\}/g, (all, name: string) => values.get(name.trim()) ?? all);
}

/** A value inside of JSON text, without its quotes. */
function jsonInside(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
