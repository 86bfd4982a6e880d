/**
 * The object stores of one attempt, opened when the first URI asks for them.
 *
 * Absolute paths need no launcher configuration, so a step that touches nothing else does not ask the cluster for it.
 *
 * @module
 */
import { isLocalUri } from "../core/executor/artifact-uri.ts";
import type { ObjectStore } from "../ports/object-store.ts";
import type { OpenStore } from "./deps.ts";

export { hasLocalRoot } from "../config/pipeline-root.ts";

/** The stores of an attempt, by URI. */
export interface Stores {
  /** @throws {KfpError} When the launcher configuration cannot be read. */
  of(uri: string): Promise<ObjectStore>;
  /** Makes the store ready for transfers of this URI. Never fails. */
  warmUp(uri: string): Promise<void>;
  /** Makes the next transfers read their credentials again. */
  refresh(): Promise<void>;
  close(): Promise<void>;
}

/** Whose configuration decides about the stores. */
export interface StoresOptions {
  readonly namespace: string;
  readonly localRootAllowed: boolean;
}

/** Opens nothing yet: each store is opened with the first URI that needs it, and once. */
export function openStores(openStore: OpenStore, { namespace, localRootAllowed }: StoresOptions): Stores {
  const opened = new Map<boolean, Promise<ObjectStore>>();
  const all = async (): Promise<ObjectStore[]> => {
    const settled = await Promise.allSettled(opened.values());
    return settled.flatMap((store) => (store.status === "fulfilled" ? [store.value] : []));
  };
  return {
    of(uri) {
      const localOnly = localRootAllowed && isLocalUri(uri);
      let store = opened.get(localOnly);
      if (store === undefined) {
        store = openStore({ namespace, localOnly, localRootAllowed });
        opened.set(localOnly, store);
      }
      return store;
    },
    async warmUp(uri) {
      try {
        await (await this.of(uri)).warmUp?.(uri);
      } catch {
        // The transfer itself will say what is wrong.
      }
    },
    async refresh() {
      for (const store of await all()) await store.refresh();
    },
    async close() {
      for (const store of await all()) await store.close();
    },
  };
}
