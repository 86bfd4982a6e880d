/**
 * The Kubernetes executor config of a step, and what of it this driver can honour.
 *
 * Applying it to the pod is not implemented yet. A step whose mounted secret or volume is silently missing fails in odd ways or,
 * worse, succeeds with wrong results, so anything that would change the pod is refused by name before a task row exists.
 *
 * Source: docs/spec/kubernetes-executor-config.md, #overview-in-order.
 *
 * @module
 */
import { SpecError } from "../core/errors.ts";
import { parseLenient } from "../core/protojson/protojson.ts";
import {
  type KubernetesExecutorConfig,
  KubernetesExecutorConfigSchema,
} from "../gen/kfp_kubernetes/kubernetes_executor_config_pb.js";

export interface ParsedKubernetesConfig {
  readonly config: KubernetesExecutorConfig;
  readonly unknownFields: readonly string[];
}

/** Members that need nothing from the driver: the compiler has done `podMetadata`, the reference ignores the other two. */
const NOT_THE_DRIVERS = new Set(["podMetadata", "podAffinity", "enabledSharedMemory"]);

/**
 * @param text The flag's value; the empty text means there is no config at all (compiled workflows pass it).
 * @throws {SpecError} SPEC_INVALID when it is not protojson of a KubernetesExecutorConfig.
 */
export function parseKubernetesConfig(text: string): ParsedKubernetesConfig | undefined {
  if (text === "") return undefined;
  const { message, unknownFields } = parseLenient(KubernetesExecutorConfigSchema, text, { what: "--kubernetes_config" });
  return { config: message, unknownFields };
}

/** JSON names of the members that are set and that this driver cannot apply, in the order of the message. */
export function unsupportedKubernetesFeatures(config: KubernetesExecutorConfig): string[] {
  return KubernetesExecutorConfigSchema.fields
    .filter((field) => !NOT_THE_DRIVERS.has(field.jsonName))
    .filter((field) => isSet(config[field.localName as keyof KubernetesExecutorConfig]))
    .map((field) => field.jsonName);
}

function isSet(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return value !== undefined && value !== "" && value !== 0n;
}

/** @throws {SpecError} FEATURE_UNSUPPORTED naming every member at once. */
export function assertKubernetesConfigSupported(config: KubernetesExecutorConfig, taskName: string): void {
  const features = unsupportedKubernetesFeatures(config);
  if (features.length === 0) return;
  throw new SpecError(
    "FEATURE_UNSUPPORTED",
    `Cannot apply the Kubernetes config of task "${taskName}": this version does not support ${features.join(", ")}; ` +
      "remove it from the task or use the reference driver image for this pipeline",
  );
}
