/** What a user waits for before the command: calls to the API server, which are round trips, and nothing else should be added to them. */
import { describe, test } from "vitest";
import { TaskState, TaskType } from "../../src/core/kfp-types.ts";
import { createProcessRunner } from "../../src/node/process-runner.ts";
import { launcherPipeline, startLauncherWorld, type LauncherWorld } from "../support/launcher-world.ts";
import type { PipelineTask } from "../../src/core/kfp-types.ts";

const pipeline = launcherPipeline(
  { root: { tasks: { say: "comp-say", loop: "comp-loop" } }, "comp-loop": { tasks: { say: "comp-say" } } },
  { "comp-say": { parameters: { o: "STRING" }, artifacts: { a: "system.Dataset" } } },
);

/** A row to launch, and in which iteration. */
type Setting = (world: LauncherWorld) => Promise<{ row: PipelineTask; iteration?: number }>;

const CASES: ReadonlyArray<{ name: string; setting: Setting; calls: readonly string[] }> = [
  { name: "a first attempt", setting: async (world) => ({ row: await world.row(world.root, "say") }), calls: ["getRun"] },
  {
    name: "an attempt after a failed one",
    async setting(world) {
      const row = await world.row(world.root, "say");
      await world.api.updateTask(world.runId, row.taskId, { state: TaskState.FAILED });
      return { row };
    },
    calls: ["getRun", "updateTask"],
  },
  {
    name: "an iteration",
    async setting(world) {
      const loop = await world.row(world.root, "loop", { type: TaskType.LOOP, iterationCount: 2 });
      return { row: await world.row(loop, "say", { iteration: 1 }), iteration: 1 };
    },
    calls: ["getRun", "getRun"],
  },
];

describe("calls before the command of a small run", () => {
  test.for(CASES)("$name: at most two", async ({ setting, calls }, { expect }) => {
    const world = await startLauncherWorld(pipeline);
    const { row, iteration } = await setting(world);
    const runner = createProcessRunner();
    let before: string[] | undefined;
    await world.launch(row, {
      ...(iteration === undefined ? {} : { iteration }),
      host: {
        processRunner: {
          argumentLimitBytes: runner.argumentLimitBytes,
          run: (options) => {
            before = world.takeCalls();
            return runner.run(options);
          },
        },
      },
    });
    expect(before).toEqual(calls);
    expect(before?.length).toBeLessThanOrEqual(2);
  });
});
