/**
 * CreateArtifact and its bulk form, rule by rule, over both transports and both packages.
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { WAYS } from "../../../support/api-ways.ts";
import { artifactIdOf, MODEL, startArtifactWorld, type ArtifactWorld } from "../../../support/artifact-world.ts";

const T1000 = "1970-01-01T00:16:40Z";

// docs/spec/api-server.md#createartifact
describe.for(WAYS)("CreateArtifact over $name", (by) => {
  test("makes artifact and output link, with ids and time of the server", async ({ expect }) => {
    const { add, call, links, taskId } = await startArtifactWorld(by);
    const sent = { name: "m", type: "Model", uri: "s3://b/m", description: "d", metadata: { a: 1, b: { c: [null] } } };
    const made = await add({ ...sent, namespace: "any", created_at: "2030-01-01T00:00:00Z" });
    expect(made).toEqual({ ...sent, artifact_id: artifactIdOf(made), created_at: T1000 });
    expect(await call("GetArtifact", { artifact_id: artifactIdOf(made) })).toEqual(made);
    const [link, ...others] = await links();
    expect(others).toEqual([]);
    expect(link).toEqual({
      id: link?.["id"],
      ...{
        artifact_id: artifactIdOf(made),
        run_id: "r",
        task_id: taskId,
        type: "OUTPUT",
        key: "k",
        producer: { task_name: "t" },
      },
    });
  });

  test("S28 API-30: links an artifact of an iteration, 0 included, as ITERATOR_OUTPUT", async ({ expect }) => {
    const { add, links, call, taskId } = await startArtifactWorld(by);
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
    const { add, call } = await startArtifactWorld(by);
    expect(await add()).not.toHaveProperty("uri");
    expect(await add({ ...MODEL, uri: "" })).toMatchObject({ uri: "" });
    const twins = [await add({ ...MODEL, uri: "s3://b" }), await add({ ...MODEL, uri: "s3://b" })];
    expect(artifactIdOf(twins[0] ?? {})).not.toBe(artifactIdOf(twins[1] ?? {}));
    expect((await call("ListArtifacts"))["total_size"]).toBe(4);
  });

  test("keeps a metric of zero", async ({ expect }) => {
    const { add, call } = await startArtifactWorld(by);
    const made = await add({ name: "loss", type: "Metric", number_value: 0 });
    expect(made).toMatchObject({ number_value: 0 });
    expect(await call("GetArtifact", { artifact_id: artifactIdOf(made) })).toMatchObject({ number_value: 0 });
  });

  interface Row {
    readonly name: string;
    readonly artifact?: JsonObject | undefined;
    readonly change?: (world: ArtifactWorld) => JsonObject;
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
    const world = await startArtifactWorld(by);
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

// docs/spec/api-server.md#createartifactsbulk
test.for(WAYS)("CreateArtifactsBulk answers in the order of the request over $name", async (by, { expect }) => {
  const { call, send, taskId, foreignTaskId, links } = await startArtifactWorld(by);
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
