/**
 * What a driver template of a compiled workflow asks for, read from its container.
 *
 * Only what means the same without a pod is taken. Anything else is refused with its reason, so that the workflow keeps its driver pods:
 * a resident driver sees no files, no mounted secrets and no expansion of the kubelet's.
 *
 * Source: docs/spec/resident-driver.md#after, #the-two-driver-templates; docs/spec/argo-workflows.md#how-argo-invokes-the-driver, #arguments.
 *
 * @module
 */
import { SpecError } from "../../core/errors.ts";
import { parseFlags, type FlagTable } from "../../core/go/flags.ts";
import { isJsonObject } from "../../core/values/json-object.ts";
import type { JsonObject, JsonValue } from "../../core/values/value.ts";
import { DRIVER_FLAGS } from "../../driver/flags.ts";
import { STANDARD_OUTPUTS, type DriverCall } from "../plugin-template.ts";
import { nameOf, objectsOf, parametersOf } from "./template-members.ts";

/** An output parameter that the driver's container writes to a file. */
interface FileOutput {
  readonly name: string;
  readonly path: string;
}

/** The driver's flags, all but switches as texts: a placeholder is no number yet. */
const TEXT_FLAGS: FlagTable = Object.fromEntries(
  Object.entries(DRIVER_FLAGS).map(([name, flag]) => [
    name,
    flag.type === "bool" ? flag : { ...flag, type: "string", default: "" },
  ]),
);

/** Flags whose value may be a file of the driver's pod. */
const FILE_VALUES: ReadonlySet<string> = new Set(["runtime_config", "kubernetes_config"]);

/** The pod's own facts; a resident driver has others in their place. */
const IDENTITY: Readonly<Record<string, string>> = {
  KFP_POD_NAME: "metadata.name",
  KFP_POD_UID: "metadata.uid",
  NAMESPACE: "metadata.namespace",
};

/** Variables of a plug-in of KFP's that no driver of ours reads, whatever their source. */
const UNREAD = /^(?:KFP_MLFLOW_|MLFLOW_TRACKING_)/;

const INPUT = /^\{\{\s*inputs\.parameters\.([\w-]+)\s*\}\}$/;
const OUTPUT_PATH = /^\{\{\s*outputs\.parameters\.([\w-]+)\.path\s*\}\}$/;
const WORKFLOW_FACT = /\{\{\s*workflow\.(?:name|uid)\s*\}\}/g;

/**
 * @param template A template with a container that starts the driver.
 * @throws {SpecError} FEATURE_UNSUPPORTED naming what a driver without a pod could not do.
 * @throws {UsageError} FLAG_INVALID for a command line that the driver could not read either.
 */
export function readDriverCall(template: JsonObject): DriverCall {
  const container = objectOf(template["container"], "its container");
  const outputs = fileOutputs(template);
  const inputs = new Set(parametersOf(template, "inputs").map(nameOf));
  const call = { flags: {}, inputs: {}, outputs: {} } as Record<"flags" | "inputs" | "outputs", Record<string, string>>;
  for (const [flag, text] of givenFlags(container)) {
    const [, input] = INPUT.exec(text) ?? [];
    if (flag === "namespace") assertOwnNamespace(text, container);
    else if (Object.hasOwn(STANDARD_OUTPUTS, flag)) call.outputs[flag] = outputOf(flag, text, outputs);
    else if (input === undefined) call.flags[flag] = literal(flag, text);
    else if (inputs.has(input)) call.inputs[flag] = input;
    else throw unsupported(`flag --${flag} takes its value from input "${input}", which the template does not declare`);
  }
  const filled = new Set(Object.values(call.outputs));
  const open = outputs.find(({ name }) => !filled.has(name));
  if (open !== undefined) throw unsupported(`no flag names the file of output "${open.name}", so nobody would ever supply it`);
  assertReadable(call.flags);
  return { ...call, args: [], env: variables(container) };
}

/** Whether the first word of a container's command is the driver, wherever it lies. */
export function startsDriver(container: JsonValue | undefined): boolean {
  if (!isJsonObject(container)) return false;
  const { command } = container;
  const [program] = Array.isArray(command) ? command : [];
  return typeof program === "string" && /(?:^|\/)driver$/.test(program);
}

/** Every flag that is given, with its text; of one that is repeated the last. */
function givenFlags(container: JsonObject): [flag: string, text: string][] {
  const [, ...early] = texts(container["command"] ?? [], "command");
  const { values, provided, positional, warnings, help } = parseFlags(TEXT_FLAGS, [
    ...early,
    ...texts(container["args"] ?? [], "args"),
  ]);
  if (help || values["version"] === true) throw unsupported("its command line asks for the help text or the version");
  if (values["driver_retry_finalize"] === true) throw unsupported("flag --driver_retry_finalize is not supported");
  const [unknown] = warnings;
  if (unknown !== undefined) throw unsupported(unknown.replace(/ is ignored$/, "; this version of kfp-runtime does not know it"));
  if (positional.length > 0) throw unsupported("its command line has words that belong to no flag");
  return [...provided].map((flag) => [flag, String(values[flag])]);
}

function literal(flag: string, text: string): string {
  if (text.replaceAll(WORKFLOW_FACT, "").includes("{{"))
    throw unsupported(`flag --${flag} has a placeholder of Argo's that stands for something else than one input`);
  // The kubelet expands both, nobody expands them in a plugin template.
  if (/\$[($]/.test(text)) throw unsupported(`flag --${flag} has a reference to a variable of the pod`);
  if (FILE_VALUES.has(flag) && text.startsWith("@")) throw unsupported(`flag --${flag} names a file of the pod`);
  return text;
}

/** Numbers and switches are checked now: a workflow that fails with pods is to fail in the same way. */
function assertReadable(flags: Readonly<Record<string, string>>): void {
  parseFlags(
    DRIVER_FLAGS,
    Object.entries(flags).map(([name, text]) => `--${name}=${text}`),
  );
}

function assertOwnNamespace(text: string, container: JsonObject): void {
  const own = objectsOf(container["env"]).some((variable) => nameOf(variable) === "NAMESPACE" && isOwnFact(variable));
  if (text !== "$(NAMESPACE)" || !own) throw unsupported("flag --namespace is not the namespace of the pod");
}

function outputOf(flag: string, text: string, outputs: readonly FileOutput[]): string {
  const [, name] = OUTPUT_PATH.exec(text) ?? [];
  const found = outputs.find((output) => (name === undefined ? output.path === text : output.name === name));
  if (found === undefined) throw unsupported(`flag --${flag} names a file that is no output of the template`);
  return found.name;
}

function fileOutputs(template: JsonObject): FileOutput[] {
  const { outputs } = template;
  if (isJsonObject(outputs) && objectsOf(outputs["artifacts"]).length > 0) throw unsupported("it has output artifacts");
  return parametersOf(template, "outputs").map((parameter) => {
    const name = nameOf(parameter);
    const from = parameter["valueFrom"];
    const path = isJsonObject(from) ? from["path"] : undefined;
    const others = isJsonObject(from) ? Object.keys(from).filter((key) => key !== "path" && key !== "default") : [];
    if (typeof path === "string" && others.length === 0 && parameter["value"] === undefined) return { name, path };
    throw unsupported(`output "${name}" does not come from a file`);
  });
}

/** Variables with a text of their own; the pod's identity is left to whoever drives. */
function variables(container: JsonObject): Record<string, string> {
  if (objectsOf(container["envFrom"]).length > 0)
    throw unsupported("its container takes variables from a config map or a secret");
  const kept = objectsOf(container["env"]).flatMap((variable): [string, string][] => {
    const name = nameOf(variable);
    if (isOwnFact(variable) || UNREAD.test(name)) return [];
    const { value = "", valueFrom } = variable;
    if (valueFrom !== undefined || typeof value !== "string" || Object.hasOwn(IDENTITY, name))
      throw unsupported(`variable ${name} of its container does not have a text of its own`);
    return [[name, literalVariable(name, value)]];
  });
  return Object.fromEntries(kept);
}

function literalVariable(name: string, text: string): string {
  if (/\{\{|\$[($]/.test(text)) throw unsupported(`variable ${name} of its container has a placeholder`);
  return text;
}

function isOwnFact(variable: JsonObject): boolean {
  const field = IDENTITY[nameOf(variable)];
  const from = variable["valueFrom"];
  const source = isJsonObject(from) ? from["fieldRef"] : undefined;
  return field !== undefined && isJsonObject(source) && source["fieldPath"] === field;
}

function texts(json: JsonValue, what: string): string[] {
  if (Array.isArray(json) && json.every((word) => typeof word === "string")) return json;
  throw unsupported(`${what} of its container is not a list of texts`);
}

function objectOf(json: JsonValue | undefined, what: string): JsonObject {
  if (isJsonObject(json)) return json;
  throw unsupported(`${what} is not an object`);
}

function unsupported(reason: string): SpecError {
  return new SpecError("FEATURE_UNSUPPORTED", reason);
}
