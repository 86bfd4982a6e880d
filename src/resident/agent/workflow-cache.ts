/**
 * Workflows as they were a moment ago.
 *
 * They are read and not followed: each changes with every pod of its run, up to a megabyte at a time, and only a few members of it
 * matter here.
 *
 * @module
 */
import type { Clock } from "../../ports/clock.ts";
import type { KubeObjects, ObjectName } from "../../ports/kube-objects.ts";
import { readWorkflow, WORKFLOWS, type WorkflowFacts } from "./workflow.ts";

interface Read {
  readonly facts: Promise<WorkflowFacts | undefined>;
  readonly atMs: number;
}

export class WorkflowCache {
  readonly #deps: { readonly kube: Pick<KubeObjects, "getObject">; readonly clock: Clock };
  readonly #freshMs: number;
  readonly #reads = new Map<string, Read>();

  /** @param freshMs A terminated run is noticed this much later at most. */
  constructor(deps: { readonly kube: Pick<KubeObjects, "getObject">; readonly clock: Clock }, freshMs: number) {
    this.#deps = deps;
    this.#freshMs = freshMs;
  }

  /** Workflows that are known at the moment. */
  get size(): number {
    return this.#reads.size;
  }

  /** `undefined` when it is gone. Calls at the same time share one read. @throws {KubeError} */
  async read(place: ObjectName): Promise<WorkflowFacts | undefined> {
    const { kube, clock } = this.#deps;
    const key = keyOf(place);
    const known = this.#reads.get(key);
    if (known !== undefined && clock.monotonicMs() - known.atMs < this.#freshMs) return await known.facts;
    this.#dropStale();
    const facts = kube
      .getObject(WORKFLOWS, place)
      .then((object) => (object === undefined ? undefined : readWorkflow(object, clock.now())));
    // The oldest come first.
    this.#reads.delete(key);
    this.#reads.set(key, { facts, atMs: clock.monotonicMs() });
    try {
      return await facts;
    } catch (error) {
      if (this.#reads.get(key)?.facts === facts) this.#reads.delete(key);
      throw error;
    }
  }

  forget(place: ObjectName): void {
    this.#reads.delete(keyOf(place));
  }

  /** Also of a workflow that was looked at once more after it was forgotten. */
  #dropStale(): void {
    const nowMs = this.#deps.clock.monotonicMs();
    for (const [key, { atMs }] of this.#reads) {
      if (nowMs - atMs < this.#freshMs) return;
      this.#reads.delete(key);
    }
  }
}

function keyOf({ namespace, name }: ObjectName): string {
  return `${namespace}/${name}`;
}
