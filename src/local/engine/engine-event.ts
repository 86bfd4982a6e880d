/**
 * What the engine tells of the tasks of a run while it executes them.
 *
 * @module
 */
import type { TaskOutcome } from "./dag-order.ts";
import type { DriverAttemptEvent } from "./driver-attempts.ts";
import type { Excess } from "./step-need.ts";
import type { AttemptEvent } from "./step-attempts.ts";
import type { TaskPlace } from "./task-executor.ts";

/** What a task is made of; the root and nested pipelines are `dag`. */
export type TaskKind = "dag" | "loop" | "step" | "importer";

/** What happens to a task. Every task that is started ends once; what is between is optional. */
export type EngineEvent =
  | { readonly kind: "started"; readonly place: TaskPlace; readonly taskKind: TaskKind }
  /** It is neither skipped nor served from the cache: a body begins, or a program is started. */
  | {
      readonly kind: "running";
      readonly place: TaskPlace;
      readonly taskKind: TaskKind;
      /** Of a loop. */
      readonly iterationCount?: number;
    }
  | {
      readonly kind: "ended";
      readonly place: TaskPlace;
      readonly taskKind: TaskKind;
      readonly outcome: TaskOutcome;
      readonly cached: boolean;
      readonly durationMs: number;
      /** Why it failed, as far as the engine knows; a step's own reason stands in its task row. */
      readonly error?: string;
      readonly exitCode?: number;
      /** The run was stopped before the task was done, and no program of it was under way: nobody needs a line for each of these. */
      readonly isCut?: boolean;
    }
  /** It asks for more than this machine has, and runs while no other step does; said once of all iterations. */
  | { readonly kind: "alone"; readonly place: TaskPlace; readonly excess: readonly Excess[] }
  | AttemptEvent
  | DriverAttemptEvent;
