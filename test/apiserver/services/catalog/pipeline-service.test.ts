import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { stringify } from "yaml";
import { describe, onTestFinished, test } from "vitest";
import { RunView } from "../../../../src/core/kfp-types.ts";
import { connectRawClient, startFakeApiServer } from "../../../fakes/api-server.ts";
import { rejectionOf } from "../../../fakes/rejection.ts";

const SPEC = { pipelineInfo: { name: "hello" }, schemaVersion: "2.1.0", root: { dag: {} }, deploymentSpec: {} };
const PLATFORM = { platforms: { kubernetes: { deploymentSpec: {} } } };
const yaml = (...documents: readonly object[]) => documents.map((one) => stringify(one)).join("---\n");
const upload = (name: string, change: object = {}) => ({
  ...{ name, displayName: "", description: "", tags: {}, text: yaml(SPEC) },
  ...change,
});

async function setUp() {
  let seconds = 1_000;
  const server = await startFakeApiServer({ now: () => new Date(seconds * 1000) });
  return { server, api: connectRawClient(server.address), tick: (by = 1) => (seconds += by) };
}

/** An upload with its first version. */
async function setUpPipeline() {
  const world = await setUp();
  const pipeline = await world.server.pipelines.uploadPipeline(upload("p"));
  const { pipelineId } = pipeline;
  const [version] = (await world.api.listPipelineVersions({ pipelineId })).pipelineVersions;
  if (version === undefined) throw new Error("no version");
  return { ...world, pipeline, pipelineId, version };
}

async function serveText(answers: Readonly<Record<string, string>>): Promise<string> {
  const server = createServer((request, response) => {
    const body = answers[request.url ?? ""];
    response.statusCode = body === undefined ? 404 : 200;
    response.end(body ?? "");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

// docs/spec/pipelines-and-python-client.md#naming
describe("names", () => {
  test.for([
    { name: "name alone", given: { name: "n" }, expected: { name: "n", displayName: "n" } },
    { name: "display name alone", given: { displayName: "d" }, expected: { name: "d", displayName: "d" } },
    { name: "both", given: { name: "n", displayName: "d" }, expected: { name: "n", displayName: "d" } },
  ])("$name", async ({ given, expected }, { expect }) => {
    const { api } = await setUp();
    const pipeline = await api.createPipeline({ pipeline: given });
    expect(pipeline).toMatchObject({ ...expected, namespace: "", createdAt: { seconds: 1000n } });
    expect(await api.getPipelineByName({ name: expected.name })).toEqual(pipeline);
    expect((await api.listPipelineVersions({ pipelineId: pipeline.pipelineId })).totalSize).toBe(0);
  });

  test.for([
    { name: "no pipeline", pipeline: undefined, message: /Pipeline is required/ },
    { name: "no name", pipeline: {}, message: /neither a name nor a display name/ },
    { name: "API-12: a long name", pipeline: { name: "x".repeat(129) }, message: /name of the pipeline has 129 characters/ },
    { name: "API-12: a long display name", pipeline: { name: "x", displayName: "x".repeat(129) }, message: /display name/ },
    { name: "a tag with a dot", pipeline: { name: "x", tags: { "a.b": "" } }, message: /must not have a "\."/ },
    { name: "a tag without key", pipeline: { name: "x", tags: { "": "v" } }, message: /empty key/ },
    { name: "a long tag key", pipeline: { name: "x", tags: { ["k".repeat(64)]: "" } }, message: /more than 63/ },
    { name: "a long tag value", pipeline: { name: "x", tags: { k: "v".repeat(64) } }, message: /more than 63/ },
    {
      name: "21 tags",
      pipeline: { name: "x", tags: Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`k${index}`, ""])) },
      message: /at most 20/,
    },
  ])("refuse $name", async ({ pipeline, message }, { expect }) => {
    const { api } = await setUp();
    const rejection = await rejectionOf(api.createPipeline(pipeline === undefined ? {} : { pipeline }));
    expect(rejection.code).toBe("INVALID_ARGUMENT");
    expect(rejection.message).toMatch(message);
    expect((await api.listPipelines({})).totalSize).toBe(0);
  });

  test("are unique: of pipelines, and of versions in a pipeline", async ({ expect }) => {
    const { server, api, pipelineId } = await setUpPipeline();
    expect((await rejectionOf(api.createPipeline({ pipeline: { name: "p" } }))).code).toBe("ALREADY_EXISTS");
    await expect(server.pipelines.uploadPipeline(upload("p"))).rejects.toMatchObject({ status: "ALREADY_EXISTS" });
    await expect(server.pipelines.uploadVersion(pipelineId, upload("p"))).rejects.toMatchObject({ status: "ALREADY_EXISTS" });
    const other = await server.pipelines.uploadPipeline(upload("q"));
    await server.pipelines.uploadVersion(other.pipelineId, upload("p"));
    expect((await api.listPipelines({})).totalSize).toBe(2);
    expect((await api.listPipelineVersions({ pipelineId })).totalSize).toBe(1);
  });

  test("two uploads of one name at the same moment make one pipeline with one version", async ({ expect }) => {
    const { server, api } = await setUp();
    const uploads = Array.from({ length: 8 }, async () => await server.pipelines.uploadPipeline(upload("p")));
    const outcomes = await Promise.allSettled(uploads);
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const { pipelines } = await api.listPipelines({});
    expect(pipelines).toHaveLength(1);
    expect((await api.listPipelineVersions({ pipelineId: pipelines[0]?.pipelineId ?? "" })).totalSize).toBe(1);
  });
});

describe("an upload", () => {
  test("is the pipeline and its first version, with the same names and description", async ({ expect }) => {
    const { server, api } = await setUp();
    const pipeline = await server.pipelines.uploadPipeline(
      upload("n", { displayName: "d", description: "x", tags: { team: "a" } }),
    );
    expect(pipeline).toMatchObject({ name: "n", displayName: "d", description: "x", tags: { team: "a" } });
    const { pipelineVersions } = await api.listPipelineVersions({ pipelineId: pipeline.pipelineId });
    expect(pipelineVersions).toMatchObject([
      { pipelineId: pipeline.pipelineId, name: "n", displayName: "d", description: "x", pipelineSpec: SPEC },
    ]);
  });

  test.for([
    { name: "the spec alone", text: yaml(SPEC), spec: SPEC },
    { name: "the spec as JSON", text: JSON.stringify(SPEC), spec: SPEC },
    { name: "spec and platform", text: yaml(SPEC, PLATFORM), spec: { pipeline_spec: SPEC, platform_spec: PLATFORM } },
    { name: "platform first", text: yaml(PLATFORM, SPEC), spec: { pipeline_spec: SPEC, platform_spec: PLATFORM } },
    { name: "other and empty documents", text: `---\n${yaml({ a: 1 }, SPEC)}---\n`, spec: SPEC },
    {
      name: "anything in the deployment spec",
      text: yaml({ ...SPEC, deploymentSpec: { a: 1 } }),
      spec: { ...SPEC, deploymentSpec: { a: 1 } },
    },
  ])("takes $name", async ({ text, spec }, { expect }) => {
    const { server, api, pipelineId } = await setUpPipeline();
    const answer = (await server.pipelines.uploadVersion(pipelineId, upload("v", { text }))).decode();
    expect(answer.pipelineSpec).toEqual(spec);
    const { pipelineVersionId } = answer;
    expect(await api.getPipelineVersion({ pipelineId, pipelineVersionId })).toEqual(answer);
  });

  // docs/spec/pipelines-and-python-client.md#checks-on-a-spec-file
  test.for([
    { name: "nothing", text: "", message: /unknown template format/ },
    { name: "no pipeline", text: "a: 1", message: /unknown template format/ },
    { name: "a syntax error", text: "a: [", message: /Cannot read the pipeline file as YAML: line 1/ },
    { name: "MSG-1: unknown fields", text: yaml({ ...SPEC, news: 1 }), message: /unknown template format: .*: news/ },
    {
      name: "MSG-1: unknown fields inside",
      text: yaml({ ...SPEC, root: { dag: { tasks: { t: { news: 1 } } } } }, PLATFORM),
      message: /root\.dag\.tasks\.t\.news/,
    },
    { name: "two specs", text: yaml(SPEC, SPEC), message: /more than one pipeline spec/ },
    { name: "two platforms", text: yaml(SPEC, PLATFORM, PLATFORM), message: /more than one platform spec/ },
    { name: "another version", text: yaml({ ...SPEC, schemaVersion: "2.0.0" }), message: /schema version "2\.0\.0"/ },
    { name: "no root", text: yaml({ ...SPEC, root: undefined }), message: /unknown template format/ },
    { name: "wrong types", text: yaml({ ...SPEC, components: 1 }), message: /Cannot read the pipeline spec: components/ },
    { name: "a name in capitals", text: yaml({ ...SPEC, pipelineInfo: { name: "Hello" } }), message: /"Hello" must begin/ },
    {
      name: "an Argo workflow",
      text: yaml({ apiVersion: "argoproj.io/v1alpha1", kind: "Workflow" }),
      message: /unknown template format/,
    },
    {
      name: "a platform too deep for its readers",
      text: `${yaml(SPEC)}---\n{"platforms": {"kubernetes": {"news": ${"[".repeat(90)}${"]".repeat(90)}}}}`,
      message: /nested too deeply/,
    },
  ])("refuses $name", async ({ text, message }, { expect }) => {
    const { server, api, pipelineId } = await setUpPipeline();
    await expect(server.pipelines.uploadVersion(pipelineId, upload("v", { text }))).rejects.toThrow(message);
    await expect(server.pipelines.uploadPipeline(upload("q", { text }))).rejects.toMatchObject({ status: "INVALID_ARGUMENT" });
    expect((await api.listPipelines({})).totalSize).toBe(1);
    expect((await api.listPipelineVersions({ pipelineId })).totalSize).toBe(1);
  });

  test("of a version needs a known pipeline", async ({ expect }) => {
    const { server } = await setUp();
    await expect(server.pipelines.uploadVersion("nope", upload("v"))).rejects.toMatchObject({ status: "NOT_FOUND" });
    await expect(server.pipelines.uploadVersion("", upload("v"))).rejects.toMatchObject({ status: "INVALID_ARGUMENT" });
  });
});

// docs/spec/pipelines-and-python-client.md#service-calls
describe("a version from a URL", () => {
  test("is fetched, alone or with a new pipeline", async ({ expect }) => {
    const { api } = await setUp();
    const url = `${await serveText({ "/p.yaml?token=s": yaml(SPEC) })}/p.yaml?token=s`;
    const packageUrl = { pipelineUrl: url };
    const { pipelineId } = await api.createPipelineAndVersion({ pipeline: { name: "p" }, pipelineVersion: { packageUrl } });
    const made = await api.createPipelineVersion({
      pipelineId,
      pipelineVersion: { pipelineId, displayName: "v2", packageUrl, codeSourceUrl: "https://code" },
    });
    expect(made).toMatchObject({ name: "v2", displayName: "v2", packageUrl, pipelineSpec: SPEC, codeSourceUrl: "" });
    const { pipelineVersions } = await api.listPipelineVersions({ pipelineId });
    expect(pipelineVersions.map((version) => version.name)).toEqual(expect.arrayContaining(["p", "v2"]));
  });

  test.for([
    { name: "another scheme", url: () => "file:///etc/passwd", code: "INVALID_ARGUMENT", message: /not an http/ },
    { name: "no URL", url: () => "", code: "INVALID_ARGUMENT", message: /package_url/ },
    {
      name: "another status",
      url: (at: string) => `${at}/none?k=secret`,
      code: "INVALID_ARGUMENT",
      message: /the answer is 404/,
    },
    { name: "nobody there", url: () => "http://127.0.0.1:1/p", code: "UNAVAILABLE", message: /Cannot fetch http:/ },
    { name: "no pipeline", url: (at: string) => `${at}/text.yaml`, code: "INVALID_ARGUMENT", message: /unknown template format/ },
  ])("refuses $name, and stores nothing", async ({ url, code, message }, { expect }) => {
    const { api } = await setUp();
    const at = await serveText({ "/text.yaml": "hello" });
    const pipelineVersion = { packageUrl: { pipelineUrl: url(at) } };
    const rejection = await rejectionOf(api.createPipelineAndVersion({ pipeline: { name: "p" }, pipelineVersion }));
    expect(rejection.code).toBe(code);
    expect(rejection.message).toMatch(message);
    expect(rejection.message).not.toContain("secret");
    expect((await api.listPipelines({})).totalSize).toBe(0);
  });

  test.for([
    { name: "no version", change: { pipelineVersion: undefined }, message: /Pipeline version is required/ },
    { name: "no pipeline in the path", change: { pipelineId: "" }, message: /Pipeline ID is required/ },
    { name: "two different pipelines", change: { pipelineId: "other" }, message: /differs from the request's other/ },
  ])("refuses $name", async ({ change, message }, { expect }) => {
    const { api, pipelineId } = await setUpPipeline();
    const packageUrl = { pipelineUrl: "http://127.0.0.1:1/" };
    const request = { pipelineId, pipelineVersion: { pipelineId, name: "v", packageUrl }, ...change };
    const rejection = await rejectionOf(api.createPipelineVersion(request));
    expect(rejection.code).toBe("INVALID_ARGUMENT");
    expect(rejection.message).toMatch(message);
  });
});

describe("get, update and delete", () => {
  test("API-29: a version is found by its own pipeline only", async ({ expect }) => {
    const { api, server, pipelineId, version } = await setUpPipeline();
    const { pipelineVersionId } = version;
    const other = await server.pipelines.uploadPipeline(upload("q"));
    expect(await api.getPipelineVersion({ pipelineId, pipelineVersionId })).toEqual(version);
    const wrong = { pipelineId: other.pipelineId, pipelineVersionId };
    expect((await rejectionOf(api.getPipelineVersion(wrong))).code).toBe("NOT_FOUND");
    expect((await rejectionOf(api.deletePipelineVersion(wrong))).code).toBe("NOT_FOUND");
    expect((await rejectionOf(api.updatePipelineVersion({ pipelineVersion: wrong }))).code).toBe("NOT_FOUND");
  });

  test("unknown and empty ids", async ({ expect }) => {
    const { api } = await setUp();
    const ids = { pipelineId: "nope", pipelineVersionId: "nope" };
    for (const { call, code } of [
      { call: api.getPipeline({ pipelineId: "nope" }), code: "NOT_FOUND" },
      { call: api.getPipeline({}), code: "INVALID_ARGUMENT" },
      { call: api.getPipelineByName({ name: "nope" }), code: "NOT_FOUND" },
      { call: api.getPipelineByName({}), code: "INVALID_ARGUMENT" },
      { call: api.deletePipeline({ pipelineId: "nope" }), code: "NOT_FOUND" },
      { call: api.deletePipeline({ pipelineId: "nope", cascade: true }), code: "NOT_FOUND" },
      { call: api.getPipelineVersion(ids), code: "NOT_FOUND" },
      { call: api.getPipelineVersion({ pipelineId: "nope" }), code: "INVALID_ARGUMENT" },
      { call: api.deletePipelineVersion(ids), code: "NOT_FOUND" },
      { call: api.deletePipelineVersion({ pipelineVersionId: "nope" }), code: "INVALID_ARGUMENT" },
      { call: api.listPipelineVersions({}), code: "INVALID_ARGUMENT" },
      { call: api.listPipelineVersions({ pipelineId: "nope" }), code: "NOT_FOUND" },
      { call: api.updatePipeline({ pipeline: { pipelineId: "nope" } }), code: "NOT_FOUND" },
      { call: api.updatePipeline({}), code: "INVALID_ARGUMENT" },
    ]) {
      expect((await rejectionOf(call)).code).toBe(code);
    }
  });

  test("updates change display name and tags, and keep what is not given", async ({ expect }) => {
    const { api, pipelineId, pipeline, version } = await setUpPipeline();
    const sent = { pipelineId, name: "no", description: "no", displayName: "D", tags: { a: "1" } };
    expect(await api.updatePipeline({ pipeline: sent })).toEqual({ ...pipeline, displayName: "D", tags: { a: "1" } });
    expect(await api.updatePipeline({ pipeline: { pipelineId, tags: { b: "2" } } })).toMatchObject({
      displayName: "D",
      tags: { b: "2" },
    });
    expect((await api.updatePipeline({ pipeline: { pipelineId } })).tags).toEqual({ b: "2" });
    const { pipelineVersionId } = version;
    const changed = await api.updatePipelineVersion({
      pipelineVersion: { pipelineId, pipelineVersionId, displayName: "V", tags: { c: "3" } },
    });
    expect(changed).toEqual({ ...version, displayName: "V", tags: { c: "3" } });
  });

  test("a pipeline with versions is deleted by cascade only; the last version may be deleted", async ({ expect }) => {
    const { api, server, pipelineId, version } = await setUpPipeline();
    const rejection = await rejectionOf(api.deletePipeline({ pipelineId }));
    expect(rejection.code).toBe("INVALID_ARGUMENT");
    expect(rejection.message).toContain("cascade=true");
    await api.deletePipelineVersion({ pipelineId, pipelineVersionId: version.pipelineVersionId });
    await api.deletePipeline({ pipelineId });
    expect((await rejectionOf(api.getPipeline({ pipelineId }))).code).toBe("NOT_FOUND");
    const again = await server.pipelines.uploadPipeline(upload("p"));
    await api.deletePipeline({ pipelineId: again.pipelineId, cascade: true });
    expect((await api.listPipelines({})).totalSize).toBe(0);
  });
});

describe("lists", () => {
  test("450 versions with the page size of the Python client", async ({ expect }) => {
    const { api, server, pipelineId, tick } = await setUpPipeline();
    for (let index = 1; index < 450; index += 1) {
      if (index % 3 === 0) tick();
      await server.pipelines.uploadVersion(pipelineId, upload(`v${index}`));
    }
    const names: string[] = [];
    const sizes: number[] = [];
    let pageToken = "";
    do {
      const page = await api.listPipelineVersions({
        pipelineId,
        pageToken,
        pageSize: 1_000_000_000,
        ...(pageToken === "" ? { sortBy: "created_at desc" } : {}),
      });
      expect(page.totalSize).toBe(450);
      sizes.push(page.pipelineVersions.length);
      names.push(...page.pipelineVersions.map((version) => version.name));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(sizes).toEqual([200, 200, 50]);
    expect(new Set(names).size).toBe(450);
  });

  test("filters on display name, and on tags, over pages", async ({ expect }) => {
    const { api } = await setUp();
    for (const [name, tags] of [
      ["a", { team: "x", stage: "prod" }],
      ["b", { team: "x" }],
      ["c", { team: "x", stage: "prod" }],
      ["d", { 'odd"key': "x" }],
    ] as const) {
      await api.createPipeline({ pipeline: { name, tags } });
    }
    const names = async (predicates: object[], more: object = {}) => {
      const page = await api.listPipelines({ filter: JSON.stringify({ predicates }), sortBy: "name", ...more });
      return { names: page.pipelines.map((one) => one.name), token: page.nextPageToken };
    };
    const tag = (key: string, stringValue: string) => ({ operation: "EQUALS", key: `tags.${key}`, stringValue });
    expect((await names([{ operation: 1, key: "display_name", stringValue: "b" }])).names).toEqual(["b"]);
    expect((await names([tag("team", "x"), tag("stage", "prod")])).names).toEqual(["a", "c"]);
    expect((await names([tag("team", "x"), tag("team", "y")])).names).toEqual([]);
    expect((await names([tag('odd"key', "x")])).names).toEqual(["d"]);
    const first = await names([tag("team", "x")], { pageSize: 2 });
    expect(first.names).toEqual(["a", "b"]);
    const second = await api.listPipelines({ pageToken: first.token, pageSize: 2 });
    expect(second.pipelines.map((one) => one.name)).toEqual(["c"]);
    for (const bad of [
      { operation: "NOT_EQUALS", key: "tags.team", stringValue: "x" },
      { operation: "EQUALS", key: "tags.team", intValue: 1 },
      { operation: "EQUALS", key: "tags.", stringValue: "x" },
    ]) {
      expect((await rejectionOf(names([bad]))).code).toBe("INVALID_ARGUMENT");
    }
    expect((await rejectionOf(api.listPipelines({ sortBy: "tags.team" }))).code).toBe("INVALID_ARGUMENT");
  });
});

// docs/spec/api-server.md#createrun (step 5)
describe("a run of a version", () => {
  const reference = (pipelineId: string, pipelineVersionId = "") =>
    ({ case: "pipelineVersionReference", value: { pipelineId, pipelineVersionId } }) as const;

  test("shows the reference, FULL view its spec, and outlives the version", async ({ expect }) => {
    const { api, pipelineId, version } = await setUpPipeline();
    const { pipelineVersionId } = version;
    const made = await api.createRun({ run: { displayName: "r", pipelineSource: reference("", pipelineVersionId) } });
    expect(made.pipelineSource).toMatchObject(reference(pipelineId, pipelineVersionId));
    await api.deletePipeline({ pipelineId, cascade: true });
    const { runId } = made;
    expect(await api.getRun({ runId })).toEqual(made);
    const full = await api.getRun({ runId, view: RunView.FULL });
    expect(full.pipelineSource).toEqual({ case: "pipelineSpec", value: SPEC });
    expect((await api.listRuns({})).runs[0]?.pipelineSource).toMatchObject(reference(pipelineId, pipelineVersionId));
  });

  test("by pipeline alone is of the newest version, within one second the one stored last", async ({ expect }) => {
    const { api, server, pipelineId, tick } = await setUpPipeline();
    const newest = async () => {
      const run = await api.createRun({ run: { displayName: "r", pipelineSource: reference(pipelineId) } });
      const { pipelineVersionId } = run.pipelineSource.value as { pipelineVersionId: string };
      return (await api.getPipelineVersion({ pipelineId, pipelineVersionId })).name;
    };
    expect(await newest()).toBe("p");
    for (const name of ["x", "b", "a"]) await server.pipelines.uploadVersion(pipelineId, upload(name));
    expect(await newest()).toBe("a");
    tick(-5);
    await server.pipelines.uploadVersion(pipelineId, upload("older"));
    expect(await newest()).toBe("a");
  });

  test.for([
    { name: "an unknown version", source: () => reference("", "nope"), code: "NOT_FOUND" },
    { name: "an unknown pipeline", source: () => reference("nope"), code: "NOT_FOUND" },
    { name: "a version of another pipeline", source: (v: string) => reference("other", v), code: "INVALID_ARGUMENT" },
  ])("API-12: refuses $name", async ({ source, code }, { expect }) => {
    const { api, version } = await setUpPipeline();
    const pipelineSource = source(version.pipelineVersionId);
    expect((await rejectionOf(api.createRun({ run: { displayName: "r", pipelineSource } }))).code).toBe(code);
  });

  test("API-12: refuses a pipeline without versions, and parameters the version does not have", async ({ expect }) => {
    const { api, pipelineId } = await setUpPipeline();
    const empty = await api.createPipeline({ pipeline: { name: "empty" } });
    const run = { displayName: "r", pipelineSource: reference(empty.pipelineId) };
    expect((await rejectionOf(api.createRun({ run }))).code).toBe("NOT_FOUND");
    const runtimeConfig = { parameters: { x: { kind: { case: "numberValue", value: 1 } as const } } };
    const wrong = { displayName: "r", pipelineSource: reference(pipelineId), runtimeConfig };
    expect((await rejectionOf(api.createRun({ run: wrong }))).message).toContain('"x" is not declared');
  });
});
