/**
 * All or nothing, where the failure comes from below the checks; namespaces of one user; access asked for once a call.
 *
 * docs/spec/api-server.md#createartifact, #createartifactsbulk, #test-derived-cases
 */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import type { Access } from "../../../src/apiserver/calls/authorizer.ts";
import { startWay, WAYS, type ApiWay, type Way } from "../../support/api-ways.ts";
import { temporaryFolder } from "../../support/launcher-world.ts";
import { SMALL_SPEC, textAt } from "../../support/list-cases.ts";

const MODEL: JsonObject = { name: "m", type: "Model" };

/** A database in which no link with the key `fails`, and no task with the display name `fails`, can be written. */
async function start(by: Way): Promise<{ api: ApiWay; taskId: string; links: () => Promise<JsonObject> }> {
  const database = join(await temporaryFolder(), "kfp.db");
  const api = await startWay(by, { database });
  const { call } = api;
  await call("CreateRun", { run: { run_id: "r", display_name: "r", pipeline_spec: SMALL_SPEC } });
  const task = { name: "t", type: "RUNTIME", scope_path: "root.t" };
  const taskId = textAt(await call("CreateTask", { run_id: "r", task }), "task_id");
  const second = new DatabaseSync(database);
  second.exec("CREATE TRIGGER t1 BEFORE INSERT ON links WHEN NEW.key = 'fails' BEGIN SELECT RAISE(ABORT, 'no link'); END");
  second.exec(
    "CREATE TRIGGER t2 BEFORE UPDATE ON tasks WHEN NEW.display_name = 'fails' BEGIN SELECT RAISE(ABORT, 'no task'); END",
  );
  second.close();
  return { api, taskId, links: async () => await call("ListArtifactTasks", { run_ids: ["r"] }) };
}

describe.for(WAYS)("a failure of the store, over $name,", (by) => {
  test("S13 at the link takes its artifact back", async ({ expect }) => {
    const { api, taskId, links } = await start(by);
    for (const reuse of [false, true]) {
      const request = { run_id: "r", task_id: taskId, producer_key: "fails", artifact: MODEL, reuse_if_exists: reuse };
      expect(await api.send("CreateArtifact", request)).toMatchObject({ code: "INTERNAL", detail: { code: 2 } });
      expect(await api.call("ListArtifacts")).toEqual({});
      expect(await links()).toEqual({});
    }
    expect(api.internal).toHaveLength(2);
  });

  test("S14 at one entry takes the others of its bulk back", async ({ expect }) => {
    const { api, taskId, links } = await start(by);
    const entry = (key: string) => ({ run_id: "r", task_id: taskId, producer_key: key, artifact: MODEL });
    const artifacts = [entry("a"), entry("fails"), entry("b")];
    expect((await api.send("CreateArtifactsBulk", { artifacts })).code).toBe("INTERNAL");
    expect(await api.call("ListArtifacts")).toEqual({});
    expect(await links()).toEqual({});

    const { artifact_id: artifactId } = await api.call("CreateArtifact", entry("a"));
    const link = { artifact_id: artifactId as string, run_id: "r", task_id: taskId, type: "COMPONENT_INPUT", producer: {} };
    const rows = ["x", "fails"].map((key) => ({ ...link, key }));
    expect((await api.send("CreateArtifactTasksBulk", { artifact_tasks: rows })).code).toBe("INTERNAL");
    expect((await links())["total_size"]).toBe(1);
  });

  test("API-8: at one task takes the others of its bulk back", async ({ expect }) => {
    const { api, taskId } = await start(by);
    const other = { name: "u", type: "RUNTIME", scope_path: "root.u" };
    const ids = [taskId, textAt(await api.call("CreateTask", { run_id: "r", task: other }), "task_id")].toSorted();
    const [first = "", last = ""] = ids;
    const tasks = { [first]: { state: "FAILED" }, [last]: { display_name: "fails" } };
    expect((await api.send("UpdateTasksBulk", { run_id: "r", tasks })).code).toBe("INTERNAL");
    expect(await api.call("GetTask", { run_id: "r", task_id: first })).not.toHaveProperty("state");
  });
});

describe.for(WAYS)("one user has no namespaces, over $name:", (by) => {
  test("S22, S27 API-21: artifacts of any and of none are taken, and shown without", async ({ expect }) => {
    const { api, taskId } = await start(by);
    const entry = (artifact: JsonObject) => ({ run_id: "r", task_id: taskId, producer_key: "k", artifact });
    const spaces = [{ ...MODEL, namespace: "a" }, { ...MODEL, namespace: "b" }, MODEL];
    for (const artifact of spaces) expect(await api.call("CreateArtifact", entry(artifact))).not.toHaveProperty("namespace");
    await api.call("CreateArtifactsBulk", { artifacts: spaces.map(entry) });
    for (const namespace of ["", "a", "none"]) {
      expect((await api.call("ListArtifacts", { namespace }))["total_size"]).toBe(6);
    }
    expect(await api.call("FindCachedTask", { cache_fingerprint: "f" })).toEqual({});
  });
});

test.for(WAYS)("S29 access to the run is asked for once in a bulk call over $name", async (by, { expect }) => {
  const asked: Access[] = [];
  const api = await startWay(by, { authorizer: { authorize: (_token, access) => asked.push(access) } });
  await api.call("CreateRun", { run: { run_id: "r", display_name: "r", pipeline_spec: SMALL_SPEC } });
  const task = { name: "t", type: "RUNTIME", scope_path: "root.t" };
  const taskId = textAt(await api.call("CreateTask", { run_id: "r", task }), "task_id");
  const entry = { run_id: "r", task_id: taskId, producer_key: "k", artifact: MODEL };
  for (const [method, request] of [
    ["CreateArtifactsBulk", { artifacts: Array.from({ length: 50 }, () => entry) }],
    ["UpdateTasksBulk", { run_id: "r", tasks: { [taskId]: { state: "RUNNING" } } }],
  ] as const) {
    asked.length = 0;
    await api.call(method, request);
    expect(asked.map(({ operation, runIds }) => [operation, [...new Set(runIds)]])).toEqual([[method, ["r"]]]);
  }
});
