import { describe, test } from "vitest";
import { ArtifactType, IoType, TaskType } from "../../../src/core/kfp-types.ts";
import type { ApiServerOptions } from "../../../src/apiserver/server.ts";
import { connectRawClient, startFakeApiServer, type RawApiClient } from "../../fakes/api-server.ts";
import { rejectionOf } from "../../fakes/rejection.ts";

type CreateArtifactInit = Parameters<RawApiClient["createArtifact"]>[0];
type LinkInit = NonNullable<Parameters<RawApiClient["createArtifactTask"]>[0]["artifactTask"]>;

const num = (value: number) => ({ kind: { case: "numberValue", value } }) as const;

async function setUp(options: Partial<ApiServerOptions> = {}) {
  let seconds = 100;
  const server = await startFakeApiServer({ now: () => new Date((seconds += 1) * 1000), ...options });
  const api = connectRawClient(server.address);
  const runId = server.runs.createRun({ displayName: "r" }).run.runId;
  const otherRunId = server.runs.createRun({ displayName: "other" }).run.runId;
  const addTask = async (name: string, run = runId) =>
    (await api.createTask({ runId: run, task: { name, scopePath: `root.${name}`, type: TaskType.RUNTIME } })).taskId;
  const taskId = await addTask("train");
  const request = (change: object = {}, artifact: object = {}): CreateArtifactInit => ({
    runId,
    taskId,
    producerKey: "m",
    artifact: { name: "model", type: ArtifactType.Model, uri: "s3://b/k", ...artifact },
    ...change,
  });
  const linksOf = async (id: string) => (await api.listArtifactTasks({ taskIds: [id] })).artifactTasks;
  return { server, api, runId, otherRunId, taskId, addTask, request, linksOf };
}

// docs/spec/api-server.md#createartifact
describe("CreateArtifact", () => {
  test("API-21: makes the artifact and its output link together, without a namespace", async ({ expect }) => {
    const { api, runId, taskId, request, linksOf } = await setUp();
    const artifact = await api.createArtifact(
      request({}, { description: "d", metadata: { x: num(1), none: {} }, namespace: "ns", numberValue: 0 }),
    );
    expect(artifact).toMatchObject({
      name: "model",
      description: "d",
      type: ArtifactType.Model,
      uri: "s3://b/k",
      namespace: "",
      numberValue: 0,
      metadata: { x: num(1), none: { kind: { case: "nullValue" } } },
    });
    expect(artifact.createdAt).toBeDefined();
    expect(await api.getArtifact({ artifactId: artifact.artifactId })).toEqual(artifact);
    const links = await linksOf(taskId);
    expect(links).toMatchObject([
      { artifactId: artifact.artifactId, runId, taskId, type: IoType.OUTPUT, key: "m", producer: { taskName: "train" } },
    ]);
    expect(links[0]?.producer?.iteration).toBeUndefined();
  });

  test("keeps an absent uri absent", async ({ expect }) => {
    const { api, runId, taskId } = await setUp();
    const metric = { name: "acc", type: ArtifactType.Metric, numberValue: 0 };
    const { artifactId } = await api.createArtifact({ runId, taskId, producerKey: "m", artifact: metric });
    const stored = await api.getArtifact({ artifactId });
    expect([stored.uri, stored.numberValue]).toEqual([undefined, 0]);
  });

  test.for([
    { options: {}, iterationIndex: 0n, type: IoType.ITERATOR_OUTPUT },
    { options: {}, iterationIndex: 3n, type: IoType.ITERATOR_OUTPUT },
    { options: { outputLinkTypes: "branch" as const }, iterationIndex: 3n, type: IoType.OUTPUT },
  ])("API-30: links iteration $iterationIndex as $type", async ({ options, iterationIndex, type }, { expect }) => {
    const { api, taskId, request, linksOf } = await setUp(options);
    await api.createArtifact(request({ iterationIndex }));
    expect(await linksOf(taskId)).toMatchObject([{ type, producer: { iteration: iterationIndex } }]);
  });

  test.for([
    { name: "no artifact", change: { artifact: undefined }, code: "INVALID_ARGUMENT" },
    { name: "an artifact id", artifact: { artifactId: "x" }, code: "INVALID_ARGUMENT" },
    { name: "no type", artifact: { type: ArtifactType.TYPE_UNSPECIFIED }, code: "INVALID_ARGUMENT" },
    { name: "an unknown type", artifact: { type: 99 }, code: "INVALID_ARGUMENT" },
    { name: "no name", artifact: { name: "" }, code: "INVALID_ARGUMENT" },
    { name: "no run", change: { runId: "" }, code: "INVALID_ARGUMENT" },
    { name: "no task", change: { taskId: "" }, code: "INVALID_ARGUMENT" },
    { name: "no key", change: { producerKey: "" }, code: "INVALID_ARGUMENT" },
    { name: "a metric without number", artifact: { type: ArtifactType.Metric }, code: "INVALID_ARGUMENT" },
    {
      name: "a classification metric without metadata",
      artifact: { type: ArtifactType.ClassificationMetric },
      code: "INVALID_ARGUMENT",
    },
    {
      name: "a sliced one without metadata",
      artifact: { type: ArtifactType.SlicedClassificationMetric },
      code: "INVALID_ARGUMENT",
    },
    { name: "an unknown task", change: { taskId: "nope" }, code: "NOT_FOUND" },
    { name: "a task of another run", change: { runId: "nope" }, code: "INVALID_ARGUMENT" },
  ])("refuses $name", async ({ change, artifact, code }, { expect }) => {
    const { api, request } = await setUp();
    expect(await rejectionOf(api.createArtifact(request(change, artifact)))).toMatchObject({ code });
    expect((await api.listArtifacts({})).totalSize).toBe(0);
  });
});

// docs/spec/api-server.md#reuse-of-artifacts, #test-derived-cases (artifact_store_test.go)
describe("reuse_if_exists", () => {
  const metadata = { a: num(1), b: num(2) };

  test("finds the same artifact again, and links it to each task once", async ({ expect }) => {
    const { api, addTask, request, linksOf, taskId } = await setUp();
    const second = await addTask("second");
    const reuse = { reuseIfExists: true };
    const first = await api.createArtifact(request(reuse, { metadata, numberValue: 1 }));
    const again = await api.createArtifact(request(reuse, { metadata: { b: num(2), a: num(1) }, numberValue: 2 }));
    const other = await api.createArtifact(request({ ...reuse, taskId: second }, { metadata }));
    expect([again.artifactId, other.artifactId]).toEqual([first.artifactId, first.artifactId]);
    expect(again.numberValue).toBe(1);
    expect(await linksOf(taskId)).toHaveLength(1);
    expect(await linksOf(second)).toHaveLength(1);
  });

  test("yields one artifact when two calls come at once", async ({ expect }) => {
    const { server, api, request } = await setUp();
    const made = await Promise.all(
      [connectRawClient(server.address), connectRawClient(server.address)].map(
        async (client) => await client.createArtifact(request({ reuseIfExists: true })),
      ),
    );
    expect(made[0]?.artifactId).toBe(made[1]?.artifactId);
    expect((await api.listArtifacts({})).totalSize).toBe(1);
  });

  test.for([
    { name: "type", artifact: { type: ArtifactType.Dataset } },
    { name: "uri", artifact: { uri: "s3://b/k2" } },
    { name: "name", artifact: { name: "n" } },
    { name: "description", artifact: { description: "d" } },
    { name: "metadata", artifact: { metadata: { a: num(2) } } },
  ])("does not reuse one of another $name", async ({ artifact }, { expect }) => {
    const { api, request } = await setUp();
    const first = await api.createArtifact(request({ reuseIfExists: true }));
    expect((await api.createArtifact(request({ reuseIfExists: true }, artifact))).artifactId).not.toBe(first.artifactId);
  });

  test("takes the oldest of equal artifacts that were made without it", async ({ expect }) => {
    const { api, request } = await setUp();
    await api.createArtifact(request({}, { name: "another" }));
    const oldest = await api.createArtifact(request());
    await api.createArtifact(request());
    expect((await api.createArtifact(request({ reuseIfExists: true }))).artifactId).toBe(oldest.artifactId);
  });

  test("absent makes a new artifact each time", async ({ expect }) => {
    const { api, request } = await setUp();
    expect((await api.createArtifact(request())).artifactId).not.toBe((await api.createArtifact(request())).artifactId);
  });
});

// docs/spec/api-server.md#createartifactsbulk
describe("CreateArtifactsBulk", () => {
  test("answers in the order of the request", async ({ expect }) => {
    const { api, request } = await setUp();
    const names = Array.from({ length: 20 }, (_, index) => `a${index}`);
    const { artifacts } = await api.createArtifactsBulk({
      artifacts: names.map((name) => request({ producerKey: name }, { name })),
    });
    expect(artifacts.map((artifact) => artifact.name)).toEqual(names);
  });

  test.for([
    { name: "an entry without name", change: {}, artifact: { name: "" }, code: "INVALID_ARGUMENT" },
    { name: "reuse", change: { reuseIfExists: true }, artifact: {}, code: "INVALID_ARGUMENT" },
    { name: "an unknown task", change: { taskId: "nope" }, artifact: {}, code: "NOT_FOUND" },
  ])("is undone as a whole for $name, and names the entry", async ({ change, artifact, code }, { expect }) => {
    const { api, request, taskId, linksOf } = await setUp();
    const rejection = await rejectionOf(api.createArtifactsBulk({ artifacts: [request(), request(change, artifact)] }));
    expect(rejection.code).toBe(code);
    expect(rejection.message).toContain("Entry 1");
    expect((await api.listArtifacts({})).totalSize).toBe(0);
    expect(await linksOf(taskId)).toEqual([]);
  });

  test("must not be empty", async ({ expect }) => {
    const { api } = await setUp();
    expect(await rejectionOf(api.createArtifactsBulk({}))).toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});

// docs/spec/api-server.md#createartifacttask
describe("CreateArtifactTask", () => {
  async function setUpLinks() {
    const context = await setUp();
    const { api, request, addTask, runId } = context;
    const { artifactId } = await api.createArtifact(request());
    const consumer = await addTask("eval");
    const link = (change: LinkInit = {}): LinkInit =>
      ({
        artifactId,
        runId,
        taskId: consumer,
        type: IoType.TASK_OUTPUT_INPUT,
        producer: { taskName: "train" },
        key: "in",
        ...change,
      }) as LinkInit;
    return { ...context, artifactId, consumer, link };
  }

  test("answers the stored link with id and iteration", async ({ expect }) => {
    const { api, consumer, link } = await setUpLinks();
    const made = await api.createArtifactTask({
      artifactTask: link({ id: "ignored", producer: { taskName: "train", iteration: 0n } }),
    });
    expect(made.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(made.producer).toMatchObject({ taskName: "train", iteration: 0n });
    expect((await api.listArtifactTasks({ taskIds: [consumer] })).artifactTasks).toEqual([made]);
  });

  test("API-2: answers an identical link as stored, also inside a bulk call", async ({ expect }) => {
    const { api, link, consumer, linksOf } = await setUpLinks();
    const first = await api.createArtifactTask({ artifactTask: link() });
    expect(await api.createArtifactTask({ artifactTask: link() })).toEqual(first);
    const bulk = await api.createArtifactTasksBulk({ artifactTasks: [link({ key: "b" }), link(), link({ key: "b" })] });
    expect(bulk.artifactTasks[1]).toEqual(first);
    expect(bulk.artifactTasks[2]).toEqual(bulk.artifactTasks[0]);
    expect(await linksOf(consumer)).toHaveLength(2);
  });

  test.for<{ name: string; change: LinkInit }>([
    { name: "another key", change: { key: "other" } },
    { name: "another type", change: { type: IoType.COMPONENT_INPUT } },
    { name: "iteration 0", change: { producer: { taskName: "train", iteration: 0n } } },
    { name: "iteration 1", change: { producer: { taskName: "train", iteration: 1n } } },
  ])("makes a second link for $name", async ({ change }, { expect }) => {
    const { api, link, consumer, linksOf } = await setUpLinks();
    await api.createArtifactTasksBulk({ artifactTasks: [link(), link(change)] });
    expect(await linksOf(consumer)).toHaveLength(2);
  });

  test("takes an artifact of another run", async ({ expect }) => {
    const { api, link, otherRunId, addTask } = await setUpLinks();
    const taskId = await addTask("far", otherRunId);
    expect((await api.createArtifactTask({ artifactTask: link({ runId: otherRunId, taskId }) })).taskId).toBe(taskId);
  });

  test.for<{ name: string; change: LinkInit; code: string }>([
    { name: "no artifact", change: { artifactId: "" }, code: "INVALID_ARGUMENT" },
    { name: "no run", change: { runId: "" }, code: "INVALID_ARGUMENT" },
    { name: "no task", change: { taskId: "" }, code: "INVALID_ARGUMENT" },
    { name: "no type", change: { type: IoType.UNSPECIFIED }, code: "INVALID_ARGUMENT" },
    { name: "an unknown type", change: { type: 12 as unknown as IoType }, code: "INVALID_ARGUMENT" },
    { name: "no producer", change: { producer: undefined }, code: "INVALID_ARGUMENT" },
    { name: "no key", change: { key: "" }, code: "INVALID_ARGUMENT" },
    { name: "an unknown task", change: { taskId: "nope" }, code: "NOT_FOUND" },
    { name: "an unknown artifact", change: { artifactId: "nope" }, code: "NOT_FOUND" },
    { name: "a task of another run", change: { runId: "nope" }, code: "INVALID_ARGUMENT" },
  ])("refuses $name, alone and in a bulk call", async ({ change, code }, { expect }) => {
    const { api, link, consumer, linksOf } = await setUpLinks();
    const wrong = link(change);
    expect(await rejectionOf(api.createArtifactTask({ artifactTask: wrong }))).toMatchObject({ code });
    expect(await rejectionOf(api.createArtifactTasksBulk({ artifactTasks: [link(), wrong] }))).toMatchObject({ code });
    expect(await linksOf(consumer)).toEqual([]);
  });

  test("refuses an empty bulk call, an absent link, and mixed runs", async ({ expect }) => {
    const { api, link, otherRunId, addTask } = await setUpLinks();
    const far = link({ runId: otherRunId, taskId: await addTask("far", otherRunId) });
    expect(await rejectionOf(api.createArtifactTask({}))).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await rejectionOf(api.createArtifactTasksBulk({}))).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await rejectionOf(api.createArtifactTasksBulk({ artifactTasks: [link(), far] }))).toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });
});

// docs/spec/api-server.md#listartifacttasks
describe("ListArtifactTasks", () => {
  test("ANDs the kinds of ids, ORs their members, and restricts by type", async ({ expect }) => {
    const { api, runId, taskId, addTask, request } = await setUp();
    const second = await addTask("second");
    const a = await api.createArtifact(request());
    const b = await api.createArtifact(request({ taskId: second }));
    const list = async (scope: object) =>
      (await api.listArtifactTasks(scope)).artifactTasks.map((link) => link.artifactId).toSorted();
    const both = [a.artifactId, b.artifactId].toSorted();
    expect(await list({ taskIds: [taskId, second] })).toEqual(both);
    expect(await list({ taskIds: [taskId], artifactIds: both })).toEqual([a.artifactId]);
    expect(await list({ runIds: [runId, "unknown"] })).toEqual(both);
    expect(await list({ runIds: ["unknown"] })).toEqual([]);
    expect(await list({ runIds: [runId], type: IoType.COMPONENT_INPUT })).toEqual([]);
    expect(await list({ runIds: [runId], type: IoType.OUTPUT })).toEqual(both);
  });

  test("pages by link id", async ({ expect }) => {
    const { api, runId, request } = await setUp();
    await api.createArtifactsBulk({ artifacts: Array.from({ length: 7 }, (_, index) => request({ producerKey: `k${index}` })) });
    const ids: string[] = [];
    let pageToken = "";
    do {
      const page = await api.listArtifactTasks({ runIds: [runId], pageSize: 3, pageToken });
      expect(page.totalSize).toBe(7);
      ids.push(...page.artifactTasks.map((link) => link.id));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(ids).toEqual(ids.toSorted());
    expect(new Set(ids).size).toBe(7);
  });

  test.for([
    { name: "no ids", scope: {}, code: "INVALID_ARGUMENT" },
    { name: "an empty id", scope: { taskIds: [""] }, code: "INVALID_ARGUMENT" },
    { name: "an unknown task", scope: { taskIds: ["nope"] }, code: "NOT_FOUND" },
    { name: "an unknown artifact", scope: { artifactIds: ["nope"] }, code: "NOT_FOUND" },
  ])("refuses $name", async ({ scope, code }, { expect }) => {
    const { api } = await setUp();
    expect(await rejectionOf(api.listArtifactTasks(scope))).toMatchObject({ code });
  });
});

// docs/spec/api-server.md#getartifact-and-listartifacts
describe("GetArtifact and ListArtifacts", () => {
  test("refuse no and unknown ids", async ({ expect }) => {
    const { api } = await setUp();
    expect(await rejectionOf(api.getArtifact({}))).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await rejectionOf(api.getArtifact({ artifactId: "nope" }))).toMatchObject({ code: "NOT_FOUND" });
  });

  test("API-18: return every exact match of a uri, oldest first, when no page size is given", async ({ expect }) => {
    const { api, request } = await setUp();
    const many = Array.from({ length: 25 }, (_, index) => request({ producerKey: `k${index}` }, { name: `n${index}` }));
    await api.createArtifactsBulk({ artifacts: [...many, request({}, { uri: "s3://b/K" })] });
    const filter = JSON.stringify({ predicates: [{ operation: "EQUALS", key: "uri", string_value: "s3://b/k" }] });
    const all = await api.listArtifacts({ filter });
    expect([all.artifacts.length, all.totalSize, all.nextPageToken]).toEqual([25, 25, ""]);
    const page = await api.listArtifacts({ filter, pageSize: 10 });
    expect(page.artifacts).toHaveLength(10);
    expect((await api.listArtifacts({ filter, pageToken: page.nextPageToken })).artifacts).toHaveLength(15);
  });

  test("sorts rows without a value first", async ({ expect }) => {
    const { api, request } = await setUp();
    for (const numberValue of [2, -1, undefined])
      await api.createArtifact(request({}, numberValue === undefined ? {} : { numberValue }));
    const values = async (sortBy: string) =>
      (await api.listArtifacts({ sortBy })).artifacts.map((artifact) => artifact.numberValue);
    expect(await values("number_value")).toEqual([undefined, -1, 2]);
    expect(await values("number_value desc")).toEqual([2, -1, undefined]);
  });
});

// docs/spec/api-server.md#hydration, #api-1
describe("hydrated artifacts", () => {
  test.for([
    { hydration: "complete" as const, iterations: [0n, 1n], description: "d" },
    { hydration: "branch" as const, iterations: [undefined, undefined], description: "" },
  ])("of a server in mode $hydration", async ({ hydration, iterations, description }, { expect }) => {
    const { api, runId, taskId, request } = await setUp({ hydration });
    for (const iterationIndex of [1n, 0n]) await api.createArtifact(request({ iterationIndex }, { description: "d" }));
    const task = await api.getTask({ runId, taskId });
    expect(task.outputs?.artifacts.map((one) => one.producer?.iteration)).toEqual(iterations);
    expect(task.outputs?.artifacts[0]?.artifacts[0]?.description).toBe(description);
    const links = await api.listArtifactTasks({ taskIds: [taskId] });
    expect(new Set(links.artifactTasks.map((link) => link.producer?.iteration))).toEqual(new Set([0n, 1n]));
  });
});
