/**
 * Every member of the Kubernetes executor config, in the order in which the patch takes them.
 *
 * `podMetadata` is not among them: the compiler puts it into the template.
 *
 * Source: docs/spec/kubernetes-executor-config.md#order-of-application.
 *
 * @module
 */
import type { KubernetesExecutorConfig } from "../../../gen/kfp_kubernetes/kubernetes_executor_config_pb.js";
import type { AdministratorDefaults } from "../../options.ts";
import type { AttributedContribution, Feature, PassthroughField, ResolveDynamic } from "../contribution.ts";
import { activeDeadline } from "./active-deadline.ts";
import { claimMounts } from "./claims.ts";
import { emptyDirectories, sharedMemory } from "./empty-directories.ts";
import { ephemeralVolumes } from "./ephemeral-volumes.ts";
import { fieldPathVariables } from "./field-path-variables.ts";
import { initContainers } from "./init-containers.ts";
import { nodeAffinity } from "./scheduling/node-affinity.ts";
import { nodeSelector } from "./scheduling/node-selector.ts";
import { configMapVariables, secretVariables } from "./object-variables.ts";
import { configMapVolumes, secretVolumes } from "./object-volumes.ts";
import { podAffinity } from "./scheduling/pod-affinity.ts";
import { pullPolicy } from "./pull-policy.ts";
import { pullSecrets } from "./pull-secrets.ts";
import { resourceClaims } from "./resource-claims.ts";
import { administratorDefaults, securityContext } from "./security-context.ts";
import { tolerations } from "./scheduling/tolerations.ts";

/** In order. */
export function kubernetesFeatures(defaults: AdministratorDefaults): readonly Feature[] {
  return [
    { member: "pvcMount", passthrough: "KUBERNETES_VOLUMES", contribute: claimMounts },
    { member: "imagePullPolicy", contribute: pullPolicy },
    { member: "nodeSelector", passthrough: "KUBERNETES_NODE_SELECTOR", contribute: nodeSelector },
    { member: "tolerations", passthrough: "KUBERNETES_TOLERATIONS", contribute: tolerations },
    { member: "podResourceClaims", passthrough: "KUBERNETES_RESOURCE_CLAIMS", contribute: resourceClaims },
    { member: "secretAsVolume", passthrough: "KUBERNETES_VOLUMES", contribute: secretVolumes },
    { member: "secretAsEnv", passthrough: "ENV", contribute: secretVariables },
    { member: "configMapAsVolume", passthrough: "KUBERNETES_VOLUMES", contribute: configMapVolumes },
    { member: "configMapAsEnv", passthrough: "ENV", contribute: configMapVariables },
    { member: "imagePullSecret", contribute: pullSecrets },
    { member: "fieldPathAsEnv", passthrough: "ENV", contribute: fieldPathVariables },
    { member: "activeDeadlineSeconds", contribute: activeDeadline },
    { member: "genericEphemeralVolume", contribute: ephemeralVolumes },
    { member: "emptyDirMounts", contribute: emptyDirectories },
    { member: "enabledSharedMemory", contribute: sharedMemory },
    { member: "nodeAffinity", passthrough: "KUBERNETES_AFFINITY", contribute: nodeAffinity },
    { member: "podAffinity", passthrough: "KUBERNETES_AFFINITY", contribute: podAffinity },
    { member: "administrator defaults", contribute: () => administratorDefaults(defaults) },
    { member: "securityContext", contribute: (config, resolve) => securityContext(config, defaults, resolve) },
    { member: "initContainers", contribute: (config, resolve) => initContainers(config, defaults, resolve) },
  ];
}

/** Under which name a component takes a member as task configuration; undefined: it cannot. @param member JSON name. */
export function passthroughOfMember(member: string): PassthroughField | undefined {
  return kubernetesFeatures({}).find((feature) => feature.member === member)?.passthrough;
}

/** The first error ends it: a step must not run with half of what it asked for. */
export async function kubernetesContributions(
  config: KubernetesExecutorConfig,
  defaults: AdministratorDefaults,
  resolve: ResolveDynamic,
): Promise<AttributedContribution[]> {
  const contributions: AttributedContribution[] = [];
  for (const { contribute, ...attributes } of kubernetesFeatures(defaults)) {
    contributions.push({ ...attributes, ...(await contribute(config, resolve)) });
  }
  return contributions;
}
