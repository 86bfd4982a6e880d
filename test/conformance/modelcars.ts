/**
 * The model containers of a simulated pod: a model's folder appears once the launcher waits for it, and the container ends when the
 * launcher says so.
 *
 * @module
 */
import type { PodSpecPatch } from "../../src/driver/pod-spec-patch/pod-spec.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { MemoryPod } from "./memory-pod.ts";

/** Bounds the launcher's wait: the clock of a simulation passes at once, so that an endless wait would hang it. */
export const MODELCAR_ENVIRONMENT = { KFP_MODELCAR_TIMEOUT: "1m" };

/** Containers beside `main`, by where they show their model. */
export function modelMounts({ containers: [, ...sidecars] }: PodSpecPatch): string[] {
  return sidecars.flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ mountPath }) => mountPath));
}

/** A clock in whose first sleep the model containers start. */
export function startingModelcars(clock: Clock, pod: MemoryPod, mounts: readonly string[]): Clock {
  return {
    now: () => clock.now(),
    monotonicMs: () => clock.monotonicMs(),
    sleep: async (ms, signal) => {
      for (const mount of mounts) pod.write(`${mount}/models/model.bin`, "stub model\n");
      await clock.sleep(ms, signal);
    },
  };
}

/** @throws {Error} When a container was not told to end: its pod would stay. */
export async function assertModelcarsEnd({ files }: MemoryPod, mounts: readonly string[]): Promise<void> {
  for (const mount of mounts) {
    if ((await files.stat(`${mount}/launcher-complete`)) === undefined)
      throw new Error(`the model container at ${mount} runs on`);
  }
}
