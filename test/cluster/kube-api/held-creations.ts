/**
 * Requests for new objects that wait until a test lets them go: whoever has sent one is in the middle of its work until then.
 *
 * @module
 */
import type { KubeObjectInput } from "./kube-object.ts";
import type { Resource } from "./resources.ts";

export interface HeldCreation {
  /** Resolves when a request waits. */
  readonly reached: Promise<void>;
  /** Lets go what waits, and what is still to come. */
  readonly release: () => void;
}

interface Hold {
  readonly resource: Resource;
  readonly selects: (object: KubeObjectInput) => boolean;
  readonly reach: () => void;
  readonly released: Promise<void>;
}

export class HeldCreations {
  readonly #holds = new Set<Hold>();

  hold(resource: Resource, selects: (object: KubeObjectInput) => boolean): HeldCreation {
    const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const hold = { resource, selects, reach, released };
    this.#holds.add(hold);
    return {
      reached,
      release: () => {
        this.#holds.delete(hold);
        release();
      },
    };
  }

  /** Ends when nothing holds the object. */
  async admit(resource: Resource, object: KubeObjectInput): Promise<void> {
    for (const hold of [...this.#holds]) {
      if (hold.resource !== resource || !hold.selects(object)) continue;
      hold.reach();
      await hold.released;
    }
  }
}
