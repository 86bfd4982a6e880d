/**
 * The patch of a step's pod, assembled.
 *
 * Pure: everything it needs is resolved by then. What the Kubernetes executor config adds will be a step of its own between
 * workspace and administrator defaults (docs/spec/kubernetes-executor-config.md#overview-in-order).
 *
 * Source: docs/spec/pod-spec-patch.md, #summary.
 *
 * @module
 */
import { executorInputJson } from "../../core/executor/executor-input.ts";
import type { ContainerSpec, ExecutorInput } from "../../core/kfp-types.ts";
import type { ContainerOptions } from "../options.ts";
import { mainEnvironment } from "./environment.ts";
import { launcherCommand } from "./launcher-command.ts";
import type { ContainerPatch, PodSpecPatch, SecurityContext } from "./pod-spec.ts";
import { resourceRequirements, type ResolveText } from "./resources.ts";
import { needsWorkspace, workspaceVolume } from "./workspace.ts";

export interface PodSpecPatchRequest {
  readonly options: ContainerOptions;
  readonly container: ContainerSpec;
  readonly executorInput: ExecutorInput;
  /** The user's command and arguments, placeholders of inputs resolved. */
  readonly userArguments: readonly string[];
  readonly taskId: string;
  readonly fingerprint: string;
  readonly resolveText: ResolveText;
  /** False when the flag was the empty text: then administrator defaults stay with the template. */
  readonly hasKubernetesConfig: boolean;
}

export function buildPodSpecPatch(request: PodSpecPatchRequest): PodSpecPatch {
  const { options, container, executorInput, userArguments, resolveText } = request;
  const workspace = needsWorkspace(executorInput) ? workspaceVolume(options.runName) : undefined;
  const { hostUsers, ...securityContext } = request.hasKubernetesConfig ? options.defaults : {};
  const resources = resourceRequirements(container.resources, resolveText);
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
      apiServerAddress: options.apiServer.address,
      apiServerPort: options.apiServer.port,
      publishLogs: options.publishLogs,
      fingerprint: request.fingerprint,
      taskName: options.taskName,
      tlsEnabled: options.apiServer.tlsEnabled,
      caCertPath: options.apiServer.caCertPath,
      cacheDisabled: options.cacheDisabled,
      logLevel: options.logLevel,
      retryTimeout: options.apiServer.retryTimeout,
      iterationIndex: options.iterationIndex,
    }),
    ...(userArguments.length === 0 ? {} : { args: userArguments }),
    env: mainEnvironment(container.env, options.proxy),
    resources,
    ...(workspace === undefined ? {} : { volumeMounts: [workspace.mount] }),
    ...(isEmpty(securityContext) ? {} : { securityContext }),
  };
  return {
    containers: [main],
    ...(workspace === undefined ? {} : { volumes: [workspace.volume] }),
    ...(hostUsers === undefined ? {} : { hostUsers }),
  };
}

function isEmpty(securityContext: SecurityContext): boolean {
  return Object.keys(securityContext).length === 0;
}
