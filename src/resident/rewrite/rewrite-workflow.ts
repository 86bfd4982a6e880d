/**
 * A compiled workflow with its driver templates turned into plugin templates, so that a resident driver does their work: same names, same
 * inputs and outputs, no container.
 *
 * All drivers of a workflow or none: what cannot be rewritten keeps its driver pods, and the outcome says why. A workflow that was
 * rewritten before stays as it is.
 *
 * Source: docs/spec/resident-driver.md#the-rewrite, #5000-iterations; docs/adr/0043-rewrite-in-a-webhook.md.
 *
 * @module
 */
import { errorMessage, KfpError, SpecError } from "../../core/errors.ts";
import { isJsonObject } from "../../core/values/json-object.ts";
import type { JsonObject, JsonValue } from "../../core/values/value.ts";
import { formatPlugin, isPluginTemplate, PLUGIN_KEY, type DriverCall } from "../plugin-template.ts";
import { jsonPointer, type PatchOperation } from "./json-patch.ts";
import { labelOf, RESIDENT_LABEL, REWRITTEN_BY, RUN_LABEL } from "./marks.ts";
import { readDriverCall, startsDriver } from "./read-driver-call.ts";
import { withSidecarVolumes } from "./sidecar-volumes.ts";
import { nameOf, objectsOf, parametersOf } from "./template-members.ts";

/** How to rewrite. */
export interface RewriteOptions {
  /** For the annotation. */
  readonly version: string;
  /** For loops that say nothing; 0 leaves them unlimited. */
  readonly loopParallelism: number;
  /** For a plugin beside Argo's agent: the workflow's pods get the volumes that it needs. */
  readonly forPlugin?: boolean;
}

/** What became of a workflow. */
export type RewriteOutcome =
  | {
      readonly kind: "rewritten";
      /** Makes the rewritten workflow of the given one. */
      readonly patch: readonly PatchOperation[];
      /** Names of the templates that need no pod any more. */
      readonly templates: readonly string[];
      /** Templates whose loops are limited now. */
      readonly limitedLoops: readonly { readonly name: string; readonly parallelism: number }[];
    }
  | { readonly kind: "already-rewritten" }
  | { readonly kind: "left-alone"; readonly reason: string };

/** Templates that start a driver, under the names the compiler gives them. */
const DRIVER_TEMPLATES: ReadonlySet<JsonValue> = new Set(["system-dag-driver", "system-container-driver"]);

/** Members that make a template one of a kind; it may have one of them. */
const KINDS = ["container", "containerSet", "dag", "data", "http", "plugin", "resource", "script", "steps", "suspend"] as const;

/** Members that only a pod has a use for. */
const POD_MEMBERS: ReadonlySet<string> = new Set([
  ...["container", "volumes", "initContainers", "sidecars", "securityContext", "podSpecPatch", "hostAliases", "executor"],
  ...["nodeSelector", "tolerations", "affinity", "schedulerName", "priorityClassName", "priority", "archiveLocation"],
  ...["serviceAccountName", "automountServiceAccountToken"],
]);

/** Bytes of one plugin object; hundreds of them lie in one task set. */
const PLUGIN_BYTES_LIMIT = 8192;

/** Never throws, whatever the workflow is. */
export function rewriteWorkflow(workflow: JsonValue, options: RewriteOptions): RewriteOutcome {
  try {
    return rewritten(workflow, options);
  } catch (error) {
    if (!(error instanceof KfpError)) throw error;
    return { kind: "left-alone", reason: errorMessage(error) };
  }
}

function rewritten(workflow: JsonValue, options: RewriteOptions): RewriteOutcome {
  const { spec, metadata } = partsOf(workflow);
  const templates = Array.isArray(spec["templates"]) ? spec["templates"] : [];
  const drivers = templates.flatMap((template, index) =>
    isJsonObject(template) && DRIVER_TEMPLATES.has(template["name"] ?? null) ? [{ template, index }] : [],
  );
  if (drivers.length === 0) throw unsupported("it has no driver templates");
  const done = drivers.filter(({ template }) => isPluginTemplate(template)).length;
  if (done === drivers.length) return { kind: "already-rewritten" };
  if (done > 0) throw unsupported("some of its driver templates have been rewritten, and some have not");
  if (labelOf(metadata, RESIDENT_LABEL) === "false") throw unsupported(`its label ${RESIDENT_LABEL} is "false"`);
  assertPlainDefaults(spec);
  const runId = runIdOf(workflow);
  const loops = options.loopParallelism === 0 ? [] : unlimitedLoops(templates);
  return {
    kind: "rewritten",
    templates: drivers.map(({ template }) => nameOf(template)),
    limitedLoops: loops.map(({ name }) => ({ name, parallelism: options.loopParallelism })),
    patch: [
      ...drivers.map(({ template, index }): PatchOperation => ({
        op: "replace",
        path: jsonPointer("spec", "templates", index),
        value: pluginTemplate(template, spec, runId),
      })),
      ...loops.map(({ index }): PatchOperation => ({
        op: "add",
        path: jsonPointer("spec", "templates", index, "parallelism"),
        value: options.loopParallelism,
      })),
      ...(options.forPlugin === true ? sidecarVolumes(spec, drivers) : []),
      ...addEntry(workflow, ["metadata", "labels"], RESIDENT_LABEL, "true"),
      ...addEntry(workflow, ["metadata", "annotations"], REWRITTEN_BY, options.version),
      ...addEntry(workflow, ["spec", "podMetadata", "labels"], RESIDENT_LABEL, "true"),
    ],
  };
}

/** The run that KFP's API server created the workflow for; `undefined` for any other value. */
export function runIdOf(workflow: JsonValue): string | undefined {
  const metadata = isJsonObject(workflow) ? workflow["metadata"] : undefined;
  const runId = isJsonObject(metadata) ? labelOf(metadata, RUN_LABEL) : undefined;
  return typeof runId === "string" && runId !== "" ? runId : undefined;
}

function partsOf(workflow: JsonValue): { readonly spec: JsonObject; readonly metadata: JsonObject } {
  if (!isJsonObject(workflow) || workflow["kind"] !== "Workflow") throw unsupported("it is not a Workflow");
  const { apiVersion, metadata, spec } = workflow;
  if (typeof apiVersion !== "string" || !apiVersion.startsWith("argoproj.io/"))
    throw unsupported("it is not a Workflow of argoproj.io");
  if (!isJsonObject(spec) || !isJsonObject(metadata)) throw unsupported("it has no spec, or no metadata");
  return { spec, metadata };
}

function sidecarVolumes(spec: JsonObject, drivers: readonly { readonly template: JsonObject }[]): PatchOperation[] {
  const [first] = drivers;
  if (first === undefined) return [];
  return [
    { op: "add", path: jsonPointer("spec", "podSpecPatch"), value: withSidecarVolumes(spec["podSpecPatch"], first.template) },
  ];
}

/** Argo merges these defaults into every template: with one of a kind a plugin template would be of two kinds. */
function assertPlainDefaults({ templateDefaults }: JsonObject): void {
  if (!isJsonObject(templateDefaults)) return;
  const kind = KINDS.find((member) => Object.hasOwn(templateDefaults, member));
  if (kind !== undefined) throw unsupported(`its templateDefaults have a member ${kind}`);
}

function pluginTemplate(template: JsonObject, spec: JsonObject, runId: string | undefined): JsonObject {
  try {
    const kinds = KINDS.filter((member) => Object.hasOwn(template, member));
    if (kinds.length !== 1 || !startsDriver(template["container"])) throw unsupported("its container does not start the driver");
    const account = template["serviceAccountName"] ?? spec["serviceAccountName"];
    if (account !== spec["serviceAccountName"]) throw unsupported("it has a service account of its own");
    const kept = Object.entries(template).filter(([member]) => !POD_MEMBERS.has(member));
    return { ...Object.fromEntries(kept), ...suppliedOutputs(template), plugin: { [PLUGIN_KEY]: pluginOf(template, runId) } };
  } catch (error) {
    throw error instanceof KfpError ? unsupported(`template ${nameOf(template)}: ${errorMessage(error)}`) : error;
  }
}

function pluginOf(template: JsonObject, runId: string | undefined): JsonObject {
  const call: DriverCall = readDriverCall(template);
  // The agent drives nothing of a run that the workflow is not of.
  if (runId !== undefined && call.flags["run_id"] !== runId)
    throw unsupported(`flag --run_id is not the run that label ${RUN_LABEL} names`);
  const declared = {
    inputs: parametersOf(template, "inputs").map(nameOf),
    outputs: parametersOf(template, "outputs").map(nameOf),
  };
  const plugin = formatPlugin(call, declared);
  const sizeBytes = Buffer.byteLength(JSON.stringify(plugin));
  if (sizeBytes > PLUGIN_BYTES_LIMIT)
    throw unsupported(`its command line is too long: ${sizeBytes} bytes, and hundreds of them share an object of 1.5 MiB`);
  return plugin;
}

/** Somebody else than the executor fills them in; the default stays for whoever does. */
function suppliedOutputs(template: JsonObject): { outputs?: JsonObject } {
  const { outputs } = template;
  if (!isJsonObject(outputs)) return {};
  const parameters = parametersOf(template, "outputs").map((parameter) => {
    const from = parameter["valueFrom"];
    const fallback = isJsonObject(from) ? from["default"] : undefined;
    return { ...parameter, valueFrom: { ...(fallback === undefined ? {} : { default: fallback }), supplied: {} } };
  });
  return { outputs: { ...outputs, parameters } };
}

/** DAG templates with a task for each iteration, and no limit. */
function unlimitedLoops(templates: readonly JsonValue[]): { readonly name: string; readonly index: number }[] {
  return templates.flatMap((template, index) => {
    if (!isJsonObject(template) || Object.hasOwn(template, "parallelism")) return [];
    const { dag } = template;
    const tasks = objectsOf(isJsonObject(dag) ? dag["tasks"] : undefined);
    return tasks.some((task) => Object.hasOwn(task, "withSequence")) ? [{ name: nameOf(template), index }] : [];
  });
}

/** Adds an entry to a map that may not be there, and its holders with it. */
function addEntry(document: JsonValue, path: readonly string[], key: string, value: string): PatchOperation[] {
  let holder: JsonValue = document;
  for (const [depth, name] of path.entries()) {
    const next: JsonValue | undefined = isJsonObject(holder) ? holder[name] : undefined;
    if (!isJsonObject(next)) {
      const inside = path.slice(depth + 1).reduceRight<JsonObject>((inner, outer) => ({ [outer]: inner }), { [key]: value });
      return [{ op: "add", path: jsonPointer(...path.slice(0, depth + 1)), value: inside }];
    }
    holder = next;
  }
  return [{ op: "add", path: jsonPointer(...path, key), value }];
}

function unsupported(reason: string): SpecError {
  return new SpecError("FEATURE_UNSUPPORTED", reason);
}
