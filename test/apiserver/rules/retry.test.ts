/**
 * What a retry of a run does to its tasks, row by row, over both transports and both packages.
 *
 * docs/spec/api-server.md#task-reset-of-a-run-retry, #retryrun
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { RuntimeState } from "../../../src/core/kfp-types.ts";
import { startWay, WAYS, type ApiWay, type Way } from "../../support/api-ways.ts";
import { SMALL_SPEC, textAt } from "../../support/list-cases.ts";

const T2000 = "1970-01-01T00:33:20Z";

interface World extends ApiWay {
  readonly rootId: string;
  /** A task of run `r` in a state, with everything a task can have. */
  add(this: void, state: string): Promise<JsonObject>;
  /** Ends the run FAILED and retries it at second 2000. */
  retry(this: void): Promise<void>;
  get(this: void, task: JsonObject): Promise<JsonObject>;
}

interface Kind {
  readonly name: string;
  readonly way: Way;
  /** The parameters of tasks with others below them are kept in another way than those of steps. */
  readonly type: "RUNTIME" | "LOOP";
}

const KINDS: readonly Kind[] = WAYS.flatMap((way) =>
  (["RUNTIME", "LOOP"] as const).map((type): Kind => ({ name: `${way.name}, tasks of type ${type}`, way, type })),
);

async function start({ way, type }: Kind): Promise<World> {
  const api = await startWay(way);
  const { call, server, setTime } = api;
  await call("CreateRun", { run: { run_id: "r", display_name: "r", pipeline_spec: SMALL_SPEC } });
  const root = { name: "ROOT", type: "ROOT", scope_path: "root", state: "RUNNING" };
  const rootId = textAt(await call("CreateTask", { run_id: "r", task: root }), "task_id");
  return {
    ...api,
    rootId,
    add: async (state) => {
      const made = await call("CreateTask", {
        run_id: "r",
        task: {
          ...{ name: state, display_name: "D", type, scope_path: `root.${state}`, parent_task_id: rootId },
          ...{ state: "RUNNING", end_time: "1970-01-01T00:20:00Z", pods: [{ name: "p", type: "EXECUTOR" }] },
          type_attributes: { iteration_index: "2" },
          inputs: { parameters: [{ parameter_key: "i", value: 1, type: "COMPONENT_INPUT" }] },
          outputs: { parameters: [{ parameter_key: "o", value: 1, type: "OUTPUT" }] },
        },
      });
      const taskId = textAt(made, "task_id");
      const artifact = await call("CreateArtifact", {
        ...{ run_id: "r", task_id: taskId, producer_key: "out" },
        artifact: { name: "m", type: "Model" },
      });
      const link = { artifact_id: textAt(artifact, "artifact_id"), run_id: "r", task_id: taskId, producer: { task_name: "p" } };
      await call("CreateArtifactTask", { artifact_task: { ...link, type: "TASK_OUTPUT_INPUT", key: "in" } });
      const update = { state, status_metadata: { message: "m", custom_properties: { k: 1 } }, cache_fingerprint: "f" };
      return await call("UpdateTask", { run_id: "r", task_id: taskId, task: update });
    },
    retry: async () => {
      server.runs.setRunState("r", RuntimeState.RUNNING);
      server.runs.sealRun("r");
      server.runs.finishRun("r", RuntimeState.FAILED, "the run ended");
      setTime(2_000);
      await call("RetryRun", { run_id: "r" });
    },
    get: async (task) => await call("GetTask", { run_id: "r", task_id: textAt(task, "task_id") }),
  };
}

describe.for(KINDS)("a retry over $name", (by) => {
  test.for(["SUCCEEDED", "CACHED", "SKIPPED"])("keeps a task that is %s, with its links", async (state, { expect }) => {
    const { add, get, retry } = await start(by);
    const task = await add(state);
    expect(task).toMatchObject({ inputs: { artifacts: [{}] }, outputs: { artifacts: [{}] } });
    await retry();
    expect(await get(task)).toEqual(task);
  });

  test.for(["FAILED", "RUNNING"])("S7, S20 resets a task that is %s, links and all", async (state, { expect }) => {
    const { add, get, retry, call } = await start(by);
    const [task, kept] = [await add(state), await add("SUCCEEDED")];
    const before = task["state_history"] as JsonObject[];
    await retry();
    const { end_time: _e, status_metadata: _s, pods: _p, cache_fingerprint: _f, ...rest } = task;
    expect(await get(task)).toEqual({
      ...rest,
      state: "RUNNING",
      // A task that still ran became FAILED with its run, and is RUNNING again.
      state_history: [
        ...before,
        ...(state === "RUNNING" ? [{ update_time: "1970-01-01T00:16:40Z", state: "FAILED" }] : []),
        { update_time: T2000, state: "RUNNING" },
      ],
      inputs: { parameters: [{ parameter_key: "i", value: 1, type: "COMPONENT_INPUT" }] },
      outputs: {},
    });
    const { artifact_tasks: links } = await call("ListArtifactTasks", { run_ids: ["r"] });
    expect((links as JsonObject[]).map((link) => link["task_id"])).toEqual([kept["task_id"], kept["task_id"]]);
    expect((await call("ListArtifacts"))["total_size"]).toBe(2);
    // The start is now, the create time is not.
    const filter = (key: string, at: string) => ({
      filter: JSON.stringify({ predicates: [{ operation: "EQUALS", key, timestamp_value: at }] }),
    });
    const { tasks } = await call("ListTasks", { run_id: "r", ...filter("start_time", T2000) });
    expect((tasks as JsonObject[]).map((one) => textAt(one, "name")).toSorted()).toEqual([state, "ROOT"].toSorted());
    expect(await call("ListTasks", { run_id: "r", ...filter("create_time", T2000) })).toEqual({});
  });

  test("S11 shows the links of the new attempt alone", async ({ expect }) => {
    const { add, get, retry, call } = await start(by);
    const task = await add("FAILED");
    await retry();
    const request = { run_id: "r", task_id: textAt(task, "task_id"), producer_key: "again" };
    await call("CreateArtifact", { ...request, artifact: { name: "n", type: "Model" } });
    for (let reads = 0; reads < 2; reads += 1) {
      expect((await get(task))["outputs"]).toMatchObject({ artifacts: [{ artifact_key: "again" }] });
      expect(((await get(task))["outputs"] as JsonObject)["artifacts"]).toHaveLength(1);
      expect((await get(task))["inputs"]).not.toHaveProperty("artifacts");
    }
  });

  test("gives the driver that runs again the same row, whose first inputs replace the stored ones", async ({ expect }) => {
    const { add, get, retry, call, rootId } = await start(by);
    const task = await add("FAILED");
    await retry();
    const again = { name: "FAILED", type: by.type, scope_path: "root.FAILED", parent_task_id: rootId };
    const made = await call("CreateTask", { run_id: "r", task: { ...again, type_attributes: { iteration_index: "2" } } });
    expect(made["task_id"]).toBe(task["task_id"]);
    const ids = { run_id: "r", task_id: textAt(task, "task_id") };
    const inputs = (key: string) => ({ inputs: { parameters: [{ parameter_key: key, value: 2, type: "COMPONENT_INPUT" }] } });
    // An update without inputs leaves them for the next one.
    await call("UpdateTask", { ...ids, task: { pods: [{ name: "q" }] } });
    expect(((await get(task))["inputs"] as JsonObject)["parameters"]).toMatchObject([{ parameter_key: "i" }]);
    await call("UpdateTask", { ...ids, task: inputs("j") });
    await call("UpdateTask", { ...ids, task: inputs("k") });
    expect(((await get(task))["inputs"] as JsonObject)["parameters"]).toMatchObject([
      { parameter_key: "j" },
      { parameter_key: "k" },
    ]);
  });

  test("API-33: has nothing to do with a run that has not failed, and changes no task of it", async ({ expect }) => {
    const { add, get, send, server } = await start(by);
    const task = await add("FAILED");
    expect((await send("RetryRun", { run_id: "r" })).code).toBe("ABORTED");
    server.runs.finishRun("r", RuntimeState.SKIPPED);
    expect((await send("RetryRun", { run_id: "r" })).code).toBe("ABORTED");
    expect(await get(task)).toEqual(task);
  });

  test("API-32: opens what the end of the run closed", async ({ expect }) => {
    const { add, retry, call, send, server } = await start(by);
    const task = await add("RUNNING");
    const taskId = textAt(task, "task_id");
    const [{ artifact_id: artifactId } = {}] = (await call("ListArtifacts"))["artifacts"] as JsonObject[];
    const create = { name: "new", type: "RUNTIME", scope_path: "root.new" };
    const artifact = { run_id: "r", task_id: taskId, producer_key: "x", artifact: { name: "x", type: "Model" } };
    const link = { artifact_id: artifactId as string, run_id: "r", task_id: taskId, type: "OUTPUT", key: "y", producer: {} };
    const writes: readonly (readonly [string, JsonObject])[] = [
      ["CreateTask", { run_id: "r", task: create }],
      ["UpdateTask", { run_id: "r", task_id: taskId, task: { display_name: "x" } }],
      ["UpdateTasksBulk", { run_id: "r", tasks: { [taskId]: { display_name: "x" } } }],
      ["CreateArtifact", artifact],
      ["CreateArtifactsBulk", { artifacts: [artifact] }],
      ["CreateArtifactTask", { artifact_task: link }],
      ["CreateArtifactTasksBulk", { artifact_tasks: [link] }],
    ];
    for (const state of [RuntimeState.SUCCEEDED, RuntimeState.SKIPPED, RuntimeState.FAILED] as const) {
      server.runs.finishRun("r", state);
      for (const [method, request] of writes) {
        expect((await send(method, request)).code, method).toBe("FAILED_PRECONDITION");
      }
    }
    await retry();
    for (const [method, request] of writes) expect((await send(method, request)).code, method).toBe("OK");
  });
});
