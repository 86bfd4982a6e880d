/**
 * Looks for features in a pipeline that a local run does without or refuses (features.ts), one line each.
 *
 * @module
 */
import { toJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { isLocalUri, WORKSPACE_PATH } from "../../core/executor/artifact-uri.ts";
import { PipelineSpecSchema } from "../../core/kfp-types.ts";
import { KubernetesExecutorConfigSchema } from "../../gen/kfp_kubernetes/kubernetes_executor_config_pb.js";
import { PROVIDER_NAMES } from "../../core/executor/store-schemes.ts";
import { CONTAINER_FEATURES, KUBERNETES_FEATURES, LANGUAGE_FEATURES, PLATFORM_FEATURES, type Feature } from "./features.ts";
import { passthroughOfMember } from "../../driver/pod-spec-patch/kubernetes/features.ts";
import { passthroughsOf } from "../../driver/pod-spec-patch/passthroughs.ts";
import { ImportedUris } from "./imported-uris.ts";
import { mountPaths } from "./mount-paths.ts";
import { runErrors, runWarnings } from "./pipeline-checks.ts";
import type { LoadedPipeline } from "./pipeline-file.ts";
import { flattenTasks, isPlatformTask, placeTasks, type PlacedTask } from "./pipeline-tasks.ts";

/** What a local run says about a pipeline before it starts. */
export interface FeatureReport {
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  /** What of them is a feature that a local run refuses or does without, in the same order. */
  readonly features: readonly FoundFeature[];
  /** KubernetesExecutorConfig by executor label, as JSON, without what a local run does without. */
  readonly kubernetesConfigs: ReadonlyMap<string, string>;
  /** Absolute paths of this machine where steps expect a volume, the workspace's included, each once. */
  readonly mountPaths: readonly string[];
}

/** A feature that a local run refuses or does without, and where it is. */
export interface FoundFeature {
  readonly treatment: "warning" | "error";
  /** Paths without `root.`; none for the pipeline as a whole. */
  readonly tasks: readonly string[];
  /** One line. */
  readonly text: string;
}

/** A feature that was found, and in which task; none for the pipeline as a whole. */
interface Finding {
  readonly feature: Feature;
  readonly task?: string;
  /** What exactly, in addition to the feature's name. */
  readonly what?: string;
}

const WORKSPACE_PLACEHOLDER = "{{$.workspace_path}}";

/**
 * @param pipelineRoot Of the run, when it is not the default one.
 * @param parameters Of the run, as far as they are given.
 * @param isInContainer Whether a task runs in a container of its image.
 */
export function checkFeatures(
  pipeline: LoadedPipeline,
  pipelineRoot?: string,
  parameters: Readonly<Record<string, JsonValue>> = {},
  isInContainer: (scopePath: string) => boolean = () => false,
): FeatureReport {
  const imported = new ImportedUris(pipeline.parsed, parameters);
  const tasks = flattenTasks(placeTasks(pipeline.parsed));
  const kubernetesConfigs = new Map<string, string>();
  const onHost = tasks.filter(({ scopePath }) => !isInContainer(scopePath));
  const hasContainers = tasks.some((task) => isStep(task) && isInContainer(task.scopePath));
  const findings = [
    ...pipelineFindings(pipeline, pipelineRoot),
    ...tasks.flatMap((task) =>
      taskFindings(task).filter(({ feature }) => !(isInContainer(task.scopePath) && CONTAINER_FEATURES.has(feature.name))),
    ),
    ...tasks.flatMap((task) => importFindings(imported, task, { hasContainers })),
    ...tasks.flatMap((task) =>
      kubernetesFindings(pipeline, task, { configs: kubernetesConfigs, isInContainer: isInContainer(task.scopePath) }),
    ),
  ];
  const [refused, without] = [grouped(findings, "error"), grouped(findings, "warning")];
  return {
    errors: [...runErrors(pipeline.problems), ...refused.map(({ text }) => text)],
    warnings: [...imageWarning(onHost), ...without.map(({ text }) => text), ...runWarnings(pipeline.problems)],
    features: [...refused, ...without],
    kubernetesConfigs,
    mountPaths: [
      ...mountPaths(onHost.flatMap(({ executorLabel }) => kubernetesConfigs.get(executorLabel) ?? [])),
      ...(usesWorkspace(pipeline, onHost) ? [WORKSPACE_PATH] : []),
    ],
  };
}

/** Some step or importer on this machine looks at the workspace, or may. */
function usesWorkspace({ parsed }: LoadedPipeline, onHost: readonly PlacedTask[]): boolean {
  if (onHost.some(({ executor }) => executor?.spec.case === "importer" && executor.spec.value.downloadToWorkspace)) return true;
  if (!onHost.some(isStep)) return false;
  const text = JSON.stringify(toJson(PipelineSpecSchema, parsed.spec));
  return text.includes(WORKSPACE_PLACEHOLDER) || text.includes(WORKSPACE_PATH);
}

/** A task with a program of its own. */
function isStep(task: PlacedTask): boolean {
  return task.executor?.spec.case === "container" && !isPlatformTask(task);
}

/** One for each feature, with all the tasks that have it. */
function grouped(findings: readonly Finding[], treatment: "warning" | "error"): FoundFeature[] {
  const groups = new Map<string, { readonly finding: Finding; readonly tasks: Set<string> }>();
  for (const finding of findings) {
    if (finding.feature.treatment !== treatment) continue;
    const key = `${finding.feature.name}\n${finding.what ?? ""}`;
    const group = groups.get(key) ?? { finding, tasks: new Set() };
    if (finding.task !== undefined) group.tasks.add(finding.task);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ finding: { feature, what }, tasks }) => {
    const where = tasks.size === 0 ? "" : ` (${tasks.size === 1 ? "task" : "tasks"} ${[...tasks].join(", ")})`;
    const name = what === undefined ? feature.name : `${feature.name}: ${what}`;
    const verdict = treatment === "error" ? "is not supported in a local run" : "has no effect in a local run";
    return { treatment, tasks: [...tasks], text: `${name}${where} ${verdict}: ${feature.note}` };
  });
}

function imageWarning(tasks: readonly PlacedTask[]): string[] {
  return tasks.some(isStep) ? ["the images of steps are not used: their commands run on this machine"] : [];
}

function pipelineFindings({ parsed }: LoadedPipeline, pipelineRoot: string | undefined): Finding[] {
  const found: Finding[] = [];
  const { spec, platformSpec, unknownFields } = parsed;
  if (unknownFields.length > 0) found.push({ feature: LANGUAGE_FEATURES.unknown, what: unknownFields.join(", ") });
  if (spec.defaultPipelineRoot !== "") found.push({ feature: LANGUAGE_FEATURES.defaultRoot });
  if (pipelineRoot !== undefined && !isSupportedUri(pipelineRoot)) {
    found.push({ feature: LANGUAGE_FEATURES.stores, what: `pipeline root ${pipelineRoot}` });
  }
  for (const [name, platform] of Object.entries(platformSpec?.platforms ?? {})) {
    if (name !== "kubernetes") {
      found.push({ feature: PLATFORM_FEATURES.otherPlatforms, what: name });
      continue;
    }
    const config = platform.pipelineConfig;
    if (config === undefined) continue;
    const { resourceTtlOnCompletion, resourceTtlOnFailure, resourceTtlOnSuccess } = config;
    if (resourceTtlOnCompletion + resourceTtlOnFailure + resourceTtlOnSuccess !== 0) {
      found.push({ feature: PLATFORM_FEATURES.ttl });
    }
  }
  return found;
}

function taskFindings(placed: PlacedTask): Finding[] {
  const { scopePath, component, executor } = placed;
  const at = scopePath.replace(/^root\./, "");
  const found: Finding[] = [];
  const add = (feature: Feature, what?: string): void => {
    found.push({ feature, task: at, ...(what === undefined ? {} : { what }) });
  };
  for (const { platform } of component.singlePlatformSpecs) {
    add(PLATFORM_FEATURES.otherPlatforms, `${platform}, in the component`);
  }
  switch (executor?.spec.case) {
    case "container": {
      const { command, args, resources, lifecycle } = executor.spec.value;
      if (command.length + args.length === 0 && !isPlatformTask(placed)) add(LANGUAGE_FEATURES.entryPoint);
      if (resources !== undefined && !passthroughsOf(component).captures("RESOURCES")) add(LANGUAGE_FEATURES.resources);
      if (lifecycle?.preCacheCheck !== undefined) add(LANGUAGE_FEATURES.preCacheCheck);
      break;
    }
    case "resolver":
    case "customJob":
      add(LANGUAGE_FEATURES.otherExecutors);
      break;
    case "importer":
    case undefined:
      break;
  }
  return found;
}

/** The URIs that the pipeline and the parameters know; one that a step makes is the launcher's to judge. */
function importFindings(
  imported: ImportedUris,
  { scopePath, executor, parent, task }: PlacedTask,
  { hasContainers }: { readonly hasContainers: boolean },
): Finding[] {
  if (executor?.spec.case !== "importer") return [];
  return imported
    .of(executor.spec.value, task, parent)
    .filter((uri) => /^\w+:\/\//.test(uri) && !isSupportedUri(uri) && !(isModelImage(uri) && hasContainers))
    .map((uri) => ({
      feature: isModelImage(uri) ? LANGUAGE_FEATURES.models : LANGUAGE_FEATURES.stores,
      task: scopePath.replace(/^root\./, ""),
      what: `import of ${uri}`,
    }));
}

/** A step on this machine that is handed one fails by itself. */
function isModelImage(uri: string): boolean {
  return uri.startsWith("oci://");
}

function isSupportedUri(uri: string): boolean {
  return isLocalUri(uri) || PROVIDER_NAMES.some((scheme) => uri.startsWith(`${scheme}://`));
}

/** Adds what is left of the task's config, if anything, to `configs`. */
function kubernetesFindings(
  { parsed }: LoadedPipeline,
  { component, executorLabel, scopePath }: PlacedTask,
  { configs, isInContainer }: { readonly configs: Map<string, string>; readonly isInContainer: boolean },
): Finding[] {
  const config = parsed.platformSpec?.platforms["kubernetes"]?.deploymentSpec?.executors[executorLabel];
  if (executorLabel === "" || config === undefined) return [];
  const task = scopePath.replace(/^root\./, "");
  // Tasks of one component share their config.
  const left = JSON.parse(configs.get(executorLabel) ?? "{}") as JsonObject;
  const findings: Finding[] = [];
  for (const [key, value] of Object.entries(config)) {
    const field = KubernetesExecutorConfigSchema.fields.find(({ name, jsonName }) => key === name || key === jsonName);
    if (isEmpty(value)) continue;
    if (field === undefined) {
      findings.push({ feature: LANGUAGE_FEATURES.unknown, task, what: key });
      continue;
    }
    const feature = KUBERNETES_FEATURES[field.jsonName];
    const isDone = feature?.treatment === "supported" || (isInContainer && CONTAINER_FEATURES.has(field.jsonName));
    // The step is told of it, whatever it is worth here.
    const passthrough = passthroughOfMember(field.jsonName);
    const isTaskConfig = passthrough !== undefined && passthroughsOf(component).captures(passthrough);
    if (feature === undefined || isDone || isTaskConfig) left[key] = value;
    else findings.push({ task, feature });
  }
  if (Object.keys(left).length > 0) configs.set(executorLabel, JSON.stringify(left));
  return findings;
}

function isEmpty(value: JsonValue): boolean {
  return value === null || value === "" || (Array.isArray(value) && value.length === 0);
}
