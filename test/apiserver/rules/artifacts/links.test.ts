/**
 * Links between artifacts and tasks, rule by rule, over both transports and both packages.
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { WAYS } from "../../../support/api-ways.ts";
import { artifactIdOf, startArtifactWorld, type ArtifactWorld } from "../../../support/artifact-world.ts";

const LINK: JsonObject = { run_id: "r", type: "TASK_OUTPUT_INPUT", key: "x", producer: { task_name: "p" } };

// docs/spec/api-server.md#createartifacttask
describe.for(WAYS)("CreateArtifactTask over $name", (by) => {
  test("stores a link of an artifact, also of another run, with the iteration of its producer", async ({ expect }) => {
    const { add, call, foreignTaskId, links } = await startArtifactWorld(by);
    const artifactId = artifactIdOf(await add());
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
    const { add, call, taskId, links } = await startArtifactWorld(by);
    const link = { ...LINK, artifact_id: artifactIdOf(await add()), task_id: taskId };
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
    const { add, call, otherTaskId } = await startArtifactWorld(by);
    const artifactId = artifactIdOf(await add());
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
    readonly change: (world: ArtifactWorld) => JsonObject;
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
    const world = await startArtifactWorld(by);
    const { add, send, taskId, links } = world;
    const good = { ...LINK, artifact_id: artifactIdOf(await add()), task_id: taskId };
    const bad = { ...good, ...change(world) };
    const alone = await send("CreateArtifactTask", { artifact_task: bad });
    expect([alone.code, alone.message]).toEqual([code, expect.stringMatching(says)]);
    const bulk = await send("CreateArtifactTasksBulk", { artifact_tasks: [good, bad] });
    expect([bulk.code, bulk.message]).toEqual([code, expect.stringMatching(/Entry 1/)]);
    expect(bulk.message).toMatch(says);
    expect(await links()).toHaveLength(1);
  });

  test("S24, S25 refuses no link, no producer, an empty bulk, and links of two runs", async ({ expect }) => {
    const { add, send, taskId, foreignTaskId, links } = await startArtifactWorld(by);
    const good: JsonObject = { ...LINK, artifact_id: artifactIdOf(await add()), task_id: taskId };
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
    const { add, send, taskId } = await startArtifactWorld(by);
    const good = { ...LINK, artifact_id: artifactIdOf(await add()), task_id: taskId };
    const outcome = await send("CreateArtifactTasksBulk", {
      artifact_tasks: [
        { ...good, artifact_id: "unknown" },
        { ...good, key: "" },
      ],
    });
    expect([outcome.code, outcome.message]).toEqual(["NOT_FOUND", expect.stringContaining("Entry 0")]);
  });
});
