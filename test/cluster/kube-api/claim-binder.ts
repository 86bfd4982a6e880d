/**
 * Binds every volume claim at once, in the place of a controller and a storage provider.
 *
 * @module
 */
import type { ObjectStore } from "./object-store.ts";
import { resourceOf } from "./resources.ts";

/** @returns Stops it. */
export function bindClaims(store: ObjectStore): () => void {
  const resource = resourceOf("persistentvolumeclaims");
  return store.watch(
    { resource, namespace: "" },
    {
      since: "",
      selects: () => true,
      onEvent: ({ type, object }) => {
        if (type !== "ADDED") return;
        const { name, namespace = "", uid } = object.metadata;
        // After the change: a listener of the store does not change it in the middle of telling others.
        queueMicrotask(() => {
          const place = { resource, namespace, name };
          if (store.find(place)?.metadata.uid !== uid) return;
          store.patch(place, { spec: { volumeName: `pvc-${uid}` } });
          store.patch(place, { status: { phase: "Bound" } }, "status");
        });
      },
    },
  );
}
