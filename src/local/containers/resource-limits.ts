/**
 * Limits of a step as a container engine takes them.
 *
 * @module
 */
import type { IResourceRequirements } from "kubernetes-models/v1";

/** Absent members: no limit. */
export interface ResourceLimits {
  /** Processors. */
  readonly cpus?: number;
  readonly memoryBytes?: number;
}

const FACTORS: Readonly<Record<string, number>> = {
  "": 1,
  ...{ n: 1e-9, u: 1e-6, m: 1e-3, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 },
};

/** The number a quantity stands for; `undefined` for a text that is none. The driver has refused those already. */
export function quantityValue(text: string): number | undefined {
  const [, number = "", suffix = ""] = /^([+-]?[\d.]+(?:[eE][+-]?\d+)?)(n|u|m|k|[MGTPE]|[KMGTPE]i)?$/.exec(text) ?? [];
  const factor = Object.hasOwn(FACTORS, suffix) ? FACTORS[suffix] : undefined;
  const value = Number(number);
  return number === "" || factor === undefined || Number.isNaN(value) ? undefined : value * factor;
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
