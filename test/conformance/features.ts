/**
 * The features of the pipeline language and of the Kubernetes platform spec, each with how it is recognised in a compiled pipeline.
 *
 * @module
 */
import type { JsonObject, JsonValue } from "../../src/core/values/value.ts";
import { readCompiledPipeline } from "../support/pipeline-model.ts";

/** A compiled pipeline, with what the patterns look at. */
interface Facts {
  /** Of the whole file. */
  readonly text: string;
  /** Every object of the file with its path of keys, `/root/dag/tasks/say`. */
  readonly objects: readonly { readonly path: string; readonly value: JsonObject }[];
}

export interface Feature {
  readonly name: string;
  readonly isIn: (facts: Facts) => boolean;
}

/** Some object has the member, below a path that matches. */
const has =
  (key: string, { value, path }: { value?: RegExp | ((value: JsonValue) => boolean); path?: RegExp } = {}) =>
  ({ objects }: Facts): boolean =>
    objects.some(({ path: at, value: object }) => {
      const found = object[key];
      if (found === undefined || (path !== undefined && !path.test(at))) return false;
      if (value === undefined) return true;
      return value instanceof RegExp ? value.test(typeof found === "string" ? found : JSON.stringify(found)) : value(found);
    });
const says =
  (pattern: RegExp) =>
  ({ text }: Facts): boolean =>
    pattern.test(text);
const both =
  (...tests: readonly Feature["isIn"][]) =>
  (facts: Facts): boolean =>
    tests.every((test) => test(facts));

const INPUTS = /\/inputs\/parameters\/[^/]+$/;
const PLATFORM = /\/platforms\/kubernetes\//;
/** Parents of a task, outermost first, by the words of its component's name. */
const nestedIn = (outer: RegExp, inner: RegExp): Feature["isIn"] =>
  has("componentRef", { path: new RegExp(`/components/${outer.source}[^/]*/dag/tasks/${inner.source}[^/]*$`) });

const parameterTypes = ["STRING", "NUMBER_INTEGER", "NUMBER_DOUBLE", "BOOLEAN", "LIST", "STRUCT", "TASK_FINAL_STATUS"];
const artifactTypes = [
  ...["Artifact", "Dataset", "Model", "Metrics", "ClassificationMetrics", "SlicedClassificationMetrics", "HTML", "Markdown"],
];
const placeholders = {
  "the name of the run": "pipeline_job_name",
  "the name of the workflow": "pipeline_job_resource_name",
  "the id of the run": "pipeline_job_uuid",
  "the name of the task": "pipeline_task_name",
  "the id of the task": "pipeline_task_uuid",
  "the pipeline root": "pipeline_root",
  "the time of creation": "pipeline_job_create_time_utc",
  "the scheduled time": "pipeline_job_schedule_time_utc",
  "the workspace": "workspace_path",
};
const operators = { "==": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">=" };
/** A setting whose name or JSON is an input of the pipeline's. */
const kubernetesInputs = {
  secretAsEnv: "secretNameParameter",
  secretAsVolume: "secretNameParameter",
  configMapAsEnv: "configMapNameParameter",
  configMapAsVolume: "configMapNameParameter",
  pvcMount: "pvcNameParameter",
  imagePullSecret: "secretNameParameter",
};
const valueKinds = {
  "a constant": "runtimeValue",
  "a parameter": "componentInputParameter",
  "an output": "taskOutputParameter",
};
const jsonInputs = {
  nodeSelector: "nodeSelectorJson",
  tolerations: "tolerationJson",
  nodeAffinity: "nodeAffinityJson",
};

const feature = (name: string, isIn: Feature["isIn"]): Feature => ({ name, isIn });

export const FEATURES: readonly Feature[] = [
  ...parameterTypes.map((type) => feature(`parameters: ${type}`, has("parameterType", { value: new RegExp(`^${type}$`) }))),
  feature("parameters: constants", has("constant", { path: /\/inputs\/parameters\/[^/]+\/runtimeValue$/ })),
  feature("parameters: defaults of the pipeline", has("defaultValue", { path: /^\/root\/inputDefinitions\// })),
  feature("parameters: defaults of components", has("defaultValue", { path: /^\/components\// })),
  feature("parameters: required by the pipeline", ({ objects }) =>
    objects.some(
      ({ path, value }) =>
        /^\/root\/inputDefinitions\/parameters\/[^/]+$/.test(path) && value["isOptional"] !== true && !("defaultValue" in value),
    ),
  ),
  feature("parameters: optional without default", ({ objects }) =>
    objects.some(
      ({ path, value }) =>
        /\/inputDefinitions\/parameters\//.test(path) && value["isOptional"] === true && !("defaultValue" in value),
    ),
  ),
  feature("parameters: outputs of tasks", has("taskOutputParameter", { path: INPUTS })),
  feature("parameters: inputs of the component around", has("componentInputParameter", { path: INPUTS })),
  feature("parameters: inside of text", has("constant", { value: /.\{\{\$\.inputs\.parameters|\}\}.*[^"}]$/ })),
  feature(
    "parameters: inside of lists and structs",
    has("constant", { value: (value) => typeof value === "object" && JSON.stringify(value).includes("{{$.inputs.parameters") }),
  ),
  feature("parameters: outputs of the pipeline", has("valueFromParameter", { path: /^\/root\/dag\/outputs/ })),
  feature("parameters: members of loop items", has("parameterExpressionSelector")),
  ...Object.entries(placeholders).map(([name, key]) =>
    feature(`placeholders: ${name}`, says(new RegExp(`\\{\\{\\$\\.${key}\\}\\}`))),
  ),
  feature("placeholders: input parameters in arguments", has("args", { value: /inputs\.parameters/ })),
  feature("placeholders: output parameters in arguments", has("args", { value: /outputs\.parameters\['[^']+'\]\.output_file/ })),
  feature("placeholders: path and URI of artifacts", both(says(/\.path\}\}/), says(/\.uri\}\}/))),
  feature("placeholders: metadata of artifacts", says(/\.metadata(?:\['[^']+'\])?\}\}/)),
  feature("placeholders: executor input", has("args", { value: /"\{\{\$\}\}"/ })),
  feature("placeholders: executor output file", says(/\{\{\$\.outputs\.output_file\}\}/)),
  feature("placeholders: Concat", says(/"Concat":/)),
  feature("placeholders: IfPresent", says(/"IfPresent":/)),
  feature(
    "placeholders: IfPresent inside of Concat",
    has("args", { value: (args) => Array.isArray(args) && args.some((arg) => /"Concat":.*"IfPresent":/.test(textOf(arg))) }),
  ),
  ...Object.entries(operators).map(([name, text]) =>
    feature(`conditions: ${name}`, has("condition", { value: new RegExp(` ${text} `) })),
  ),
  feature("conditions: If", has("condition")),
  feature("conditions: Elif and Else", has("condition", { value: /^!\(.*&& !\(/ })),
  feature("conditions: nested", nestedIn(/comp-condition-/, /condition-/)),
  feature("conditions: in a loop", nestedIn(/comp-for-loop-/, /condition-/)),
  feature("conditions: OneOf of parameters", has("valueFromOneof")),
  feature(
    "conditions: OneOf of artifacts",
    has("artifactSelectors", { path: /condition-branches/, value: (value) => Array.isArray(value) && value.length > 1 }),
  ),
  feature("loops: constants", has("raw", { path: /parameterIterator/ })),
  feature(
    "loops: a parameter",
    has("inputParameter", { path: /parameterIterator/, value: /^pipelinechannel--(?!.*(?:Output|items))/ }),
  ),
  feature("loops: an output", has("inputParameter", { path: /parameterIterator/, value: /Output|items/ })),
  feature("loops: artifacts", has("artifactIterator")),
  feature("loops: nested", nestedIn(/comp-for-loop-/, /for-loop-/)),
  feature("loops: in a condition", nestedIn(/comp-condition-/, /for-loop-/)),
  feature("loops: parallelism", has("iteratorPolicy")),
  feature("loops: Collected parameters", has("valueFromParameter", { path: /comp-for-loop/ })),
  feature("loops: Collected artifacts", has("artifactSelectors", { path: /comp-for-loop/ })),
  feature(
    "loops: Collected from nested loops",
    has("producerSubtask", { path: /comp-for-loop-\d+\/dag\/outputs/, value: /^for-loop-/ }),
  ),
  feature("pipelines: in pipelines", ({ objects }) =>
    objects.some(
      ({ path, value }) => /^\/components\/comp-(?!for-loop|condition|exit-handler)[^/]+$/.test(path) && "dag" in value,
    ),
  ),
  feature("pipelines: artifacts as inputs", has("componentInputArtifact")),
  feature("pipelines: artifacts as outputs", has("artifactSelectors", { path: /^\/root\/dag\/outputs/ })),
  feature("exit handlers", has("componentRef", { path: /\/tasks\/exit-handler-\d+$/ })),
  feature("exit handlers: final status", has("taskFinalStatus")),
  feature("exit handlers: a pipeline as exit task", ({ objects }) => exitTaskIsPipeline(objects)),
  feature("ignore_upstream_failure", ({ objects }) => ignoresFailureWithoutHandler(objects)),
  feature("tasks: dependencies without data", has("dependentTasks")),
  feature("tasks: retries", has("retryPolicy")),
  feature("tasks: retries with backoff", has("backoffDuration")),
  feature("tasks: caching off", ({ objects }) =>
    objects.some(({ path, value }) => /\/dag\/tasks\/[^/]+$/.test(path) && JSON.stringify(value["cachingOptions"] ?? 0) === "{}"),
  ),
  feature("tasks: cache keys", has("cacheKey")),
  feature("tasks: display names", has("name", { path: /\/taskInfo$/, value: /[A-Z& ]/ })),
  feature("tasks: images of parameters", has("image", { path: /container$/, value: /inputs\.parameters/ })),
  feature("tasks: resources", has("resourceCpuLimit", { value: /^[\d.]+m?$/ })),
  feature("tasks: resources of inputs", has("resourceMemoryLimit", { value: /inputs\.parameters/ })),
  feature("tasks: accelerators", has("accelerator")),
  feature("tasks: environment", has("env", { path: /container$/ })),
  feature("tasks: no arguments", ({ objects }) =>
    objects.some(({ path, value }) => /\/executors\/[^/]+\/container$/.test(path) && !("args" in value) && !("command" in value)),
  ),
  ...artifactTypes.map((type) => feature(`artifacts: ${type}`, has("schemaTitle", { value: new RegExp(`^system\\.${type}$`) }))),
  feature("artifacts: lists", has("isArtifactList")),
  feature("artifacts: custom path", says(/custom_path/)),
  feature("artifacts: Python style", says(/-> ?(?:Dataset|Model|dsl\.Dataset):/)),
  feature("importers: constant URI", has("constant", { path: /importer\/artifactUri$/ })),
  feature("importers: URI of an input", has("runtimeParameter", { path: /importer\/artifactUri$/ })),
  feature("importers: metadata", has("metadata", { path: /importer$/ })),
  feature("importers: metadata of inputs", has("metadata", { path: /importer$/, value: /inputs\.parameters/ })),
  feature("importers: reimport", has("reimport", { value: /true/ })),
  feature("importers: images", says(/oci:\/\//)),
  feature("importers: into the workspace", has("downloadToWorkspace")),
  feature("Python: packages", says(/pip install[^\n]*idna/)),
  feature("Python: index and trusted hosts", says(/--index-url .*--trusted-host/)),
  feature("Python: environment of its own", says(/venv/)),
  feature("Python: built into an image", ({ objects }) =>
    objects.some(({ value }) => JSON.stringify(value["command"] ?? []) === '["python3","-m","kfp.dsl.executor_main"]'),
  ),
  feature("Python: notebooks", says(/notebook/)),
  feature("Python: embedded files", says(/__KFP_EMBEDDED_ARCHIVE|EmbeddedInput/)),
  ...Object.entries(kubernetesInputs).flatMap(([setting, key]) =>
    Object.entries(valueKinds).map(([what, kind]) =>
      feature(`Kubernetes: ${setting} of ${what}`, has(kind, { path: new RegExp(`${setting}/\\d+/${key}$`) })),
    ),
  ),
  ...Object.entries(jsonInputs).map(([setting, key]) =>
    feature(
      `Kubernetes: ${setting} of an input`,
      has("componentInputParameter", { path: new RegExp(`${setting}/(?:\\d+/)?${key}$`) }),
    ),
  ),
  feature("Kubernetes: secretAsEnv, optional", has("optional", { path: /secretAsEnv\/\d+$/, value: /true/ })),
  feature("Kubernetes: secretAsVolume, optional", has("optional", { path: /secretAsVolume\/\d+$/, value: /true/ })),
  feature("Kubernetes: configMapAsEnv, optional", has("optional", { path: /configMapAsEnv\/\d+$/, value: /true/ })),
  feature("Kubernetes: configMapAsVolume, optional", has("optional", { path: /configMapAsVolume\/\d+$/, value: /true/ })),
  feature("Kubernetes: pvcMount with subPath", has("subPath")),
  feature("Kubernetes: nodeSelector", has("labels", { path: /nodeSelector$/ })),
  feature("Kubernetes: tolerations", has("operator", { path: /tolerations\/\d+$/ })),
  feature("Kubernetes: toleration seconds", has("tolerationSeconds")),
  feature("Kubernetes: nodeAffinity, required", has("matchFields", { path: /nodeAffinity\/\d+$/ })),
  feature("Kubernetes: nodeAffinity, preferred", has("weight", { path: /nodeAffinity\/\d+$/ })),
  feature("Kubernetes: podMetadata", both(has("labels", { path: /podMetadata$/ }), has("annotations", { path: /podMetadata$/ }))),
  feature("Kubernetes: podAffinity", has("podAffinity", { path: PLATFORM })),
  feature("Kubernetes: enabledSharedMemory", has("enabledSharedMemory", { path: PLATFORM })),
  feature("Kubernetes: imagePullPolicy", has("imagePullPolicy", { path: PLATFORM })),
  feature("Kubernetes: fieldPathAsEnv", has("fieldPathAsEnv", { path: PLATFORM })),
  feature("Kubernetes: activeDeadlineSeconds", has("activeDeadlineSeconds", { path: /\/executors\// })),
  feature("Kubernetes: securityContext", has("runAsUser", { path: /securityContext$/ })),
  feature("Kubernetes: securityContext, user 0", has("runAsUser", { path: /securityContext$/, value: /^"?0"?$/ })),
  feature("Kubernetes: emptyDirMounts", has("medium", { path: /emptyDirMounts\/\d+$/ })),
  feature("Kubernetes: genericEphemeralVolume", has("genericEphemeralVolume", { path: PLATFORM })),
  feature("Kubernetes: CreatePVC", has("image", { value: /argostub\/createpvc/ })),
  feature("Kubernetes: DeletePVC", has("image", { value: /argostub\/deletepvc/ })),
  feature("Kubernetes: members of older SDKs", has("secretName", { path: /secretAs(?:Env|Volume)\/\d+$/, value: /^old$/ })),
  feature("platform: task configuration", has("taskConfigPassthroughs")),
  feature("platform: workspace", has("workspace", { path: /pipelineConfig$/ })),
  feature("platform: time to live", has("resourceTtlOnCompletion", { path: /pipelineConfig$/ })),
  feature("platform: deadline of the run", has("activeDeadlineSeconds", { path: /pipelineConfig$/ })),
];

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

function exitTaskIsPipeline(objects: Facts["objects"]): boolean {
  return exitTasks(objects).some((task) => {
    const name = (task["componentRef"] as JsonObject | undefined)?.["name"];
    return objects.some(({ path, value }) => path === `/components/${textOf(name)}` && "dag" in value);
  });
}

function ignoresFailureWithoutHandler(objects: Facts["objects"]): boolean {
  const hasHandler = objects.some(({ path }) => /\/tasks\/exit-handler-\d+$/.test(path));
  return !hasHandler && exitTasks(objects).length > 0;
}

function exitTasks(objects: Facts["objects"]): JsonObject[] {
  return objects
    .filter(({ path, value }) => {
      const { strategy } = (value["triggerPolicy"] ?? {}) as JsonObject;
      return /\/dag\/tasks\/[^/]+$/.test(path) && strategy === "ALL_UPSTREAM_TASKS_COMPLETED";
    })
    .map(({ value }) => value);
}

/** Names of the features of a compiled pipeline, in the order of {@link FEATURES}. */
export function featuresOf(text: string): string[] {
  const { source } = readCompiledPipeline(text);
  const { pipeline_spec: spec = source, platform_spec: platform = {} } = source as Record<string, JsonValue>;
  const objects: { path: string; value: JsonObject }[] = [];
  for (const part of [spec, platform]) visit(part, "", objects);
  return FEATURES.filter(({ isIn }) => isIn({ text, objects })).map(({ name }) => name);
}

function visit(value: JsonValue, path: string, found: { path: string; value: JsonObject }[]): void {
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value)) found.push({ path, value });
  for (const [key, member] of Object.entries(value)) visit(member, `${path}/${key}`, found);
}
