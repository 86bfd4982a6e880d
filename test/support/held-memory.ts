/**
 * What a program holds: what is still reachable after a full collection.
 *
 * Resident memory says little, since a collector gives back what it likes when it likes. The inspector of Node collects and counts in a
 * program as it was built.
 *
 * @module
 */
import type { InspectorClient } from "./inspector-client.ts";

export interface HeldMemory {
  /** Heap in use and buffers outside of it, in bytes. */
  readonly heldBytes: number;
  /** Open handles and requests of Node. */
  readonly resources: number;
}

/** Of the program now, after forced collections. */
export async function measureHeap(inspector: InspectorClient): Promise<HeldMemory> {
  // What one collection finalises, the next one frees.
  for (let time = 0; time < 3; time += 1) await inspector.send("HeapProfiler.collectGarbage");
  const heap = await inspector.send<{ usedSize: number; backingStorageSize?: number }>("Runtime.getHeapUsage");
  const { result } = await inspector.send<{ result: { value: number } }>("Runtime.evaluate", {
    expression: "process.getActiveResourcesInfo().length",
    returnByValue: true,
  });
  return { heldBytes: heap.usedSize + (heap.backingStorageSize ?? 0), resources: result.value };
}
