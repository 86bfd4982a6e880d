import { create } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { describe, test } from "vitest";
import { createTokenAuthorizer } from "../../../src/apiserver/calls/token-authorizer.ts";
import { TaskState, TaskType } from "../../../src/core/kfp-types.ts";
import { StatusSchema } from "../../../src/gen/google/rpc/status_pb.js";
import { connectRawClient } from "../../fakes/api-server.ts";
import { startApiServer } from "../../../src/apiserver/server.ts";
import { startRestApi } from "../../fakes/rest-api.ts";

const SPEC = { pipelineInfo: { name: "p" }, schemaVersion: "2.1.0", root: { dag: { tasks: {} } } };
const RUN = { run_id: "r", display_name: "r", pipeline_spec: SPEC };

// docs/spec/json-and-rest.md#rest-gateway, #worked-examples
describe("calls", () => {
  test("create, read, change and delete, under both packages", async ({ expect }) => {
    const { get, post, request, internal } = await startRestApi();
    const created = await post("/runs", { ...RUN, runtime_config: { parameters: {} } });
    expect(created).toMatchObject({ status: 200, json: { run_id: "r", state: "PENDING", pipeline_spec: SPEC } });
    expect(created.headers.get("content-type")).toBe("application/json");
    expect(created.json["finished_at"]).toBe("1970-01-01T00:00:00Z");
    const task = { name: "train", type: "RUNTIME", scope_path: "root.train", type_attributes: { iteration_index: "0" } };
    const { json: made } = await post("/runs/r/tasks", task);
    const taskId = made["task_id"] as string;
    expect(made).toMatchObject({ name: "train", type_attributes: { iteration_index: "0" }, scope_path: "root.train" });
    const path = `/runs/r/tasks/${taskId}`;
    expect((await request("PATCH", path, { state: "SUCCEEDED" })).json).toMatchObject({ state: "SUCCEEDED" });
    const bulk = await post("/runs/r/tasks:batchUpdate", { tasks: { [taskId]: { display_name: "T" } } });
    expect(bulk.json).toMatchObject({ tasks: { [taskId]: { display_name: "T" } } });
    expect((await get(path)).json).toMatchObject({ display_name: "T", state: "SUCCEEDED" });
    expect((await get("//apis/v2/runs/r?view=FULL")).json).toMatchObject({ task_count: 1, tasks: [{ name: "train" }] });
    expect((await get("/runs?page_size=1000000000")).json).toMatchObject({ total_size: 1, runs: [{ run_id: "r" }] });
    expect(await post("/runs/r:terminate")).toMatchObject({ status: 200, text: "{}" });
    expect(await request("DELETE", "/runs/r")).toMatchObject({ status: 200, text: "{}" });
    expect(await get("/runs")).toMatchObject({ status: 200, text: "{}" });
    expect((await post("/tasks:findCached", { cache_fingerprint: "f" })).text).toBe("{}");
    expect(internal).toEqual([]);
  });

  test("change the tags of pipelines: absent ones stay, empty ones are cleared", async ({ expect }) => {
    const { post, request } = await startRestApi();
    const { json } = await post("/pipelines", { name: "p", tags: { a: "1" } });
    const patch = async (body: object) =>
      (await request("PATCH", `/pipelines/${json["pipeline_id"] as string}`, body)).json["tags"];
    expect(await patch({ display_name: "P" })).toEqual({ a: "1" });
    expect(await patch({ tags: { b: "2" } })).toEqual({ b: "2" });
    expect(await patch({ tags: {} })).toBeUndefined();
  });

  test("show a metric of zero, which is not an unset one", async ({ expect }) => {
    const { post } = await startRestApi();
    await post("/runs", RUN);
    const { json } = await post("/runs/r/tasks", { name: "t", type: "RUNTIME", scope_path: "t" });
    const artifact = { name: "accuracy", type: "Metric", number_value: 0 };
    const made = await post("/artifacts", { artifact, run_id: "r", task_id: json["task_id"], producer_key: "accuracy" });
    expect(made.json).toMatchObject({ number_value: 0 });
    expect(made.json).not.toHaveProperty("uri");
  });

  test("are counted and may fail like those over gRPC", async ({ expect }) => {
    const { get, server } = await startRestApi({
      faults: [{ method: "ListRuns", kind: "status", code: "UNAVAILABLE", message: "not now" }],
    });
    expect(await get("/runs")).toMatchObject({ status: 503, json: { code: 14, message: "Failed to list runs: not now" } });
    expect(server.stats()["ListRuns"]).toMatchObject({ calls: 1, failures: 1 });
  });
});

// docs/spec/json-and-rest.md#error-shapes
describe("errors", () => {
  test("of calls have code, chain and details", async ({ expect }) => {
    const { get } = await startRestApi();
    expect(await get("/runs/4711")).toMatchObject({
      status: 404,
      json: {
        code: 5,
        message: "Failed to get a run: Run 4711 not found",
        details: [{ "@type": "type.googleapis.com/google.rpc.Status", code: 5, message: "Run 4711 not found" }],
      },
    });
  });

  test.for([
    { method: "POST", path: "/runs", body: '{"foo":1}', status: 400, code: 3 },
    { method: "GET", path: "/runs?page_size=1e9", status: 400, code: 3 },
    { method: "GET", path: "/runs/%zz", status: 400, code: 3 },
    { method: "GET", path: "/runs/%ff", status: 400, code: 3 },
    { method: "GET", path: "/nothing", status: 404, code: 5 },
    { method: "GET", path: "/runs/", status: 404, code: 5 },
    { method: "GET", path: "//apis/v2beta10/runs", status: 404, code: 5 },
    { method: "GET", path: "//apis/v1beta1/runs", status: 404, code: 5 },
    { method: "PUT", path: "/runs", status: 501, code: 12 },
    { method: "POST", path: "/runs/r:unheard", status: 501, code: 12 },
    { method: "OPTIONS", path: "/runs", status: 501, code: 12 },
  ])("of the gateway have no details: $method $path", async ({ method, path, body, status, code }, { expect }) => {
    const { request } = await startRestApi();
    const answer = await request(method, path, body);
    expect(answer).toMatchObject({ status, json: { code } });
    expect(Object.keys(answer.json)).toEqual(["code", "message"]);
    if (status === 501) expect(answer.headers.get("allow")).toMatch(/GET/);
  });

  test("outside /apis/ are plain text", async ({ expect }) => {
    const { get } = await startRestApi();
    const answer = await get("//index.html");
    expect(answer).toMatchObject({ status: 404, text: "404 page not found\n" });
    expect(answer.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  });

  test("of unknown kind are 500 without a stack, and told to the caller", async ({ expect }) => {
    const { get, server, internal } = await startRestApi();
    server.store.close();
    const answer = await get("/runs/r");
    expect(answer).toMatchObject({ status: 500, json: { code: 13 } });
    expect(answer.text).toContain("Internal Server Error");
    expect(answer.text).not.toMatch(/\\n| at |\.ts/);
    expect(internal).toHaveLength(1);
  });

  test("that a client stored over gRPC are shown, whatever is packed in them", async ({ expect }) => {
    const { get, post, server } = await startRestApi();
    const detail = create(StatusSchema, { code: 1 });
    const error = create(StatusSchema, { code: 3, message: "m", details: [anyPack(StatusSchema, detail)] });
    await post("/runs", RUN);
    const task = { name: "t", scopePath: "t", type: TaskType.RUNTIME, stateHistory: [{ state: TaskState.RUNNING, error }] };
    await connectRawClient(server.address).createTask({ runId: "r", task });
    const { status, json } = await get("/runs/r?view=FULL");
    const details = [{ "@type": "type.googleapis.com/google.rpc.Status", value: "CAE=" }];
    expect({ status, json }).toMatchObject({
      status: 200,
      json: { tasks: [{ state_history: [{ error: { code: 3, details } }] }] },
    });
  });

  test("under a package that is not served are 404", async ({ expect }) => {
    const { get } = await startRestApi({ packages: ["v2"] });
    expect((await get("/runs")).status).toBe(404);
    expect((await get("//apis/v2/runs")).status).toBe(200);
  });
});

describe("healthz", () => {
  test("says what clients ask for", async ({ expect }) => {
    const { get } = await startRestApi({ authorizer: createTokenAuthorizer("u".repeat(32)) });
    const facts = { commit_sha: "c0ffee", tag_name: "1.2.3", multi_user: false };
    expect((await get("/healthz")).json).toEqual({ ...facts, pipeline_store: "database" });
    expect((await get("//apis/v2/healthz")).json).toEqual({ ...facts, pipeline_store: "database" });
    expect((await get("//apis/v1beta1/healthz")).json).toEqual(facts);
  });
});

describe("tokens", () => {
  const authorizer = createTokenAuthorizer("u".repeat(32));
  const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

  test("are asked for", async ({ expect }) => {
    const { get, post } = await startRestApi({ authorizer });
    const refused = await get("/runs");
    expect(refused).toMatchObject({ status: 401, json: { code: 16 } });
    expect(refused.headers.get("www-authenticate")).toBe("Bearer");
    expect((await get("/runs", bearer("x".repeat(32)))).status).toBe(401);
    expect((await post("/runs", RUN, bearer("u".repeat(32)))).status).toBe(200);
    expect((await get("/runs/r", bearer(authorizer.tokenOfRun("r")))).status).toBe(200);
    expect((await get("/runs/r", bearer(authorizer.tokenOfRun("q")))).status).toBe(403);
    expect((await get("/runs", bearer(authorizer.tokenOfRun("r")))).status).toBe(403);
  });

  test("of a run do not reach further through a header that only gRPC has", async ({ expect }) => {
    const { post } = await startRestApi({ authorizer });
    const headers = { authorization: `Bearer ${authorizer.tokenOfRun("r")}`, "x-kfp-bound-run-id": "r" };
    expect((await post("/tasks:findCached", { cache_fingerprint: "f" }, { headers })).status).toBe(403);
  });
});

/** What the server says to bytes that are no whole request, until it hangs up. */
async function rawAnswer(port: number | undefined, bytes: string): Promise<string> {
  return await new Promise((resolve) => {
    let text = "";
    const socket = connect(port ?? 0, "127.0.0.1", () => socket.write(bytes))
      .on("data", (chunk) => (text += String(chunk)))
      .on("error", () => {})
      .on("close", () => resolve(text));
  });
}

describe("the connection", () => {
  test("HEAD is GET without a body", async ({ expect }) => {
    const { request } = await startRestApi();
    const answer = await request("HEAD", "/runs");
    expect(answer).toMatchObject({ status: 200, text: "" });
    expect(answer.headers.get("content-length")).toBe("2");
    expect((await request("HEAD", "/runs/4711")).status).toBe(404);
  });

  test("is refused under a foreign name, and from a page of another origin", async ({ expect }) => {
    const { url, request } = await startRestApi();
    const status = await new Promise((resolve, reject) => {
      httpRequest(`${url}/apis/v2beta1/runs`, { headers: { host: "evil.example" } }, (response) => {
        resolve(response.statusCode);
        response.resume();
      })
        .on("error", reject)
        .end();
    });
    expect(status).toBe(403);
    const foreign = await request("POST", "/runs", RUN, { headers: { origin: "https://evil.example" } });
    expect(foreign).toMatchObject({ status: 403, json: { code: 7 } });
    const own = await request("POST", "/runs", RUN, { headers: { origin: url } });
    expect(own.status).toBe(200);
    expect(own.headers.get("access-control-allow-origin")).toBeNull();
  });

  test("takes bodies up to the limit and answers larger ones with 413", async ({ expect }) => {
    const { post } = await startRestApi({ rest: { maxBodyBytes: 1000 } });
    expect((await post("/runs", JSON.stringify(RUN).padEnd(1000))).status).toBe(200);
    const large = await post("/runs", JSON.stringify(RUN).padEnd(1001));
    expect(large).toMatchObject({ status: 413, json: { code: 3, message: expect.stringContaining("1000 bytes") as string } });
    const stream = new ReadableStream({
      start(controller) {
        for (let index = 0; index < 100; index += 1) controller.enqueue(new Uint8Array(1000));
        controller.close();
      },
    });
    const init = { body: stream, duplex: "half" } as RequestInit;
    expect((await post("/runs", undefined, init)).status).toBe(413);
  });

  test("takes no endless headers, and none that are no HTTP", async ({ expect }) => {
    const { get, server } = await startRestApi({ rest: { limits: { maxHeaderBytes: 2000 } } });
    expect((await get("/runs", { headers: { "x-long": "x".repeat(3000) } })).status).toBe(431);
    const answer = await rawAnswer(server.rest?.port, "no http\r\n\r\n");
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  });

  test("ends when the request or the answer takes too long", async ({ expect }) => {
    const { get, server } = await startRestApi({
      rest: { limits: { requestTimeoutMs: 300, answerTimeoutMs: 200 } },
      faults: [{ method: "GetRun", kind: "hold", until: new Promise(() => {}) }],
    });
    expect(await get("/runs/r")).toMatchObject({ status: 504, json: { code: 4 } });
    const answer = await rawAnswer(
      server.rest?.port,
      "POST /apis/v2beta1/runs HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n{",
    );
    expect(answer).toMatch(/^(HTTP\/1\.1 (408|504) |$)/);
  });

  test(
    "is cut when a client sends its headers too slowly, and does not stop when it is refused",
    { timeout: 120_000 },
    async ({ expect }) => {
      const { server } = await startRestApi({ rest: { limits: { requestTimeoutMs: 300 } } });
      // A client that never closes its own end.
      const socket = connect({ port: server.rest?.port ?? 0, host: "127.0.0.1", allowHalfOpen: true });
      let answer = "";
      socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
      socket.on("error", () => undefined);
      socket.write("GET /apis/v2beta1/runs HTTP/1.1\r\nhost: localhost\r\n");
      const drip = setInterval(() => socket.write("x-a: b\r\n"), 50);
      await new Promise((resolve) => socket.once("close", resolve));
      clearInterval(drip);
      expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    },
  );

  test("is refused where the port is taken, and nothing stays open", async ({ expect }) => {
    const { server } = await startRestApi();
    const rest = { port: server.rest?.port ?? 0, build: { commit: "c", version: "v" } };
    await expect(startApiServer({ database: ":memory:", rest })).rejects.toThrow(`Cannot listen on 127.0.0.1:${rest.port}`);
  });

  test("ends with the server, also one that waits", async ({ expect }) => {
    const { server, get } = await startRestApi({ faults: [{ method: "GetRun", kind: "hold", until: new Promise(() => {}) }] });
    const pending = get("/runs/r").then(
      () => "answered",
      () => "cut",
    );
    await get("/runs");
    await Promise.all([server.close(), server.close()]);
    expect(await pending).toBe("cut");
    await expect(get("/runs")).rejects.toThrow();
  });
});
