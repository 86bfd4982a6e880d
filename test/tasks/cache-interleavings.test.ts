/**
 * A driver that looks for a cache hit while the step it would hit still runs, in every order of their calls: a hit has all outputs.
 *
 * The producer is the real launcher, from the start of its attempt to its last roll-up, with an executor output that is there already. The
 * driver and the server's store are real, too; see store-model.ts.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TaskState, TaskType, type PipelineTask } from "../../src/core/kfp-types.ts";
import { valueToJson } from "../../src/core/values/value.ts";
import { openRunStore } from "../../src/objectstore/open-run-store.ts";
import { runLauncher } from "../../src/launcher/run.ts";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";
import { createProcessRunner } from "../../src/node/process-runner.ts";
import type { KfpApi } from "../../src/ports/kfp-api.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { RecordingLogger } from "../fakes/recording-logger.ts";
import { explore, type Take, type World } from "../support/interleavings.ts";
import { driveStep } from "../support/model-driver.ts";
import { pipelineOf } from "../support/specs.ts";
import { StoreModel, type StoreModelOptions } from "../support/store-model.ts";

const OLD = "old";
const NEW = "new";
const PRODUCER = { runId: OLD, parentTaskId: `${OLD}/ROOT`, taskName: "step" };

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "kfp-cache-model-"));
  mkdirSync(join(folder, "root"));
  writeFileSync(join(folder, "root/data"), "data");
  writeFileSync(join(folder, "executor-output.json"), '{"parameterValues": {"out": "value"}}');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function pipeline(): ReturnType<typeof pipelineOf> {
  const from = (key: string) => [["step", key]] as const;
  const dag = {
    tasks: { step: "comp-step" },
    parameters: { out: { from: from("out") } },
    artifacts: { data: { from: from("data") } },
  };
  const spec = pipelineOf({ root: dag });
  Object.assign(spec["components"] as object, {
    "comp-step": {
      executorLabel: "exec",
      outputDefinitions: {
        parameters: { out: { parameterType: "STRING" } },
        artifacts: { data: { artifactType: { schemaTitle: "system.Dataset", schemaVersion: "0.0.1" } } },
      },
    },
  });
  const { dag: root } = spec["root"] as { dag: { tasks: Record<string, object> } };
  Object.assign(root.tasks["step"] ?? {}, { cachingOptions: { enableCache: true } });
  const executors = { exec: { container: { image: "i", command: ["true"] } } };
  return { ...spec, defaultPipelineRoot: join(folder, "root"), deploymentSpec: { executors } };
}

/** The producer's step runs; the other run has its root. */
async function prepare(options: StoreModelOptions): Promise<StoreModel> {
  const model = new StoreModel(options);
  for (const runId of [OLD, NEW]) {
    model.createRun(runId, pipeline());
    await model.setUp.createTask(runId, { name: "ROOT", scopePath: "root", type: TaskType.ROOT, state: TaskState.RUNNING });
  }
  await driveStep(model.setUp, { pod: "driver", ...PRODUCER });
  return model;
}

async function launch(api: KfpApi, succeeds: boolean): Promise<number> {
  const artifacts = {
    data: { artifacts: [{ name: "data", uri: join(folder, "root/data"), type: { schemaTitle: "system.Dataset" } }] },
  };
  const outputs = { parameters: { out: { outputFile: join(folder, "out") } }, artifacts };
  const argv = [
    ...["--executor_type", "container", "--pipeline_name", "demo", "--run_id", OLD, "--task_id", `${OLD}/ROOT/step`],
    ...["--parent_task_id", `${OLD}/ROOT`, "--task_name", "step", "--executor_input", JSON.stringify({ inputs: {}, outputs })],
    ...["--namespace", "ns", "--pod_name", "launcher", "--pod_uid", "uid", "--publish_logs", "false", "--", "true"],
  ];
  const output = join(folder, succeeds ? "executor-output.json" : "there-is-none");
  const environment = { KFP_RETRY_INDEX: "0", KFP_OUTPUT_FILE: output };
  const unused = { write: () => undefined };
  const kube = (): Promise<never> => Promise.reject(new Error("no cluster"));
  const clock = new FakeClock();
  return runLauncher(argv, {
    ...{ environment, userEnvironment: environment, stdin: "ignore", clock, files: nodeFileSystem, kube },
    ...{ userStdout: unused, userStderr: unused, stdout: unused, stderr: unused },
    processRunner: createProcessRunner(),
    createLogger: () => new RecordingLogger(),
    connect: () => Promise.resolve({ api }),
    openStore: (request) => openRunStore({ clock, files: nodeFileSystem, kube, environment }, request),
    copy: () => Promise.reject(new Error("not asked for")),
  });
}

function outputsOf({ outputs }: PipelineTask): unknown {
  const parameters = outputs?.parameters.map(({ parameterKey, value }) => [
    parameterKey,
    value === undefined ? null : valueToJson(value),
  ]);
  const artifacts = outputs?.artifacts.flatMap(({ artifactKey, artifacts: all }) =>
    all.map(({ artifactId }) => [artifactKey, artifactId]),
  );
  return { parameters, artifacts };
}

const ALL = { parameters: [["out", "value"]], artifacts: [["data", `data of ${OLD}/ROOT/step`]] };

interface Found {
  readonly problem: string;
  readonly hits: number;
  readonly misses: number;
}

async function lookUpInEveryOrder(options: StoreModelOptions, producer: readonly boolean[]): Promise<Found> {
  let [hits, misses] = [0, 0];
  const { failure } = await explore(async (): Promise<World> => {
    const model = await prepare(options);
    const lookUp = async (take: Take): Promise<void> => {
      const api = model.api(take);
      const result = await driveStep(
        {
          ...api,
          findCachedTask: async (request) => {
            const hit = await api.findCachedTask(request);
            if (hit !== undefined) expect(outputsOf(hit)).toEqual(ALL);
            return hit;
          },
        },
        { pod: "driver", runId: NEW, parentTaskId: `${NEW}/ROOT`, taskName: "step" },
      );
      if (result.cached) hits += 1;
      else misses += 1;
    };
    const produce = async (take: Take): Promise<void> => {
      const api = model.api(take);
      for (const [attempt, succeeds] of producer.entries()) {
        if (attempt > 0) await driveStep(api, { pod: `driver ${String(attempt)}`, ...PRODUCER });
        expect(await launch(api, succeeds)).toBe(succeeds ? 0 : 1);
      }
    };
    return {
      hasOwnWork: true,
      processes: [produce, lookUp],
      state: () => model.state(),
      check: () => {
        const rows = model.rows(NEW);
        const step = rows.find(({ name }) => name === "step") as PipelineTask;
        const root = rows.find(({ name }) => name === "ROOT") as PipelineTask;
        if (step.state === TaskState.RUNNING) expect(outputsOf(step)).toEqual({ parameters: [], artifacts: [] });
        else {
          expect(step.state).toBe(TaskState.CACHED);
          expect([outputsOf(step), outputsOf(root), root.state]).toEqual([ALL, ALL, TaskState.CACHED]);
        }
      },
    };
  });
  return { problem: failure === undefined ? "" : [failure.error.message, ...failure.trace].join("\n"), hits, misses };
}

describe.for<{ name: string; options: StoreModelOptions }>([
  { name: "rows are complete", options: {} },
  { name: "rows hide iterations", options: { hydration: "branch" } },
])("every hit has all outputs, where $name", ({ options }) => {
  test.for([
    { name: "a producer that succeeds", producer: [true] },
    { name: "a producer whose second attempt succeeds", producer: [false, true] },
  ])("$name", async ({ producer }) => {
    const { problem, hits, misses } = await lookUpInEveryOrder(options, producer);
    expect(problem).toBe("");
    expect([hits > 0, misses > 0]).toEqual([true, true]);
  });
});
