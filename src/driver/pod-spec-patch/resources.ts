/**
 * Limits, requests and accelerators of the user's container.
 *
 * Source: docs/spec/pod-spec-patch.md#resources-and-accelerators, docs/spec/pod-spec-patch.md#k8s-10, docs/spec/resolver.md#drv-19.
 *
 * @module
 */
import type { ContainerSpec } from "../../core/kfp-types.ts";
import { plainDecimal } from "../../core/go/number.ts";
import type { ResolveDynamic } from "./contribution.ts";
import { canonicalQuantity } from "./quantity.ts";

/** Limits and requests; a map that would be empty is absent. */
export interface ResourceRequirements {
  readonly limits?: Readonly<Record<string, string>>;
  readonly requests?: Readonly<Record<string, string>>;
}

type ResourceSpec = NonNullable<ContainerSpec["resources"]>;
/** Replaces the input parameter placeholders in a text; throws for an input that does not exist. */
export type ResolveText = (text: string) => string;

/** @throws {SpecError} SPEC_INVALID for a malformed quantity, PLACEHOLDER_INVALID for an unknown input. */
export function resourceRequirements(
  resources: ResourceSpec | undefined,
  resolve: ResolveText,
  warn: ResolveDynamic["warn"] = () => undefined,
): ResourceRequirements {
  if (resources === undefined) return {};
  const limits: Record<string, string> = {};
  const requests: Record<string, string> = {};
  const take = (target: Record<string, string>, key: "cpu" | "memory", text: string, legacy: number, what: string): void => {
    if (text !== "") target[key] = canonicalQuantity(resolve(text), what);
    // An exponent and a unit together are no quantity: the reference fails on very large and very small amounts of memory.
    else if (legacy !== 0)
      target[key] = canonicalQuantity(key === "memory" ? `${plainDecimal(legacy)}G` : shortestG(legacy), what);
  };
  take(limits, "memory", resources.resourceMemoryLimit, resources.memoryLimit, "memory limit");
  take(requests, "memory", resources.resourceMemoryRequest, resources.memoryRequest, "memory request");
  take(limits, "cpu", resources.resourceCpuLimit, resources.cpuLimit, "CPU limit");
  take(requests, "cpu", resources.resourceCpuRequest, resources.cpuRequest, "CPU request");
  takeAccelerator(limits, resources, { resolve, warn });
  return {
    ...(Object.keys(limits).length > 0 ? { limits } : {}),
    ...(Object.keys(requests).length > 0 ? { requests } : {}),
  };
}

/** An accelerator needs a type and a count; with only one of them there is none, as in the reference, and a warning says so. */
function takeAccelerator(
  limits: Record<string, string>,
  resources: ResourceSpec,
  { resolve, warn }: { readonly resolve: ResolveText; readonly warn: ResolveDynamic["warn"] },
): void {
  const accelerator = resources.accelerator;
  if (accelerator === undefined) return;
  const type = accelerator.resourceType === "" ? accelerator.type : resolve(accelerator.resourceType);
  const legacyCount = accelerator.count > 0n ? String(accelerator.count) : "";
  const count = accelerator.resourceCount === "" ? legacyCount : resolve(accelerator.resourceCount);
  if ((type === "") !== (count === "")) warn("An accelerator without type or count is left out", { type, count });
  if (type !== "" && count !== "") limits[type] = canonicalQuantity(count, `count of accelerator "${type}"`);
}

/** Go's `%g` with the shortest digits: exponent form below 1e-4 and from 1e6, with a sign and at least two exponent digits. */
export function shortestG(value: number): string {
  const [digits, exponentText] = value.toExponential().split("e") as [string, string];
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < 6) return String(value);
  return `${digits}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}
