/**
 * The Kubernetes executor config of a step, read from its flag.
 *
 * Source: docs/spec/kubernetes-executor-config.md#transport-and-parsing.
 *
 * @module
 */
import type { InputParameterSpec } from "../core/kfp-types.ts";
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

/** What the config takes of the run, beside the inputs of the task. */
export interface ConfigSources {
  /** Keys of the sibling tasks whose outputs it asks for, sorted. */
  readonly producers: string[];
  /** Keys of the inputs of the DAG around the step that it asks for, sorted. */
  readonly inputs: string[];
}

/** What a lean read has to fetch besides what the task's inputs ask for. */
export function sourcesOfConfig(config: KubernetesExecutorConfig): ConfigSources {
  const producers = new Set<string>();
  const inputs = new Set<string>();
  const references = config.pvcMount.map(({ pvcReference }) => pvcReference);
  for (const source of [...references, ...dynamicMembers(config).map((member) => member?.kind)]) {
    if (source?.case === "taskOutputParameter") producers.add(source.value.producerTask);
    else if (source?.case === "componentInputParameter") inputs.add(source.value);
  }
  const sorted = (keys: ReadonlySet<string>): string[] => [...keys].filter((key) => key !== "").toSorted();
  return { producers: sorted(producers), inputs: sorted(inputs) };
}

/** Members whose value the run gives. */
function dynamicMembers(config: KubernetesExecutorConfig): (InputParameterSpec | undefined)[] {
  return [
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
}
