/**
 * The life of a run, for the service calls and for the engine in the same process: create, change state, end, reset for a retry.
 *
 * Source: docs/spec/api-server.md#createrun, #run-states, #task-reset-of-a-run-retry,
 * #api-31, #api-32, #api-33,
 * docs/spec/status-roll-up.md#run-state-and-root-state, #decision-final-states.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { create, fromBinary, fromJson, toBinary, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf";
import { StructSchema } from "@bufbuild/protobuf/wkt";
import {
  PipelineTaskSchema,
  RunSchema,
  RuntimeState,
  StatusMetadataSchema,
  TaskState,
  TaskType,
  type PipelineTask,
} from "../../core/kfp-types.ts";
import { StatusSchema } from "../../gen/google/rpc/status_pb.js";
import { Run_StorageState as StorageState } from "../../gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import { grpcStatusCode, type GrpcStatus } from "../../wire/grpc-status.ts";
import { aborted, alreadyExists, failedPrecondition, notFound } from "../service-error.ts";
import { appendRunState, appendTaskState } from "./state-history.ts";
import type { SetAsideRun, Store, StoredRun } from "../store.ts";
import { needsReset, resetTask } from "./task-reset.ts";
import { timestampOfSeconds, wholeSeconds } from "../timestamps.ts";

/** A run as it is asked for. */
export type RunInit = MessageInitShape<typeof RunSchema>;

/** Unix time in whole seconds. */
export type SecondsClock = () => number;

/** States a run ends with. A terminated run ends FAILED: the Python client would wait for ever on CANCELED. */
export type FinalRunState = RuntimeState.SUCCEEDED | RuntimeState.FAILED | RuntimeState.SKIPPED;

/** States after which nothing of a run changes, unless it is retried. */
export const FINAL_RUN_STATES: ReadonlySet<RuntimeState> = new Set([
  RuntimeState.SUCCEEDED,
  RuntimeState.FAILED,
  RuntimeState.SKIPPED,
  RuntimeState.CANCELED,
]);

/** What ending a run did. */
export interface FinishedRun {
  /** What the run ended with; FAILED instead of SUCCEEDED when its ROOT task had to be finalised. */
  readonly state: FinalRunState;
  /** Tasks that were not final and became FAILED. */
  readonly finalizedTaskIds: readonly string[];
}

/** How unfinished tasks are finalised. */
export interface FinalizeOptions {
  /** The message a FAILED task is to have instead of the one it has; undefined keeps it. Absent: every one is kept. */
  readonly rewordFailure?: (message: string) => string | undefined;
  /** Only this task and what is below it; absent: all. */
  readonly below?: string;
}

/** Text on tasks that the end of their run finalised. */
export const UNFINISHED_MESSAGE = "The run ended before this task did";

/** Of runs and schedules that name none. */
export const DEFAULT_SERVICE_ACCOUNT = "pipeline-runner";

/** States of runs and of the tasks in them, on one store. A change is one transaction: all of it or nothing. */
export class RunLifecycle {
  readonly #store: Store;
  readonly #now: SecondsClock;
  readonly #sealed = new Set<string>();

  constructor(store: Store, now: SecondsClock) {
    this.#store = store;
    this.#now = now;
  }

  /**
   * Stores a new run in state PENDING. Spec and parameters are taken as they are: checks belong to the caller.
   *
   * Read from `init`: run id (made when empty), display name, description, experiment, pipeline source, runtime config, service
   * account, `scheduled_at`, `recurring_run_id`, plugin input.
   *
   * @param options.pipelineSpec Spec to keep besides a version reference, as for a run made from a stored version.
   * @throws {ServiceError} alreadyExists for a run id in use, notFound for an unknown experiment.
   */
  createRun(init: RunInit, options: { readonly pipelineSpec?: JsonObject } = {}): StoredRun {
    const request = create(RunSchema, init);
    const now = this.#now();
    const experimentId = request.experimentId === "" ? this.#store.experiments.defaultId() : request.experimentId;
    if (!this.#store.experiments.exists(experimentId)) throw notFound("Experiment", experimentId);
    const runId = request.runId === "" ? randomUUID() : request.runId;
    const source = request.pipelineSource;
    const spec = source.case === "pipelineSpec" ? source.value : options.pipelineSpec;
    const run = create(RunSchema, {
      runId,
      experimentId,
      displayName: request.displayName,
      description: request.description,
      storageState: StorageState.AVAILABLE,
      ...(source.case === "pipelineVersionReference" ? { pipelineSource: source } : {}),
      ...(request.runtimeConfig === undefined ? {} : { runtimeConfig: request.runtimeConfig }),
      serviceAccount: request.serviceAccount === "" ? DEFAULT_SERVICE_ACCOUNT : request.serviceAccount,
      createdAt: timestampOfSeconds(now),
      scheduledAt: wholeSeconds(request.scheduledAt) ?? timestampOfSeconds(now),
      finishedAt: timestampOfSeconds(0),
      state: RuntimeState.PENDING,
      recurringRunId: request.recurringRunId,
      pluginsInput: request.pluginsInput,
    });
    appendRunState(run.stateHistory, RuntimeState.PENDING, now);
    const stored: StoredRun = {
      run,
      pipelineSpec: spec === undefined ? undefined : toBinary(StructSchema, fromJson(StructSchema, spec)),
    };
    this.#store.transaction(() => {
      if (this.#store.runs.exists(runId)) throw alreadyExists(`Run ${runId} exists already`);
      this.#store.runs.insert(stored);
      this.#store.experiments.noteRun(experimentId, now);
    });
    return stored;
  }

  /** @throws {ServiceError} notFound. */
  requireRun(runId: string): StoredRun {
    const stored = this.#store.runs.find(runId);
    if (stored === undefined) throw notFound("Run", runId);
    return stored;
  }

  /**
   * Records a state of the run that is not its end.
   *
   * RUNNING of a run that is being cancelled is ignored: it stays CANCELING until it ends.
   */
  setRunState(runId: string, state: RuntimeState): void {
    this.#store.transaction(() => {
      const { run } = this.requireRun(runId);
      if (run.state === RuntimeState.CANCELING && state === RuntimeState.RUNNING) return;
      run.state = state;
      appendRunState(run.stateHistory, state, this.#now());
      this.#store.runs.update(run);
    });
  }

  /**
   * From now on no call changes the tasks of a run: what an engine gave up on may still be under way, and would leave rows behind that
   * nobody ends. The calls of this class still do.
   */
  sealRun(runId: string): void {
    this.#sealed.add(runId);
  }

  /**
   * Refuses writes to tasks and links of a run that has ended. An unknown run passes: whoever needs it says that it is not found.
   *
   * @throws {ServiceError} failedPrecondition when the run is sealed or in a final state.
   */
  assertOpen(runId: string): void {
    const state = this.#store.runs.state(runId);
    if (this.#sealed.has(runId) || (state !== undefined && FINAL_RUN_STATES.has(state))) {
      throw failedPrecondition(`Run ${runId} has ended: its tasks do not change any more`);
    }
  }

  /**
   * Puts a failed run back to PENDING, and its tasks that did not succeed back to the start, in one transaction; its seal is broken.
   *
   * Whoever executes runs must be through with the run: it ends a run as the last thing it does.
   *
   * @returns Ids of the reset tasks.
   * @throws {ServiceError} notFound; aborted when the run has not failed or its pipeline is not stored.
   */
  retryRun(runId: string): string[] {
    const reset = this.#store.transaction(() => {
      const { run, pipelineSpec } = this.requireRun(runId);
      if (run.state !== RuntimeState.FAILED && run.state !== RuntimeState.CANCELED) {
        throw aborted(`Run ${runId} cannot be retried: it is ${RuntimeState[run.state]}, only failed runs can`);
      }
      if (pipelineSpec === undefined) throw aborted(`Run ${runId} cannot be retried: its pipeline is not stored`);
      const taskIds = this.resetTasksForRetry(runId);
      run.state = RuntimeState.PENDING;
      run.finishedAt = timestampOfSeconds(0);
      delete run.error;
      appendRunState(run.stateHistory, RuntimeState.PENDING, this.#now());
      this.#store.runs.update(run);
      return taskIds;
    });
    this.#sealed.delete(runId);
    return reset;
  }

  /**
   * Ends a run and finalises its unfinished tasks, in one transaction.
   *
   * @param options.error Stored in the run's row.
   */
  finishRun(
    runId: string,
    state: FinalRunState,
    unfinishedMessage: string = UNFINISHED_MESSAGE,
    options: Pick<FinalizeOptions, "rewordFailure"> & {
      /** Why the run could not be executed at all. */
      readonly error?: { readonly status: GrpcStatus; readonly message: string };
    } = {},
  ): FinishedRun {
    return this.#store.transaction(() => {
      const { run } = this.requireRun(runId);
      const finalized = this.#finalizeTasks(runId, unfinishedMessage, options);
      const rootCut = finalized.some((task) => task.type === TaskType.ROOT);
      const finalState = state === RuntimeState.SUCCEEDED && rootCut ? RuntimeState.FAILED : state;
      const now = this.#now();
      run.state = finalState;
      run.finishedAt = timestampOfSeconds(now);
      if (options.error !== undefined) {
        run.error = create(StatusSchema, { code: grpcStatusCode(options.error.status), message: options.error.message });
      }
      appendRunState(run.stateHistory, finalState, now);
      this.#store.runs.update(run);
      return { state: finalState, finalizedTaskIds: finalized.map((task) => task.taskId) };
    });
  }

  /**
   * Ends the runs in the given states as FAILED, their unfinished tasks too. A run that cannot be read is set aside first, so that it
   * cannot keep the others from ending.
   *
   * @param isKept Runs that are not ended: they belong to somebody else.
   * @returns The runs that were set aside.
   */
  finishRuns(
    states: readonly RuntimeState[],
    unfinishedMessage: string,
    isKept: (runId: string) => boolean = () => false,
  ): SetAsideRun[] {
    const setAside: SetAsideRun[] = [];
    for (const runId of this.#store.runs.idsInStates(states)) {
      if (isKept(runId)) continue;
      const unreadable = this.#store.runs.setAsideUnreadable(runId, this.#now());
      if (unreadable !== undefined) setAside.push(unreadable);
      this.finishRun(runId, RuntimeState.FAILED, unfinishedMessage);
    }
    return setAside;
  }

  /**
   * Makes every task that is neither SUCCEEDED, CACHED, SKIPPED nor FAILED a FAILED one.
   *
   * @param message Their status message, where they have none.
   * @returns Ids of the changed tasks.
   */
  finalizeTasks(runId: string, message: string = UNFINISHED_MESSAGE, options: FinalizeOptions = {}): string[] {
    return this.#store.transaction(() => this.#finalizeTasks(runId, message, options)).map((task) => task.taskId);
  }

  /**
   * Puts the tasks that a retry runs again back to the start and removes their links; call it before the run resumes.
   *
   * @param below This task and those below it instead, whatever became of them.
   * @returns Ids of the reset tasks.
   */
  resetTasksForRetry(runId: string, below?: string): string[] {
    const now = this.#now();
    return this.#store.transaction(() => {
      this.requireRun(runId);
      const all = this.#decodedTasks(runId);
      const reset = below === undefined ? all.filter(({ task }) => needsReset(task.state)) : tasksFrom(all, below);
      const taskIds = reset.map(({ task }) => task.taskId);
      this.#store.links.removeOfTasks(taskIds);
      for (const { task } of reset) {
        this.#store.tasks.update(resetTask(task, now), { replaceInputs: true, startSeconds: now, removes: ["outputs"] });
      }
      return taskIds;
    });
  }

  #finalizeTasks(runId: string, message: string, { rewordFailure = () => undefined, below }: FinalizeOptions): PipelineTask[] {
    const now = this.#now();
    const changed: PipelineTask[] = [];
    const all = this.#decodedTasks(runId);
    for (const { task, replaceInputs } of below === undefined ? all : tasksFrom(all, below)) {
      const reworded = task.state === TaskState.FAILED ? rewordFailure(task.statusMetadata?.message ?? "") : undefined;
      if (reworded !== undefined) {
        task.statusMetadata ??= create(StatusMetadataSchema);
        task.statusMetadata.message = reworded;
        this.#store.tasks.update(task, { replaceInputs });
        continue;
      }
      if (task.state !== TaskState.RUNNING && task.state !== TaskState.RUNTIME_STATE_UNSPECIFIED) continue;
      task.state = TaskState.FAILED;
      task.endTime = timestampOfSeconds(now);
      task.cacheFingerprint = "";
      task.statusMetadata ??= create(StatusMetadataSchema);
      if (task.statusMetadata.message === "") task.statusMetadata.message = message;
      appendTaskState(task.stateHistory, TaskState.FAILED, now);
      this.#store.tasks.update(task, { replaceInputs });
      changed.push(task);
    }
    return changed;
  }

  /** Parameters that are stored apart are not in the tasks, and an update leaves them as they are. */
  #decodedTasks(runId: string): { task: PipelineTask; replaceInputs: boolean }[] {
    return this.#store.tasks
      .ofRun(runId)
      .map(({ body, replaceInputs }) => ({ task: fromBinary(PipelineTaskSchema, body), replaceInputs }));
  }
}

/** A task and everything below it. */
function tasksFrom<Row extends { readonly task: PipelineTask }>(rows: readonly Row[], taskId: string): Row[] {
  const parents = new Map(rows.map(({ task }) => [task.taskId, task.parentTaskId]));
  const isBelow = (id: string | undefined): boolean => id !== undefined && (id === taskId || isBelow(parents.get(id)));
  return rows.filter(({ task }) => isBelow(task.taskId));
}
