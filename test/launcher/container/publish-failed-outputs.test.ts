/** Outputs of steps that failed, with KFP_UPLOAD_ON_FAILURE, in whole attempts. */
import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { JsonObject } from "@bufbuild/protobuf";
import { modelPath, scorePath, script, single } from "../../support/launcher-pipelines.ts";
import {
  artifactsOf,
  launcherPipeline,
  parametersOf,
  startLauncherWorld,
  stateOf,
  temporaryFolder,
  type LaunchOptions,
} from "../../support/launcher-world.ts";

const environment = { KFP_UPLOAD_ON_FAILURE: "true" };
const output = "{{$.outputs.output_file}}";

/** Writes both outputs of `train`, then fails. */
const failing = script('printf 0.5 > "$0"; echo weights > "$1"; exit 3', scorePath, modelPath);

function withRetries(spec: JsonObject, maxRetryCount: number): JsonObject {
  const copy = structuredClone(spec) as unknown as { root: { dag: { tasks: Record<string, JsonObject> } } };
  for (const task of Object.values(copy.root.dag.tasks)) task["retryPolicy"] = { maxRetryCount };
  return copy;
}

/** One step `train` with what `single` has and a second model, metrics and a second parameter. */
const rich = launcherPipeline(
  { root: { tasks: { train: "comp-train" } } },
  {
    "comp-train": {
      parameters: { epochs: "NUMBER_INTEGER", score: "NUMBER_DOUBLE" },
      artifacts: { draft: "system.Model", metrics: "system.Metrics", model: "system.Model" },
    },
  },
);

async function launchTrain(spec: JsonObject, options: LaunchOptions) {
  const world = await startLauncherWorld(spec);
  const row = await world.row(world.root, "train");
  return { world, row, ...(await world.launch(row, { environment, ...options })) };
}

describe("publishFailedOutputs()", () => {
  test("is off unless it is asked for", async () => {
    for (const text of ["", "false"]) {
      const { task } = await launchTrain(single, { command: failing, environment: { KFP_UPLOAD_ON_FAILURE: text } });
      expect(stateOf(task)).toBe("FAILED");
      expect(artifactsOf(task).map(({ key }) => key)).toEqual(["executor-logs"]);
      expect(parametersOf(task)).toEqual({});
    }
  });

  test("publishes what the program wrote, under the program's own error and exit code", async () => {
    const { world, task, exitCode, calls } = await launchTrain(single, { command: failing });
    expect(exitCode).toBe(3);
    expect(stateOf(task)).toBe("FAILED");
    expect(task.statusMetadata?.message).toBe("failed to execute component: exit status 3");
    expect(parametersOf(task)).toEqual({ score: 0.5 });
    const artifacts = artifactsOf(task);
    expect(artifacts.map(({ key }) => key)).toEqual(["executor-logs", "model"]);
    expect(readFileSync(artifacts[1]?.uri ?? "", "utf8")).toBe("weights\n");
    // Nothing of it climbs up, and it is there before the final state is.
    const root = await world.task(world.root.taskId);
    expect(artifactsOf(root)).toEqual([]);
    expect(parametersOf(root)).toEqual({});
    expect(calls.filter((call) => /^(create|update)/.test(call)).slice(0, 4)).toEqual([
      "createArtifacts",
      "createArtifacts",
      "updateTasks",
      "updateTasks",
    ]);
  });

  test("the cache never finds it: the launcher sends no fingerprint, and a failed task is no hit", async () => {
    const world = await startLauncherWorld(single);
    const row = await world.row(world.root, "train");
    await world.api.updateTask(world.runId, row.taskId, { taskId: row.taskId, runId: world.runId, cacheFingerprint: "f00d" });
    const stored = await world.task(row.taskId);
    const { task } = await world.launch(stored, { environment, command: failing });
    expect(artifactsOf(task)).toHaveLength(2);
    expect(task.cacheFingerprint).toBe("");
    expect(await world.api.findCachedTask({ namespace: "ns", fingerprint: "f00d", boundRunId: world.runId })).toBeUndefined();
  });

  test.for([
    { name: "nothing at all", text: "exit 1", keys: ["executor-logs"], parameters: {} },
    { name: "one parameter", text: 'printf 0.5 > "$0"; exit 1', keys: ["executor-logs"], parameters: { score: 0.5 } },
    {
      name: "an unreadable parameter",
      text: 'echo x > "$0"; echo w > "$1"; exit 1',
      keys: ["executor-logs", "model"],
      parameters: {},
    },
    { name: "no number", text: 'printf nan > "$0"; echo w > "$1"; exit 1', keys: ["executor-logs", "model"], parameters: {} },
    {
      name: "an executor output cut short",
      text: 'printf "{" > "$2"; echo w > "$1"; exit 1',
      keys: ["executor-logs", "model"],
      parameters: {},
    },
    {
      name: "metrics, and values by the executor output",
      text: `echo '{"parameterValues":{"epochs":7},"artifacts":{"metrics":{"artifacts":[{"metadata":{"loss":1}}]}}}' > "$2"; kill -9 $$`,
      keys: ["executor-logs", "metrics"],
      parameters: { epochs: 7 },
    },
    {
      name: "a metric that is not a number",
      text: `echo '{"artifacts":{"metrics":{"artifacts":[{"metadata":{"loss":"1"}}]}}}' > "$2"; echo w > "$1"; exit 1`,
      keys: ["executor-logs", "model"],
      parameters: {},
    },
    {
      name: "success without one output",
      text: 'printf 0.5 > "$0"; echo w > "$1"',
      keys: ["executor-logs", "model"],
      parameters: { score: 0.5 },
      message: /^failed to execute component: failed to read output parameter name="epochs" [^;]+$/,
    },
  ])(
    "each output by itself: $name",
    async ({ text, keys, parameters, message = /^failed to execute component: (exit|signal)[^;]+$/ }) => {
      const { task } = await launchTrain(rich, { command: script(text, scorePath, modelPath, output) });
      expect(stateOf(task)).toBe("FAILED");
      expect(task.statusMetadata?.message).toMatch(message);
      expect(artifactsOf(task).map(({ key }) => key)).toEqual(keys);
      expect(parametersOf(task)).toEqual(parameters);
    },
  );

  test("what was uploaded before another upload failed is not uploaded again", async () => {
    const uploads: string[] = [];
    const { task } = await launchTrain(rich, {
      // `draft` and both parameters are there, `model` is missing: the upload of the outputs fails in its middle.
      command: script(
        'printf 0.5 > "$0"; printf 1 > "$1"; echo w > "$2"',
        scorePath,
        ...["epochs"].map((key) => `{{$.outputs.parameters['${key}'].output_file}}`),
        "{{$.outputs.artifacts['draft'].path}}",
      ),
      host: {
        openStore: () =>
          Promise.resolve({
            assertAllowed: () => undefined,
            prepare: () => Promise.resolve(),
            refresh: () => Promise.resolve(),
            close: () => Promise.resolve(),
            upload: async (path: string, uri: string) => {
              const { StorageError } = await import("../../../src/core/errors.ts");
              if (uri.endsWith("/model")) throw new StorageError("OBJECT_NOT_FOUND", "nothing there");
              uploads.push(uri.split("/").at(-1) ?? path);
            },
          } as never),
      },
    });
    expect(task.statusMetadata?.message).toMatch(
      /^failed to execute component: declared output artifact "model" is missing at [^;]+$/,
    );
    expect(artifactsOf(task).map(({ key }) => key)).toEqual(["draft", "executor-logs"]);
    expect(parametersOf(task)).toEqual({ epochs: 1, score: 0.5 });
    expect(uploads.toSorted()).toEqual(["draft", "executor-logs-0"]);
  });

  test("a server that refuses the artifacts costs a warning, not the first error", async () => {
    const world = await startLauncherWorld(single);
    const row = await world.row(world.root, "train");
    world.server.faults.add({ method: "CreateArtifactsBulk", skip: 1, kind: "status", code: "PERMISSION_DENIED" });
    const { task, exitCode, logger } = await world.launch(row, { environment, command: failing });
    expect(exitCode).toBe(3);
    expect(task.statusMetadata?.message).toBe("failed to execute component: exit status 3");
    expect(artifactsOf(task).map(({ key }) => key)).toEqual(["executor-logs"]);
    expect(logger.messages("warn").join()).toMatch(/its outputs are not all published/);
  });

  test("only the last attempt publishes, so that no record of an earlier one stays beside it", async () => {
    const world = await startLauncherWorld(withRetries(rich, 1));
    const row = await world.row(world.root, "train");
    const attempt = (loss: number): string[] =>
      script(
        `printf '%s' "$3" > "$2"; echo "$3" > "$1"; exit 1`,
        scorePath,
        modelPath,
        output,
        JSON.stringify({ artifacts: { metrics: { artifacts: [{ metadata: { loss } }] } } }),
      );
    const first = await world.launch(row, { environment: { ...environment, KFP_RETRY_INDEX: "0" }, command: attempt(1) });
    expect(artifactsOf(first.task).map(({ key }) => key)).toEqual(["executor-logs"]);
    const last = await world.launch(first.task, {
      environment: { ...environment, KFP_RETRY_INDEX: "1" },
      pod: "pod-2",
      command: attempt(2),
    });
    expect(artifactsOf(last.task).map(({ key }) => key)).toEqual(["executor-logs", "executor-logs", "metrics", "model"]);
    const metrics = last.task.outputs?.artifacts.flatMap(({ artifactKey, artifacts }) =>
      artifactKey === "metrics" ? artifacts : [],
    );
    expect(metrics?.map(({ numberValue }) => numberValue)).toEqual([2]);
  });

  test("a program that was never started has no outputs, whatever lies in a custom path", async () => {
    const folder = await temporaryFolder();
    writeFileSync(`${folder}/model`, "of somebody else");
    const launch = (command: string[]) =>
      launchTrain(single, {
        command,
        change: ({ outputs }) => {
          for (const artifact of outputs?.artifacts["model"]?.artifacts ?? []) artifact.customPath = `${folder}/model`;
        },
      });
    const { task } = await launch(["/no/such/program"]);
    expect(task.statusMetadata?.message).toMatch(/no such file or directory/);
    expect(artifactsOf(task).map(({ key }) => key)).toEqual(["executor-logs"]);
    expect(artifactsOf((await launch(["false"])).task).map(({ key }) => key)).toEqual(["executor-logs", "model"]);
  });

  test("a stopped launcher has no time for it", async () => {
    const stop = new AbortController();
    const { task } = await launchTrain(single, {
      command: script('echo weights > "$0"; echo ready; exec sleep 60', modelPath),
      host: { signal: stop.signal, userStdout: { write: () => stop.abort("SIGTERM") } },
    });
    expect(stateOf(task)).toBe("FAILED");
    expect(artifactsOf(task).map(({ key }) => key)).toEqual(["executor-logs"]);
  });
});
