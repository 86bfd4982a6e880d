/** Runs that somebody else created: through the API, not by `kfp-runtime run`. */
import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, type JsonObject } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RunCalls } from "../../../src/apiserver/services/run-service.ts";
import { startApiServer, type ApiServer } from "../../../src/apiserver/server.ts";
import { PipelineTaskSchema, RuntimeState, TaskState } from "../../../src/core/kfp-types.ts";
import { jsonToValue } from "../../../src/core/values/value.ts";
import { CreateRunRequestSchema } from "../../../src/gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import { prepareHome, type Home } from "../../../src/local/home/home.ts";
import { executeRun } from "../../../src/local/run/execute-run.ts";
import type { ExecuteDeps, FinishedPipeline } from "../../../src/local/run/execution.ts";
import { readRun, runFolder } from "../../../src/local/run/local-run.ts";
import { StorageTrouble } from "../../../src/local/run/storage-trouble.ts";
import { nodeFileSystem } from "../../../src/node/node-file-system.ts";
import { systemClock } from "../../../src/node/system-clock.ts";

const SPEC: JsonObject = {
  pipelineInfo: { name: "greeting" },
  schemaVersion: "2.1.0",
  sdkVersion: "kfp-2.14.0",
  deploymentSpec: {
    executors: {
      "exec-say": {
        container: { image: "busybox", command: ["sh", "-c", 'echo "says $1"; exit "$2"', "sh"], args: [] },
      },
    },
  },
  components: {
    "comp-say": {
      executorLabel: "exec-say",
      inputDefinitions: { parameters: { word: { parameterType: "STRING" }, code: { parameterType: "NUMBER_INTEGER" } } },
    },
  },
  root: {
    inputDefinitions: {
      parameters: {
        word: { parameterType: "STRING" },
        code: { parameterType: "NUMBER_INTEGER", defaultValue: 0, isOptional: true },
      },
    },
    dag: {
      tasks: {
        say: {
          taskInfo: { name: "say" },
          componentRef: { name: "comp-say" },
          inputs: {
            parameters: { word: { componentInputParameter: "word" }, code: { componentInputParameter: "code" } },
          },
        },
      },
    },
  },
};

/** The command gets both inputs as words of its own. */
function greeting(): JsonObject {
  const spec = structuredClone(SPEC) as typeof SPEC & {
    deploymentSpec: { executors: { "exec-say": { container: { args: string[] } } } };
  };
  spec.deploymentSpec.executors["exec-say"].container.args = [
    "{{$.inputs.parameters['word']}}",
    "{{$.inputs.parameters['code']}}",
  ];
  return spec;
}

describe("a run that was created through the API", () => {
  let folder = "";
  let home: Home;
  let server: ApiServer;
  const created: string[] = [];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "kfp-execute-"));
    home = await prepareHome(join(folder, "home"));
    server = await startApiServer({ database: home.database });
    created.length = 0;
  });
  afterEach(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function createThroughApi(spec: JsonObject, parameters: Readonly<Record<string, string | number>>): string {
    const calls = new RunCalls({
      store: server.store,
      lifecycle: server.runs,
      hydration: "complete",
      engine: { runCreated: (runId) => created.push(runId) },
      fullViewMaxPageSize: 100,
    });
    const values = Object.entries(parameters).map(([name, value]) => [name, jsonToValue(value)]);
    calls.createRun(
      create(CreateRunRequestSchema, {
        run: {
          displayName: "made by a client",
          pipelineSource: { case: "pipelineSpec", value: spec },
          runtimeConfig: { parameters: Object.fromEntries(values) },
        },
      }),
    );
    const [runId = ""] = created;
    return runId;
  }

  async function execute(
    runId: string,
    lines: string[],
    signal = new AbortController().signal,
    deps: Partial<ExecuteDeps> = {},
  ): Promise<FinishedPipeline> {
    return await executeRun(
      {
        ...{ clock: systemClock, files: nodeFileSystem, randomUuid: randomUUID, signal },
        ...{ onEvent: () => undefined, onNotice: () => undefined, killChildren: () => undefined },
        onLine: ({ text }) => lines.push(text),
        ...deps,
      },
      { home, server, trouble: new StorageTrouble() },
      await readRun(server, home, runId),
      {
        ...{ isolation: "in-process", cacheDisabled: false, parallelism: 1, programFolder: "/unused" },
        environment: { PATH: process.env["PATH"] ?? "" },
      },
    );
  }

  test("waits as PENDING, is executed by its id with its parameters, and ends SUCCEEDED", async () => {
    const runId = createThroughApi(greeting(), { word: "hello" });
    expect(server.runs.requireRun(runId).run.state).toBe(RuntimeState.PENDING);
    const lines: string[] = [];
    const { result, cancelled } = await execute(runId, lines);
    expect(result).toMatchObject({ runId, state: "SUCCEEDED" });
    expect(cancelled).toBe(false);
    expect(lines).toContain("says hello");
    const { run } = server.runs.requireRun(runId);
    expect(run.stateHistory.map(({ state }) => RuntimeState[state])).toEqual(["PENDING", "RUNNING", "SUCCEEDED"]);
    expect(run.displayName).toBe("made by a client");
  });

  test("ends FAILED with its step, and keeps its log and nothing else of its folder", async () => {
    const runId = createThroughApi(greeting(), { word: "bye", code: 3 });
    const { result, failures, logPath } = await execute(runId, []);
    expect(result.state).toBe("FAILED");
    expect([...failures.values()]).toContainEqual({ exitCode: 3, lastLines: ["says bye"] });
    const states = server.store.tasks.ofRun(runId).map(({ body }) => fromBinary(PipelineTaskSchema, body).state);
    expect(states).toEqual([TaskState.FAILED, TaskState.FAILED]);
    expect(existsSync(logPath)).toBe(true);
    for (const part of ["drivers", "outputs", "tmp", "reserve"]) {
      expect(existsSync(join(runFolder(home, runId), part))).toBe(false);
    }
  });

  test("that is cancelled before its first step ends FAILED, and no step ran", async () => {
    const runId = createThroughApi(greeting(), { word: "never" });
    const stop = new AbortController();
    stop.abort(new Error("cancelled by user"));
    const lines: string[] = [];
    const { result, cancelled } = await execute(runId, lines, stop.signal);
    expect(cancelled).toBe(true);
    expect(result.state).toBe("FAILED");
    expect(lines).toEqual([]);
    expect(server.runs.requireRun(runId).run.state).toBe(RuntimeState.FAILED);
  });

  test("that takes longer than its pipeline allows is stopped, and says why", async () => {
    const spec = greeting() as typeof SPEC & {
      deploymentSpec: { executors: { "exec-say": { container: { command: string[] } } } };
    };
    spec.deploymentSpec.executors["exec-say"].container.command = ["sh", "-c", 'echo "says $1"; exec sleep 600', "sh"];
    const platforms = { kubernetes: { pipelineConfig: { activeDeadlineSeconds: 3600 } } };
    const runId = createThroughApi({ pipeline_spec: spec, platform_spec: { platforms } }, { word: "hello" });
    let comes = (): void => undefined;
    const deadline = new Promise<void>((resolve) => (comes = resolve));
    const { result, cancelled } = await execute(runId, [], undefined, {
      clock: { ...systemClock, sleep: (ms, signal) => (ms === 3_600_000 ? deadline : systemClock.sleep(ms, signal)) },
      onLine: () => comes(),
    });
    expect(result.state).toBe("FAILED");
    expect(cancelled).toBe(false);
    expect(result.tasks.map(({ name, state, error }) => [name, state, error])).toEqual([
      ["ROOT", "FAILED", "ended at the deadline of the run, 3600 s"],
      ["say", "FAILED", "ended at the deadline of the run, 3600 s"],
    ]);
  });

  test("is refused before anything runs when a local run cannot do what it asks for", async () => {
    const spec = greeting();
    const runId = createThroughApi(
      {
        pipeline_spec: spec,
        platform_spec: {
          platforms: {
            kubernetes: {
              deploymentSpec: { executors: { "exec-say": { initContainers: [{ name: "setup", image: "busybox" }] } } },
            },
          },
        },
      },
      { word: "hello" },
    );
    await expect(readRun(server, home, runId)).rejects.toMatchObject({
      code: "FEATURE_UNSUPPORTED",
      message: expect.stringContaining(`Cannot run run ${runId}: initContainers (task say)`) as string,
    });
    expect(server.runs.requireRun(runId).run.state).toBe(RuntimeState.PENDING);
  });

  test("is not found when there is none", async () => {
    await expect(readRun(server, home, "00000000-0000-4000-8000-000000000000")).rejects.toThrow(/not found/);
  });
});
