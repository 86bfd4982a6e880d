/**
 * What a create stores and what an update changes, field by field.
 *
 * Artifacts in requests are ignored: links are made by calls of their own. `child_tasks` and `lifecycle_message` are output only.
 *
 * Source: docs/spec/api-server.md#stored-fields, #state-history, #updatetask, #parameter-merge, #api-6 (a task that runs again
 * has no end time), #api-31 (a failed task has no fingerprint).
 *
 * @module
 */
import { clone, create } from "@bufbuild/protobuf";
import {
  InputOutputsSchema,
  PipelineTaskSchema,
  TaskState,
  TaskType,
  type InputOutputs,
  type IoParameter,
  type PipelineTask,
} from "../../core/kfp-types.ts";
import { mergeParameters } from "./parameter-merge.ts";
import { appendTaskState } from "./state-history.ts";
import { checkStoredDepth, fillMissingKinds } from "./stored-value.ts";
import { timestampOfSeconds, wholeSeconds } from "../timestamps.ts";

/**
 * The task a CreateTask request stores.
 *
 * @param taskId Made by the server; the request's own is ignored.
 * @param nowSeconds Unix time, taken where the request has no create time.
 */
export function newTask(request: PipelineTask, ids: { taskId: string; runId: string }, nowSeconds: number): PipelineTask {
  const task = clone(PipelineTaskSchema, request);
  task.taskId = ids.taskId;
  task.runId = ids.runId;
  if (task.parentTaskId === "") delete task.parentTaskId;
  delete task.lifecycleMessage;
  task.childTasks = [];
  task.createTime = wholeSeconds(request.createTime) ?? timestampOfSeconds(nowSeconds);
  setEndTime(task, request.endTime);
  for (const entry of task.stateHistory) {
    if (entry.updateTime !== undefined) entry.updateTime.nanos = 0;
  }
  appendTaskState(task.stateHistory, task.state, nowSeconds);
  dropFingerprintOfFailure(task);
  normalize(task);
  task.inputs = parametersOnly(task.inputs?.parameters ?? []);
  task.outputs = parametersOnly(task.outputs?.parameters ?? []);
  return task;
}

/** What merging an update needs to know besides row and request. */
export interface TaskUpdateOptions {
  readonly nowSeconds: number;
  /**
   * The row was reset for a retry and has had no inputs since: the request's replace the stored ones
   * (docs/spec/api-server.md#decision-stale-iterator-inputs).
   */
  readonly replaceInputs: boolean;
}

/**
 * Applies an UpdateTask request to a stored task.
 *
 * `task` is changed in place and takes over parts of `update`. Of a task whose parameters are stored apart it holds none, and has those of
 * the update afterwards: the store adds them.
 *
 * Empty and zero fields of the request keep what is stored. `status_metadata` and `type_attributes` replace when present; parameters
 * are merged.
 */
export function applyUpdate(task: PipelineTask, update: PipelineTask, options: TaskUpdateOptions): void {
  normalize(update);
  if (update.name !== "") task.name = update.name;
  if (update.displayName !== "") task.displayName = update.displayName;
  if (update.cacheFingerprint !== "") task.cacheFingerprint = update.cacheFingerprint;
  if (update.type !== TaskType.TASK_TYPE_UNSPECIFIED) task.type = update.type;
  if (update.parentTaskId === "") delete task.parentTaskId;
  else if (update.parentTaskId !== undefined) task.parentTaskId = update.parentTaskId;
  if (update.pods.length > 0) task.pods = update.pods;
  if (update.statusMetadata !== undefined) task.statusMetadata = update.statusMetadata;
  if (update.typeAttributes !== undefined) task.typeAttributes = update.typeAttributes;

  if (update.state === TaskState.RUNNING && task.state !== TaskState.RUNNING) delete task.endTime;
  if (update.state !== TaskState.RUNTIME_STATE_UNSPECIFIED) {
    task.state = update.state;
    appendTaskState(task.stateHistory, update.state, options.nowSeconds);
  }
  if (wholeSeconds(update.endTime) !== undefined) setEndTime(task, update.endTime);
  dropFingerprintOfFailure(task);

  const keptInputs = options.replaceInputs && hasParameters(update.inputs) ? [] : (task.inputs?.parameters ?? []);
  task.inputs = parametersOnly(mergeParameters(keptInputs, update.inputs?.parameters ?? []));
  task.outputs = parametersOnly(mergeParameters(task.outputs?.parameters ?? [], update.outputs?.parameters ?? []));
}

/** Whether the side of a task that a request carries holds parameters at all. */
export function hasParameters(side: InputOutputs | undefined): boolean {
  return side !== undefined && side.parameters.length > 0;
}

function parametersOnly(parameters: IoParameter[]): InputOutputs {
  return create(InputOutputsSchema, { parameters });
}

/** Nothing is to find a failed task by its fingerprint, whatever state it is sent to later: a retry brings the fingerprint again. */
function dropFingerprintOfFailure(task: PipelineTask): void {
  if (task.state === TaskState.FAILED) task.cacheFingerprint = "";
}

function setEndTime(task: PipelineTask, endTime: PipelineTask["endTime"]): void {
  const seconds = wholeSeconds(endTime);
  if (seconds === undefined) delete task.endTime;
  else task.endTime = seconds;
}

function normalize(task: PipelineTask): void {
  for (const side of [task.inputs, task.outputs]) {
    for (const { value, parameterKey } of side?.parameters ?? []) {
      checkStoredDepth(value, `parameter "${parameterKey}" of task "${task.name}"`);
      fillMissingKinds(value);
    }
  }
  for (const [key, value] of Object.entries(task.statusMetadata?.customProperties ?? {})) {
    checkStoredDepth(value, `property "${key}" of task "${task.name}"`);
    fillMissingKinds(value);
  }
}
