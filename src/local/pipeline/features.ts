/**
 * What of the pipeline language and of the platform spec a local run supports, does without, or refuses.
 *
 * docs/local.md holds the same table; test/local/pipeline/features.test.ts compares the two. Nothing is ignored in silence: what has no meaning
 * on one machine costs a warning, what a step would miss is refused before anything runs.
 *
 * @module
 */
/** Supported as in the cluster; done without, with a warning; or refused. */
export type Treatment = "supported" | "warning" | "error";

/** A row of the table of features. */
export interface Feature {
  /** As in the table of docs/local.md. */
  readonly name: string;
  readonly treatment: Treatment;
  /** What happens, or why not. */
  readonly note: string;
}

const feature = (name: string, treatment: Treatment, note: string): Feature => ({ name, treatment, note });

/** The language: what the SDK compiles into the pipeline spec. */
export const LANGUAGE_FEATURES = {
  parameters: feature("parameters of every type, defaults, optional inputs, literals", "supported", "as in the cluster"),
  artifacts: feature("artifacts of every type, lists of artifacts, metadata", "supported", "as in the cluster"),
  metrics: feature("metrics and classification metrics", "supported", "as in the cluster"),
  placeholders: feature("placeholders, ConcatPlaceholder, IfPresentPlaceholder", "supported", "as in the cluster"),
  conditions: feature("If, Elif, Else, OneOf", "supported", "as in the cluster"),
  loops: feature("ParallelFor over lists, parameters and artifacts, nested, with parallelism", "supported", "as in the cluster"),
  collected: feature("Collected", "supported", "as in the cluster"),
  nested: feature("pipelines in pipelines", "supported", "as in the cluster"),
  dependencies: feature("task dependencies without data", "supported", "as in the cluster"),
  importers: feature("importers", "supported", "as in the cluster, for the stores below"),
  caching: feature("caching, cache keys", "supported", "across the runs of one home"),
  retries: feature("retry policies with backoff", "supported", "as in the cluster"),
  ignoreFailure: feature("ignore_upstream_failure", "supported", "as in the cluster"),
  exitHandlers: feature(
    "exit handlers and final status",
    "supported",
    "also after a failure, and within seven seconds after Ctrl-C",
  ),
  environment: feature("environment variables of a step", "supported", "over those of this machine"),
  localRoot: feature("artifacts in a folder, minio://, s3://, gs:// and azblob://", "supported", "see Where artifacts go"),
  volumeTasks: feature("CreatePVC and DeletePVC", "supported", "folders of the home, see Volumes"),
  taskConfig: feature("dsl.TaskConfig", "supported", "the step is handed the settings as in the cluster"),
  workspace: feature("workspace", "supported", "a folder of the run, see Volumes"),
  image: feature("image of a step", "warning", "not used: commands run on this machine; used with --runner container"),
  resources: feature(
    "resource requests and limits, accelerators",
    "warning",
    "requests are weighed, see Side by side; limits of CPU and memory with --runner container",
  ),
  preCacheCheck: feature("lifecycle.preCacheCheck", "warning", "never run, as in the cluster"),
  defaultRoot: feature("defaultPipelineRoot", "warning", "not used: artifacts go to the home or to --pipeline-root"),
  unknown: feature("members this version does not know", "warning", "not used; named"),
  entryPoint: feature(
    "containers without command and arguments",
    "error",
    "they fail on a cluster, too: the entry point of an image is out of reach",
  ),
  models: feature("models in images, oci://", "error", "they are shown to steps with --runner container"),
  stores: feature("huggingface:// and other stores", "error", "no client for them yet"),
  otherExecutors: feature("resolver and custom job executors", "error", "not part of Kubeflow"),
} as const satisfies Record<string, Feature>;

/** The pipeline's own settings in the platform spec. */
export const PLATFORM_FEATURES = {
  ttl: feature("pipelineConfig: resourceTtl...", "warning", "no meaning here"),
  deadline: feature(
    "pipelineConfig: activeDeadlineSeconds",
    "supported",
    "from the start of the run, of a resumed one from there",
  ),
  pipelineWorkspace: feature("pipelineConfig: workspace", "supported", "size and class have no meaning here"),
  otherPlatforms: feature("platforms other than kubernetes", "warning", "not used"),
} as const satisfies Record<string, Feature>;

/** What `--runner container` takes as in the cluster: the names of its rows. */
export const CONTAINER_FEATURES: ReadonlySet<string> = new Set([
  "image of a step",
  "resource requests and limits, accelerators",
  "imagePullPolicy",
  "enabledSharedMemory",
  "securityContext",
  "initContainers",
  "models in images, oci://",
]);

/** Members of KubernetesExecutorConfig, by JSON name: every one of them. */
export const KUBERNETES_FEATURES: Readonly<Record<string, Feature>> = Object.fromEntries(
  [
    feature("nodeSelector", "warning", "no meaning here"),
    feature("tolerations", "warning", "no meaning here"),
    feature("nodeAffinity", "warning", "no meaning here"),
    feature("podAffinity", "warning", "no meaning here"),
    feature("podMetadata", "warning", "no meaning here"),
    feature("imagePullSecret", "warning", "no image is pulled"),
    feature("imagePullPolicy", "warning", "no image is pulled; used with --runner container"),
    feature("enabledSharedMemory", "warning", "this machine's own /dev/shm is used; its own with --runner container"),
    feature("securityContext", "warning", "steps run as you; user and group with --runner container"),
    feature("activeDeadlineSeconds", "supported", "as in the cluster"),
    feature("podResourceClaims", "warning", "no meaning here"),
    feature("secretAsVolume", "supported", "from --secrets, see Volumes"),
    feature("secretAsEnv", "supported", "from --secrets or your own environment"),
    feature("configMapAsVolume", "supported", "from --secrets, see Volumes"),
    feature("configMapAsEnv", "supported", "from --secrets or your own environment"),
    feature("pvcMount", "supported", "folders of the home, see Volumes"),
    feature("genericEphemeralVolume", "supported", "a folder of the step, see Volumes"),
    feature("emptyDirMounts", "supported", "a folder of the step, see Volumes; limits are not enforced"),
    feature("fieldPathAsEnv", "supported", "with this machine's values"),
    feature("initContainers", "error", "they are other images: they run with --runner container"),
  ].map((entry) => [entry.name, entry]),
);
