import { describe, onTestFinished, test } from "vitest";
import { createTokenAuthorizer } from "../../../../src/apiserver/calls/token-authorizer.ts";
import { RuntimeState } from "../../../../src/core/kfp-types.ts";
import { startRestApi, type RestApi } from "../../../fakes/rest-api.ts";

const SPEC = { pipelineInfo: { name: "p" }, schemaVersion: "2.1.0", root: { dag: { tasks: {} } } };

interface SentEvent {
  readonly name: string;
  readonly id: string | undefined;
  readonly data: Record<string, unknown>;
}

/** Reads a stream event by event, comments included as events of the name `:`. */
async function follow({ url }: RestApi, headers: Record<string, string> = {}, runId = "r") {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const response = await fetch(`${url}/apis/v2beta1/runs/${runId}/events`, { headers, signal: stop.signal });
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  let text = "";
  const next = async (): Promise<SentEvent | undefined> => {
    for (;;) {
      const end = text.indexOf("\n\n");
      if (end !== -1) {
        const block = text.slice(0, end);
        text = text.slice(end + 2);
        if (block.startsWith("retry:")) continue;
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1];
        return {
          name: field("event") ?? ":",
          id: field("id"),
          data: JSON.parse(field("data") ?? "{}") as Record<string, unknown>,
        };
      }
      const { done, value } = (await reader?.read()) ?? { done: true };
      if (done) return undefined;
      text += decoder.decode(value, { stream: true });
    }
  };
  /** Up to the first event of the name, which is the last one returned. */
  const until = async (name: string): Promise<SentEvent[]> => {
    const events: SentEvent[] = [];
    for (let event = await next(); event !== undefined; event = await next()) {
      events.push(event);
      if (event.name === name) break;
    }
    return events;
  };
  return { response, next, until, stop: () => stop.abort() };
}

async function start(options: Parameters<typeof startRestApi>[0] = {}, init: RequestInit = {}) {
  const api = await startRestApi(options);
  await api.post("/runs", { run_id: "r", display_name: "r", pipeline_spec: SPEC }, init);
  const addTask = async (name: string): Promise<string> => {
    const { json } = await api.post("/runs/r/tasks", { name, type: "RUNTIME", scope_path: name }, init);
    return json["task_id"] as string;
  };
  const addArtifact = async (taskId: string) =>
    await api.post("/artifacts", {
      artifact: { name: "a", type: "Dataset", uri: "s3://b/k" },
      run_id: "r",
      task_id: taskId,
      producer_key: "out",
    });
  return { api, addTask, addArtifact };
}

// docs/spec/api-server.md#decision-events
describe("events of a run", () => {
  test("begin with what there is, and go on with what changes", async ({ expect }) => {
    const { api, addTask, addArtifact } = await start();
    const first = await addTask("first");
    await addArtifact(first);
    const stream = await follow(api);
    expect(stream.response.headers.get("content-type")).toBe("text/event-stream");
    const before = await stream.until("ready");
    expect(before.map(({ name }) => name)).toEqual(["run", "task", "artifact", "ready"]);
    expect(before[0]?.data).toMatchObject({ run_id: "r", state: "PENDING" });
    expect(before[1]?.data).toMatchObject({ task_id: first, outputs: { artifacts: [{ artifact_key: "out" }] } });
    expect(before[2]?.data).toMatchObject({ artifact_task: { task_id: first, key: "out" }, artifact: { uri: "s3://b/k" } });

    const second = await addTask("second");
    expect(await stream.next()).toMatchObject({ name: "task", data: { task_id: second, name: "second" } });
    await api.request("PATCH", `/runs/r/tasks/${second}`, { state: "SUCCEEDED" });
    expect(await stream.next()).toMatchObject({ name: "task", data: { task_id: second, state: "SUCCEEDED" } });
    await addArtifact(second);
    expect((await stream.until("artifact")).at(-1)).toMatchObject({ data: { artifact_task: { task_id: second } } });
    api.server.runs.setRunState("r", RuntimeState.RUNNING);
    expect((await stream.until("run")).at(-1)).toMatchObject({ data: { state: "RUNNING" } });
    await api.request("DELETE", "/runs/r");
    expect((await stream.until("deleted")).at(-1)).toMatchObject({ name: "deleted" });
    expect(await stream.next()).toBeUndefined();
  });

  test("go on where the client left off, with the newest state of each row", async ({ expect }) => {
    const { api, addTask } = await start();
    const stream = await follow(api);
    const id = (await stream.until("ready")).at(-1)?.id;
    stream.stop();
    const taskId = await addTask("t");
    await api.request("PATCH", `/runs/r/tasks/${taskId}`, { state: "FAILED" });
    const again = await follow(api, { "last-event-id": id ?? "" });
    const missed = await again.next();
    expect(missed).toMatchObject({ name: "task", data: { task_id: taskId, state: "FAILED" } });
    again.stop();
    const third = await follow(api, { "last-event-id": missed?.id ?? "" });
    await addTask("later");
    expect(await third.next()).toMatchObject({ name: "task", data: { name: "later" } });
  });

  test.for([
    { id: "other.1", names: ["reset", "run", "ready"] },
    { id: "nonsense", names: ["reset", "run", "ready"] },
    { id: "", names: ["run", "ready"] },
  ])("begin anew behind the unknown id $id", async ({ id, names }, { expect }) => {
    const { api } = await start();
    const stream = await follow(api, { "last-event-id": id });
    expect((await stream.until("ready")).map(({ name }) => name)).toEqual(names);
  });

  test("do not tell of other runs, and give signs of life", async ({ expect }) => {
    const { api } = await start({ rest: { heartbeatMs: 20 } });
    const stream = await follow(api);
    await stream.until("ready");
    await api.post("/runs", { run_id: "q", display_name: "q", pipeline_spec: SPEC });
    expect(await stream.next()).toMatchObject({ name: ":" });
    expect(await stream.next()).toMatchObject({ name: ":" });
  });

  test("come to many, of many tasks", async ({ expect }) => {
    const { api, addTask } = await start();
    const streams = await Promise.all(Array.from({ length: 10 }, async () => await follow(api)));
    for (const stream of streams) await stream.until("ready");
    const ids = await Promise.all(Array.from({ length: 150 }, async (_, index) => await addTask(`t${index}`)));
    for (const stream of streams) {
      const seen = new Set<unknown>();
      while (seen.size < ids.length) seen.add((await stream.next())?.data["task_id"]);
      expect(seen).toEqual(new Set(ids));
    }
    const late = await follow(api);
    expect((await late.until("ready")).filter(({ name }) => name === "task")).toHaveLength(150);
  });

  test("end with the server", async ({ expect }) => {
    const { api } = await start();
    const stream = await follow(api);
    await stream.until("ready");
    await api.server.close();
    expect(await stream.next().catch(() => undefined)).toBeUndefined();
    expect(api.internal).toEqual([]);
  });

  test("are refused for a run that is not there, and without the user's token", async ({ expect }) => {
    const authorizer = createTokenAuthorizer("u".repeat(32));
    const user = { authorization: `Bearer ${"u".repeat(32)}` };
    const { api } = await start({ authorizer }, { headers: user });
    expect((await api.get("/runs/r/events")).status).toBe(401);
    const headers = { authorization: `Bearer ${authorizer.tokenOfRun("r")}` };
    expect((await api.get("/runs/r/events", { headers })).status).toBe(403);
    expect((await api.get("/runs/4711/events", { headers: user })).status).toBe(404);
    expect((await (await follow(api, user)).until("ready")).at(-1)?.name).toBe("ready");
  });
});
