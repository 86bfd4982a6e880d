/**
 * What a step needs of the machine while it runs: its requests, weighed against what there is.
 *
 * As Kubernetes' scheduler does, requests count, and where a resource has a limit only, the limit. A step that asks for more than
 * there is would wait for ever in a cluster of this size; here it runs while no other step does.
 *
 * Why: docs/adr/0045-local-driver-retries-and-weights.md.
 *
 * @module
 */
import type { IResourceRequirements } from "kubernetes-models/v1";
import { quantityValue } from "../pods/quantity-value.ts";

/** Processors, bytes, pieces, by the name of a Kubernetes resource. */
export type Amounts = Readonly<Record<string, number>>;

/** A resource that a step asks too much of. */
export interface Excess {
  readonly resource: string;
  readonly asked: number;
  readonly available: number;
}

/** What a step takes while it runs. */
export interface StepNeed {
  readonly amounts: Amounts;
  /** Absent where it fits; a step with any runs alone. */
  readonly excess?: readonly Excess[];
}

/**
 * @param resources Of the step's container, as the driver has checked them.
 * @param capacity What there is; resources it does not name do not count.
 */
export function stepNeed({ requests = {}, limits = {} }: IResourceRequirements, capacity: Amounts): StepNeed {
  const amounts: Record<string, number> = {};
  const excess: Excess[] = [];
  for (const [resource, available] of Object.entries(capacity)) {
    const asked = quantityValue(String(requests[resource] ?? limits[resource] ?? "")) ?? 0;
    if (asked <= 0) continue;
    amounts[resource] = asked;
    if (asked > available) excess.push({ resource, asked, available });
  }
  return { amounts, ...(excess.length === 0 ? {} : { excess }) };
}
