/**
 * What the Python client sends and what it needs of the answers, method by method, and the paths outside the protos.
 *
 * The client itself drives the server in test/e2e/python-client.test.ts; here are its requests as they are on the wire, empty query
 * parameters included, under both packages.
 *
 * docs/spec/pipelines-and-python-client.md#python-client, #essentials-per-client-method, docs/spec/api-server.md#http-endpoints-outside-the-protos
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { createTokenAuthorizer } from "../../../src/apiserver/calls/token-authorizer.ts";
import { RuntimeState } from "../../../src/core/kfp-types.ts";
import { startWay, WAYS, type ApiWay } from "../../support/api-ways.ts";
import { textAt } from "../../support/list-cases.ts";

/** As in docs/spec/pipelines-and-python-client.md#request-bodies. */
const SPEC: JsonObject = {
  ...{ pipelineInfo: { name: "hello" }, schemaVersion: "2.1.0", sdkVersion: "kfp-2.13.0", deploymentSpec: { executors: {} } },
  root: { inputDefinitions: { parameters: { n: { parameterType: "NUMBER_INTEGER", isOptional: true } } }, dag: { tasks: {} } },
};
const PLATFORM: JsonObject = { platforms: { kubernetes: { deploymentSpec: { executors: {} } } } };

const named = (name: string, key = "display_name") =>
  `filter=${encodeURIComponent(JSON.stringify({ predicates: [{ operation: 1, key, stringValue: name }] }))}`;
const PAGE = "page_token=&page_size=10&sort_by=";

interface Client extends ApiWay {
  get(this: void, path: string): Promise<JsonObject>;
  post(this: void, path: string, body?: JsonObject): Promise<JsonObject>;
  del(this: void, path: string): Promise<JsonObject>;
  /** Status and body of an answer that is an error. */
  failure(this: void, method: string, path: string, body?: JsonObject): Promise<[status: number, code: unknown]>;
  upload(this: void, query: string): Promise<{ status: number; json: JsonObject }>;
}

describe.for(WAYS.filter(({ transport }) => transport === "rest"))("over $name", (by) => {
  async function start(): Promise<Client> {
    const api = await startWay(by);
    const request = async (method: string, path: string, body?: JsonObject) =>
      await fetch(`${api.url}${path}`, {
        method,
        headers: { accept: "application/json", "content-type": "application/json", authorization: "Bearer whatever" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    const succeed = async (method: string, path: string, body?: JsonObject) => {
      const response = await request(method, path, body);
      const text = await response.text();
      if (response.status !== 200) throw new Error(`${method} ${path} was answered ${response.status}: ${text}`);
      return JSON.parse(text) as JsonObject;
    };
    return {
      ...api,
      get: async (path) => await succeed("GET", path),
      post: async (path, body) => await succeed("POST", path, body),
      del: async (path) => await succeed("DELETE", path),
      failure: async (method, path, body) => {
        const response = await request(method, path, body);
        return [response.status, ((await response.json()) as JsonObject)["code"]];
      },
      upload: async (query) => {
        const form = new FormData();
        form.set("uploadfile", new Blob([JSON.stringify(SPEC)]), "hello.yaml");
        const response = await fetch(`${api.url}/pipelines/${query}`, { method: "POST", body: form });
        return { status: response.status, json: (await response.json()) as JsonObject };
      },
    };
  }

  test("the first request of a client: healthz, with multi_user false", async ({ expect }) => {
    const { get } = await start();
    expect(await get("/healthz")).toEqual({
      ...{ commit_sha: "c0ffee", tag_name: "1.2.3", multi_user: false, pipeline_store: "database" },
    });
  });

  test("get_pipeline_id, upload_pipeline, upload_pipeline_version, get_pipeline, list_pipelines", async ({ expect }) => {
    const { get, upload, failure } = await start();
    // Nothing found: no key at all, which the client takes for None.
    expect(await get(`/pipelines?${named("hello")}`)).toEqual({});
    const made = await upload("upload?name=hello&description=d&namespace=");
    expect(made).toMatchObject({ status: 200, json: { name: "hello", display_name: "hello", description: "d" } });
    const pipelineId = textAt(made.json, "pipeline_id");
    expect((await upload("upload?name=hello")).status).toBe(409);
    expect(await get(`/pipelines?${named("hello")}`)).toMatchObject({ pipelines: [{ pipeline_id: pipelineId }], total_size: 1 });
    const version = await upload(`upload_version?name=v2&pipelineid=${pipelineId}`);
    expect(version).toMatchObject({ status: 200, json: { pipeline_id: pipelineId, name: "v2" } });
    expect(textAt(version.json, "pipeline_version_id")).toMatch(/./);
    expect((await upload(`upload_version?name=v2&pipelineid=${pipelineId}`)).status).toBe(409);
    expect(await get(`/pipelines/${pipelineId}`)).toEqual(made.json);
    expect(await get(`/pipelines?${PAGE}&namespace=&filter=`)).toEqual({ pipelines: [made.json], total_size: 1 });
    expect(await failure("GET", "/pipelines/nope")).toEqual([404, 5]);
  });

  test("list_pipeline_versions, get_pipeline_version, delete_pipeline_version, delete_pipeline", async ({ expect }) => {
    const { get, upload, del, failure } = await start();
    const { json } = await upload("upload?name=hello");
    const pipelineId = textAt(json, "pipeline_id");
    const listed = await get(
      `/pipelines/${pipelineId}/versions?page_token=&page_size=1000000000&sort_by=created_at%20desc&filter=`,
    );
    expect(listed).toMatchObject({ total_size: 1, pipeline_versions: [{ name: "hello", pipeline_spec: SPEC }] });
    expect(listed).not.toHaveProperty("next_page_token");
    for (const key of ["name", "display_name"]) {
      expect(await get(`/pipelines/${pipelineId}/versions?${named("hello", key)}`)).toMatchObject({ total_size: 1 });
    }
    const [version = {}] = listed["pipeline_versions"] as JsonObject[];
    const path = `/pipelines/${pipelineId}/versions/${textAt(version, "pipeline_version_id")}`;
    expect(await get(path)).toEqual(version);
    expect(await failure("DELETE", `/pipelines/${pipelineId}`)).toEqual([400, 3]);
    expect(await del(path)).toEqual({});
    expect(await failure("GET", path)).toEqual([404, 5]);
    expect(await del(`/pipelines/${pipelineId}`)).toEqual({});
    expect(await failure("GET", `/pipelines/${pipelineId}`)).toEqual([404, 5]);
  });

  test("create_experiment, get_experiment, list_experiments, archive, unarchive, delete", async ({ expect }) => {
    const { get, post, del, failure } = await start();
    expect(await get(`/experiments?${named("trials")}&namespace=`)).toEqual({});
    const made = await post("/experiments", { display_name: "trials", description: "d", namespace: "" });
    const path = `/experiments/${textAt(made, "experiment_id")}`;
    expect(await get(`/experiments?${named("trials")}&namespace=`)).toEqual({ experiments: [made], total_size: 1 });
    expect(await get(path)).toEqual(made);
    expect(await get(`/experiments?${PAGE}&namespace=&filter=`)).toMatchObject({ total_size: 2 });
    expect(await post(`${path}:archive`)).toEqual({});
    expect(await get(path)).toMatchObject({ storage_state: "ARCHIVED" });
    expect(await post(`${path}:unarchive`)).toEqual({});
    expect(await del(path)).toEqual({});
    expect(await failure("GET", path)).toEqual([404, 5]);
  });

  test("create_run_from_pipeline_package: the experiment by name, then the run, with and without platform", async ({
    expect,
  }) => {
    const { get, post, failure } = await start();
    const { experiments } = await get(`/experiments?${named("Default")}&namespace=`);
    const [{ experiment_id: experimentId } = {}] = experiments as JsonObject[];
    const body = {
      ...{ display_name: "hello 2025-01-02 03-04-05", experiment_id: experimentId as string, pipeline_spec: SPEC },
      runtime_config: { parameters: { n: 3 }, pipeline_root: "minio://bucket/root" },
    };
    const run = await post("/runs", body);
    expect(run).toEqual({
      ...body,
      ...{ run_id: textAt(run, "run_id"), storage_state: "AVAILABLE", service_account: "pipeline-runner", state: "PENDING" },
      ...{ created_at: "1970-01-01T00:16:40Z", scheduled_at: "1970-01-01T00:16:40Z", finished_at: "1970-01-01T00:00:00Z" },
      state_history: [{ update_time: "1970-01-01T00:16:40Z", state: "PENDING" }],
    });
    const wrapped = { pipeline_spec: SPEC, platform_spec: PLATFORM };
    expect(await post("/runs", { ...body, pipeline_spec: wrapped })).toMatchObject({ pipeline_spec: wrapped });
    expect(await failure("POST", "/runs", { ...body, runtime_config: { parameters: { n: "three" } } })).toEqual([400, 3]);
    // A None in the arguments arrives as null.
    expect(await failure("POST", "/runs", { ...body, runtime_config: { parameters: { n: null } } })).toEqual([400, 3]);
  });

  test("run_pipeline, get_run, list_runs, archive_run, unarchive_run, terminate_run, delete_run", async ({ expect }) => {
    const { get, post, del, upload, failure } = await start();
    const { json } = await upload("upload?name=hello");
    const pipelineId = textAt(json, "pipeline_id");
    const { pipeline_versions: versions } = await get(`/pipelines/${pipelineId}/versions?page_size=1`);
    const reference = {
      pipeline_id: pipelineId,
      pipeline_version_id: textAt((versions as JsonObject[])[0] ?? {}, "pipeline_version_id"),
    };
    const run = await post("/runs", {
      display_name: "r",
      pipeline_version_reference: reference,
      runtime_config: { parameters: {} },
    });
    expect(run).toMatchObject({ pipeline_version_reference: reference });
    expect(run).not.toHaveProperty("runtime_config");
    const path = `/runs/${textAt(run, "run_id")}`;
    expect(await get(path)).toEqual(run);
    expect(await get(`/runs?${PAGE}&namespace=&filter=`)).toEqual({ runs: [run], total_size: 1 });
    expect(await get(`/runs?${PAGE}&experiment_id=${textAt(run, "experiment_id")}&filter=`)).toMatchObject({ total_size: 1 });
    expect(await post(`${path}:archive`)).toEqual({});
    expect(await post(`${path}:unarchive`)).toEqual({});
    expect(await post(`${path}:terminate`)).toEqual({});
    expect(await failure("POST", `${path}:terminate`)).toEqual([400, 3]);
    expect(await failure("POST", `${path}:retry`)).toEqual([409, 10]);
    expect(await del(path)).toEqual({});
    expect(await failure("GET", path)).toEqual([404, 5]);
  });

  test.for([
    { end: RuntimeState.SUCCEEDED, state: "SUCCEEDED" },
    { end: RuntimeState.FAILED, state: "FAILED" },
    { end: RuntimeState.SKIPPED, state: "SKIPPED" },
  ] as const)(
    "wait_for_run_completion: ends with $state, also when the run was terminated",
    async ({ end, state }, { expect }) => {
      const { get, post, server } = await start();
      const path = `/runs/${textAt(await post("/runs", { display_name: "r", pipeline_spec: SPEC }), "run_id")}`;
      const runId = path.slice("/runs/".length);
      expect(await get(path)).toMatchObject({ state: "PENDING" });
      server.runs.setRunState(runId, RuntimeState.RUNNING);
      expect(await get(path)).toMatchObject({ state: "RUNNING" });
      if (end === RuntimeState.FAILED) {
        await post(`${path}:terminate`);
        expect(await get(path)).toMatchObject({ state: "CANCELING" });
      }
      server.runs.finishRun(runId, end);
      expect(await get(path)).toMatchObject({ state });
      if (end !== RuntimeState.FAILED) return;
      // run_service_retry_run
      expect(await post(`${path}:retry`)).toEqual({});
      expect(await get(path)).toMatchObject({ state: "PENDING" });
    },
  );

  test("create_recurring_run and its life, under both names of its switches", async ({ expect }) => {
    const { get, post, del, failure } = await start();
    const { experiments } = await get(`/experiments?${named("Default")}&namespace=`);
    const experimentId = textAt((experiments as JsonObject[])[0] ?? {}, "experiment_id");
    const trigger = { cron_schedule: { cron: "0 0 2 * * *", start_time: "2025-01-02T00:00:00Z" } };
    const made = await post("/recurringruns", {
      ...{ display_name: "nightly", experiment_id: experimentId, mode: "ENABLE", max_concurrency: 1, no_catchup: true },
      ...{ pipeline_spec: SPEC, runtime_config: { parameters: {} }, trigger },
    });
    expect(made).toMatchObject({ max_concurrency: "1", status: "ENABLED", no_catchup: true, trigger });
    const path = `/recurringruns/${textAt(made, "recurring_run_id")}`;
    expect(await get(path)).toEqual(made);
    expect(await get(`/recurringruns?${PAGE}&filter=`)).toEqual({ recurringRuns: [made], total_size: 1 });
    expect(await get(`/recurringruns?${PAGE}&experiment_id=${experimentId}`)).toMatchObject({ total_size: 1 });
    expect(await post(`${path}:disable`)).toEqual({});
    expect(await get(path)).toMatchObject({ status: "DISABLED" });
    expect(await post(`${path}:enable`)).toEqual({});
    const periodic = { periodic_schedule: { interval_second: 3600 } };
    const hourly = { display_name: "hourly", mode: "DISABLE", max_concurrency: 10, pipeline_spec: SPEC, trigger: periodic };
    expect(await post("/recurringruns", hourly)).toMatchObject({
      status: "DISABLED",
      trigger: { periodic_schedule: { interval_second: "3600" } },
    });
    expect(await del(path)).toEqual({});
    expect(await failure("GET", path)).toEqual([404, 5]);
  });
});

// docs/spec/api-server.md#http-endpoints-outside-the-protos
describe("paths outside the protos", () => {
  const REST = WAYS.find(({ transport }) => transport === "rest");

  async function origin(options: Parameters<typeof startWay>[1] = {}): Promise<string> {
    if (REST === undefined) throw new Error("no way over REST");
    return (await startWay(REST, options)).url.replace(/\/apis\/.*$/, "");
  }

  test.for([
    { path: "/apis/v2beta1/healthz", keys: ["commit_sha", "tag_name", "multi_user", "pipeline_store"] },
    { path: "/apis/v2/healthz", keys: ["commit_sha", "tag_name", "multi_user", "pipeline_store"] },
    { path: "/apis/v1beta1/healthz", keys: ["commit_sha", "tag_name", "multi_user"] },
  ])("$path needs no token, and is JSON with $keys", async ({ path, keys }, { expect }) => {
    const at = await origin({ authorizer: createTokenAuthorizer("t".repeat(32)) });
    const response = await fetch(`${at}${path}`);
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json"]);
    expect(Object.keys((await response.json()) as JsonObject)).toEqual(keys);
  });

  test.for([
    { path: "/apis/v1beta1/pipelines", status: 404, text: '{"code":5,"message":"Not Found"}' },
    { path: "/apis/v2beta1/nothing", status: 404, text: '{"code":5,"message":"Not Found"}' },
    { path: "/apis/v2beta10/runs", status: 404, text: '{"code":5,"message":"Not Found"}' },
    { path: "/apis/", status: 404, text: '{"code":5,"message":"Not Found"}' },
  ])("$path is $status", async ({ path, status, text }, { expect }) => {
    const response = await fetch(`${await origin()}${path}`);
    expect([response.status, await response.text()]).toEqual([status, text]);
  });

  test.for(["/", "/nothing", "/apisx/v2beta1/runs"])("%s, outside of /apis/, is plain text", async (path, { expect }) => {
    const response = await fetch(`${await origin()}${path}`);
    expect([response.status, response.headers.get("content-type")]).toEqual([404, expect.stringMatching(/^text\/plain/)]);
  });

  test("API-28: the log of what is not there is 404", async ({ expect }) => {
    const response = await fetch(`${await origin()}/apis/v1alpha1/runs/nope/nodes/nope/log`);
    expect(response.status).toBe(404);
  });

  test("the artifact of what is not there is 404", async ({ expect }) => {
    const response = await fetch(`${await origin()}/apis/v2beta1/runs/nope/nodes/nope/artifacts/nope:read`);
    expect(response.status).toBe(404);
  });
});
