/**
 * The end of a run: final states for the run and all its tasks, and the rows as they are then.
 *
 * Source: docs/spec/status-roll-up.md#decision-final-states, #run-state-and-root-state.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { fromBinary } from "@bufbuild/protobuf";
import type { ApiServer } from "../../apiserver/server.ts";
import { UNFINISHED_MESSAGE, type FinishedRun } from "../../apiserver/services/run-lifecycle.ts";
import { hydrateTasks } from "../../apiserver/services/task-hydration.ts";
import { PipelineTaskSchema, RuntimeState, TaskState, TaskType, type PipelineTask } from "../../core/kfp-types.ts";
import { statusMetadata } from "../../tasks/task-status.ts";
import { stoppedMessage } from "../engine/cancellation.ts";
import type { Home } from "../home/home.ts";
import type { RunResult } from "../results/run-result.ts";
import type { StorageTrouble } from "./storage-trouble.ts";

/** Where a run is executed: a home that this process has locked, with its server. */
export interface RunPlace {
  readonly home: Home;
  readonly server: ApiServer;
  readonly trouble: StorageTrouble;
}

/** How the engine ended the run. */
export interface RunOutcome {
  readonly outcome: "succeeded" | "failed";
  /** Why it was stopped, in words for the tasks that this cut short; absent: it was not. */
  readonly stoppedBecause?: string;
  /** Text for tasks that are not final; absent: why the run was stopped, or that it ended. */
  readonly unfinishedMessage?: string;
}

/** The final states, as stored or, where the disk did not take them, as they would have been. */
export interface EndedRun {
  readonly state: RunResult["state"];
  readonly tasks: PipelineTask[];
}

/**
 * Ends a run. What drivers and launchers still do changes nothing any more.
 *
 * A disk that does not take the final states costs the record, not the answer: the next run in this home ends the stored one.
 *
 * @throws {ServiceError} notFound when there is no such run; any error that is not one of the disk.
 */
export function endRun({ home, server, trouble }: RunPlace, runId: string, ending: RunOutcome): EndedRun {
  const { runs } = server;
  runs.sealRun(runId);
  const { outcome, stoppedBecause } = ending;
  const message = ending.unfinishedMessage ?? stoppedBecause ?? UNFINISHED_MESSAGE;
  const before = storedTasks(server, trouble, runId);
  const rootFailed = before.some(({ type, state }) => type === TaskType.ROOT && state === TaskState.FAILED);
  const wanted = outcome === "succeeded" && !rootFailed ? RuntimeState.SUCCEEDED : RuntimeState.FAILED;
  const finish = (): FinishedRun =>
    runs.finishRun(runId, wanted, message, stoppedBecause === undefined ? {} : { rewordFailure: stoppedMessage(stoppedBecause) });
  try {
    const { state } = trouble.retried(finish);
    // SQLite goes on writing to a file that has no name any more.
    if (!existsSync(home.database)) throw trouble.removed();
    return { state: state === RuntimeState.SUCCEEDED ? "SUCCEEDED" : "FAILED", tasks: storedTasks(server, trouble, runId) };
  } catch (error) {
    if (!trouble.note(error) && trouble.reason === undefined) throw error;
    return { state: "FAILED", tasks: before.map((task) => asFinal(task, message)) };
  }
}

/** Leaves a run as it is, for another execution. What drivers and launchers still do changes nothing any more. */
export function leaveRun({ server, trouble }: RunPlace, runId: string): EndedRun {
  server.runs.sealRun(runId);
  return { state: "FAILED", tasks: storedTasks(server, trouble, runId) };
}

function storedTasks({ store }: ApiServer, trouble: StorageTrouble, runId: string): PipelineTask[] {
  try {
    const bodies = hydrateTasks(store, store.tasks.ofRun(runId), "complete", { withChildren: false });
    return bodies.map((body) => fromBinary(PipelineTaskSchema, body));
  } catch (error) {
    if (!trouble.note(error)) throw error;
    return [];
  }
}

/** The row as the end of the run would have made it. */
function asFinal(task: PipelineTask, message: string): PipelineTask {
  if (task.state !== TaskState.RUNNING && task.state !== TaskState.RUNTIME_STATE_UNSPECIFIED) return task;
  return { ...task, state: TaskState.FAILED, statusMetadata: statusMetadata(message, task.statusMetadata) };
}
