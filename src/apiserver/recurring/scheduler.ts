/**
 * Makes the runs of schedules when they are due.
 *
 * All that has to be known is in the store; this class only knows when to look again. It looks at least every half a minute, because
 * clocks are set and machines sleep, and when it is told that something has changed.
 *
 * Source: docs/spec/pipelines-and-python-client.md#scheduling.
 *
 * @module
 */
import { errorMessage } from "../../core/errors.ts";
import { fireSchedule, type ScheduledRunDeps } from "./scheduled-run.ts";

/** What the scheduler works on. */
export interface SchedulerDeps extends ScheduledRunDeps {
  /** Wall clock, unix time in milliseconds. */
  readonly nowMs: () => number;
  /** Calls back once after a delay. @returns What ends the wait. */
  readonly setTimer: (work: () => void, delayMs: number) => () => void;
  /** A run is PENDING and waits to be executed; called after it is stored. */
  readonly runCreated: (runId: string) => void;
  /** A run could not be made, or the store could not be read. One line. */
  readonly onProblem: (recurringRunId: string, reason: string) => void;
}

/** Between two looks at most. */
const MAX_DELAY_MS = 30_000;
/** Runs and passed times of one look at most, so that a long backlog leaves room for calls. */
const MAX_STEPS_PER_LOOK = 100;

/** Call {@link start} once, {@link wake} when a schedule or the number of runs under way has changed, {@link stop} at the end. */
export class Scheduler {
  readonly #deps: SchedulerDeps;
  #cancelTimer: (() => void) | undefined;
  #isStarted = false;

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
  }

  /** Looks at once: what was missed while nobody looked is due by the rules of each schedule. */
  start(): void {
    this.#isStarted = true;
    this.#setTimer(0);
  }

  /** Looks soon: a schedule is new, enabled or gone, or a run has ended. */
  wake(): void {
    if (this.#isStarted) this.#setTimer(0);
  }

  /** From now on nothing fires. */
  stop(): void {
    this.#isStarted = false;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  /**
   * Makes every run that is due now.
   *
   * @returns Milliseconds until the next look.
   */
  look(): number {
    const now = this.#deps.nowMs();
    const nowSeconds = Math.floor(now / 1000);
    let nextSeconds = Number.POSITIVE_INFINITY;
    let steps = 0;
    for (const id of this.#enabledIds()) {
      for (;;) {
        if (steps === MAX_STEPS_PER_LOOK) return 0;
        const outcome = this.#fire(id, nowSeconds);
        if (outcome === undefined || outcome.kind === "blocked") break;
        if (outcome.kind === "idle") {
          nextSeconds = Math.min(nextSeconds, outcome.nextSeconds ?? nextSeconds);
          break;
        }
        steps += 1;
        if (outcome.kind === "run") this.#deps.runCreated(outcome.runId);
        if (outcome.kind === "problem") this.#deps.onProblem(id, outcome.reason);
      }
    }
    return Math.min(MAX_DELAY_MS, Math.max(0, nextSeconds * 1000 - now));
  }

  #enabledIds(): string[] {
    try {
      return this.#deps.store.recurringRuns.enabledIds();
    } catch (error) {
      this.#deps.onProblem("", errorMessage(error));
      return [];
    }
  }

  /** One schedule that cannot be read does not keep the others from firing. */
  #fire(id: string, nowSeconds: number): ReturnType<typeof fireSchedule> | undefined {
    try {
      return fireSchedule(this.#deps, id, nowSeconds);
    } catch (error) {
      this.#deps.onProblem(id, errorMessage(error));
      return undefined;
    }
  }

  #setTimer(delayMs: number): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#deps.setTimer(() => {
      this.#cancelTimer = undefined;
      if (!this.#isStarted) return;
      const delay = this.look();
      // A hook may have asked for a look meanwhile, or ended everything.
      if (this.#isStarted && this.#cancelTimer === undefined) this.#setTimer(delay);
    }, delayMs);
  }
}
