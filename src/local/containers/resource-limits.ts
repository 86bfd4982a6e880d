/**
 * Limits of a step as a container engine takes them.
 *
 * @module
 */
import type { IResourceRequirements } from "kubernetes-models/v1";
import { quantityValue } from "../pods/quantity-value.ts";

/** Absent members: no limit. */
export interface ResourceLimits {
  /** Processors. */
  readonly cpus?: number;
  readonly memoryBytes?: number;
}

/**
 * CPU and memory. More processors than this machine has are no limit: docker refuses them.
 *
 * @param processors Of this machine.
 */
export function resourceLimits({ limits = {} }: IResourceRequirements, processors: number): ResourceLimits {
  const cpus = quantityValue(String(limits["cpu"] ?? ""));
  const memory = quantityValue(String(limits["memory"] ?? ""));
  return {
    ...(cpus === undefined || cpus <= 0 || cpus >= processors ? {} : { cpus: Number(cpus.toFixed(3)) }),
    ...(memory === undefined || memory <= 0 ? {} : { memoryBytes: Math.ceil(memory) }),
  };
}
