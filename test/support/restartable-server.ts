/**
 * The embedded API server on a port and a database of its own, really stopped and started again.
 *
 * @module
 */
import { fromBinary, toJson } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { startApiServer, type ApiServer } from "../../src/apiserver/server.ts";
import {
  IoType,
  PipelineTaskSchema,
  TaskState,
  TaskType,
  type InputOutputs,
  type PipelineTask,
} from "../../src/core/kfp-types.ts";
import { createRawClient } from "../fakes/api-server.ts";

export class RestartableServer {
  readonly #database: string;
  #server: ApiServer;

  private constructor(database: string, server: ApiServer) {
    this.#database = database;
    this.#server = server;
  }

  static async start(database: string): Promise<RestartableServer> {
    return new RestartableServer(database, await startApiServer({ database }));
  }

  get running(): ApiServer {
    return this.#server;
  }

  /** From now on the port refuses connections. */
  async stop(): Promise<void> {
    await this.#server.close();
  }

  /** The same port and rows. */
  async startAgain(): Promise<void> {
    const { host, port } = this.#server;
    this.#server = await startApiServer({ database: this.#database, host, port });
  }

  /** All tasks of a run, with their artifacts. */
  async tasksOf(runId: string): Promise<PipelineTask[]> {
    const client = createRawClient(this.#server.address);
    try {
      const { tasks } = await client.listTasks({ runId, pageSize: 200, orderBy: "create_time" });
      return tasks;
    } finally {
      client.close();
    }
  }
}

/** State by scope path. */
export function statesByPath(tasks: readonly PipelineTask[]): Record<string, string | undefined> {
  return Object.fromEntries(tasks.map(({ scopePath, state }) => [scopePath, TaskState[state]]));
}

/** What rows of two runs of one pipeline have in common: everything but ids, times and pods' names. */
export function comparableRows(tasks: readonly PipelineTask[]): unknown[] {
  const ids = new Map(tasks.map(({ taskId, scopePath }) => [taskId, scopePath]));
  return tasks
    .map((task) => ({
      scopePath: task.scopePath,
      parent: ids.get(task.parentTaskId ?? ""),
      type: TaskType[task.type],
      state: TaskState[task.state],
      ended: task.endTime !== undefined,
      message: task.statusMetadata?.message ?? "",
      pods: task.pods.map(({ type }) => type).toSorted((left, right) => left - right),
      states: task.stateHistory.map(({ state }) => TaskState[state]),
      inputs: side(task.inputs),
      outputs: side(task.outputs),
    }))
    .toSorted((left, right) => (left.scopePath < right.scopePath ? -1 : 1));
}

function side(io: InputOutputs | undefined): unknown {
  return {
    parameters: (io?.parameters ?? []).map(({ parameterKey, value, type, producer }) => ({
      ...{ key: parameterKey, type: IoType[type], producer: producer?.taskName },
      value: value === undefined ? undefined : toJson(ValueSchema, value),
    })),
    artifacts: (io?.artifacts ?? []).map(({ artifactKey, artifacts, type, producer }) => ({
      ...{ key: artifactKey, type: IoType[type], producer: producer?.taskName },
      artifacts: artifacts.map(({ name, type: kind, uri }) => ({ name, kind, file: uri?.split("/").at(-1) })),
    })),
  };
}

/** The stored row of a task, as the store has it. */
export function storedTask({ store }: ApiServer, taskId: string): PipelineTask | undefined {
  const row = store.tasks.find(taskId);
  return row === undefined ? undefined : fromBinary(PipelineTaskSchema, row.body);
}
