/** Retries, and servers that fail, in whole attempts. */
import { describe, expect, test } from "vitest";
import { HostError } from "../../src/core/errors.ts";
import { TaskState, TaskType } from "../../src/core/kfp-types.ts";
import { jsonToValue } from "../../src/core/values/value.ts";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";
import { createProcessRunner } from "../../src/node/process-runner.ts";
import type { FileSystem } from "../../src/ports/file-system.ts";
import { plain, script, single, train, trainOutputs } from "../support/launcher-pipelines.ts";
import { artifactsOf, launcherPipeline, parametersOf, startLauncherWorld, stateOf } from "../support/launcher-world.ts";

describe("launchContainer(): retries and earlier attempts", () => {
  test("G12 a row that failed says RUNNING while the next attempt runs, and nothing is stored twice (LAU-8)", async () => {
    const world = await startLauncherWorld(single);
    const row = await world.row(world.root, "train");
    await world.api.updateTask(world.runId, row.taskId, {
      statusMetadata: { message: "", customProperties: { "plugins.mlflow.run_id": jsonToValue("abc") } },
    });
    // The first attempt gets as far as the roll-up.
    world.server.faults.add({ method: "GetRun", skip: 1, kind: "status", code: "PERMISSION_DENIED" });
    const first = await world.launch(row, { command: train });
    expect(first.exitCode).toBe(1);
    expect(first.task.statusMetadata?.message).toMatch(/^failed to refresh run before status propagation: /);
    expect(stateOf(first.task)).toBe("FAILED");

    let during = "";
    const second = await world.launch(first.task, {
      command: train,
      pod: "pod-2",
      environment: { KFP_RETRY_INDEX: "1" },
      host: {
        processRunner: {
          run: async (options) => {
            const running = await world.task(row.taskId);
            during = `${stateOf(running)} "${running.statusMetadata?.message ?? ""}" ${running.pods.length}`;
            return createProcessRunner().run(options);
          },
        },
      },
    });
    expect(during).toBe('RUNNING "" 2');
    expect(second.exitCode).toBe(0);
    expect(second.task.statusMetadata).toMatchObject({
      message: "",
      customProperties: { "plugins.mlflow.run_id": jsonToValue("abc") },
    });
    expect(second.task.pods.map(({ name }) => name)).toEqual(["pod-1", "pod-2"]);
    expect(artifactsOf(second.task).map(({ key, uri }) => [key, uri.split("/").at(-1)])).toEqual([
      ["executor-logs", "executor-logs-0"],
      ["executor-logs", "executor-logs-1"],
      ["model", "model"],
    ]);
    const root = await world.task(world.root.taskId);
    expect(artifactsOf(root)).toHaveLength(1);
    expect(stateOf(root)).toBe("SUCCEEDED");
  });

  test.for([
    { end: "succeeds", command: train, state: "SUCCEEDED", message: "" },
    { end: "fails", command: ["false"], state: "FAILED", message: "failed to execute component: exit status 1" },
  ])("a driver delivered twice reports a failure while the command runs, which $end", async ({ command, state, message }) => {
    const world = await startLauncherWorld(single);
    const row = await world.row(world.root, "train");
    const { exitCode, task } = await world.launch(row, {
      command,
      host: {
        processRunner: {
          run: async (options) => {
            await world.api.updateTask(world.runId, row.taskId, {
              state: TaskState.FAILED,
              statusMetadata: { message: "failed in another driver" },
            });
            return createProcessRunner().run(options);
          },
        },
      },
    });
    expect(exitCode).toBe(command === train ? 0 : 1);
    expect([stateOf(task), task.statusMetadata?.message]).toEqual([state, message]);
    expect(stateOf(await world.task(world.root.taskId))).toBe(state);
  });

  test("G12 foreign properties survive a failure, too", async () => {
    const world = await startLauncherWorld(plain);
    const row = await world.row(world.root, "say");
    await world.api.updateTask(world.runId, row.taskId, {
      statusMetadata: { message: "", customProperties: { k: jsonToValue(1) } },
    });
    const { task } = await world.launch(row, { command: ["false"] });
    expect(task.statusMetadata).toMatchObject({
      message: "failed to execute component: exit status 1",
      customProperties: { k: jsonToValue(1) },
    });
  });

  test.for([
    { server: "complete", options: {} },
    { server: "of the branch", options: { hydration: "branch", outputLinkTypes: "branch", runLayout: "branch" } },
  ] as const)("an iteration that is run again adds nothing (server $server)", async ({ options }) => {
    const world = await startLauncherWorld(
      launcherPipeline(
        {
          root: { tasks: { loop: "comp-loop" } },
          "comp-loop": { tasks: { train: "comp-train" }, artifacts: { ms: { from: [["train", "model"]] } } },
        },
        { "comp-train": trainOutputs },
      ),
      options,
    );
    const loop = await world.row(world.root, "loop", { type: TaskType.LOOP, iterationCount: 2 });
    const row = await world.row(loop, "train", { iteration: 1 });
    for (const attempt of [1, 2]) {
      const { exitCode } = await world.launch(row, { command: train, iteration: 1, pod: `pod-${attempt}` });
      expect(exitCode).toBe(0);
    }
    expect(artifactsOf(await world.task(row.taskId))).toHaveLength(2);
    expect(artifactsOf(await world.task(loop.taskId))).toHaveLength(1);
  });

  test("G13 an attempt that is simply run again adds nothing (LAU-13)", async () => {
    const world = await startLauncherWorld(single);
    const row = await world.row(world.root, "train");
    await world.launch(row, { command: train });
    const { exitCode, task } = await world.launch(row, { command: train });
    expect(exitCode).toBe(0);
    expect(artifactsOf(task)).toHaveLength(2);
    expect(artifactsOf(await world.task(world.root.taskId))).toHaveLength(1);
  });
});

describe("launchContainer(): the server fails", () => {
  const denied = { kind: "status", code: "PERMISSION_DENIED" } as const;
  test.for([
    { method: "UpdateTasksBulk", message: /^failed to flush batch updates: / },
    { method: "GetRun", skip: 1, message: /^failed to refresh run before status propagation: / },
    { method: "UpdateTasksBulk", skip: 1, message: /^failed to update statuses: / },
    {
      method: "CreateArtifactsBulk",
      times: 2,
      message: /^failed to execute component: failed to flush artifacts before propagation: .*; failed to flush batch updates: /,
    },
    { method: "CreateArtifactTasksBulk", message: /^failed to flush batch updates: / },
  ])("G6, G7 $method fails at the end", async ({ message, ...fault }) => {
    const world = await startLauncherWorld(single);
    const row = await world.row(world.root, "train");
    world.server.faults.add({ ...fault, ...denied });
    const { exitCode, task } = await world.launch(row, { command: train });
    expect(exitCode).toBe(1);
    expect(stateOf(task)).toBe("FAILED");
    expect(task.statusMetadata?.message).toMatch(message);
  });

  test("a last look at the parents that fails leaves no parent SUCCEEDED above a FAILED task", async () => {
    const world = await startLauncherWorld(plain);
    const row = await world.row(world.root, "say");
    // The first read of the launcher, the read of the roll-up; then the one after its write.
    world.server.faults.add({ method: "GetRun", skip: 2, times: 1, ...denied });
    const { exitCode, task } = await world.launch(row);
    expect(exitCode).toBe(1);
    expect(stateOf(task)).toBe("FAILED");
    expect(task.statusMetadata?.message).toMatch(/^failed to refresh run before status propagation: /);
    expect(stateOf(await world.api.getTask(row.runId, world.root.taskId))).toBe("FAILED");
  });

  test("artifacts that could not be stored are stored by the finalisation, with the parameters", async () => {
    const world = await startLauncherWorld(single);
    const row = await world.row(world.root, "train");
    world.server.faults.add({ method: "CreateArtifactsBulk", ...denied });
    const { exitCode, task } = await world.launch(row, { command: train });
    expect(exitCode).toBe(1);
    expect(task.statusMetadata?.message).toMatch(/^failed to execute component: failed to flush artifacts/);
    expect(artifactsOf(task)).toHaveLength(2);
    expect(parametersOf(task)).toEqual({ score: 0.5 });
  });

  test("the message of the command comes first, and its exit code stays (LAU-10)", async () => {
    const world = await startLauncherWorld(plain);
    const row = await world.row(world.root, "say");
    world.server.faults.add({ method: "UpdateTasksBulk", ...denied });
    const { exitCode, task } = await world.launch(row, { command: script("exit 7") });
    expect(exitCode).toBe(7);
    expect(task.statusMetadata?.message).toMatch(/^failed to execute component: exit status 7; failed to flush batch updates: /);
  });

  test("a log that cannot be registered costs a warning (LAU-11)", async () => {
    const world = await startLauncherWorld(plain);
    const row = await world.row(world.root, "say");
    world.server.faults.add({ method: "CreateArtifactsBulk", ...denied });
    const { exitCode, task, logger } = await world.launch(row, { command: script("exit 7") });
    expect(exitCode).toBe(7);
    expect(task.statusMetadata?.message).toBe("failed to execute component: exit status 7");
    expect(logger.messages("warn")).toEqual(["The log of the step is not registered"]);
  });

  test("a log that cannot be created costs a warning, and the command runs (LAU-11)", async () => {
    const world = await startLauncherWorld(plain);
    const row = await world.row(world.root, "say");
    const full = new HostError("FILE_WRITE_FAILED", "no space left on device");
    const files: FileSystem = {
      ...nodeFileSystem,
      writeText: (path, text) => (path.includes("executor-logs") ? Promise.reject(full) : nodeFileSystem.writeText(path, text)),
    };
    const { exitCode, task, stdout, logger } = await world.launch(row, { command: script("echo ran"), host: { files } });
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "ran\n" });
    expect(stateOf(task)).toBe("SUCCEEDED");
    expect(logger.messages("warn")).toEqual(["The log of the step cannot be written"]);
  });

  test("a server that is away for a moment is not noticed (LAU-7)", async () => {
    const world = await startLauncherWorld(single);
    const row = await world.row(world.root, "train");
    world.server.faults.add({ method: "*", times: 2, kind: "status", code: "UNAVAILABLE" });
    world.server.faults.add({ method: "UpdateTasksBulk", kind: "drop-after-commit" });
    world.server.faults.add({ method: "CreateArtifactsBulk", kind: "drop-after-commit" });
    world.server.faults.add({ method: "CreateArtifactTasksBulk", kind: "drop-after-commit" });
    const { exitCode, task } = await world.launch(row, { command: train });
    expect(exitCode).toBe(0);
    expect(artifactsOf(task)).toHaveLength(2);
    expect(artifactsOf(await world.task(world.root.taskId))).toHaveLength(1);
  });

  test("a run that cannot be read marks the task FAILED and keeps its driver pod", async () => {
    const world = await startLauncherWorld(plain);
    const row = await world.row(world.root, "say");
    world.server.faults.add({ method: "GetRun", ...denied });
    const { exitCode, task } = await world.launch(row);
    expect(exitCode).toBe(1);
    expect(stateOf(task)).toBe("FAILED");
    expect(task.endTime).toBeDefined();
    expect(task.pods.map(({ name }) => name)).toEqual(["pod-1"]);
  });
});
