/**
 * What a step's pod gets besides its own container, and what its component takes as task configuration.
 *
 * Volumes are named over everything, so that a volume has one name in the pod and in the task configuration.
 *
 * Source: docs/spec/pod-spec-patch.md#fields-that-may-appear, docs/spec/task-config-workspace-modelcar.md.
 *
 * @module
 */
import type { ISecurityContext } from "kubernetes-models/v1";
import type { ComponentSpec, ContainerSpec, ExecutorInput } from "../../core/kfp-types.ts";
import type { JsonObject } from "../../core/values/value.ts";
import type { KubernetesExecutorConfig } from "../../gen/kfp_kubernetes/kubernetes_executor_config_pb.js";
import type { ContainerOptions } from "../options.ts";
import type { AttributedContribution, ResolveDynamic } from "./contribution.ts";
import { mainEnvironment, ownEnvironment } from "./environment.ts";
import { kubernetesContributions } from "./kubernetes/features.ts";
import { modelcars } from "./modelcar.ts";
import { passthroughsOf, type Passthroughs } from "./passthroughs.ts";
import { resourceRequirements, type ResolveText } from "./resources.ts";
import { scratchFolders } from "./scratch-folders.ts";
import { taskConfigJson } from "./task-config.ts";
import { nameVolumes, type NamedContribution } from "./volume-names.ts";
import { assertWorkspaceIsFree } from "./workspace-conflicts.ts";
import { needsWorkspace, workspaceVolume } from "./workspace.ts";

export interface PodPlanRequest {
  readonly options: ContainerOptions;
  readonly component: ComponentSpec;
  readonly container: ContainerSpec;
  readonly executorInput: ExecutorInput;
  /** Absent where the step has no Kubernetes config at all. */
  readonly config?: KubernetesExecutorConfig | undefined;
  readonly resolve: ResolveDynamic;
  readonly resolveText: ResolveText;
  readonly artifactLocalPath?: string | undefined;
}

export interface PodPlan {
  readonly passthroughs: Passthroughs;
  /** To the pod, in order. */
  readonly contributions: readonly NamedContribution[];
  readonly taskConfig: JsonObject;
}

/** @throws {SpecError} SPEC_INVALID for whatever cannot be done; nothing of it is done then. */
export async function planPod(request: PodPlanRequest): Promise<PodPlan> {
  const { options, component, container, executorInput, resolve } = request;
  const passthroughs = passthroughsOf(component);
  const fromConfig = request.config === undefined ? [] : await kubernetesContributions(request.config, options.defaults, resolve);
  const cars = modelcars(executorInput, {
    artifactLocalPath: request.artifactLocalPath,
    env: mainEnvironment(container.env, options.proxy, passthroughs),
    runAs: runAsOf(fromConfig, options),
  });
  const scratch = scratchFolders(executorInput, { artifactLocalPath: request.artifactLocalPath, contributions: fromConfig });
  const all = nameVolumes([
    ...(cars === undefined ? [] : [cars]),
    ...(needsWorkspace(executorInput) ? [workspaceVolume(options.runName)] : []),
    ...(scratch === undefined ? [] : [scratch]),
    ...fromConfig,
  ]);
  const contributions = all.filter(({ passthrough }) => passthrough === undefined || passthroughs.appliesToPod(passthrough));
  assertWorkspaceIsFree(contributions);
  assertWorkspaceIsFree(all.filter(({ passthrough }) => passthrough !== undefined && passthroughs.captures(passthrough)));
  const taskConfig = taskConfigJson({
    passthroughs,
    contributions: all,
    env: ownEnvironment(container.env, options.proxy),
    resources: resourceRequirements(container.resources, request.resolveText, resolve.warn),
  });
  return { passthroughs, contributions, taskConfig };
}

/** The administrator's word counts, also where it reaches the user's container through the template alone. */
function runAsOf(contributions: readonly AttributedContribution[], { defaults }: ContainerOptions): ISecurityContext {
  const { runAsUser, runAsGroup, runAsNonRoot } = Object.assign(
    {},
    ...contributions.map(({ main }) => main?.securityContext),
    defaults,
  ) as ISecurityContext;
  return {
    ...(runAsUser === undefined ? {} : { runAsUser }),
    ...(runAsGroup === undefined ? {} : { runAsGroup }),
    ...(runAsNonRoot === undefined ? {} : { runAsNonRoot }),
  };
}
