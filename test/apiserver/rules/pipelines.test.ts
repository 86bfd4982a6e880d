/**
 * Pipelines and their versions, rule by rule, over both transports and both packages.
 *
 * docs/spec/pipelines-and-python-client.md#pipelines-and-versions
 */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, onTestFinished, test } from "vitest";
import { startWay, WAYS, type ApiWay } from "../../support/api-ways.ts";
import { SMALL_SPEC, textAt } from "../../support/list-cases.ts";

const T1000 = "1970-01-01T00:16:40Z";

/** Serves a pipeline at /p.yaml and something else at /text; everything else is 404. */
async function serveFiles(): Promise<string> {
  const server = createServer((request, response) => {
    const body = { "/p.yaml": JSON.stringify(SMALL_SPEC), "/text": "hello" }[request.url ?? ""];
    response.statusCode = body === undefined ? 404 : 200;
    response.end(body ?? "");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function createPipeline({ call }: ApiWay, name = "p"): Promise<string> {
  return textAt(await call("CreatePipeline", { pipeline: { name } }), "pipeline_id");
}

async function upload(api: ApiWay, pipelineId: string, name: string, spec: JsonObject = SMALL_SPEC): Promise<string> {
  const sent = { name, displayName: "", description: "", tags: {}, text: JSON.stringify(spec) };
  return (await api.server.pipelines.uploadVersion(pipelineId, sent)).decode().pipelineVersionId;
}

const tagsOf = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, "v"]));

// docs/spec/pipelines-and-python-client.md#naming, #service-calls, #reply
describe.for(WAYS)("CreatePipeline over $name", (by) => {
  test.for<{ name: string; pipeline: JsonObject; shown: JsonObject }>([
    { name: "a name", pipeline: { name: "n" }, shown: { name: "n", display_name: "n" } },
    { name: "a display name", pipeline: { display_name: "D d" }, shown: { name: "D d", display_name: "D d" } },
    { name: "both", pipeline: { name: "n", display_name: "D" }, shown: { name: "n", display_name: "D" } },
    {
      name: "the longest names, in characters",
      pipeline: { name: "é".repeat(128), display_name: "😀".repeat(128) },
      shown: { name: "é".repeat(128), display_name: "😀".repeat(128) },
    },
    {
      name: "description and tags, a namespace that is blanked, an id and a time of the server",
      pipeline: {
        ...{ name: "n", description: "d", tags: { ...tagsOf(19), ["k".repeat(63)]: "v".repeat(63) }, namespace: "any" },
        ...{ pipeline_id: "mine", created_at: "2030-01-01T00:00:00Z" },
      },
      shown: { name: "n", display_name: "n", description: "d", tags: { ...tagsOf(19), ["k".repeat(63)]: "v".repeat(63) } },
    },
  ])("takes $name, and makes no version", async ({ pipeline, shown }, { expect }) => {
    const { call } = await startWay(by);
    const made = await call("CreatePipeline", { pipeline });
    const pipelineId = textAt(made, "pipeline_id");
    expect(made).toEqual({ ...shown, pipeline_id: pipelineId, created_at: T1000 });
    expect(pipelineId).toMatch(/^[0-9a-f-]{36}$/);
    expect(await call("GetPipeline", { pipeline_id: pipelineId })).toEqual(made);
    expect(await call("GetPipelineByName", { name: textAt(made, "name"), namespace: "any" })).toEqual(made);
    expect(await call("ListPipelines", { namespace: "any" })).toEqual({ pipelines: [made], total_size: 1 });
    expect(await call("ListPipelineVersions", { pipeline_id: pipelineId })).toEqual({});
  });

  test.for<{ name: string; pipeline?: JsonObject; code: string; says: RegExp }>([
    { name: "nothing", code: "INVALID_ARGUMENT", says: /Pipeline is required|neither a name nor a display name/ },
    { name: "no name", pipeline: { description: "d" }, code: "INVALID_ARGUMENT", says: /neither a name nor a display name/ },
    { name: "a long name", pipeline: { name: "x".repeat(129) }, code: "INVALID_ARGUMENT", says: /129 characters, at most 128/ },
    {
      name: "a long display name",
      pipeline: { name: "x", display_name: "x".repeat(129) },
      code: "INVALID_ARGUMENT",
      says: /at most 128/,
    },
    { name: "21 tags", pipeline: { name: "x", tags: tagsOf(21) }, code: "INVALID_ARGUMENT", says: /at most 20/ },
    { name: "an empty key", pipeline: { name: "x", tags: { "": "v" } }, code: "INVALID_ARGUMENT", says: /empty key/ },
    { name: "a dot in a key", pipeline: { name: "x", tags: { "a.b": "v" } }, code: "INVALID_ARGUMENT", says: /"a\.b"/ },
    { name: "a long key", pipeline: { name: "x", tags: { ["k".repeat(64)]: "v" } }, code: "INVALID_ARGUMENT", says: /63/ },
    { name: "a long value", pipeline: { name: "x", tags: { k: "v".repeat(64) } }, code: "INVALID_ARGUMENT", says: /63/ },
    { name: "a name in use", pipeline: { name: "taken", display_name: "new" }, code: "ALREADY_EXISTS", says: /taken/ },
    { name: "a display name that is a name in use", pipeline: { display_name: "taken" }, code: "ALREADY_EXISTS", says: /taken/ },
  ])("refuses $name", async ({ pipeline, code, says }, { expect }) => {
    const api = await startWay(by);
    await createPipeline(api, "taken");
    const outcome = await api.send("CreatePipeline", pipeline === undefined ? {} : { pipeline });
    expect([outcome.code, outcome.message]).toEqual([code, expect.stringMatching(says)]);
    expect((await api.call("ListPipelines"))["total_size"]).toBe(1);
  });

  test("takes a display name twice", async ({ expect }) => {
    const { call } = await startWay(by);
    for (const name of ["a", "b"]) await call("CreatePipeline", { pipeline: { name, display_name: "same" } });
    const filter = '{"predicates":[{"operation":1,"key":"display_name","stringValue":"same"}]}';
    expect((await call("ListPipelines", { filter }))["total_size"]).toBe(2);
  });
});

// docs/spec/pipelines-and-python-client.md#service-calls
describe.for(WAYS)("versions from a URL over $name", (by) => {
  test("are fetched, with a new pipeline or for one that is there", async ({ expect }) => {
    const { call } = await startWay(by);
    const packageUrl = { pipeline_url: `${await serveFiles()}/p.yaml` };
    const pipeline = await call("CreatePipelineAndVersion", {
      pipeline: { name: "p", display_name: "P", description: "d" },
      pipeline_version: { package_url: packageUrl },
    });
    expect(pipeline).toMatchObject({ name: "p", display_name: "P", description: "d" });
    const pipelineId = textAt(pipeline, "pipeline_id");
    const made = await call("CreatePipelineVersion", {
      pipeline_id: pipelineId,
      pipeline_version: {
        ...{ pipeline_id: pipelineId, display_name: "v2", description: "e", package_url: packageUrl, tags: { a: "1" } },
        code_source_url: "https://code.example",
      },
    });
    const versionId = textAt(made, "pipeline_version_id");
    expect(made).toEqual({
      ...{ pipeline_id: pipelineId, pipeline_version_id: versionId, name: "v2", display_name: "v2", description: "e" },
      ...{ created_at: T1000, package_url: packageUrl, pipeline_spec: SMALL_SPEC, tags: { a: "1" } },
    });
    expect(await call("GetPipelineVersion", { pipeline_id: pipelineId, pipeline_version_id: versionId })).toEqual(made);
    const { pipeline_versions: versions } = await call("ListPipelineVersions", { pipeline_id: pipelineId });
    expect((versions as JsonObject[]).map((version) => textAt(version, "name")).toSorted()).toEqual(["p", "v2"]);
  });

  test.for<{ name: string; url: string; code: string; says: RegExp }>([
    { name: "no URL", url: "", code: "INVALID_ARGUMENT", says: /package_url/ },
    { name: "no URL of HTTP", url: "ftp://h/p", code: "INVALID_ARGUMENT", says: /ftp:/ },
    { name: "text that is no URL", url: "p.yaml", code: "INVALID_ARGUMENT", says: /p\.yaml/ },
    { name: "an answer that is not 200", url: "{at}/nothing", code: "INVALID_ARGUMENT", says: /404/ },
    { name: "what is no pipeline", url: "{at}/text", code: "INVALID_ARGUMENT", says: /none of \.yaml/ },
    { name: "a server that is not there", url: "http://127.0.0.1:1/p.yaml", code: "UNAVAILABLE", says: /127\.0\.0\.1:1/ },
  ])("refuse $name, and leave nothing behind", async ({ url, code, says }, { expect }) => {
    const api = await startWay(by);
    const version = { name: "v", package_url: { pipeline_url: url.replace("{at}", await serveFiles()) } };
    const alone = await api.send("CreatePipelineAndVersion", { pipeline: { name: "q" }, pipeline_version: version });
    expect([alone.code, alone.message]).toEqual([code, expect.stringMatching(says)]);
    const pipelineId = await createPipeline(api);
    const next = await api.send("CreatePipelineVersion", {
      pipeline_id: pipelineId,
      pipeline_version: { ...version, pipeline_id: pipelineId },
    });
    expect(next.code).toBe(code);
    expect((await api.call("ListPipelines"))["total_size"]).toBe(1);
    expect(await api.call("ListPipelineVersions", { pipeline_id: pipelineId })).toEqual({});
  });

  test.for<{ name: string; change: JsonObject; pathId?: string; code: string; says: RegExp }>([
    { name: "no pipeline inside", change: { pipeline_id: "" }, code: "INVALID_ARGUMENT", says: /Pipeline ID is required/ },
    { name: "another pipeline inside", change: { pipeline_id: "other" }, code: "INVALID_ARGUMENT", says: /other/ },
    { name: "no name", change: { name: "" }, code: "INVALID_ARGUMENT", says: /neither a name nor a display name/ },
    { name: "a long name", change: { name: "x".repeat(128) }, code: "INVALID_ARGUMENT", says: /at most 127/ },
    { name: "a dot in a tag", change: { tags: { "a.b": "" } }, code: "INVALID_ARGUMENT", says: /a\.b/ },
    { name: "an unknown pipeline", change: { pipeline_id: "nope" }, pathId: "nope", code: "NOT_FOUND", says: /Pipeline nope/ },
    { name: "nothing: the longest name", change: { name: "x".repeat(127) }, code: "OK", says: /^$/ },
    { name: "a name in use", change: { name: "taken" }, code: "ALREADY_EXISTS", says: /taken/ },
  ])("refuse $name", async ({ change, pathId, code, says }, { expect }) => {
    const api = await startWay(by);
    const pipelineId = await createPipeline(api);
    await upload(api, pipelineId, "taken");
    const packageUrl = { pipeline_url: `${await serveFiles()}/p.yaml` };
    const outcome = await api.send("CreatePipelineVersion", {
      pipeline_id: pathId ?? pipelineId,
      pipeline_version: { name: "v", pipeline_id: pipelineId, package_url: packageUrl, ...change },
    });
    expect([outcome.code, outcome.message]).toEqual([code, expect.stringMatching(says)]);
  });
});

// docs/spec/pipelines-and-python-client.md#service-calls
describe.for(WAYS)("reading, changing and deleting over $name", (by) => {
  test.for<{ name: string; method: string; request: JsonObject; code: string; pathless?: boolean }>(
    [
      { name: "an unknown pipeline", method: "GetPipeline", request: { pipeline_id: "nope" }, code: "NOT_FOUND" },
      { name: "no pipeline", method: "GetPipeline", request: {}, code: "INVALID_ARGUMENT", pathless: true },
      { name: "an unknown name", method: "GetPipelineByName", request: { name: "nope" }, code: "NOT_FOUND" },
      { name: "an unknown pipeline", method: "DeletePipeline", request: { pipeline_id: "nope" }, code: "NOT_FOUND" },
      {
        name: "an unknown pipeline",
        method: "DeletePipeline",
        request: { pipeline_id: "nope", cascade: true },
        code: "NOT_FOUND",
      },
      {
        name: "an unknown pipeline",
        method: "UpdatePipeline",
        request: { pipeline: { pipeline_id: "nope" } },
        code: "NOT_FOUND",
      },
      { name: "an unknown pipeline", method: "ListPipelineVersions", request: { pipeline_id: "nope" }, code: "NOT_FOUND" },
      { name: "no pipeline", method: "ListPipelineVersions", request: {}, code: "INVALID_ARGUMENT", pathless: true },
      ...["GetPipelineVersion", "DeletePipelineVersion"].flatMap((method) => [
        { name: "an unknown version", method, request: { pipeline_id: "{p}", pipeline_version_id: "nope" }, code: "NOT_FOUND" },
        {
          name: "API-29: a version of another pipeline",
          method,
          request: { pipeline_id: "{q}", pipeline_version_id: "{v}" },
          code: "NOT_FOUND",
        },
        { name: "no version", method, request: { pipeline_id: "{p}" }, code: "INVALID_ARGUMENT", pathless: true },
      ]),
      {
        name: "no pipeline",
        method: "DeletePipelineVersion",
        request: { pipeline_version_id: "{v}" },
        code: "INVALID_ARGUMENT",
        pathless: true,
      },
      {
        name: "API-29: a version of another pipeline",
        method: "UpdatePipelineVersion",
        request: { pipeline_version: { pipeline_id: "{q}", pipeline_version_id: "{v}" } },
        code: "NOT_FOUND",
      },
    ].filter(({ pathless }) => pathless !== true || by.transport === "grpc"),
  )("$method of $name: $code", async (row, { expect }) => {
    const api = await startWay(by);
    const [p, q] = [await createPipeline(api), await createPipeline(api, "q")];
    const v = await upload(api, p, "v");
    const request = JSON.parse(JSON.stringify(row.request).replace("{p}", p).replace("{q}", q).replace("{v}", v)) as JsonObject;
    expect((await api.send(row.method, request)).code).toBe(row.code);
    expect((await api.call("ListPipelineVersions", { pipeline_id: p }))["total_size"]).toBe(1);
  });

  test("updates change display name and tags, and nothing else", async ({ expect }) => {
    const api = await startWay(by);
    const { call, send } = api;
    const pipeline = await call("CreatePipeline", { pipeline: { name: "p", description: "d", tags: { a: "1" } } });
    const id = { pipeline_id: textAt(pipeline, "pipeline_id") };
    const change = async (sent: JsonObject) => await call("UpdatePipeline", { pipeline: { ...id, ...sent } });
    expect(await change({ name: "other", description: "other", display_name: "D" })).toEqual({ ...pipeline, display_name: "D" });
    expect(await change({ tags: { b: "2" } })).toEqual({ ...pipeline, display_name: "D", tags: { b: "2" } });
    expect(await change({ display_name: "" })).toMatchObject({ display_name: "D", tags: { b: "2" } });
    const versionId = await upload(api, id.pipeline_id, "v");
    const ids = { ...id, pipeline_version_id: versionId };
    const version = await call("GetPipelineVersion", ids);
    const updated = await call("UpdatePipelineVersion", {
      pipeline_version: { ...ids, name: "x", description: "x", display_name: "V", tags: { c: "3" }, pipeline_spec: {} },
    });
    expect(updated).toEqual({ ...version, display_name: "V", tags: { c: "3" } });
    for (const wrong of [{ display_name: "x".repeat(129) }, { tags: { "a.b": "" } }, { tags: tagsOf(21) }]) {
      expect((await send("UpdatePipeline", { pipeline: { ...id, ...wrong } })).code).toBe("INVALID_ARGUMENT");
    }
    if (by.transport === "grpc") return;
    // Only JSON tells empty tags from absent ones.
    expect(await change({ tags: {} })).not.toHaveProperty("tags");
    expect(await call("UpdatePipelineVersion", { pipeline_version: { ...ids, tags: {} } })).not.toHaveProperty("tags");
  });

  test("a pipeline with versions goes by cascade alone; the last version may be deleted, and runs of it stay", async ({
    expect,
  }) => {
    const api = await startWay(by);
    const { call, send } = api;
    const p = await createPipeline(api);
    const [first, second] = [await upload(api, p, "v1"), await upload(api, p, "v2")];
    const refused = await send("DeletePipeline", { pipeline_id: p });
    expect([refused.code, refused.message]).toEqual(["INVALID_ARGUMENT", expect.stringContaining("cascade=true")]);
    expect((await send("DeletePipeline", { pipeline_id: p, cascade: false })).code).toBe("INVALID_ARGUMENT");
    const reference = { pipeline_id: p, pipeline_version_id: first };
    const run = await call("CreateRun", { run: { display_name: "r", pipeline_version_reference: reference } });
    expect(await call("DeletePipelineVersion", reference)).toEqual({});
    expect(await call("DeletePipelineVersion", { pipeline_id: p, pipeline_version_id: second })).toEqual({});
    expect((await send("CreateRun", { run: { display_name: "r", pipeline_version_reference: { pipeline_id: p } } })).code).toBe(
      "NOT_FOUND",
    );
    expect(await call("DeletePipeline", { pipeline_id: p })).toEqual({});
    expect((await send("GetPipeline", { pipeline_id: p })).code).toBe("NOT_FOUND");
    expect(await call("GetRun", { run_id: textAt(run, "run_id") })).toEqual(run);

    const q = await createPipeline(api, "q");
    const third = await upload(api, q, "v1");
    expect(await call("DeletePipeline", { pipeline_id: q, cascade: true })).toEqual({});
    expect((await send("GetPipelineVersion", { pipeline_id: q, pipeline_version_id: third })).code).toBe("NOT_FOUND");
  });

  test("the newest version is the one stored last within a second", async ({ expect }) => {
    const api = await startWay(by);
    const p = await createPipeline(api);
    api.setTime(2_000);
    await upload(api, p, "a");
    api.setTime(1_500);
    await upload(api, p, "older");
    api.setTime(2_000);
    const last = await upload(api, p, "b");
    const run = await api.call("CreateRun", { run: { display_name: "r", pipeline_version_reference: { pipeline_id: p } } });
    expect(run["pipeline_version_reference"]).toEqual({ pipeline_id: p, pipeline_version_id: last });
  });

  test("450 versions come in pages of 200, as the Python client asks for them", async ({ expect }) => {
    const api = await startWay(by);
    const p = await createPipeline(api);
    for (let index = 0; index < 450; index += 1) await upload(api, p, `v${index}`);
    const sizes = [];
    let token = "";
    do {
      const request = { pipeline_id: p, page_size: 1_000_000_000, sort_by: "created_at desc", page_token: token };
      const page = await api.call("ListPipelineVersions", request);
      sizes.push([(page["pipeline_versions"] as JsonObject[]).length, page["total_size"]]);
      token = (page["next_page_token"] ?? "") as string;
    } while (token !== "");
    expect(sizes).toEqual([
      [200, 450],
      [200, 450],
      [50, 450],
    ]);
  });
});
