/**
 * Two runs, and tasks in them, by any way of calling the API.
 *
 * @module
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { startWay, type ApiWay, type Way } from "./api-ways.ts";
import { SMALL_SPEC, textAt } from "./list-cases.ts";

/** The time that the server's clock begins with. */
export const T1000 = "1970-01-01T00:16:40Z";

/** A server with the runs `r` and `s`. */
export interface TaskWorld extends ApiWay {
  /** Creates a task in run `r`. */
  add(this: void, change?: JsonObject, runId?: string): Promise<JsonObject>;
  update(this: void, taskId: string, task: JsonObject): Promise<JsonObject>;
  get(this: void, taskId: string): Promise<JsonObject>;
}

/** Starts it for the running test. */
export async function startTaskWorld(by: Way): Promise<TaskWorld> {
  const api = await startWay(by);
  for (const runId of ["r", "s"]) {
    await api.call("CreateRun", { run: { run_id: runId, display_name: runId, pipeline_spec: SMALL_SPEC } });
  }
  return {
    ...api,
    add: async (change = {}, runId = "r") =>
      await api.call("CreateTask", {
        run_id: runId,
        task: { name: "t", scope_path: "root.t", type: "RUNTIME", state: "RUNNING", ...change },
      }),
    update: async (taskId, task) => await api.call("UpdateTask", { run_id: "r", task_id: taskId, task }),
    get: async (taskId) => await api.call("GetTask", { run_id: "r", task_id: taskId }),
  };
}

/** The id of a task. */
export const taskIdOf = (task: JsonObject): string => textAt(task, "task_id");
