/**
 * Errors: which code each kind has, over gRPC and as HTTP status, and what the bodies look like.
 *
 * docs/spec/api-server.md#errors, docs/spec/json-and-rest.md#error-shapes
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { createTokenAuthorizer } from "../../../src/apiserver/calls/token-authorizer.ts";
import { HTTP_CALLS, startWay, WAYS, type ApiWay } from "../../support/api-ways.ts";
import { SMALL_SPEC } from "../../support/list-cases.ts";

const REST_WAYS = WAYS.filter(({ transport }) => transport === "rest");
const RUN: JsonObject = { run_id: "r", display_name: "r", pipeline_spec: SMALL_SPEC };

/** What a call is answered with, the text for people, and the chain in front of it. */
interface Failing {
  readonly kind: string;
  readonly prepare?: (api: ApiWay) => Promise<unknown>;
  readonly method: string;
  readonly request: JsonObject;
  readonly code: string;
  readonly number: number;
  readonly httpStatus: number;
  readonly chain: string;
  readonly short: string;
}

const KINDS: readonly Failing[] = [
  {
    ...{ kind: "invalid input", method: "CreateRun", request: { run: { display_name: "r" } } },
    ...{ code: "INVALID_ARGUMENT", number: 3, httpStatus: 400, chain: "Failed to create a run: Invalid input error: " },
    short: "There is no pipeline: give pipeline_spec or pipeline_version_reference",
  },
  {
    ...{ kind: "not found", method: "GetRun", request: { run_id: "4711" }, code: "NOT_FOUND", number: 5, httpStatus: 404 },
    ...{ chain: "Failed to get a run: ", short: "Run 4711 not found" },
  },
  {
    kind: "already exists",
    prepare: async ({ call }) => await call("CreatePipeline", { pipeline: { name: "p" } }),
    ...{ method: "CreatePipeline", request: { pipeline: { name: "p" } }, code: "ALREADY_EXISTS", number: 6, httpStatus: 409 },
    ...{ chain: "Failed to create a pipeline: ", short: "A pipeline with the name p exists already" },
  },
  {
    kind: "bad request",
    prepare: async ({ call }) => await call("CreateRun", { run: RUN }),
    ...{ method: "RetryRun", request: { run_id: "r" }, code: "ABORTED", number: 10, httpStatus: 409 },
    ...{ chain: "Failed to retry a run: ", short: "Run r cannot be retried: it is PENDING, only failed runs can" },
  },
  {
    kind: "failed precondition",
    prepare: async ({ call }) => {
      const { experiment_id: id } = await call("CreateRun", { run: RUN });
      await call("ArchiveExperiment", { experiment_id: id as string });
    },
    ...{ method: "UnarchiveRun", request: { run_id: "r" }, code: "FAILED_PRECONDITION", number: 9, httpStatus: 400 },
    ...{ chain: "Failed to unarchive a run: ", short: "" },
  },
  {
    kind: "unavailable",
    prepare: ({ server }) => {
      server.faults.add({ method: "ListRuns", kind: "status", code: "UNAVAILABLE", message: "not now" });
      return Promise.resolve();
    },
    ...{ method: "ListRuns", request: {}, code: "UNAVAILABLE", number: 14, httpStatus: 503 },
    ...{ chain: "Failed to list runs: ", short: "not now" },
  },
  {
    kind: "an error that nobody classified, whose detail is UNKNOWN",
    prepare: ({ server }) => {
      server.store.close();
      return Promise.resolve();
    },
    ...{ method: "GetRun", request: { run_id: "r" }, code: "INTERNAL", number: 2, httpStatus: 500 },
    ...{ chain: "Failed to get a run: ", short: "Internal Server Error" },
  },
];

// docs/spec/api-server.md#kinds-of-errors, #wrapping, #rest-body
describe.for(WAYS)("errors over $name", (by) => {
  test.for(KINDS)("$kind: $code, $httpStatus", async (failing, { expect }) => {
    const { kind, prepare, method, request, code, number, httpStatus, chain, short } = failing;
    const api = await startWay(by);
    await prepare?.(api);
    const outcome = await api.send(method, request);
    expect(outcome.code, kind).toBe(code);
    expect(outcome.detail?.code).toBe(number);
    expect(outcome.httpStatus).toBe(by.transport === "rest" ? httpStatus : undefined);
    expect(outcome.message.startsWith(chain), outcome.message).toBe(true);
    expect(outcome.detail?.message).toContain(short);
    expect(outcome.message).not.toMatch(/\n| at .*:\d+/);
    // The chain ends with the text for people, which is the detail.
    if (code !== "INTERNAL") expect(outcome.message.endsWith(outcome.detail?.message ?? "?")).toBe(true);
    expect(api.internal).toHaveLength(code === "INTERNAL" ? 1 : 0);
  });

  test("unauthenticated and permission denied", async ({ expect }) => {
    const token = "t".repeat(32);
    const authorizer = createTokenAuthorizer(token);
    const api = await startWay(by, { authorizer });
    const outcome = await api.send("ListRuns");
    expect([outcome.code, outcome.detail?.code, outcome.httpStatus ?? 401]).toEqual(["UNAUTHENTICATED", 16, 401]);
    if (by.transport === "grpc") return;
    const headers = { authorization: `Bearer ${authorizer.tokenOfRun("r")}` };
    const refused = await fetch(`${api.url}/runs`, { headers });
    expect([refused.status, ((await refused.json()) as JsonObject)["code"]]).toEqual([403, 7]);
    const answer = await fetch(`${api.url}/runs`);
    expect(answer.headers.get("www-authenticate")).toBe("Bearer");
  });
});

// docs/spec/json-and-rest.md#error-shapes
describe.for(REST_WAYS)("the HTTP status over $name", (by) => {
  test.for([
    { code: "CANCELLED", number: 1, httpStatus: 499 },
    { code: "UNKNOWN", number: 2, httpStatus: 500 },
    { code: "INVALID_ARGUMENT", number: 3, httpStatus: 400 },
    { code: "DEADLINE_EXCEEDED", number: 4, httpStatus: 504 },
    { code: "NOT_FOUND", number: 5, httpStatus: 404 },
    { code: "ALREADY_EXISTS", number: 6, httpStatus: 409 },
    { code: "PERMISSION_DENIED", number: 7, httpStatus: 403 },
    { code: "RESOURCE_EXHAUSTED", number: 8, httpStatus: 429 },
    { code: "FAILED_PRECONDITION", number: 9, httpStatus: 400 },
    { code: "ABORTED", number: 10, httpStatus: 409 },
    { code: "OUT_OF_RANGE", number: 11, httpStatus: 400 },
    { code: "UNIMPLEMENTED", number: 12, httpStatus: 501 },
    { code: "INTERNAL", number: 13, httpStatus: 500 },
    { code: "UNAVAILABLE", number: 14, httpStatus: 503 },
    { code: "DATA_LOSS", number: 15, httpStatus: 500 },
    { code: "UNAUTHENTICATED", number: 16, httpStatus: 401 },
  ] as const)("of $code is $httpStatus", async ({ code, number, httpStatus }, { expect }) => {
    const api = await startWay(by, { faults: [{ method: "GetRun", kind: "status", code, message: "why" }] });
    const response = await fetch(`${api.url}/runs/r`);
    expect(response.status).toBe(httpStatus);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toEqual({
      code: number,
      message: "Failed to get a run: why",
      details: [{ "@type": "type.googleapis.com/google.rpc.Status", code: number, message: "why" }],
    });
  });
});

// docs/spec/json-and-rest.md#rest-gateway
describe.for(REST_WAYS)("the gateway's own errors over $name", (by) => {
  test.for<{ name: string; method?: string; path: string; body?: string; status: number; code: number; says: RegExp }>([
    { name: "an unknown member", method: "POST", path: "/runs", body: '{"news":1}', status: 400, code: 3, says: /news/ },
    { name: "a wrong type", method: "POST", path: "/runs", body: '{"run_id":1}', status: 400, code: 3, says: /run_?[iI]d/ },
    { name: "no JSON", method: "POST", path: "/runs", body: "{", status: 400, code: 3, says: /./ },
    { name: "a list as body", method: "POST", path: "/runs", body: "[]", status: 400, code: 3, says: /./ },
    { name: "null as body", method: "POST", path: "/runs", body: "null", status: 400, code: 3, says: /./ },
    { name: "text behind the body", method: "POST", path: "/runs", body: "{} x", status: 400, code: 3, says: /./ },
    {
      name: "a member under both names",
      method: "POST",
      path: "/runs",
      body: '{"run_id":"a","runId":"a"}',
      status: 400,
      code: 3,
      says: /run_?[iI]d/,
    },
    { name: "an unknown enum", path: "/runs/r?view=ALL", status: 400, code: 3, says: /view/ },
    { name: "a number that is none", path: "/runs?page_size=x", status: 400, code: 3, says: /page_size/ },
    { name: "a bool that is none", method: "DELETE", path: "/pipelines/p?cascade=yes", status: 400, code: 3, says: /cascade/ },
    { name: "a parameter twice", path: "/runs?page_size=1&page_size=2", status: 400, code: 3, says: /page_size/ },
    { name: "an unknown path", path: "/nothing", status: 404, code: 5, says: /^Not Found$/ },
    { name: "an empty segment", path: "/runs/", status: 404, code: 5, says: /^Not Found$/ },
    { name: "another method", method: "PUT", path: "/runs", status: 501, code: 12, says: /./ },
  ])("$name", async ({ method = "GET", path, body, status, code, says }, { expect }) => {
    const api = await startWay(by);
    const response = await fetch(`${api.url}${path}`, { method, ...(body === undefined ? {} : { body }) });
    const answer = (await response.json()) as JsonObject;
    expect([response.status, answer["code"], Object.keys(answer)]).toEqual([status, code, ["code", "message"]]);
    expect(answer["message"]).toMatch(says);
  });

  test("not for unknown parameters, which are ignored, and camel case, which is a name as well", async ({ expect }) => {
    const api = await startWay(by);
    for (const query of ["news=1&a.b=2", "pageSize=1&sortBy=name", "page_size=1&page.token=x"]) {
      expect((await fetch(`${api.url}/runs?${query}`)).status, query).toBe(200);
    }
  });
});

// docs/spec/run-and-artifact-messages.md#runproto, docs/spec/service-messages.md: the HTTP columns
test.for(REST_WAYS)("every call that the documents give a path is answered there over $name", async (by, { expect }) => {
  const api = await startWay(by);
  const notServed = ["ReportWorkflow", "ReportScheduledWorkflow"];
  expect(HTTP_CALLS.size).toBeGreaterThanOrEqual(48);
  for (const [name, { method, path }] of HTTP_CALLS) {
    const response = await fetch(`${api.url}${path.replaceAll(/\{[\w.]+\}/g, "x")}`, { method });
    const answer = (await response.json()) as JsonObject;
    expect(answer["message"] === "Not Found", `${name}: ${method} ${path}`).toBe(notServed.includes(name));
    expect(response.status, name).not.toBe(501);
  }
  expect(api.internal).toEqual([]);
});

// docs/spec/api-server.md#rules-of-this-project
test.for(WAYS)("API-12: mistakes of users are never INTERNAL over $name", async (by, { expect }) => {
  const api = await startWay(by);
  const { call, send } = api;
  const { pipeline_id: pipelineId } = await call("CreatePipeline", { pipeline: { name: "p" } });
  const { pipeline_id: other } = await call("CreatePipeline", { pipeline: { name: "q" } });
  const upload = { name: "v", displayName: "", description: "", tags: {}, text: JSON.stringify(SMALL_SPEC) };
  const { pipelineVersionId } = (await api.server.pipelines.uploadVersion(pipelineId as string, upload)).decode();
  const long = "x".repeat(129);
  const reference = (change: JsonObject) => ({ run: { display_name: "r", pipeline_version_reference: change } });
  const schedule = (change: JsonObject) => ({
    recurring_run: { display_name: "s", max_concurrency: "1", pipeline_spec: SMALL_SPEC, ...change },
  });
  const run = (change: JsonObject) => ({ run: { ...RUN, ...change } });
  for (const [method, request, code] of [
    ["CreateRun", {}, "INVALID_ARGUMENT"],
    ["CreateRun", run({ display_name: "" }), "INVALID_ARGUMENT"],
    ["CreateRun", run({ display_name: long }), "INVALID_ARGUMENT"],
    ["CreateRun", run({ description: "x".repeat(65_536) }), "INVALID_ARGUMENT"],
    ["CreateRun", run({ pipeline_spec: {} }), "INVALID_ARGUMENT"],
    ["CreateRun", run({ pipeline_spec: { root: 1 } }), "INVALID_ARGUMENT"],
    ["CreateRun", run({ pipeline_spec: { pipeline_spec: 1 } }), "INVALID_ARGUMENT"],
    ["CreateRun", run({ recurring_run_id: "nope" }), "NOT_FOUND"],
    ["CreateRun", run({ experiment_id: "nope" }), "NOT_FOUND"],
    ["CreateRun", reference({ pipeline_version_id: "nope" }), "NOT_FOUND"],
    ["CreateRun", reference({ pipeline_id: "nope" }), "NOT_FOUND"],
    ["CreateRun", reference({ pipeline_id: other as string }), "NOT_FOUND"],
    ["CreateRun", reference({ pipeline_id: other as string, pipeline_version_id: pipelineVersionId }), "INVALID_ARGUMENT"],
    ["CreateRun", reference({}), "INVALID_ARGUMENT"],
    ["CreateRun", { run: { display_name: "r", pipeline_version_id: pipelineVersionId } }, "INVALID_ARGUMENT"],
    ["CreateExperiment", { experiment: {} }, "INVALID_ARGUMENT"],
    ["CreateExperiment", { experiment: { display_name: long } }, "INVALID_ARGUMENT"],
    ["CreatePipeline", { pipeline: { name: long } }, "INVALID_ARGUMENT"],
    ["CreateRecurringRun", {}, "INVALID_ARGUMENT"],
    ["CreateRecurringRun", schedule({ display_name: "" }), "INVALID_ARGUMENT"],
    ["CreateRecurringRun", schedule({ display_name: long }), "INVALID_ARGUMENT"],
    ["CreateRecurringRun", schedule({ pipeline_spec: { root: 1 } }), "INVALID_ARGUMENT"],
    ["CreateRecurringRun", schedule({ experiment_id: "nope" }), "NOT_FOUND"],
  ] as const) {
    const outcome = await send(method, request);
    expect(outcome.code, `${method} ${JSON.stringify(request).slice(0, 200)}: ${outcome.message}`).toBe(code);
  }
  expect(await call("ListRuns")).toEqual({});
  expect(api.internal).toEqual([]);
});
