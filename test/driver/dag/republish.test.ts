/** The driver of a sub-pipeline that runs again over steps that are kept: what it writes, and what it leaves alone. */
import { expect, describe, test } from "vitest";
import { IoType, TaskState, type PipelineTask } from "../../../src/core/kfp-types.ts";
import { jsonToValue } from "../../../src/core/values/value.ts";
import { producerMessage } from "../../../src/resolver/run/io-entries.ts";
import { DriverStage } from "../../support/driver-stage.ts";
import { artifactsOf, launcherPipeline, parametersOf } from "../../support/launcher-world.ts";

/** `step` in `sub` in the root: both hand its outputs `said` and `model` on. */
const pipeline = launcherPipeline(
  {
    root: {
      tasks: { sub: "comp-sub" },
      parameters: { said: { from: [["sub", "said"]] } },
      artifacts: { model: { from: [["sub", "model"]] } },
    },
    "comp-sub": {
      tasks: { step: "comp-step" },
      parameters: { said: { from: [["step", "said"]] } },
      artifacts: { model: { from: [["step", "model"]] } },
    },
  },
  { "comp-step": { parameters: { said: "STRING" }, artifacts: { model: "system.Model" } } },
);

interface Kept {
  readonly stage: DriverStage;
  readonly drive: () => ReturnType<DriverStage["drive"]>;
  /** Gives a row above the step an output, as an earlier attempt did. */
  readonly giveParameter: (row: string, from: string) => Promise<void>;
  readonly giveArtifact: (row: string, from: string) => Promise<void>;
}

/** A run in which `step` has ended and nothing above it has its outputs. */
async function startKept(): Promise<Kept> {
  const stage = await DriverStage.open(pipeline);
  const { api } = stage.fake;
  await stage.drive(stage.rootOptions());
  const root = await stage.row("ROOT");
  const options = stage.dagOptions("sub", root.taskId);
  await stage.drive(options);
  const sub = await stage.row("sub");
  await stage.drive(stage.containerOptions("step", sub.taskId));
  const step = await stage.row("step");
  await stage.succeed(step.taskId, "step");
  const artifactId = (await stage.row("step")).outputs?.artifacts[0]?.artifacts[0]?.artifactId ?? "";
  expect(artifactId).not.toBe("");
  return {
    stage,
    drive: () => stage.drive({ ...options, pod: { name: "pod-again", uid: "uid-again" } }),
    async giveParameter(name, from) {
      const { taskId } = await stage.row(name);
      const said = { parameterKey: "said", value: jsonToValue("hi"), type: IoType.OUTPUT, producer: { taskName: from } };
      await api.updateTask(stage.runId, taskId, { outputs: { parameters: [said] } });
    },
    async giveArtifact(name, from) {
      const { taskId } = await stage.row(name);
      const link = { artifactId, runId: stage.runId, taskId, key: "model", type: IoType.OUTPUT };
      await api.createArtifactTasks([{ ...link, producer: producerMessage({ taskName: from, iteration: undefined }) }]);
    },
  };
}

const outputsOf = (row: PipelineTask): unknown => [
  parametersOf(row),
  artifactsOf(row).map(({ key, name }) => `${key} ${name}`),
  (row.outputs?.parameters ?? []).map(({ producer }) => producer?.taskName),
];
const whole = (producer: string): unknown => [{ said: "hi" }, ["model model"], [producer]];

describe("the driver of a sub-pipeline runs again", () => {
  test("G3 with all outputs there it writes none", async () => {
    const { stage, drive, giveParameter, giveArtifact } = await startKept();
    for (const [row, from] of [
      ["sub", "step"],
      ["ROOT", "sub"],
    ] as const) {
      await giveParameter(row, from);
      await giveArtifact(row, from);
    }
    const { exitCode, calls } = await drive();
    expect(exitCode).toBe(0);
    // Its own row is taken over; nothing is sent in bulk, where outputs are.
    expect(calls.filter((call) => !/^(get|list)/.test(call))).toEqual(["updateTask"]);
    expect(outputsOf(await stage.row("sub"))).toEqual(whole("step"));
    expect(outputsOf(await stage.row("ROOT"))).toEqual(whole("sub"));
  });

  test("G4 beside a link that is there it puts the parameter, and no second link", async () => {
    const { stage, drive, giveParameter, giveArtifact } = await startKept();
    await giveArtifact("sub", "step");
    await giveArtifact("ROOT", "sub");
    await giveParameter("ROOT", "sub");
    const { exitCode, calls } = await drive();
    expect(exitCode).toBe(0);
    expect(calls).not.toContain("createArtifactTasks");
    expect(outputsOf(await stage.row("sub"))).toEqual(whole("step"));
    expect(outputsOf(await stage.row("ROOT"))).toEqual(whole("sub"));
  });

  test("G5 with all of its own there it puts the root's", async () => {
    const { stage, drive, giveParameter, giveArtifact } = await startKept();
    await giveParameter("sub", "step");
    await giveArtifact("sub", "step");
    expect((await drive()).exitCode).toBe(0);
    expect(outputsOf(await stage.row("sub"))).toEqual(whole("step"));
    expect(outputsOf(await stage.row("ROOT"))).toEqual(whole("sub"));
  });

  test("G5 a step that has failed gives nothing", async () => {
    const { stage, drive } = await startKept();
    const step = await stage.row("step");
    await stage.fake.api.updateTask(stage.runId, step.taskId, { state: TaskState.FAILED });
    expect((await drive()).exitCode).toBe(0);
    expect([parametersOf(await stage.row("sub")), artifactsOf(await stage.row("sub"))]).toEqual([{}, []]);
  });
});
