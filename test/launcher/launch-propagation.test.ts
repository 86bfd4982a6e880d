/** What the end of a step means for its ancestors, in whole attempts. */
import { describe, expect, test } from "vitest";
import { IoType, TaskState, TaskType } from "../../src/core/kfp-types.ts";
import { modelPath, pair, scorePath, script, train, trainOutputs } from "../support/launcher-pipelines.ts";
import { artifactsOf, launcherPipeline, parametersOf, startLauncherWorld, stateOf } from "../support/launcher-world.ts";

const byText = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

describe("launchContainer(): propagation", () => {
  test("a sub-pipeline hands outputs on to the root, level by level", async () => {
    const world = await startLauncherWorld(
      launcherPipeline(
        {
          root: { tasks: { sub: "comp-sub" }, parameters: { top: { from: [["sub", "best"]], type: "NUMBER_DOUBLE" } } },
          "comp-sub": {
            tasks: { train: "comp-train" },
            parameters: { best: { from: [["train", "score"]], type: "NUMBER_DOUBLE" } },
            artifacts: { m: { from: [["train", "model"]] } },
          },
        },
        { "comp-train": trainOutputs },
      ),
    );
    const sub = await world.row(world.root, "sub", { type: TaskType.DAG });
    const row = await world.row(sub, "train");
    await world.launch(row, { command: train });
    const [rootNow, subNow] = await Promise.all([world.task(world.root.taskId), world.task(sub.taskId)]);
    expect([parametersOf(subNow), parametersOf(rootNow)]).toEqual([{ best: 0.5 }, { top: 0.5 }]);
    expect(rootNow.outputs?.parameters).toMatchObject([{ type: IoType.OUTPUT, producer: { taskName: "sub" } }]);
    expect([stateOf(subNow), stateOf(rootNow)]).toEqual(["SUCCEEDED", "SUCCEEDED"]);
    expect(artifactsOf(subNow)).toMatchObject([{ key: "m" }]);
    expect(artifactsOf(rootNow)).toEqual([]);
  });

  test("G2 iterations of a loop are told apart, also through a sub-pipeline (LAU-26)", async () => {
    const world = await startLauncherWorld(
      launcherPipeline(
        {
          root: { tasks: { sub: "comp-sub" } },
          "comp-sub": {
            tasks: { "for-loop-1": "comp-loop" },
            parameters: { all: { from: [["for-loop-1", "each"]], type: "LIST" } },
          },
          "comp-loop": {
            tasks: { train: "comp-train" },
            parameters: { each: { from: [["train", "score"]], type: "LIST" } },
            artifacts: { ms: { from: [["train", "model"]] } },
          },
        },
        { "comp-train": trainOutputs },
      ),
    );
    const sub = await world.row(world.root, "sub", { type: TaskType.DAG });
    const loop = await world.row(sub, "for-loop-1", { type: TaskType.LOOP, iterationCount: 3 });
    for (const iteration of [0, 1, 2]) {
      const row = await world.row(loop, "train", { iteration });
      const { task, exitCode } = await world.launch(row, {
        iteration,
        command: script('printf "$2" > "$0"; echo weights > "$1"', scorePath, modelPath, `0.${iteration}`),
      });
      expect(exitCode).toBe(0);
      expect(task.outputs?.parameters).toMatchObject([
        { type: IoType.ITERATOR_OUTPUT, producer: { taskName: "train", iteration: BigInt(iteration) } },
      ]);
    }
    const [loopNow, subNow] = await Promise.all([world.task(loop.taskId), world.task(sub.taskId)]);
    const entries = (subNow.outputs?.parameters ?? []).map(({ type, producer, value }) => [
      type,
      producer?.taskName,
      Number(producer?.iteration),
      value?.kind.value,
    ]);
    expect(entries.toSorted(byText)).toEqual([
      [IoType.ITERATOR_OUTPUT, "for-loop-1", 0, 0],
      [IoType.ITERATOR_OUTPUT, "for-loop-1", 1, 0.1],
      [IoType.ITERATOR_OUTPUT, "for-loop-1", 2, 0.2],
    ]);
    expect(artifactsOf(loopNow).map(({ iteration }) => iteration)).toEqual([0, 1, 2]);
    expect(stateOf(await world.task(world.root.taskId))).toBe("SUCCEEDED");
  });

  test.for([
    { server: "complete", options: {} },
    { server: "of the branch", options: { hydration: "branch", outputLinkTypes: "branch", runLayout: "branch" } },
  ] as const)(
    "G11 a loop whose body is a DAG has an entry of the DAG for each iteration (server $server)",
    async ({ options }) => {
      const world = await startLauncherWorld(
        launcherPipeline(
          {
            root: { tasks: { loop: "comp-loop" } },
            "comp-loop": { tasks: { body: "comp-body" }, parameters: { each: { from: [["body", "best"]], type: "LIST" } } },
            "comp-body": {
              tasks: { train: "comp-train" },
              parameters: { best: { from: [["train", "score"]], type: "NUMBER_DOUBLE" } },
            },
          },
          { "comp-train": trainOutputs },
        ),
        options,
      );
      const loop = await world.row(world.root, "loop", { type: TaskType.LOOP, iterationCount: 2 });
      for (const iteration of [1, 0]) {
        const body = await world.row(loop, "body", { type: TaskType.DAG, iteration });
        const command = script('printf "$2" > "$0"; echo weights > "$1"', scorePath, modelPath, `0.${iteration}`);
        expect((await world.launch(await world.row(body, "train"), { command })).exitCode).toBe(0);
      }
      const entries = (await world.task(loop.taskId)).outputs?.parameters ?? [];
      expect(
        entries
          .map(({ type, producer, value }) => [type, producer?.taskName, Number(producer?.iteration), value?.kind.value])
          .toSorted(byText),
      ).toEqual([
        [IoType.ITERATOR_OUTPUT, "body", 0, 0],
        [IoType.ITERATOR_OUTPUT, "body", 1, 0.1],
      ]);
    },
  );

  test("an inner loop publishes one list per outer iteration (LAU-26)", async () => {
    const world = await startLauncherWorld(
      launcherPipeline(
        {
          root: { tasks: { outer: "comp-outer" } },
          "comp-outer": {
            tasks: { inner: "comp-inner" },
            parameters: { lists: { from: [["inner", "each"]], type: "LIST" } },
          },
          "comp-inner": {
            tasks: { train: "comp-train" },
            parameters: { each: { from: [["train", "score"]], type: "LIST" } },
          },
        },
        { "comp-train": { parameters: { score: "NUMBER_INTEGER" } } },
      ),
    );
    const outer = await world.row(world.root, "outer", { type: TaskType.LOOP, iterationCount: 2 });
    for (const i of [0, 1]) {
      const inner = await world.row(outer, "inner", { type: TaskType.LOOP, iteration: i, iterationCount: 2 });
      for (const j of [1, 0]) {
        const row = await world.row(inner, "train", { iteration: j });
        const command = script('printf "$1" > "$0"', scorePath, String(10 * i + j));
        expect((await world.launch(row, { iteration: j, command })).exitCode).toBe(0);
      }
    }
    const entries = ((await world.task(outer.taskId)).outputs?.parameters ?? []).map(({ producer, value }) => [
      Number(producer?.iteration),
      value?.kind.case === "listValue" ? value.kind.value.values.map(({ kind }) => kind.value) : undefined,
    ]);
    expect(entries.toSorted(byText)).toEqual([
      [0, [0, 1]],
      [1, [10, 11]],
    ]);
  });

  test("G14 a grandparent that cannot be read fails the task, and the parent has its outputs all the same", async () => {
    const level = (task: string) => ({
      parameters: { best: { from: [[task, task === "train" ? "score" : "best"]] as const, type: "NUMBER_DOUBLE" } },
      artifacts: { m: { from: [[task, task === "train" ? "model" : "m"]] as const } },
    });
    const world = await startLauncherWorld(
      launcherPipeline(
        {
          root: { tasks: { outer: "comp-outer" }, ...level("outer") },
          "comp-outer": { tasks: { inner: "comp-inner" }, ...level("inner") },
          "comp-inner": { tasks: { train: "comp-train" }, ...level("train") },
        },
        { "comp-train": trainOutputs },
      ),
    );
    const outer = await world.row(world.root, "outer", { type: TaskType.DAG });
    const inner = await world.row(outer, "inner", { type: TaskType.DAG });
    const row = await world.row(inner, "train");
    // In a large run the launcher reads its own row and its parent's; the grandparent's is read when outputs climb.
    world.server.faults.add({ method: "GetTask", skip: 2, kind: "status", code: "PERMISSION_DENIED" });
    const { exitCode, task } = await world.launch(row, { command: train, host: { taskCountHint: 1000 } });
    expect(exitCode).toBe(1);
    expect(stateOf(task)).toBe("FAILED");
    expect(task.statusMetadata?.message).toMatch(/^failed to execute component: .*PERMISSION_DENIED/);
    expect(parametersOf(task)).toEqual({ score: 0.5 });
    const [innerNow, outerNow] = await Promise.all([world.task(inner.taskId), world.task(outer.taskId)]);
    expect([parametersOf(innerNow), artifactsOf(innerNow).map(({ key }) => key)]).toEqual([{ best: 0.5 }, ["m"]]);
    expect([parametersOf(outerNow), artifactsOf(outerNow)]).toEqual([{}, []]);
  });

  test.for([
    { first: TaskState.FAILED, launch: { command: ["true"] }, parent: "FAILED" },
    { first: TaskState.RUNNING, launch: { command: ["true"] }, parent: "RUNNING" },
    { first: TaskState.RUNNING, launch: { command: ["false"] }, parent: "FAILED" },
    { first: undefined, launch: { command: ["false"] }, parent: "FAILED" },
    { first: undefined, launch: { command: ["true"] }, parent: "RUNNING" },
    { first: TaskState.SKIPPED, launch: { command: ["true"] }, parent: "SUCCEEDED" },
  ])(
    "G8, G9, G10 with a sibling in state $first and $launch.command the parent is $parent",
    async ({ first, launch, parent }) => {
      const world = await startLauncherWorld(pair);
      if (first !== undefined) await world.row(world.root, "other", { state: first });
      await world.launch(await world.row(world.root, "say"), launch);
      expect(stateOf(await world.task(world.root.taskId))).toBe(parent);
    },
  );
});
