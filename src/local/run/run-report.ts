/**
 * What is told of a finished run: the result, from the rows of its tasks and from what the engine saw.
 *
 * @module
 */
import { TaskState } from "../../core/kfp-types.ts";
import type { EngineEvent } from "../engine/engine-event.ts";
import type { TaskPlace } from "../engine/task-executor.ts";
import { taskLabel } from "../engine/task-label.ts";
import { placeTasks } from "../pipeline/pipeline-tasks.ts";
import { displayNames } from "../results/display-names.ts";
import { notRunTasks } from "../results/not-run.ts";
import { buildRunResult, taskPlaces, type RunResult, type StepFailure } from "../results/run-result.ts";
import type { LocalStepRuntime } from "../steps/local-step-runtime.ts";
import type { LocalRun } from "./local-run.ts";
import type { EndedRun } from "./run-end.ts";

/** A task that ended, as the engine saw it. */
export type EndedEvent = Extract<EngineEvent, { kind: "ended" }>;

/** What is known of a run that is over. */
export interface RunRecord extends EndedRun {
  readonly durationMs: number;
  readonly cancelled: boolean;
  /** Tasks that ended as failed, by their label. */
  readonly failed: ReadonlyMap<string, EndedEvent>;
  readonly steps: Pick<LocalStepRuntime, "lastLines">;
}

/** The result for a person or a program, and why each failed step failed. */
export interface RunReport {
  readonly result: RunResult;
  /** Of failed steps, by task id. */
  readonly failures: ReadonlyMap<string, StepFailure>;
}

/** Puts the result together. */
export function reportRun({ runId, pipeline }: Pick<LocalRun, "runId" | "pipeline">, record: RunRecord): RunReport {
  const { state, tasks, durationMs, cancelled, failed, steps } = record;
  const places = taskPlaces(tasks);
  const failureOf = (place: TaskPlace): StepFailure | undefined => {
    const event = failed.get(taskLabel(place));
    if (event === undefined) return undefined;
    const { exitCode, error } = event;
    return {
      ...(exitCode === undefined ? {} : { exitCode }),
      ...(error === undefined ? {} : { error }),
      lastLines: steps.lastLines(place),
    };
  };
  const failures = new Map<string, StepFailure>();
  for (const { taskId, state: taskState } of tasks) {
    const failure = taskState === TaskState.FAILED ? failureOf(places.get(taskId) as TaskPlace) : undefined;
    if (failure !== undefined) failures.set(taskId, failure);
  }
  const planned = placeTasks(pipeline.parsed);
  const names = displayNames(planned);
  const notRun = notRunTasks({
    tasks: planned,
    rows: tasks,
    places,
    engineErrors: new Map([...failed].flatMap(([label, { error }]) => (error === undefined ? [] : [[label, error]]))),
    displayNames: names,
    cancelled,
  });
  const result = buildRunResult({
    ...{ runId, state, durationMs, tasks, notRun },
    failures: failureOf,
    displayNames: names,
  });
  return { failures, result };
}
