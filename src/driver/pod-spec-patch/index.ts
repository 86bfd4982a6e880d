/**
 * The patch of a step's pod, assembled.
 *
 * Pure: everything it needs is resolved by then, and what features add comes as contributions, in the order in which it is applied.
 *
 * Source: docs/spec/pod-spec-patch.md#fields-that-may-appear, docs/spec/kubernetes-executor-config.md#order-of-application.
 *
 * @module
 */
import type { IAffinity, IContainer, IEnvVar, IPodSpec, ISecurityContext, IVolumeMount } from "kubernetes-models/v1";
import { executorInputJson } from "../../core/executor/executor-input.ts";
import { SpecError } from "../../core/errors.ts";
import type { ContainerSpec, ExecutorInput } from "../../core/kfp-types.ts";
import type { ContainerOptions } from "../options.ts";
import type { ResolveDynamic } from "./contribution.ts";
import { mergeEnvironment, mainEnvironment } from "./environment.ts";
import { launcherCommand } from "./launcher-command.ts";
import { NO_PASSTHROUGHS, type Passthroughs } from "./passthroughs.ts";
import type { ContainerPatch, PodSpecPatch } from "./pod-spec.ts";
import { resourceRequirements, type ResolveText } from "./resources.ts";
import type { NamedContribution } from "./volume-names.ts";

/** A step that is about to run, resolved. */
export interface PodSpecPatchRequest {
  readonly options: ContainerOptions;
  readonly container: ContainerSpec;
  readonly executorInput: ExecutorInput;
  /** The user's command and arguments, placeholders of inputs resolved. */
  readonly userArguments: readonly string[];
  readonly taskId: string;
  readonly fingerprint: string;
  readonly resolveText: ResolveText;
  readonly warn: ResolveDynamic["warn"];
  /** What goes to the pod besides the step's own container. */
  readonly contributions: readonly NamedContribution[];
  /** Default: the pod has everything. */
  readonly passthroughs?: Passthroughs;
}

/** @throws {SpecError} SPEC_INVALID for a malformed quantity, a reserved variable, and containers of one name. */
export function buildPodSpecPatch(request: PodSpecPatchRequest): PodSpecPatch {
  const { options, container, executorInput, userArguments, resolveText, contributions } = request;
  const { passthroughs = NO_PASSTHROUGHS } = request;
  const added = gather(contributions);
  const own = resourceRequirements(container.resources, resolveText);
  const { limits, requests } = passthroughs.appliesToPod("RESOURCES") ? own : {};
  const image = resolveText(container.image);
  const main: ContainerPatch = {
    name: "main",
    ...(image === "" ? {} : { image }),
    command: launcherCommand({
      pipelineName: options.pipelineName,
      runId: options.runId,
      taskId: request.taskId,
      parentTaskId: options.parentTaskId,
      executorInputJson: executorInputJson(executorInput, { escapeDollar: true }),
      apiServer: options.apiServer,
      publishLogs: options.publishLogs,
      fingerprint: request.fingerprint,
      taskName: options.taskName,
      cacheDisabled: options.cacheDisabled,
      logLevel: options.logLevel,
      iterationIndex: options.iterationIndex,
    }),
    ...(userArguments.length === 0 ? {} : { args: [...userArguments] }),
    env: mergeEnvironment(mainEnvironment(container.env, options.proxy, passthroughs), added.env),
    resources: {
      ...(limits === undefined ? {} : { limits: { ...limits } }),
      ...(requests === undefined ? {} : { requests: { ...requests } }),
      ...added.resources,
    },
    ...filled("volumeMounts", added.volumeMounts),
    ...added.main,
  };
  warnOfHiddenMounts(added.volumeMounts, request.warn);
  assertDistinctNames([main, ...added.containers, ...added.initContainers]);
  return {
    containers: [main, ...added.containers],
    ...filled("initContainers", added.initContainers),
    ...filled("volumes", added.volumes),
    ...added.pod,
  };
}

interface Added {
  readonly env: IEnvVar[];
  readonly volumes: NonNullable<IPodSpec["volumes"]>;
  readonly volumeMounts: IVolumeMount[];
  readonly containers: IContainer[];
  readonly initContainers: IContainer[];
  readonly main: Pick<IContainer, "imagePullPolicy" | "securityContext">;
  readonly resources: Partial<NonNullable<IContainer["resources"]>>;
  readonly pod: Omit<IPodSpec, "containers">;
}

/** Everything that is added, by the place where it goes. */
function gather(contributions: readonly NamedContribution[]): Added {
  const main: Added["main"] = {};
  const pod: Omit<IPodSpec, "containers"> = {};
  const resources: Added["resources"] = {};
  const affinity: IAffinity = {};
  const securityContext: ISecurityContext = {};
  for (const contribution of contributions) {
    const { securityContext: context = {}, resources: ownResources = {}, ...ownMain } = contribution.main ?? {};
    const { affinity: ownAffinity = {}, nodeSelector = {}, resourceClaims = [], ...ownPod } = contribution.pod ?? {};
    Object.assign(main, ownMain);
    Object.assign(securityContext, context);
    Object.assign(resources, ownResources);
    Object.assign(affinity, ownAffinity);
    Object.assign(pod, ownPod);
    if (Object.keys(nodeSelector).length > 0) pod.nodeSelector = nodeSelector;
    if (resourceClaims.length > 0) pod.resourceClaims = resourceClaims;
  }
  if (Object.keys(affinity).length > 0) pod.affinity = affinity;
  if (Object.keys(securityContext).length > 0) main.securityContext = securityContext;
  return {
    main,
    pod,
    resources,
    env: contributions.flatMap(({ env = [] }) => env),
    volumes: contributions.flatMap(({ volumes }) => volumes),
    volumeMounts: contributions.flatMap(({ volumeMounts }) => volumeMounts),
    containers: contributions.flatMap(({ containers = [] }) => containers),
    initContainers: contributions.flatMap(({ initContainers = [] }) => initContainers),
  };
}

function filled<Key extends string, Item>(key: Key, items: Item[]): { [K in Key]?: Item[] } {
  return items.length === 0 ? {} : ({ [key]: items } as { [K in Key]: Item[] });
}

/** Where the template has put what the launcher runs from and identifies itself with. */
const LAUNCHER_PATHS = new Set(["/kfp-launcher", "/var/run/secrets/kfp", "/etc/kfp/launcher-config"]);

/** Mounts are merged by path: of two at one path the later one stays, without a word. */
function warnOfHiddenMounts(mounts: readonly IVolumeMount[], warn: ResolveDynamic["warn"]): void {
  const byPath = new Map<string, IVolumeMount>();
  for (const mount of mounts) {
    const { mountPath, name, subPath } = mount;
    const hidden = byPath.get(mountPath);
    if (hidden !== undefined && (hidden.name !== name || hidden.subPath !== subPath)) {
      warn("A volume is hidden by a later one at the same path", { mountPath, hidden: hidden.name, volume: name });
    }
    if (LAUNCHER_PATHS.has(mountPath)) warn("A volume hides a folder that the launcher needs", { mountPath, volume: name });
    byPath.set(mountPath, mount);
  }
}

/** Containers are merged by name: two of one name would become one. */
function assertDistinctNames(containers: readonly IContainer[]): void {
  const seen = new Set<string>();
  for (const { name } of containers) {
    if (seen.has(name)) {
      throw new SpecError(
        "SPEC_INVALID",
        `init container name "${name}" conflicts with an existing container in the pod: give it another name`,
      );
    }
    seen.add(name);
  }
}
