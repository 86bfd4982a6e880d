/**
 * Two runs with tasks, and artifacts of them, by any way of calling the API.
 *
 * @module
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { startWay, type ApiWay, type Way } from "./api-ways.ts";
import { SMALL_SPEC, textAt } from "./list-cases.ts";

/** The least that an artifact is. */
export const MODEL: JsonObject = { name: "m", type: "Model" };

/** A server with the runs `r`, which has the tasks `t` and `u`, and `s`. */
export interface ArtifactWorld extends ApiWay {
  readonly taskId: string;
  readonly otherTaskId: string;
  /** Of run `s`. */
  readonly foreignTaskId: string;
  addTask(this: void, name: string, runId?: string): Promise<string>;
  /** An artifact of task `t` in run `r`, linked under the key `k`. */
  add(this: void, artifact?: JsonObject, change?: JsonObject): Promise<JsonObject>;
  links(this: void, request?: JsonObject): Promise<JsonObject[]>;
}

/** Starts it for the running test. */
export async function startArtifactWorld(by: Way): Promise<ArtifactWorld> {
  const api = await startWay(by);
  const { call } = api;
  for (const runId of ["r", "s"]) {
    await call("CreateRun", { run: { run_id: runId, display_name: runId, pipeline_spec: SMALL_SPEC } });
  }
  const addTask = async (name: string, runId = "r") => {
    const task = { name, type: "RUNTIME", scope_path: `root.${name}` };
    return textAt(await call("CreateTask", { run_id: runId, task }), "task_id");
  };
  const taskId = await addTask("t");
  return {
    ...api,
    taskId,
    otherTaskId: await addTask("u"),
    foreignTaskId: await addTask("t", "s"),
    addTask,
    add: async (artifact = MODEL, change = {}) =>
      await call("CreateArtifact", { run_id: "r", task_id: taskId, producer_key: "k", artifact, ...change }),
    links: async (request = { run_ids: ["r", "s"] }) =>
      ((await call("ListArtifactTasks", request))["artifact_tasks"] ?? []) as JsonObject[],
  };
}

/** The id of an artifact. */
export const artifactIdOf = (artifact: JsonObject): string => textAt(artifact, "artifact_id");
