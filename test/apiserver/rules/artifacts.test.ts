/**
 * Artifacts, links and what tasks show of them, rule by rule, over both transports and both packages.
 *
 * docs/spec/api-server.md#artifacts-and-links, #hydration
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { startWay, WAYS, type ApiWay, type Way } from "../../support/api-ways.ts";
import { SMALL_SPEC, textAt } from "../../support/list-cases.ts";

const T1000 = "1970-01-01T00:16:40Z";
const MODEL: JsonObject = { name: "m", type: "Model" };

interface World extends ApiWay {
  readonly taskId: string;
  readonly otherTaskId: string;
  /** Of run `s`. */
  readonly foreignTaskId: string;
  addTask(this: void, name: string, runId?: string): Promise<string>;
  /** An artifact of task `t` in run `r`, linked under the key `k`. */
  add(this: void, artifact?: JsonObject, change?: JsonObject): Promise<JsonObject>;
  links(this: void, request?: JsonObject): Promise<JsonObject[]>;
}

async function start(by: Way): Promise<World> {
  const api = await startWay(by);
  const { call } = api;
  for (const runId of ["r", "s"]) {
    await call("CreateRun", { run: { run_id: runId, display_name: runId, pipeline_spec: SMALL_SPEC } });
  }
  const addTask = async (name: string, runId = "r") => {
    const task = { name, type: "RUNTIME", scope_path: `root.${name}` };
    return textAt(await call("CreateTask", { run_id: runId, task }), "task_id");
  };
  const taskId = await addTask("t");
  return {
    ...api,
    taskId,
    otherTaskId: await addTask("u"),
    foreignTaskId: await addTask("t", "s"),
    addTask,
    add: async (artifact = MODEL, change = {}) =>
      await call("CreateArtifact", { run_id: "r", task_id: taskId, producer_key: "k", artifact, ...change }),
    links: async (request = { run_ids: ["r", "s"] }) =>
      ((await call("ListArtifactTasks", request))["artifact_tasks"] ?? []) as JsonObject[],
  };
}

const asText = (value: JsonValue | undefined) => (typeof value === "string" ? value : JSON.stringify(value ?? ""));
const idOf = (artifact: JsonObject) => textAt(artifact, "artifact_id");

// docs/spec/api-server.md#createartifact
describe.for(WAYS)("CreateArtifact over $name", (by) => {
  test("makes artifact and output link, with ids and time of the server", async ({ expect }) => {
    const { add, call, links, taskId } = await start(by);
    const sent = { name: "m", type: "Model", uri: "s3://b/m", description: "d", metadata: { a: 1, b: { c: [null] } } };
    const made = await add({ ...sent, namespace: "any", created_at: "2030-01-01T00:00:00Z" });
    expect(made).toEqual({ ...sent, artifact_id: idOf(made), created_at: T1000 });
    expect(await call("GetArtifact", { artifact_id: idOf(made) })).toEqual(made);
    const [link, ...others] = await links();
    expect(others).toEqual([]);
    expect(link).toEqual({
      id: link?.["id"],
      ...{ artifact_id: idOf(made), run_id: "r", task_id: taskId, type: "OUTPUT", key: "k", producer: { task_name: "t" } },
    });
  });

  test("S28 API-30: links an artifact of an iteration, 0 included, as ITERATOR_OUTPUT", async ({ expect }) => {
    const { add, links, call, taskId } = await start(by);
    await add(MODEL, { iteration_index: "0" });
    await add(MODEL, { iteration_index: "3", reuse_if_exists: true });
    const entry = { run_id: "r", task_id: taskId, producer_key: "bulk", artifact: MODEL, iteration_index: "5" };
    await call("CreateArtifactsBulk", { artifacts: [entry] });
    const found = (await links()).map(({ type, producer, key }) => ({ type, producer, key }));
    expect(found).toHaveLength(3);
    for (const [iteration, key] of [
      ["0", "k"],
      ["3", "k"],
      ["5", "bulk"],
    ] as const) {
      expect(found).toContainEqual({ type: "ITERATOR_OUTPUT", producer: { task_name: "t", iteration }, key });
    }
  });

  test("takes no uri and an empty one, and what has the same uri and name again", async ({ expect }) => {
    const { add, call } = await start(by);
    expect(await add()).not.toHaveProperty("uri");
    expect(await add({ ...MODEL, uri: "" })).toMatchObject({ uri: "" });
    const twins = [await add({ ...MODEL, uri: "s3://b" }), await add({ ...MODEL, uri: "s3://b" })];
    expect(idOf(twins[0] ?? {})).not.toBe(idOf(twins[1] ?? {}));
    expect((await call("ListArtifacts"))["total_size"]).toBe(4);
  });

  test("keeps a metric of zero", async ({ expect }) => {
    const { add, call } = await start(by);
    const made = await add({ name: "loss", type: "Metric", number_value: 0 });
    expect(made).toMatchObject({ number_value: 0 });
    expect(await call("GetArtifact", { artifact_id: idOf(made) })).toMatchObject({ number_value: 0 });
  });

  interface Row {
    readonly name: string;
    readonly artifact?: JsonObject | undefined;
    readonly change?: (world: World) => JsonObject;
    readonly code: string;
    readonly says: RegExp;
  }
  const metadata = { a: 1 };
  const CASES: readonly Row[] = [
    {
      name: "no artifact, before all else",
      artifact: undefined,
      change: () => ({ run_id: "" }),
      code: "INVALID_ARGUMENT",
      says: /Artifact is required/,
    },
    { name: "an id of the client's", artifact: { artifact_id: "x" }, code: "INVALID_ARGUMENT", says: /id is made by the server/ },
    { name: "no type, before no name", artifact: {}, code: "INVALID_ARGUMENT", says: /type is required/ },
    {
      name: "no name, before no run",
      artifact: { type: "Model" },
      change: () => ({ run_id: "" }),
      code: "INVALID_ARGUMENT",
      says: /name is required/,
    },
    { name: "no run", change: () => ({ run_id: "", task_id: "" }), code: "INVALID_ARGUMENT", says: /Run ID/ },
    { name: "no task", change: () => ({ task_id: "", producer_key: "" }), code: "INVALID_ARGUMENT", says: /Task ID/ },
    {
      name: "no key, before no number",
      artifact: { name: "m", type: "Metric" },
      change: () => ({ producer_key: "" }),
      code: "INVALID_ARGUMENT",
      says: /Producer key/,
    },
    {
      name: "a metric without number, before an unknown task",
      artifact: { name: "m", type: "Metric" },
      change: () => ({ task_id: "nope" }),
      code: "INVALID_ARGUMENT",
      says: /number_value/,
    },
    {
      name: "ClassificationMetric without metadata",
      artifact: { name: "m", type: "ClassificationMetric" },
      code: "INVALID_ARGUMENT",
      says: /metadata/,
    },
    {
      name: "SlicedClassificationMetric with empty metadata",
      artifact: { name: "m", type: "SlicedClassificationMetric", metadata: {} },
      code: "INVALID_ARGUMENT",
      says: /metadata/,
    },
    { name: "an unknown task", change: () => ({ task_id: "nope" }), code: "NOT_FOUND", says: /Task nope not found/ },
    { name: "an unknown run", change: () => ({ run_id: "nope" }), code: "INVALID_ARGUMENT", says: /does not belong to run nope/ },
    {
      name: "a task of another run",
      change: ({ foreignTaskId }) => ({ task_id: foreignTaskId }),
      code: "INVALID_ARGUMENT",
      says: /does not belong to run r/,
    },
    {
      name: "nothing: ClassificationMetric",
      artifact: { name: "m", type: "ClassificationMetric", metadata },
      code: "OK",
      says: /^$/,
    },
    {
      name: "nothing: SlicedClassificationMetric",
      artifact: { name: "m", type: "SlicedClassificationMetric", metadata },
      code: "OK",
      says: /^$/,
    },
    ...["Artifact", "Model", "Dataset", "HTML", "Markdown"].map((type) => ({
      ...{ name: `nothing: ${type}`, artifact: { name: "m", type }, code: "OK", says: /^$/ },
    })),
  ];

  test.for(CASES)("refuses $name", async (row, { expect }) => {
    const world = await start(by);
    const { send, call, taskId, links } = world;
    const artifact = "artifact" in row ? row.artifact : MODEL;
    const request = {
      ...{ run_id: "r", task_id: taskId, producer_key: "k" },
      ...(artifact === undefined ? {} : { artifact }),
      ...row.change?.(world),
    };
    const outcome = await send("CreateArtifact", request);
    expect([outcome.code, outcome.message]).toEqual([row.code, expect.stringMatching(row.says)]);
    const made = row.code === "OK" ? 1 : 0;
    expect((await call("ListArtifacts"))["total_size"] ?? 0).toBe(made);
    expect(await links()).toHaveLength(made);

    // In bulk the same, with the place of the entry, and nothing of the good one before it is kept.
    const good = { run_id: "r", task_id: taskId, producer_key: "good", artifact: MODEL };
    const bulk = await send("CreateArtifactsBulk", { artifacts: [good, request] });
    expect([bulk.code, bulk.message]).toEqual([row.code, expect.stringMatching(row.says)]);
    if (row.code !== "OK") expect(bulk.message).toContain("Entry 1");
    expect(await links()).toHaveLength(made * 3);
    expect((await call("ListArtifacts"))["total_size"] ?? 0).toBe(made * 3);
  });
});

// docs/spec/api-server.md#reuse-of-artifacts
describe.for(WAYS)("reuse_if_exists over $name", (by) => {
  const BASE: JsonObject = { name: "m", type: "Model", uri: "s3://b/m", description: "d", metadata: { a: 1, b: [true] } };

  test.for<{ name: string; change: JsonObject; same: boolean }>([
    { name: "all of it", change: {}, same: true },
    { name: "members of metadata in another order", change: { metadata: { b: [true], a: 1 } }, same: true },
    { name: "another number", change: { number_value: 7 }, same: true },
    { name: "another type", change: { type: "Dataset" }, same: false },
    { name: "another uri", change: { uri: "s3://b/n" }, same: false },
    { name: "another name", change: { name: "n" }, same: false },
    { name: "another description", change: { description: "" }, same: false },
    { name: "other metadata", change: { metadata: { a: 2, b: [true] } }, same: false },
    { name: "metadata of another type", change: { metadata: { a: "1", b: [true] } }, same: false },
  ])("$name: the same artifact $same", async ({ change, same }, { expect }) => {
    for (const wasMarked of [true, false]) {
      const { add, links, otherTaskId, call } = await start(by);
      const first = await add(BASE, wasMarked ? { reuse_if_exists: true } : {});
      const second = await add({ ...BASE, ...change }, { reuse_if_exists: true, task_id: otherTaskId });
      expect(idOf(second) === idOf(first)).toBe(same);
      expect(await links()).toHaveLength(2);
      expect((await call("ListArtifacts"))["total_size"]).toBe(same ? 1 : 2);
    }
  });

  test("S16 replayed by the same task makes neither an artifact nor a link", async ({ expect }) => {
    const { add, links } = await start(by);
    const first = await add(BASE, { reuse_if_exists: true });
    expect(await add(BASE, { reuse_if_exists: true })).toEqual(first);
    expect(await links()).toHaveLength(1);
  });

  test("S15 of many at once makes one artifact, and a link for each task", async ({ expect }) => {
    const { add, addTask, call, links } = await start(by);
    const tasks = await Promise.all(Array.from({ length: 8 }, async (_, index) => await addTask(`n${index}`)));
    const made = await Promise.all(tasks.map(async (taskId) => await add(BASE, { reuse_if_exists: true, task_id: taskId })));
    expect(new Set(made.map(idOf)).size).toBe(1);
    expect((await call("ListArtifacts"))["total_size"]).toBe(1);
    expect(new Set((await links()).map((link) => link["task_id"]))).toEqual(new Set(tasks));
  });

  test("takes the oldest of several that are equal, and none without uri unless it was made for reuse", async ({ expect }) => {
    const { add, setTime } = await start(by);
    setTime(2_000);
    const young = await add(BASE);
    setTime(1_500);
    const old = await add(BASE);
    expect(idOf(young)).not.toBe(idOf(old));
    expect(await add(BASE, { reuse_if_exists: true })).toEqual(old);
    const { uri: _, ...bare } = BASE;
    const plain = await add(bare);
    const marked = await add(bare, { reuse_if_exists: true });
    expect(idOf(marked)).not.toBe(idOf(plain));
    expect(await add(bare, { reuse_if_exists: true })).toEqual(marked);
  });

  test("S17 absent or false makes a new one always", async ({ expect }) => {
    const { add, call } = await start(by);
    for (const change of [{}, { reuse_if_exists: false }, {}]) await add(BASE, change);
    expect((await call("ListArtifacts"))["total_size"]).toBe(3);
  });

  test("S26 is refused in bulk", async ({ expect }) => {
    const { send, taskId, call } = await start(by);
    const entry = { run_id: "r", task_id: taskId, producer_key: "k", artifact: BASE, reuse_if_exists: true };
    expect(await send("CreateArtifactsBulk", { artifacts: [entry] })).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await call("ListArtifacts")).toEqual({});
  });
});

// docs/spec/api-server.md#createartifactsbulk
test.for(WAYS)("CreateArtifactsBulk answers in the order of the request over $name", async (by, { expect }) => {
  const { call, send, taskId, foreignTaskId, links } = await start(by);
  const names = Array.from({ length: 12 }, (_, index) => `n${11 - index}`);
  const entries = names.map((name, index) => ({
    ...(index % 2 === 0 ? { run_id: "r", task_id: taskId } : { run_id: "s", task_id: foreignTaskId }),
    ...{ producer_key: name, artifact: { name, type: "Dataset" } },
  }));
  const { artifacts } = await call("CreateArtifactsBulk", { artifacts: entries });
  expect((artifacts as JsonObject[]).map((artifact) => artifact["name"])).toEqual(names);
  expect(await links()).toHaveLength(12);
  expect((await send("CreateArtifactsBulk", { artifacts: [] })).code).toBe("INVALID_ARGUMENT");
});

const LINK: JsonObject = { run_id: "r", type: "TASK_OUTPUT_INPUT", key: "x", producer: { task_name: "p" } };

// docs/spec/api-server.md#createartifacttask
describe.for(WAYS)("CreateArtifactTask over $name", (by) => {
  test("stores a link of an artifact, also of another run, with the iteration of its producer", async ({ expect }) => {
    const { add, call, foreignTaskId, links } = await start(by);
    const artifactId = idOf(await add());
    const sent = {
      ...LINK,
      run_id: "s",
      artifact_id: artifactId,
      task_id: foreignTaskId,
      producer: { task_name: "p", iteration: "0" },
    };
    const made = await call("CreateArtifactTask", { artifact_task: { ...sent, id: "mine" } });
    expect(made).toEqual({ ...sent, id: made["id"] });
    expect(made["id"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(await links({ task_ids: [foreignTaskId] })).toEqual([made]);
    const bare = { ...sent, key: "bare", producer: {} };
    expect(await call("CreateArtifactTask", { artifact_task: bare })).toMatchObject({ key: "bare", producer: {} });
  });

  test.for<{ name: string; change: JsonObject; same: boolean }>([
    { name: "the same", change: {}, same: true },
    { name: "another name of the producer", change: { producer: { task_name: "q" } }, same: true },
    { name: "another key", change: { key: "y" }, same: false },
    { name: "another type", change: { type: "COMPONENT_INPUT" }, same: false },
    { name: "an iteration", change: { producer: { task_name: "p", iteration: "0" } }, same: false },
    { name: "another iteration", change: { producer: { task_name: "p", iteration: "1" } }, same: false },
  ])("S19 API-2: a second link with $name is the first one: $same", async ({ change, same }, { expect }) => {
    const { add, call, taskId, links } = await start(by);
    const link = { ...LINK, artifact_id: idOf(await add()), task_id: taskId };
    const first = await call("CreateArtifactTask", { artifact_task: link });
    const second = await call("CreateArtifactTask", { artifact_task: { ...link, ...change } });
    if (same) expect(second).toEqual(first);
    else expect(second["id"]).not.toBe(first["id"]);
    const { artifact_tasks: bulk } = await call("CreateArtifactTasksBulk", {
      artifact_tasks: [{ ...link, ...change }, link, link],
    });
    expect(bulk).toEqual([second, first, first]);
    expect(await links()).toHaveLength(same ? 2 : 3);
  });

  test("takes every type of link, and shows each on its side of the task", async ({ expect }) => {
    const { add, call, otherTaskId } = await start(by);
    const artifactId = idOf(await add());
    const inputs = [
      ...["COMPONENT_DEFAULT_INPUT", "TASK_OUTPUT_INPUT", "COMPONENT_INPUT", "RUNTIME_VALUE_INPUT"],
      ...["COLLECTED_INPUTS", "ITERATOR_INPUT", "ITERATOR_INPUT_RAW"],
    ];
    const outputs = ["ITERATOR_OUTPUT", "OUTPUT", "ONE_OF_OUTPUT", "TASK_FINAL_STATUS_OUTPUT"];
    for (const type of [...inputs, ...outputs]) {
      await call("CreateArtifactTask", { artifact_task: { ...LINK, artifact_id: artifactId, task_id: otherTaskId, type } });
    }
    const task = await call("GetTask", { run_id: "r", task_id: otherTaskId });
    const typesOf = (side: string) =>
      (((task[side] as JsonObject)["artifacts"] ?? []) as JsonObject[]).map((artifact) => artifact["type"]);
    expect(typesOf("inputs")).toEqual(inputs);
    expect(typesOf("outputs")).toEqual(outputs);
  });

  interface Row {
    readonly name: string;
    readonly change: (world: World) => JsonObject;
    readonly code: string;
    readonly says: RegExp;
  }
  const CASES: readonly Row[] = [
    { name: "no artifact", change: () => ({ artifact_id: "", run_id: "" }), code: "INVALID_ARGUMENT", says: /Artifact ID/ },
    { name: "no run", change: () => ({ run_id: "", task_id: "" }), code: "INVALID_ARGUMENT", says: /Run ID/ },
    { name: "no task", change: () => ({ task_id: "", type: 0 }), code: "INVALID_ARGUMENT", says: /Task ID/ },
    { name: "no type", change: () => ({ type: 0, key: "" }), code: "INVALID_ARGUMENT", says: /Type/ },
    { name: "no key", change: () => ({ key: "", task_id: "nope" }), code: "INVALID_ARGUMENT", says: /Key/ },
    {
      name: "an unknown task, before an unknown artifact",
      change: () => ({ task_id: "nope", artifact_id: "no" }),
      code: "NOT_FOUND",
      says: /Task nope/,
    },
    {
      name: "an unknown artifact, before a task of another run",
      change: ({ foreignTaskId }) => ({ artifact_id: "nope", task_id: foreignTaskId }),
      code: "NOT_FOUND",
      says: /Artifact nope not found/,
    },
    {
      name: "a task of another run",
      change: ({ foreignTaskId }) => ({ task_id: foreignTaskId }),
      code: "INVALID_ARGUMENT",
      says: /belong to run r/,
    },
  ];

  test.for(CASES)("S23 refuses $name, alone and in bulk, and writes nothing", async ({ change, code, says }, { expect }) => {
    const world = await start(by);
    const { add, send, taskId, links } = world;
    const good = { ...LINK, artifact_id: idOf(await add()), task_id: taskId };
    const bad = { ...good, ...change(world) };
    const alone = await send("CreateArtifactTask", { artifact_task: bad });
    expect([alone.code, alone.message]).toEqual([code, expect.stringMatching(says)]);
    const bulk = await send("CreateArtifactTasksBulk", { artifact_tasks: [good, bad] });
    expect([bulk.code, bulk.message]).toEqual([code, expect.stringMatching(/Entry 1/)]);
    expect(bulk.message).toMatch(says);
    expect(await links()).toHaveLength(1);
  });

  test("S24, S25 refuses no link, no producer, an empty bulk, and links of two runs", async ({ expect }) => {
    const { add, send, taskId, foreignTaskId, links } = await start(by);
    const good: JsonObject = { ...LINK, artifact_id: idOf(await add()), task_id: taskId };
    const { producer: _, ...orphan } = good;
    const foreign = { ...good, run_id: "s", task_id: foreignTaskId };
    for (const [method, request] of [
      ["CreateArtifactTask", {}],
      ["CreateArtifactTask", { artifact_task: orphan }],
      ["CreateArtifactTasksBulk", {}],
      ["CreateArtifactTasksBulk", { artifact_tasks: [orphan] }],
      ["CreateArtifactTasksBulk", { artifact_tasks: [good, foreign] }],
    ] as const) {
      expect((await send(method, request as JsonObject)).code, JSON.stringify(request)).toBe("INVALID_ARGUMENT");
    }
    expect(await links()).toHaveLength(1);
  });

  test("bulk looks at an entry whole before the next one", async ({ expect }) => {
    const { add, send, taskId } = await start(by);
    const good = { ...LINK, artifact_id: idOf(await add()), task_id: taskId };
    const outcome = await send("CreateArtifactTasksBulk", {
      artifact_tasks: [
        { ...good, artifact_id: "unknown" },
        { ...good, key: "" },
      ],
    });
    expect([outcome.code, outcome.message]).toEqual(["NOT_FOUND", expect.stringContaining("Entry 0")]);
  });
});

// docs/spec/api-server.md#listartifacttasks
describe.for(WAYS)("ListArtifactTasks over $name", (by) => {
  test("S21 ANDs the kinds of ids, ORs their members, restricts by type, pages by link id", async ({ expect }) => {
    const { add, call, links, taskId, otherTaskId, foreignTaskId } = await start(by);
    const [a, b] = [idOf(await add()), idOf(await add(MODEL, { producer_key: "k2" }))];
    const link = (artifactId: string, task: string, runId: string) => ({
      artifact_task: { ...LINK, artifact_id: artifactId, task_id: task, run_id: runId },
    });
    await call("CreateArtifactTask", link(a, otherTaskId, "r"));
    await call("CreateArtifactTask", link(a, foreignTaskId, "s"));
    const found = async (request: JsonObject) =>
      (await links(request))
        .map((one) => `${one["artifact_id"] === a ? "a" : "b"} ${asText(one["run_id"])} ${asText(one["type"])}`)
        .toSorted();
    const [outA, outB, inR, inS] = ["a r OUTPUT", "b r OUTPUT", "a r TASK_OUTPUT_INPUT", "a s TASK_OUTPUT_INPUT"];
    for (const [request, wanted] of [
      [{ run_ids: ["r"] }, [outA, inR, outB]],
      [{ run_ids: ["r", "s"] }, [outA, inR, inS, outB]],
      [{ run_ids: ["s"] }, [inS]],
      [{ run_ids: ["unknown"] }, []],
      [{ run_ids: ["r"], type: "OUTPUT" }, [outA, outB]],
      [{ run_ids: ["r"], type: "ITERATOR_OUTPUT" }, []],
      [{ task_ids: [taskId, foreignTaskId] }, [outA, inS, outB]],
      [{ artifact_ids: [a] }, [outA, inR, inS]],
      [{ artifact_ids: [a, b], run_ids: ["r"] }, [outA, inR, outB]],
      [{ artifact_ids: [a], run_ids: ["r"], task_ids: [otherTaskId] }, [inR]],
      [{ artifact_ids: [b], task_ids: [otherTaskId] }, []],
    ] as const) {
      expect(await found(request as unknown as JsonObject), JSON.stringify(request)).toEqual(wanted);
    }
    const ids = (await links()).map((one) => one["id"] as string);
    expect(ids).toEqual(ids.toSorted());
    const first = await call("ListArtifactTasks", { run_ids: ["r", "s"], page_size: 3 });
    const second = await call("ListArtifactTasks", { run_ids: ["r", "s"], page_token: first["next_page_token"] as string });
    expect([first["total_size"], (second["artifact_tasks"] as JsonObject[])[0]?.["id"]]).toEqual([4, ids[3]]);
  });

  test.for<{ name: string; request: JsonObject; code: string }>([
    { name: "no ids", request: {}, code: "INVALID_ARGUMENT" },
    { name: "only a type", request: { type: "OUTPUT" }, code: "INVALID_ARGUMENT" },
    { name: "an empty run id", request: { run_ids: ["r", ""] }, code: "INVALID_ARGUMENT" },
    { name: "an empty task id", request: { task_ids: [""] }, code: "INVALID_ARGUMENT" },
    { name: "an empty artifact id", request: { artifact_ids: [""] }, code: "INVALID_ARGUMENT" },
    { name: "an unknown task", request: { task_ids: ["nope"], run_ids: ["r"] }, code: "NOT_FOUND" },
    { name: "an unknown artifact", request: { artifact_ids: ["nope"] }, code: "NOT_FOUND" },
  ])("refuses $name", async ({ request, code }, { expect }) => {
    const { send } = await start(by);
    expect((await send("ListArtifactTasks", request)).code).toBe(code);
  });
});

// docs/spec/api-server.md#getartifact-and-listartifacts
describe.for(WAYS)("GetArtifact and ListArtifacts over $name", (by) => {
  test("refuse an unknown artifact, and none", async ({ expect }) => {
    const { send } = await start(by);
    expect(await send("GetArtifact", { artifact_id: "nope" })).toMatchObject({
      code: "NOT_FOUND",
      detail: { message: "Artifact nope not found" },
    });
    if (by.transport === "grpc") expect((await send("GetArtifact")).code).toBe("INVALID_ARGUMENT");
  });

  test("S18 API-18: one predicate on the uri finds every exact match, oldest first, unless a page is asked for", async ({
    expect,
  }) => {
    const { add, call, setTime } = await start(by);
    const times = Array.from({ length: 25 }, (_, index) => 2_000 - index);
    const made: JsonObject[] = [];
    for (const seconds of times) {
      setTime(seconds);
      made.push(await add({ ...MODEL, uri: "s3://b/m" }));
    }
    for (const uri of ["s3://b/M", "s3://b/m ", "s3://b/m/", "s3://b/%6d"]) await add({ ...MODEL, uri });
    const filter = (uri: string) => JSON.stringify({ predicates: [{ operation: "EQUALS", key: "uri", string_value: uri }] });
    const all = await call("ListArtifacts", { namespace: "any", filter: filter("s3://b/m") });
    expect((all["artifacts"] as JsonObject[]).map(idOf)).toEqual(made.toReversed().map(idOf));
    expect(all["total_size"]).toBe(25);
    expect(all).not.toHaveProperty("next_page_token");
    expect((await call("ListArtifacts", { filter: filter("s3://b/%6d") }))["total_size"]).toBe(1);
    expect(await call("ListArtifacts", { filter: filter("s3://b") })).toEqual({});
    const page = await call("ListArtifacts", { filter: filter("s3://b/m"), page_size: 10, sort_by: "created_at desc" });
    expect((page["artifacts"] as JsonObject[]).map(idOf)).toEqual(made.slice(0, 10).map(idOf));
    const rest = await call("ListArtifacts", { page_token: page["next_page_token"] as string, page_size: 200 });
    expect((rest["artifacts"] as JsonObject[]).map(idOf)).toEqual(made.slice(10).map(idOf));
  });
});

// docs/spec/api-server.md#hydration
describe.for(WAYS)("artifacts inside tasks, over $name", (by) => {
  interface Linked {
    readonly key: string;
    readonly type: string;
    readonly producer?: JsonObject;
    /** Name of the artifact, which is a metric when it begins with M. */
    readonly artifact: string;
  }

  /** `key type producer[iteration]: artifacts`, artifacts of one entry by id. */
  async function shown(links: readonly Linked[]): Promise<{ inputs: string[]; outputs: string[]; world: World; taskId: string }> {
    const world = await start(by);
    const { call, addTask } = world;
    const [source, taskId] = [await addTask("source"), await addTask("T")];
    const made = new Map<string, string>();
    for (const name of [...new Set(links.map((link) => link.artifact))].toSorted()) {
      const artifact = name.startsWith("M") ? { name, type: "Metric", number_value: 1 } : { name, type: "Model" };
      const request = { run_id: "r", task_id: source, producer_key: name, artifact };
      made.set(name, idOf(await call("CreateArtifact", request)));
    }
    for (const { key, type, producer = { task_name: "p" }, artifact } of links) {
      const link = { artifact_id: made.get(artifact) ?? "", run_id: "r", task_id: taskId, key, type, producer };
      await call("CreateArtifactTask", { artifact_task: link });
    }
    const task = await call("GetTask", { run_id: "r", task_id: taskId });
    const side = (name: string) =>
      (((task[name] as JsonObject)["artifacts"] ?? []) as JsonObject[]).map((entry) => {
        const { task_name: producer, iteration } = (entry["producer"] ?? {}) as JsonObject;
        const artifacts = entry["artifacts"] as JsonObject[];
        // Ids are random, so a row is told by its names, which must come by id.
        const ids = artifacts.map(idOf);
        const sorted = JSON.stringify(ids) === JSON.stringify(ids.toSorted()) ? "" : " (not by id)";
        const names = artifacts.map((one) => asText(one["name"])).toSorted();
        const at = iteration === undefined ? "" : `[${asText(iteration)}]`;
        return `${asText(entry["artifact_key"])} ${asText(entry["type"])} ${asText(producer ?? "-")}${at}: ${names.join(" ")}${sorted}`;
      });
    return { inputs: side("inputs"), outputs: side("outputs"), world, taskId };
  }

  test("S10, S12 go to their side, sorted by key; several metrics of a key are one entry, others one each", async ({
    expect,
  }) => {
    const train = { task_name: "train" };
    const prep = { task_name: "prep" };
    const { inputs, outputs } = await shown([
      { key: "model", type: "OUTPUT", producer: train, artifact: "A1" },
      { key: "m", type: "OUTPUT", producer: train, artifact: "M2" },
      { key: "m", type: "OUTPUT", producer: train, artifact: "M1" },
      { key: "ds", type: "TASK_OUTPUT_INPUT", producer: prep, artifact: "D1" },
      { key: "ds", type: "TASK_OUTPUT_INPUT", producer: prep, artifact: "D2" },
    ]);
    expect(inputs.toSorted()).toEqual(["ds TASK_OUTPUT_INPUT prep: D1", "ds TASK_OUTPUT_INPUT prep: D2"]);
    expect(outputs).toEqual(["m OUTPUT train: M1 M2", "model OUTPUT train: A1"]);
  });

  test("are grouped and sorted by key, type, producer, no iteration, iteration", async ({ expect }) => {
    const at = (iteration: string) => ({ task_name: "p", iteration });
    const { inputs, outputs } = await shown([
      { key: "x", type: "ITERATOR_OUTPUT", producer: at("10"), artifact: "M1" },
      { key: "x", type: "ITERATOR_OUTPUT", producer: at("2"), artifact: "M2" },
      { key: "x", type: "ITERATOR_OUTPUT", producer: at("0"), artifact: "M3" },
      { key: "x", type: "ITERATOR_OUTPUT", artifact: "M4" },
      { key: "x", type: "OUTPUT", artifact: "M5" },
      { key: "x", type: "ITERATOR_OUTPUT", producer: { task_name: "o" }, artifact: "M6" },
      { key: "a", type: "OUTPUT", artifact: "M7" },
      { key: "x", type: "ITERATOR_OUTPUT", artifact: "M8" },
      { key: "y", type: "COMPONENT_INPUT", artifact: "B1" },
      { key: "y", type: "TASK_OUTPUT_INPUT", artifact: "B1" },
      { key: "y", type: "COMPONENT_INPUT", producer: {}, artifact: "B2" },
    ]);
    expect(outputs).toEqual([
      "a OUTPUT p: M7",
      "x ITERATOR_OUTPUT o: M6",
      "x ITERATOR_OUTPUT p: M4 M8",
      "x ITERATOR_OUTPUT p[0]: M3",
      "x ITERATOR_OUTPUT p[2]: M2",
      "x ITERATOR_OUTPUT p[10]: M1",
      "x OUTPUT p: M5",
    ]);
    expect(inputs).toEqual(["y TASK_OUTPUT_INPUT p: B1", "y COMPONENT_INPUT -: B2", "y COMPONENT_INPUT p: B1"]);
  });

  test("a metric beside another artifact under one key are two entries", async ({ expect }) => {
    const { outputs } = await shown([
      { key: "x", type: "OUTPUT", artifact: "M1" },
      { key: "x", type: "OUTPUT", artifact: "A1" },
    ]);
    expect(outputs.toSorted()).toEqual(["x OUTPUT p: A1", "x OUTPUT p: M1"]);
  });

  test("API-1: have all of the artifact, description and iteration included, wherever tasks are hydrated", async ({ expect }) => {
    const { call, add, taskId } = await start(by);
    const sent = { name: "m", type: "Model", uri: "s3://b", description: "d", metadata: { a: 1 } };
    const artifact = await add(sent, { iteration_index: "4" });
    const entry = {
      ...{ artifact_key: "k", type: "ITERATOR_OUTPUT", producer: { task_name: "t", iteration: "4" } },
      artifacts: [artifact],
    };
    const hydrated = { task_id: taskId, outputs: { artifacts: [entry] } };
    const update = { state: "SUCCEEDED", cache_fingerprint: "f" };
    const ids = { run_id: "r", task_id: taskId };
    expect(await call("UpdateTask", { ...ids, task: update })).toMatchObject(hydrated);
    expect(await call("UpdateTasksBulk", { run_id: "r", tasks: { [taskId]: update } })).toMatchObject({
      tasks: { [taskId]: hydrated },
    });
    expect(await call("GetTask", ids)).toMatchObject(hydrated);
    expect(await call("FindCachedTask", { cache_fingerprint: "f" })).toMatchObject({ task: hydrated });
    const filter = JSON.stringify({ predicates: [{ operation: "EQUALS", key: "task_id", string_value: taskId }] });
    expect(await call("ListTasks", { run_id: "r", filter })).toMatchObject({ tasks: [hydrated] });
    const full = await call("GetRun", { run_id: "r", view: "FULL" });
    expect(full["tasks"]).toContainEqual(await call("GetTask", ids));
    const listed = await call("ListRuns", { view: "FULL" });
    expect((listed["runs"] as JsonObject[])[0]?.["tasks"] as JsonObject[]).toContainEqual(await call("GetTask", ids));
    const again = { name: "t", type: "RUNTIME", scope_path: "root.t" };
    expect(await call("CreateTask", { run_id: "r", task: again })).toMatchObject({ task_id: taskId, outputs: {} });
  });
});
