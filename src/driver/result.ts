/** What a driver found out, before it becomes files. @module */
import type { PodSpecPatch } from "./pod-spec-patch/pod-spec.ts";

/** The outcome of a driver that did not fail. */
export interface DriverResult {
  readonly taskId: string;
  /** Absent when the task has no trigger condition. */
  readonly condition?: boolean;
  /** Only of a loop; 0 is a loop over nothing. */
  readonly iterationCount?: number;
  /** CONTAINER only: true when the launcher must not run because the outputs came from the cache. */
  readonly cached?: boolean;
  /** CONTAINER only: present when the launcher must run. */
  readonly podSpecPatch?: PodSpecPatch;
}
