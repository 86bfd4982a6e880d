// docs/spec/api-server.md#lean-answers
import { describe, test } from "vitest";
import { ArtifactType, IoType, TaskState, TaskType, type PipelineTask, type TaskInit } from "../../src/core/kfp-types.ts";
import { jsonToValue } from "../../src/core/values/value.ts";
import type { LeanRows } from "../../src/ports/kfp-api.ts";
import { startFakeApi } from "../fakes/kfp-api.ts";
import { pipelineOf } from "../support/specs.ts";

const entry = (parameterKey: string, type: IoType, iteration?: number) => ({
  ...{ parameterKey, type, value: jsonToValue(`${parameterKey}${iteration ?? ""}`) },
  producer: { taskName: "p", ...(iteration === undefined ? {} : { iteration: BigInt(iteration) }) },
});

/** A row with inputs, items and outputs of both kinds, and a child. */
async function rowOf(init: TaskInit, options: Parameters<typeof startFakeApi>[0] = {}) {
  const fake = await startFakeApi(options);
  const { api } = fake;
  const runId = await fake.createRun(pipelineOf({}));
  const row = await api.createTask(runId, {
    ...{ name: "t", scopePath: "root.t", state: TaskState.RUNNING, cacheFingerprint: "f", ...init },
    inputs: {
      parameters: [
        ...[entry("list", IoType.COMPONENT_INPUT), entry("outer", IoType.COMPONENT_INPUT, 7)],
        ...[0, 1, 2].map((iteration) => entry("item", IoType.ITERATOR_INPUT, iteration)),
      ],
    },
    outputs: { parameters: [0, 1].map((iteration) => entry("made", IoType.ITERATOR_OUTPUT, iteration)) },
  });
  const { taskId } = row;
  for (const index of [0, 1]) {
    const artifact = { name: "a", type: ArtifactType.Model, uri: `s3://b/${index}`, namespace: "n" };
    const made = await api.createArtifact({ runId, taskId, producerKey: "model", artifact, iterationIndex: BigInt(index) });
    const link = { artifactId: made.artifactId, taskId, runId, producer: { taskName: "p", iteration: BigInt(index) } };
    await api.createArtifactTasks([
      { ...link, key: "item", type: IoType.ITERATOR_INPUT },
      { ...link, key: "other", type: IoType.COMPONENT_INPUT },
    ]);
  }
  await api.createTask(runId, { name: "c", scopePath: "root.t.c", parentTaskId: taskId, type: TaskType.RUNTIME });
  return { ...fake, runId, taskId };
}

/** `item[1]`, sorted by side: what a row holds. */
function held({ inputs, outputs, childTasks }: PipelineTask) {
  const text = (key: string, iteration: bigint | undefined): string => (iteration === undefined ? key : `${key}[${iteration}]`);
  const side = (half: typeof inputs): string[] => [
    ...(half?.parameters ?? []).map(({ parameterKey, producer }) => text(parameterKey, producer?.iteration)),
    ...(half?.artifacts ?? []).map(({ artifactKey, producer }) => `artifact ${text(artifactKey, producer?.iteration)}`),
  ];
  return { inputs: side(inputs), outputs: side(outputs), children: childTasks.length };
}

const whole = {
  inputs: [
    ...["list", "outer[7]", "item[0]", "item[1]", "item[2]"],
    ...["artifact item[0]", "artifact item[1]", "artifact other[0]", "artifact other[1]"],
  ],
  outputs: ["made[0]", "made[1]", "artifact model[0]", "artifact model[1]"],
  children: 1,
};
const dags = [TaskType.ROOT, TaskType.DAG, TaskType.LOOP, TaskType.CONDITION, TaskType.CONDITION_BRANCH];

describe("a lean answer", () => {
  test.for(dags.map((type) => ({ name: TaskType[type], type })))(
    "about a row of type $name has no outputs, children and inputs",
    async ({ type }, { expect }) => {
      const { api, runId, taskId } = await rowOf({ type });
      const row = await api.getTask(runId, taskId, {});
      expect(held(row)).toEqual({ inputs: [], outputs: [], children: 0 });
      const { inputs, outputs, childTasks, ...own } = await api.getTask(runId, taskId);
      expect(row).toMatchObject(own);
      expect(held({ ...row, inputs, outputs, childTasks })).toEqual(whole);
      const listed = (await api.listTasks(runId, { lean: {} })).tasks.find((task) => task.taskId === taskId);
      expect(listed).toEqual(row);
      const updated = await api.updateTasks(runId, new Map([[taskId, { taskId, runId, cacheFingerprint: "f" }]]));
      expect(updated.get(taskId)).toEqual(row);
    },
  );

  test.for<{ name: string; lean: LeanRows; inputs: string[] }>([
    { name: "of no iteration", lean: { inputs: { keys: ["list"] } }, inputs: ["list"] },
    {
      name: "of one iteration, where they are items",
      lean: { inputs: { keys: ["item", "outer"], iteration: 1 } },
      inputs: ["outer[7]", "item[1]", "artifact item[1]"],
    },
    {
      name: "of every iteration where none is named",
      lean: { inputs: { keys: ["item"] } },
      inputs: ["item[0]", "item[1]", "item[2]", "artifact item[0]", "artifact item[1]"],
    },
    {
      name: "that are no items, of every iteration",
      lean: { inputs: { keys: ["other"], iteration: 0 } },
      inputs: ["artifact other[0]", "artifact other[1]"],
    },
    { name: "that there are not", lean: { inputs: { keys: ["absent"], iteration: 0 } }, inputs: [] },
  ])("has the inputs that are asked for, $name", async ({ lean, inputs }, { expect }) => {
    const { api, runId, taskId } = await rowOf({ type: TaskType.LOOP });
    expect(held(await api.getTask(runId, taskId, lean))).toEqual({ inputs, outputs: [], children: 0 });
  });

  test("has the outputs of a loop inside a loop", async ({ expect }) => {
    const { api, runId, taskId } = await rowOf({ type: TaskType.LOOP, typeAttributes: { iterationIndex: 0n } });
    expect(held(await api.getTask(runId, taskId, {}))).toEqual({ inputs: [], outputs: whole.outputs, children: 0 });
  });

  test.for([TaskType.RUNTIME, TaskType.IMPORTER, TaskType.EXIT_HANDLER])(
    "about a row of type %s is whole",
    async (type, { expect }) => {
      const { api, runId, taskId } = await rowOf({ type });
      expect(held(await api.getTask(runId, taskId, {}))).toEqual(whole);
    },
  );

  test("to a list for one iteration has its rows and those of none, page by page", async ({ expect }) => {
    for (const leanAnswers of [true, false]) {
      const { api, createRun } = await startFakeApi({ leanAnswers });
      const runId = await createRun(pipelineOf({}));
      const add = (name: string, iteration?: number) =>
        api.createTask(runId, {
          ...{ name, scopePath: `root.${name}`, type: TaskType.RUNTIME },
          ...(iteration === undefined ? {} : { typeAttributes: { iterationIndex: BigInt(iteration) } }),
        });
      for (const iteration of [0, 1, 2]) await add("t", iteration);
      await add("none");
      const first = await api.listTasks(runId, { iteration: 2, pageSize: 2, orderBy: "create_time" });
      const rest = await api.listTasks(runId, {
        ...{ iteration: 2, pageSize: 2, orderBy: "create_time", pageToken: first.nextPageToken },
      });
      const found = [...first.tasks, ...rest.tasks].map(
        ({ name, typeAttributes }) => `${name}${typeAttributes?.iterationIndex ?? ""}`,
      );
      expect(found.toSorted()).toEqual(leanAnswers ? ["none", "t2"] : ["none", "t0", "t1", "t2"]);
      expect([first.totalSize, rest.totalSize, rest.nextPageToken]).toEqual([4, 4, ""]);
    }
  });

  test("comes only from a server that gives such answers", async ({ expect }) => {
    const { api, runId, taskId } = await rowOf({ type: TaskType.ROOT }, { leanAnswers: false });
    expect(held(await api.getTask(runId, taskId, {}))).toEqual(whole);
  });

  test("about a run in its default view has no values of parameters", async ({ expect }) => {
    for (const leanAnswers of [true, false]) {
      const { api, server } = await startFakeApi({ leanAnswers });
      const { run } = server.runs.createRun({
        displayName: "r",
        runtimeConfig: { pipelineRoot: "s3://b", parameters: { items: jsonToValue([1, 2]) } },
      });
      const { runtimeConfig } = await api.getRun(run.runId, "DEFAULT");
      expect(runtimeConfig?.pipelineRoot).toBe("s3://b");
      expect(Object.keys(runtimeConfig?.parameters ?? {})).toEqual(leanAnswers ? [] : ["items"]);
      expect(Object.keys((await api.getRun(run.runId, "FULL")).runtimeConfig?.parameters ?? {})).toEqual(["items"]);
    }
  });
});
