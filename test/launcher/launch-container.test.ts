import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { IoType } from "../../src/core/kfp-types.ts";
import { artifactsOf, launcherPipeline, parametersOf, startLauncherWorld, stateOf } from "../support/launcher-world.ts";

const single = launcherPipeline(
  {
    root: {
      tasks: { train: "comp-train" },
      parameters: { best: { from: [["train", "score"]], type: "NUMBER_DOUBLE" } },
      artifacts: { m: { from: [["train", "model"]] } },
    },
  },
  { "comp-train": { parameters: { score: "NUMBER_DOUBLE" }, artifacts: { model: "system.Model" } } },
);

const plain = launcherPipeline({ root: { tasks: { say: "comp-say" } } }, { "comp-say": {} });

const writeBoth = [
  ...["sh", "-c", 'printf 0.5 > "$0"; echo weights > "$1"; echo out; echo err >&2'],
  ...["{{$.outputs.parameters['score'].output_file}}", "{{$.outputs.artifacts['model'].path}}"],
];

describe("launchContainer(): success", () => {
  test("stores artifacts, parameters and state, feeds the parent, and rolls up", async () => {
    const world = await startLauncherWorld(single);
    const row = await world.row(world.root, "train");
    const { exitCode, task, stdout, stderr, calls } = await world.launch(row, { command: writeBoth });
    expect({ exitCode, stdout, stderr, state: stateOf(task) }).toEqual({
      exitCode: 0,
      stdout: "out\n",
      stderr: "err\n",
      state: "SUCCEEDED",
    });
    expect(calls).toEqual(["getRun", "createArtifacts", "createArtifactTasks", "updateTasks", "getRun", "updateTasks"]);
    const folder = `${world.folder}/root/p/${world.runId}/train/salt-0`;
    expect(artifactsOf(task)).toEqual([
      { key: "executor-logs", name: "executor-logs", uri: `${folder}/executor-logs-0` },
      { key: "model", name: "model", uri: `${folder}/model` },
    ]);
    expect(task.pods.map(({ name, uid }) => [name, uid])).toEqual([["pod-1", "pod-1-uid"]]);
    expect(task.endTime).toBeDefined();
    expect(task.outputs?.parameters).toMatchObject([
      { parameterKey: "score", type: IoType.OUTPUT, producer: { taskName: "train" } },
    ]);
    expect(parametersOf(task)).toEqual({ score: 0.5 });
    const root = await world.task(world.root.taskId);
    expect(stateOf(root)).toBe("SUCCEEDED");
    expect(parametersOf(root)).toEqual({ best: 0.5 });
    expect(artifactsOf(root)).toMatchObject([{ key: "m", name: "model" }]);
    expect((await readFile(`${folder}/executor-logs-0`, "utf8")).split("\n").toSorted()).toEqual(["", "err", "out"]);
  });
});
