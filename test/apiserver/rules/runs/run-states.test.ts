/**
 * States of runs and the calls that change them, over both transports, both packages and both layouts of `Run`.
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { FINAL_RUN_STATES } from "../../../../src/apiserver/services/run-lifecycle.ts";
import { RuntimeState } from "../../../../src/core/kfp-types.ts";
import { RUN_WAYS, startWay, type ApiWay } from "../../../support/api-ways.ts";
import { SMALL_SPEC, textAt } from "../../../support/list-cases.ts";

const T1000 = "1970-01-01T00:16:40Z";

const run = (change: JsonObject = {}): JsonObject => ({ run: { display_name: "r", pipeline_spec: SMALL_SPEC, ...change } });

/** Every run state that the engine reports, by name. */
async function inState(api: ApiWay, state: string): Promise<void> {
  await api.call("CreateRun", run({ run_id: "r" }));
  const value = RuntimeState[state as keyof typeof RuntimeState];
  if (FINAL_RUN_STATES.has(value) && value !== RuntimeState.CANCELED) api.server.runs.finishRun("r", value as never);
  else if (state !== "PENDING") api.server.runs.setRunState("r", value);
}

const historyOf = (reply: JsonObject) =>
  ((reply["state_history"] ?? []) as JsonObject[]).map((entry) => `${textAt(entry, "state")} ${textAt(entry, "update_time")}`);

// docs/spec/api-server.md#run-states, #terminaterun, #archive-unarchive-delete, #retryrun
describe.for(RUN_WAYS)("states of a run over $name", (by) => {
  test("come with a history of whole seconds, and an end", async ({ expect }) => {
    const api = await startWay(by);
    await api.call("CreateRun", run({ run_id: "r" }));
    api.setTime(1_001);
    api.server.runs.setRunState("r", RuntimeState.RUNNING);
    api.server.runs.setRunState("r", RuntimeState.RUNNING);
    api.setTime(1_002);
    api.server.runs.finishRun("r", RuntimeState.SUCCEEDED);
    const ended = await api.call("GetRun", { run_id: "r" });
    expect(ended).toMatchObject({ state: "SUCCEEDED", finished_at: "1970-01-01T00:16:42Z" });
    expect(historyOf(ended)).toEqual([`PENDING ${T1000}`, "RUNNING 1970-01-01T00:16:41Z", "SUCCEEDED 1970-01-01T00:16:42Z"]);
    for (const entry of ended["state_history"] as JsonObject[]) expect(entry).not.toHaveProperty("error");
  });

  test.for([
    { state: "PENDING", terminate: "OK", retry: "ABORTED" },
    { state: "RUNNING", terminate: "OK", retry: "ABORTED" },
    { state: "PAUSED", terminate: "OK", retry: "ABORTED" },
    { state: "CANCELING", terminate: "INVALID_ARGUMENT", retry: "ABORTED" },
    { state: "SUCCEEDED", terminate: "INVALID_ARGUMENT", retry: "ABORTED" },
    { state: "SKIPPED", terminate: "INVALID_ARGUMENT", retry: "ABORTED" },
    { state: "FAILED", terminate: "INVALID_ARGUMENT", retry: "OK" },
    { state: "CANCELED", terminate: "INVALID_ARGUMENT", retry: "OK" },
  ])("$state: TerminateRun $terminate, RetryRun $retry; archive, unarchive and delete always", async (row, { expect }) => {
    const { state, terminate, retry } = row;
    const told: string[] = [];
    const engine = {
      terminationRequested: () => told.push("terminate"),
      runRetried: () => told.push("retry"),
      runDeleted: () => told.push("delete"),
    };
    const start = async () => {
      const api = await startWay(by, { engine });
      await inState(api, state);
      expect(await api.call("GetRun", { run_id: "r" })).toMatchObject({ state });
      return api;
    };
    const first = await start();
    expect((await first.send("TerminateRun", { run_id: "r" })).code).toBe(terminate);
    const asked = await first.call("GetRun", { run_id: "r" });
    expect(asked["state"]).toBe(terminate === "OK" ? "CANCELING" : state);
    if (terminate === "OK") expect(historyOf(asked).at(-1)).toMatch(/^CANCELING /);

    const second = await start();
    expect((await second.send("RetryRun", { run_id: "r" })).code).toBe(retry);
    const retried = await second.call("GetRun", { run_id: "r" });
    expect(retried["state"]).toBe(retry === "OK" ? "PENDING" : state);
    if (retry === "OK") {
      expect(retried["finished_at"]).toBe("1970-01-01T00:00:00Z");
      expect(historyOf(retried).map((entry) => entry.split(" ")[0])).toEqual(["PENDING", state, "PENDING"]);
    }

    const third = await start();
    for (const [method, storage] of [
      ["ArchiveRun", "ARCHIVED"],
      ["ArchiveRun", "ARCHIVED"],
      ["UnarchiveRun", "AVAILABLE"],
      ["UnarchiveRun", "AVAILABLE"],
    ] as const) {
      expect(await third.call(method, { run_id: "r" })).toEqual({});
      expect(await third.call("GetRun", { run_id: "r" })).toMatchObject({ storage_state: storage, state });
    }
    expect(await third.call("DeleteRun", { run_id: "r" })).toEqual({});
    expect((await third.send("GetRun", { run_id: "r" })).code).toBe("NOT_FOUND");
    expect(told).toEqual([...(terminate === "OK" ? ["terminate"] : []), ...(retry === "OK" ? ["retry"] : []), "delete"]);
  });

  test("API-14: a run that is terminated is CANCELING, whatever its engine still reports, and ends FAILED", async ({
    expect,
  }) => {
    const api = await startWay(by);
    await inState(api, "RUNNING");
    const task = { name: "t", type: "RUNTIME", scope_path: "root.t", state: "RUNNING" };
    const taskId = textAt(await api.call("CreateTask", { run_id: "r", task }), "task_id");
    await api.call("TerminateRun", { run_id: "r" });
    api.server.runs.setRunState("r", RuntimeState.RUNNING);
    expect(await api.call("GetRun", { run_id: "r" })).toMatchObject({ state: "CANCELING" });
    expect(await api.call("GetTask", { run_id: "r", task_id: taskId })).toMatchObject({ state: "RUNNING" });
    api.server.runs.finishRun("r", RuntimeState.FAILED, "stopped by a user");
    expect(await api.call("GetRun", { run_id: "r" })).toMatchObject({ state: "FAILED" });
    expect(await api.call("GetTask", { run_id: "r", task_id: taskId })).toMatchObject({
      state: "FAILED",
      status_metadata: { message: "stopped by a user" },
    });
  });

  test("unarchiving needs an experiment that is there and is not archived", async ({ expect }) => {
    const { call, send } = await startWay(by);
    const experimentId = textAt(await call("CreateExperiment", { experiment: { display_name: "e" } }), "experiment_id");
    await call("CreateRun", run({ run_id: "r", experiment_id: experimentId }));
    await call("ArchiveExperiment", { experiment_id: experimentId });
    expect((await send("UnarchiveRun", { run_id: "r" })).code).toBe("FAILED_PRECONDITION");
    await call("UnarchiveExperiment", { experiment_id: experimentId });
    expect(await call("GetRun", { run_id: "r" })).toMatchObject({ storage_state: "ARCHIVED" });
    await call("UnarchiveRun", { run_id: "r" });
    await call("ArchiveRun", { run_id: "r" });
    await call("DeleteExperiment", { experiment_id: experimentId });
    expect((await send("UnarchiveRun", { run_id: "r" })).code).toBe("NOT_FOUND");
  });

  test.for(["GetRun", "ArchiveRun", "UnarchiveRun", "TerminateRun", "RetryRun", "DeleteRun"])(
    "%s of an unknown run is not found",
    async (method, { expect }) => {
      const api = await startWay(by);
      expect(await api.send(method, { run_id: "4711" })).toMatchObject({
        code: "NOT_FOUND",
        detail: { code: 5, message: "Run 4711 not found" },
      });
      if (by.transport === "grpc") expect((await api.send(method, {})).code).toBe("INVALID_ARGUMENT");
    },
  );

  test("deleting takes tasks and links along, finds no cached task any more, and leaves artifacts", async ({ expect }) => {
    const { call, send } = await startWay(by);
    for (const runId of ["r", "s"]) await call("CreateRun", run({ run_id: runId }));
    const task = { name: "t", type: "RUNTIME", scope_path: "root.t", state: "SUCCEEDED", cache_fingerprint: "f" };
    const taskId = textAt(await call("CreateTask", { run_id: "r", task }), "task_id");
    const reader = textAt(await call("CreateTask", { run_id: "s", task: { ...task, cache_fingerprint: "" } }), "task_id");
    const made = await call("CreateArtifact", {
      ...{ run_id: "r", task_id: taskId, producer_key: "m" },
      artifact: { name: "m", type: "Model" },
    });
    const artifactId = textAt(made, "artifact_id");
    const link = { artifact_id: artifactId, task_id: reader, run_id: "s", type: "TASK_OUTPUT_INPUT", key: "x", producer: {} };
    await call("CreateArtifactTask", { artifact_task: link });
    expect(await call("FindCachedTask", { cache_fingerprint: "f" })).toMatchObject({ task: { task_id: taskId } });
    await call("DeleteRun", { run_id: "r" });
    expect(await call("FindCachedTask", { cache_fingerprint: "f" })).toEqual({});
    expect((await send("GetTask", { run_id: "r", task_id: taskId })).code).toBe("NOT_FOUND");
    expect(await call("GetArtifact", { artifact_id: artifactId })).toMatchObject({ name: "m" });
    const { artifact_tasks: links } = await call("ListArtifactTasks", { artifact_ids: [artifactId] });
    expect(links).toMatchObject([{ task_id: reader }]);
  });

  test("MSG-5: experiment_id beside the run id is read by nobody", async ({ expect }) => {
    const { call } = await startWay(by);
    await call("CreateRun", { experiment_id: "nope", ...run({ run_id: "r" }) });
    const request = { run_id: "r", experiment_id: "nope" };
    for (const method of ["GetRun", "ArchiveRun", "UnarchiveRun", "TerminateRun", "DeleteRun"]) await call(method, request);
    expect(await call("ListRuns")).toEqual({});
  });
});
