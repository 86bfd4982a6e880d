/**
 * The name of a claim that the pipeline leaves to the driver.
 *
 * It has the form of a random UUID and is none: it follows from the task's place in the run, so that a driver that runs again, at the
 * same time or after a run retry, comes to the same claim instead of a second one.
 *
 * Source: docs/spec/persistent-volume-claims.md#drv-34.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** What makes a task the one it is, in one server. */
export interface TaskPlaceInRun {
  readonly runId: string;
  readonly parentTaskId: string;
  readonly scopePath: string;
  readonly iterationIndex?: number | undefined;
}

/** @param suffix Appended as it is, without a separator. */
export function generatedClaimName(place: TaskPlaceInRun, suffix: string): string {
  const { runId, parentTaskId, scopePath, iterationIndex } = place;
  const identity = JSON.stringify(["volume claim", runId, parentTaskId, scopePath, iterationIndex ?? null]);
  const bytes = createHash("sha256").update(identity).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  const groups = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
  return groups.join("-") + suffix;
}
