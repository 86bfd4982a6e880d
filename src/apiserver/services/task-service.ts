/**
 * The task calls of RunService.
 *
 * Checks come in the documented order, because clients and tests see which one answers first. Every write is one transaction, bulk
 * updates included.
 *
 * Source: docs/spec/api-server.md#tasks, #api-8, docs/spec/cache-and-fingerprint.md#lookup-on-the-server.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { create, fromBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { PipelineTaskSchema, type PipelineTask } from "../../core/kfp-types.ts";
import {
  FindCachedTaskResponseSchema,
  ListTasksResponseSchema,
  UpdateTasksBulkResponseSchema,
  type CreateTaskRequest,
  type FindCachedTaskRequest,
  type GetTaskRequest,
  type ListTasksRequest,
  type UpdateTaskRequest,
  type UpdateTasksBulkRequest,
} from "../../gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import { EncodedMessage, encodeWithParts } from "./encoded-message.ts";
import { pageTokenFrom, parseListRequest } from "../lists/list-query.ts";
import type { SecondsClock } from "./run-lifecycle.ts";
import { invalidArgument, notFound, withContext } from "../service-error.ts";
import type { LeanAnswer } from "../../wire/lean-answer.ts";
import type { Store, StoredTask } from "../store.ts";
import { isOfIteration } from "../lean-task.ts";
import type { CallContext } from "./served-service.ts";
import { hydrateTasks, withParameters, type HydrationMode } from "./task-hydration.ts";
import { taskIdentity } from "./task-identity.ts";
import { applyUpdate, hasParameters, newTask } from "./task-update.ts";

/** What the task calls work on. */
export interface TaskServiceDeps {
  readonly store: Store;
  readonly now: SecondsClock;
  readonly hydration: HydrationMode;
}

type EncodedTask = EncodedMessage<typeof PipelineTaskSchema>;

/** The task calls of RunService. Errors are ServiceErrors. */
export class TaskCalls {
  readonly #store: Store;
  readonly #now: SecondsClock;
  readonly #hydration: HydrationMode;

  constructor(deps: TaskServiceDeps) {
    this.#store = deps.store;
    this.#now = deps.now;
    this.#hydration = deps.hydration;
  }

  /** Answers with the stored row, unhydrated; an existing row of the same identity comes back unchanged. */
  createTask(request: CreateTaskRequest): EncodedTask {
    const { runId, task: sent } = request;
    if (runId === "") throw invalidArgument("Run ID is required");
    if (sent === undefined) throw invalidArgument("Task is required");
    checkSameId("run", runId, sent.runId);
    return this.#store.transaction(() => {
      if (!this.#store.runs.exists(runId)) throw notFound("Run", runId);
      checkIterations(sent);
      this.#checkParent(sent, runId);
      const task = newTask(sent, { taskId: randomUUID(), runId }, this.#now());
      const identity = taskIdentity(task);
      const existing = identity === undefined ? undefined : this.#store.tasks.findByIdentity(identity);
      if (existing !== undefined) return this.#asStored(existing);
      this.#store.tasks.insert(task, identity);
      return this.#asStored(this.#require(task.taskId));
    });
  }

  updateTask(request: UpdateTaskRequest): EncodedTask {
    const { runId, taskId, task } = request;
    if (runId === "") throw invalidArgument("Run ID is required");
    if (taskId === "") throw invalidArgument("Task ID is required");
    if (task === undefined) throw invalidArgument("Task is required");
    checkSameId("task", taskId, task.taskId);
    checkSameId("run", runId, task.runId);
    this.#store.transaction(() => {
      this.#update(this.#requireInRun(taskId, runId), task);
    });
    return this.#hydrated([this.#require(taskId)]);
  }

  updateTasksBulk(request: UpdateTasksBulkRequest, lean?: LeanAnswer): EncodedMessage<typeof UpdateTasksBulkResponseSchema> {
    const { runId } = request;
    const entries = Object.entries(request.tasks).toSorted(([left], [right]) => (left < right ? -1 : 1));
    if (entries.length === 0) throw invalidArgument("At least one task is required");
    if (runId === "") throw invalidArgument("Run ID is required");
    for (const [taskId, task] of entries) {
      if (taskId === "") throw invalidArgument("Task ID is required");
      checkSameId("task", taskId, task.taskId);
      checkSameId("run", runId, task.runId);
    }
    this.#store.transaction(() => {
      const stored = entries.map(([taskId]) => this.#require(taskId));
      for (const task of stored) checkInRun(task, runId);
      for (const [index, [taskId, task]] of entries.entries()) {
        try {
          this.#update(stored[index] as StoredTask, task);
        } catch (error) {
          throw withContext(error, `Failed to update task ${taskId}`);
        }
      }
    });
    const updated = entries.map(([taskId]) => this.#require(taskId));
    const writer = new BinaryWriter();
    for (const [index, task] of hydrateTasks(this.#store, updated, this.#hydration, { lean }).entries()) {
      writer.tag(UpdateTasksBulkResponseSchema.field.tasks.number, WireType.LengthDelimited).fork();
      writer.tag(1, WireType.LengthDelimited).string((updated[index] as StoredTask).taskId);
      writer.tag(2, WireType.LengthDelimited).bytes(task);
      writer.join();
    }
    return new EncodedMessage(UpdateTasksBulkResponseSchema, writer.finish());
  }

  getTask(request: GetTaskRequest, lean?: LeanAnswer): EncodedTask {
    if (request.runId === "") throw invalidArgument("Run ID is required");
    if (request.taskId === "") throw invalidArgument("Task ID is required");
    return this.#hydrated([this.#requireInRun(request.taskId, request.runId)], lean);
  }

  /** Rows that the client can do without are left out of their page; the total counts them. */
  listTasks(
    request: ListTasksRequest,
    { lean, listIteration }: Pick<CallContext, "lean" | "listIteration"> = {},
  ): EncodedMessage<typeof ListTasksResponseSchema> {
    const { runId } = request;
    const parentTaskId = request.parentFilter.value ?? "";
    if (runId === "") throw invalidArgument("Run ID is required");
    const query = parseListRequest("tasks", { ...request, sortBy: request.orderBy });
    if (parentTaskId !== "") this.#requireInRun(parentTaskId, runId);
    else if (!this.#store.runs.exists(runId)) throw notFound("Run", runId);
    const page = this.#store.tasks.list(parentTaskId === "" ? { runId } : { runId, parentTaskId }, query);
    const rows = page.rows.filter(({ body }) => listIteration === undefined || isOfIteration(body, listIteration));
    const rest = create(ListTasksResponseSchema, {
      totalSize: page.totalSize,
      nextPageToken: page.next === undefined ? "" : pageTokenFrom(query, page.next),
    });
    return encodeWithParts(ListTasksResponseSchema, rest, [
      {
        fieldNumber: ListTasksResponseSchema.field.tasks.number,
        messages: hydrateTasks(this.#store, rows, this.#hydration, { lean }),
      },
    ]);
  }

  /** The newest SUCCEEDED task with the fingerprint; a CACHED one never matches, so a chain points to the original execution. */
  findCachedTask(request: FindCachedTaskRequest): EncodedMessage<typeof FindCachedTaskResponseSchema> {
    if (request.cacheFingerprint === "") throw invalidArgument("Cache fingerprint is required");
    const found = readable(this.#store.tasks.findCached(request.cacheFingerprint));
    const messages = found === undefined ? [] : hydrateTasks(this.#store, [found], this.#hydration, { withChildren: false });
    return encodeWithParts(FindCachedTaskResponseSchema, create(FindCachedTaskResponseSchema), [
      { fieldNumber: FindCachedTaskResponseSchema.field.task.number, messages },
    ]);
  }

  #update(stored: StoredTask, request: PipelineTask): void {
    checkIterations(request);
    this.#checkParent(request, stored.runId);
    this.#checkNoCycle(stored.taskId, request.parentTaskId ?? "");
    const task = fromBinary(PipelineTaskSchema, stored.body);
    const replacesInputs = stored.replaceInputs && hasParameters(request.inputs);
    applyUpdate(task, request, { nowSeconds: this.#now(), replaceInputs: stored.replaceInputs });
    this.#store.tasks.update(task, {
      replaceInputs: stored.replaceInputs && !replacesInputs,
      removes: replacesInputs ? ["inputs"] : [],
    });
  }

  #checkParent(task: PipelineTask, runId: string): void {
    const parentTaskId = task.parentTaskId ?? "";
    if (parentTaskId === "") return;
    const parent = this.#store.tasks.find(parentTaskId);
    if (parent === undefined) throw notFound("Parent task", parentTaskId);
    checkInRun(parent, runId);
  }

  /** Who walks up from a task must arrive at a root. */
  #checkNoCycle(taskId: string, parentTaskId: string): void {
    for (let ancestorId = parentTaskId; ancestorId !== "";) {
      if (ancestorId === taskId)
        throw invalidArgument(`Task ${taskId} cannot be below itself, as it would be with the parent ${parentTaskId}`);
      const ancestor = this.#store.tasks.find(ancestorId);
      ancestorId = ancestor === undefined ? "" : (fromBinary(PipelineTaskSchema, ancestor.body).parentTaskId ?? "");
    }
  }

  #require(taskId: string): StoredTask {
    const task = this.#store.tasks.find(taskId);
    if (task === undefined) throw notFound("Task", taskId);
    return task;
  }

  #requireInRun(taskId: string, runId: string): StoredTask {
    const task = this.#require(taskId);
    checkInRun(task, runId);
    return task;
  }

  #asStored(task: StoredTask): EncodedTask {
    return new EncodedMessage(PipelineTaskSchema, withParameters(this.#store, task));
  }

  #hydrated(tasks: readonly StoredTask[], lean?: LeanAnswer): EncodedTask {
    const [bytes = new Uint8Array()] = hydrateTasks(this.#store, tasks, this.#hydration, { lean });
    return new EncodedMessage(PipelineTaskSchema, bytes);
  }
}

/** A row that cannot be read is not a hit: the step runs again. */
function readable(task: StoredTask | undefined): StoredTask | undefined {
  try {
    if (task !== undefined) fromBinary(PipelineTaskSchema, task.body);
    return task;
  } catch {
    return undefined;
  }
}

function checkInRun(task: StoredTask, runId: string): void {
  if (task.runId !== runId) throw invalidArgument(`Task ${task.taskId} does not belong to run ${runId}`);
}

function checkSameId(what: "run" | "task", expected: string, found: string): void {
  if (found === "" || found === expected) return;
  throw invalidArgument(`The task's ${what} id ${found} differs from the request's ${expected}`);
}

/** Iterations are numbers in every later step. */
function checkIterations(task: PipelineTask): void {
  for (const value of [task.typeAttributes?.iterationIndex, task.typeAttributes?.iterationCount]) {
    if (value !== undefined && !Number.isSafeInteger(Number(value))) {
      throw invalidArgument(`Iteration ${String(value)} is out of range`);
    }
  }
}
