/**
 * Limits, requests and accelerators of the user's container.
 *
 * Source: docs/spec/pod-spec-patch.md#resources-and-accelerators; embedded placeholders as docs/spec/resolver.md#drv-19 says.
 *
 * @module
 */
import type { ContainerSpec } from "../../core/kfp-types.ts";
import { canonicalQuantity } from "./quantity.ts";
import type { ResourceRequirements } from "./pod-spec.ts";

type ResourceSpec = NonNullable<ContainerSpec["resources"]>;
/** Replaces the input parameter placeholders in a text; throws for an input that does not exist. */
export type ResolveText = (text: string) => string;

/** @throws {SpecError} SPEC_INVALID for a malformed quantity, PLACEHOLDER_INVALID for an unknown input. */
export function resourceRequirements(resources: ResourceSpec | undefined, resolve: ResolveText): ResourceRequirements {
  if (resources === undefined) return {};
  const limits: Record<string, string> = {};
  const requests: Record<string, string> = {};
  const take = (target: Record<string, string>, key: "cpu" | "memory", text: string, legacy: number, what: string): void => {
    const unit = key === "memory" ? "G" : "";
    if (text !== "") target[key] = canonicalQuantity(resolve(text), what);
    else if (legacy !== 0) target[key] = canonicalQuantity(`${shortestG(legacy)}${unit}`, what);
  };
  take(limits, "memory", resources.resourceMemoryLimit, resources.memoryLimit, "memory limit");
  take(requests, "memory", resources.resourceMemoryRequest, resources.memoryRequest, "memory request");
  take(limits, "cpu", resources.resourceCpuLimit, resources.cpuLimit, "CPU limit");
  take(requests, "cpu", resources.resourceCpuRequest, resources.cpuRequest, "CPU request");
  takeAccelerator(limits, resources, resolve);
  return {
    ...(Object.keys(limits).length > 0 ? { limits } : {}),
    ...(Object.keys(requests).length > 0 ? { requests } : {}),
  };
}

/** An accelerator needs a type and a count; with only one of them there is none, silently, as in the reference. */
function takeAccelerator(limits: Record<string, string>, resources: ResourceSpec, resolve: ResolveText): void {
  const accelerator = resources.accelerator;
  if (accelerator === undefined) return;
  const type = accelerator.resourceType === "" ? accelerator.type : resolve(accelerator.resourceType);
  const legacyCount = accelerator.count > 0n ? String(accelerator.count) : "";
  const count = accelerator.resourceCount === "" ? legacyCount : resolve(accelerator.resourceCount);
  if (type !== "" && count !== "") limits[type] = canonicalQuantity(count, `count of accelerator "${type}"`);
}

/** Go's `%g` with the shortest digits: exponent form below 1e-4 and from 1e6, with a sign and at least two exponent digits. */
export function shortestG(value: number): string {
  const [digits, exponentText] = value.toExponential().split("e") as [string, string];
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < 6) return String(value);
  return `${digits}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}
