/**
 * What the engine that executes runs hears from the API.
 *
 * @module
 */

/**
 * Called after the change is stored, in the same turn; must not throw and must not wait.
 *
 * The store is the truth and hooks are hints: who missed them (the process was down) finds the same in the states of the runs.
 */
export interface EngineHooks {
  /** The run is PENDING and waits to be executed. */
  readonly runCreated?: (runId: string) => void;
  /** The run is CANCELING: stop it, then end it with FAILED. */
  readonly terminationRequested?: (runId: string) => void;
  /** The run has ended, its tasks that did not succeed were reset, and it is PENDING again: execute it once more. */
  readonly runRetried?: (runId: string) => void;
  /** The run and its tasks are gone from the store: stop it if it executes, and write nothing of it any more. */
  readonly runDeleted?: (runId: string) => void;
  /** A schedule is new, enabled, disabled or gone: when the next run is due may have changed. */
  readonly recurringRunChanged?: (recurringRunId: string) => void;
  /** A schedule was accepted that its author may have meant otherwise. One line, for the log. */
  readonly recurringRunWarning?: (recurringRunId: string, warning: string) => void;
}
