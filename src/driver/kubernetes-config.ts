/**
 * The Kubernetes executor config of a step, read from its flag.
 *
 * Source: docs/spec/kubernetes-executor-config.md#transport-and-parsing.
 *
 * @module
 */
import { parseLenient } from "../core/protojson/protojson.ts";
import {
  type KubernetesExecutorConfig,
  KubernetesExecutorConfigSchema,
} from "../gen/kfp_kubernetes/kubernetes_executor_config_pb.js";

/** The Kubernetes executor config of a step, and the dotted names of its unknown members. */
export interface ParsedKubernetesConfig {
  readonly config: KubernetesExecutorConfig;
  readonly unknownFields: readonly string[];
}

/**
 * @param text The flag's value; the empty text means there is no config at all (compiled workflows pass it).
 * @throws {SpecError} SPEC_INVALID when it is not protojson of a KubernetesExecutorConfig.
 */
export function parseKubernetesConfig(text: string): ParsedKubernetesConfig | undefined {
  if (text === "") return undefined;
  const { message, unknownFields } = parseLenient(KubernetesExecutorConfigSchema, text, { what: "--kubernetes_config" });
  return { config: message, unknownFields };
}

/** Keys of the sibling tasks whose outputs the config asks for, sorted: what a lean read has to fetch besides the inputs' own. */
export function producersOfConfig(config: KubernetesExecutorConfig): string[] {
  const names = new Set<string>();
  for (const { pvcReference } of config.pvcMount) {
    if (pvcReference.case === "taskOutputParameter") names.add(pvcReference.value.producerTask);
  }
  const specs = [
    ...config.pvcMount.map(({ pvcNameParameter }) => pvcNameParameter),
    ...config.secretAsVolume.map(({ secretNameParameter }) => secretNameParameter),
    ...config.secretAsEnv.map(({ secretNameParameter }) => secretNameParameter),
    ...config.configMapAsVolume.map(({ configMapNameParameter }) => configMapNameParameter),
    ...config.configMapAsEnv.map(({ configMapNameParameter }) => configMapNameParameter),
    ...config.imagePullSecret.map(({ secretNameParameter }) => secretNameParameter),
    ...config.tolerations.map(({ tolerationJson }) => tolerationJson),
    ...config.nodeAffinity.map(({ nodeAffinityJson }) => nodeAffinityJson),
    ...config.podResourceClaims.flatMap((claim) => [claim.resourceClaimTemplateName, claim.resourceClaimJson]),
    config.nodeSelector?.nodeSelectorJson,
  ];
  for (const spec of specs) {
    if (spec?.kind.case === "taskOutputParameter") names.add(spec.kind.value.producerTask);
  }
  return [...names].filter((name) => name !== "").toSorted();
}
