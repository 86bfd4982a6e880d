/** The queue of a server: order, places, the ends of runs, and what the next process does with those that did not end. */
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, type JsonObject } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hydrateTasks } from "../../../src/apiserver/services/task-hydration.ts";
import { startApiServer, type ApiServer } from "../../../src/apiserver/server.ts";
import { RunCalls } from "../../../src/apiserver/services/run-service.ts";
import { PipelineTaskSchema, RuntimeState, TaskState } from "../../../src/core/kfp-types.ts";
import { jsonToValue } from "../../../src/core/values/value.ts";
import {
  CreateRunRequestSchema,
  DeleteRunRequestSchema,
  RetryRunRequestSchema,
  TerminateRunRequestSchema,
} from "../../../src/gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import { prepareHome, type Home } from "../../../src/local/home/home.ts";
import { runFolder } from "../../../src/local/run/local-run.ts";
import { RunManager, type RunNews } from "../../../src/local/serve/run-manager.ts";
import { JournalReader, startJournal, type JournalEntry } from "../../../src/local/serve/run-journal.ts";
import { writeRunOptions } from "../../../src/local/run/run-options.ts";
import { writeRunSettings } from "../../../src/local/serve/run-settings.ts";
import { nodeFileSystem } from "../../../src/node/node-file-system.ts";
import { systemClock } from "../../../src/node/system-clock.ts";
import { until } from "../../support/serving.ts";

/** Steps `first` and then `second`, each a line of shell with the parameter `folder` as $1. */
function twoSteps(first: string, second: string): JsonObject {
  const container = (script: string): JsonObject => ({
    container: { image: "busybox", command: ["sh", "-c", script, "sh"], args: ["{{$.inputs.parameters['folder']}}"] },
  });
  const component = (executorLabel: string): JsonObject => ({
    executorLabel,
    inputDefinitions: { parameters: { folder: { parameterType: "STRING" } } },
  });
  const task = (name: string, dependentTasks: string[]): JsonObject => ({
    taskInfo: { name },
    componentRef: { name: `comp-${name}` },
    inputs: { parameters: { folder: { componentInputParameter: "folder" } } },
    dependentTasks,
  });
  return {
    pipelineInfo: { name: "two-steps" },
    schemaVersion: "2.1.0",
    sdkVersion: "kfp-2.14.0",
    deploymentSpec: { executors: { "exec-first": container(first), "exec-second": container(second) } },
    components: { "comp-first": component("exec-first"), "comp-second": component("exec-second") },
    root: {
      inputDefinitions: { parameters: { folder: { parameterType: "STRING" } } },
      dag: { tasks: { first: task("first", []), second: task("second", ["first"]) } },
    },
  };
}

/** A key of a Secret in the environment, as the SDK's extension compiles it. */
const secretKey: JsonObject = {
  secretName: "login",
  secretNameParameter: { runtimeValue: { constant: "login" } },
  keyToEnv: [{ secretKey: "key", envVar: "KEY" }],
};

const WAITS = 'echo "$$" >> "$1/begun"; while [ ! -e "$1/go" ]; do sleep 0.05; done';

describe("the run manager", () => {
  let folder = "";
  let home: Home;
  let server: ApiServer;
  let manager: RunManager;
  let news: RunNews[] = [];
  let notices: string[] = [];
  let runs: RunCalls;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "kfp-manager-"));
    home = await prepareHome(join(folder, "home"));
    await open();
  });
  afterEach(async () => {
    await close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A process of its own in the place of the last one, as far as the manager can tell. */
  async function open(maxRuns = 2): Promise<void> {
    server = await startApiServer({ database: home.database });
    news = [];
    notices = [];
    manager = new RunManager(
      {
        ...{ home, server, clock: systemClock, files: nodeFileSystem, randomUuid: randomUUID },
        onNews: (item) => news.push(item),
        onNotice: (text) => notices.push(text),
      },
      {
        ...{ maxRuns, parallelism: 4, isolation: "in-process", programFolder: "/unused" },
        environment: { PATH: process.env["PATH"] ?? "" },
      },
    );
    runs = new RunCalls({
      ...{ store: server.store, lifecycle: server.runs, hydration: "complete", fullViewMaxPageSize: 100 },
      engine: manager.hooks,
    });
  }

  async function close(): Promise<void> {
    await manager.stop();
    await server.close();
  }

  function createRun(spec: JsonObject, runId: string = randomUUID(), pipelineRoot = ""): string {
    runs.createRun(
      create(CreateRunRequestSchema, {
        run: {
          ...{ runId, displayName: runId },
          pipelineSource: { case: "pipelineSpec", value: spec },
          runtimeConfig: { parameters: { folder: jsonToValue(folder) }, pipelineRoot },
        },
      }),
    );
    return runId;
  }

  async function journalOf(files: string): Promise<JournalEntry[]> {
    const reader = new JournalReader(files);
    try {
      return await reader.next();
    } finally {
      await reader.close();
    }
  }

  const stateOf = (runId: string): string => RuntimeState[server.runs.requireRun(runId).run.state] ?? "";
  const historyOf = (runId: string): string[] =>
    server.runs.requireRun(runId).run.stateHistory.map(({ state }) => RuntimeState[state] ?? "");
  const tasksOf = (runId: string): Record<string, string> =>
    Object.fromEntries(
      server.store.tasks.ofRun(runId).map(({ body }) => {
        const { name, state } = fromBinary(PipelineTaskSchema, body);
        return [name, TaskState[state] ?? ""];
      }),
    );
  const begun = (): string[] => {
    const path = join(folder, "begun");
    return existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : [];
  };
  const go = (): void => writeFileSync(join(folder, "go"), "");
  const isIdle = (): boolean => manager.counts.active === 0 && manager.counts.queued === 0;
  const started = (): string[] => news.flatMap((item) => (item.kind === "started" ? [item.runId] : []));

  test("executes so many at once, the others wait", async () => {
    manager.start();
    const ids = Array.from({ length: 6 }, () => createRun(twoSteps(WAITS, "true")));
    await until("two runs execute", () => begun().length === 2);
    expect(manager.counts).toEqual({ active: 2, queued: 4 });
    expect(ids.map(stateOf)).toEqual(["RUNNING", "RUNNING", "PENDING", "PENDING", "PENDING", "PENDING"]);
    go();
    await until("all have ended", isIdle);
    expect(ids.map(stateOf)).toEqual(ids.map(() => "SUCCEEDED"));
    expect(historyOf(ids[5] ?? "")).toEqual(["PENDING", "RUNNING", "SUCCEEDED"]);
  });

  test("executes in the order of creation, also what was created before it started", async () => {
    await close();
    await open(1);
    const ids = Array.from({ length: 5 }, () => createRun(twoSteps("true", "true")));
    expect(manager.counts).toEqual({ active: 0, queued: 0 });
    manager.start();
    ids.push(...Array.from({ length: 3 }, () => createRun(twoSteps("true", "true"))));
    await until("all have ended", isIdle);
    expect(started()).toEqual(ids);
  });

  test("ends a run that is terminated as FAILED, and a queued one without its turn", async () => {
    manager.start();
    const [first = "", second = "", queued = ""] = [0, 1, 2].map(() => createRun(twoSteps(WAITS, "true")));
    await until("two runs execute", () => begun().length === 2);
    const terminate = (runId: string): unknown => runs.terminateRun(create(TerminateRunRequestSchema, { runId }));
    terminate(queued);
    expect(stateOf(queued)).toBe("FAILED");
    expect(tasksOf(queued)).toEqual({});
    terminate(first);
    expect(stateOf(first)).toBe("CANCELING");
    await until("it has ended", () => stateOf(first) === "FAILED");
    expect(historyOf(first)).toEqual(["PENDING", "RUNNING", "CANCELING", "FAILED"]);
    expect(tasksOf(first)).toEqual({ ROOT: "FAILED", first: "FAILED" });
    expect(stateOf(second)).toBe("RUNNING");
    go();
    await until("the other one has ended", isIdle);
    expect(stateOf(second)).toBe("SUCCEEDED");
  });

  test("ends a run that cannot be executed with the reason in its row", async () => {
    manager.start();
    const spec = twoSteps("true", "true");
    const runId = createRun({
      pipeline_spec: spec,
      platform_spec: {
        platforms: {
          kubernetes: {
            deploymentSpec: { executors: { "exec-first": { initContainers: [{ name: "setup", image: "busybox" }] } } },
          },
        },
      },
    });
    await until("it has ended", isIdle);
    expect(stateOf(runId)).toBe("FAILED");
    const { error } = server.runs.requireRun(runId).run;
    expect(error?.code).toBe(3);
    expect(error?.message).toContain("initContainers (task first)");
    expect(news).toEqual([{ kind: "refused", runId, message: error?.message }]);
  });

  test("writes nothing of a run that is deleted, and removes its files", async () => {
    manager.start();
    const runId = createRun(twoSteps(WAITS, "true"));
    await until("it executes", () => begun().length === 1);
    runs.deleteRun(create(DeleteRunRequestSchema, { runId }));
    expect(() => server.runs.requireRun(runId)).toThrow(/not found/);
    await until("it has ended", isIdle);
    expect(readdirSync(runFolder(home, runId))).toEqual(["removed"]);
    expect(news.map(({ kind }) => kind)).toEqual(["started"]);
    expect(server.store.checkIntegrity()).toEqual([]);
  });

  test("leaves runs to the next process, which keeps what has succeeded and starts the rest again", async () => {
    manager.start();
    const spec = twoSteps('echo first >> "$1/firsts"', WAITS);
    const running = createRun(spec);
    await until("its second step runs", () => begun().length === 1);
    await close();
    expect(news.at(-1)).toEqual({ kind: "left", runId: running });

    await open();
    expect(stateOf(running)).toBe("RUNNING");
    const queued = createRun(twoSteps("true", "true"));
    go();
    manager.start();
    await until("all have ended", isIdle);
    expect(stateOf(running)).toBe("SUCCEEDED");
    expect(stateOf(queued)).toBe("SUCCEEDED");
    expect(new Set(started())).toEqual(new Set([running, queued]));
    expect(historyOf(running)).toEqual(["PENDING", "RUNNING", "PENDING", "RUNNING", "SUCCEEDED"]);
    expect(tasksOf(running)).toEqual({ ROOT: "SUCCEEDED", first: "SUCCEEDED", second: "SUCCEEDED" });
    expect(readFileSync(join(folder, "firsts"), "utf8")).toBe("first\n");
    expect(begun()).toHaveLength(2);
  });

  test("ends the runs of kfp-runtime run, and those that were being cancelled", async () => {
    const foreground = createRun(twoSteps("true", "true"));
    server.runs.setRunState(foreground, RuntimeState.RUNNING);
    const cancelled = createRun(twoSteps("true", "true"));
    runs.terminateRun(create(TerminateRunRequestSchema, { runId: cancelled }));
    manager.start();
    await until("nothing runs", isIdle);
    expect([foreground, cancelled].map(stateOf)).toEqual(["FAILED", "FAILED"]);
    expect(started()).toEqual([]);
  });

  test("goes by the settings that lie beside the run, tells its journal all, and removes the settings", async () => {
    const runId = randomUUID();
    const files = runFolder(home, runId);
    await writeRunSettings(files, {
      ...{ isolation: "in-process", cacheDisabled: true, parallelism: 1, inspectTasks: [], workingFolder: folder },
      environment: { PATH: process.env["PATH"] ?? "", GREETING: "from the terminal" },
    });
    await startJournal(files);
    manager.start();
    createRun(twoSteps('echo "$GREETING in $(pwd)"', "true"), runId);
    await until("it has ended", isIdle);
    const entries = await journalOf(files);
    expect(entries.flatMap((entry) => (entry.kind === "line" ? [entry.line.text] : []))).toEqual([
      `from the terminal in ${folder}`,
    ]);
    expect(entries.at(-1)).toMatchObject({ kind: "finished", finished: { result: { state: "SUCCEEDED" } } });
    expect(existsSync(join(files, "settings.json"))).toBe(false);
    const kept = JSON.parse(readFileSync(join(files, "options.json"), "utf8")) as object;
    expect(kept).toEqual({ isolation: "in-process", cacheDisabled: true, parallelism: 1, workingFolder: folder });
  });

  test("retries a run that was handed over as it was executed, but for the environment, which is not kept", async () => {
    const runId = randomUUID();
    const files = runFolder(home, runId);
    const secrets = join(folder, "secrets");
    mkdirSync(join(secrets, "login"), { recursive: true });
    writeFileSync(join(secrets, "login/key"), "opened");
    await writeRunSettings(files, {
      ...{ isolation: "in-process", cacheDisabled: true, parallelism: 1, inspectTasks: [], workingFolder: folder, secrets },
      environment: { PATH: process.env["PATH"] ?? "", GREETING: "hello" },
    });
    manager.start();
    const spec = twoSteps('echo "$GREETING in $(pwd) with $KEY" >> "$1/said"; false', "true");
    const kubernetes = {
      deploymentSpec: { executors: { "exec-first": { secretAsEnv: [secretKey] } } },
    };
    createRun({ pipeline_spec: spec, platform_spec: { platforms: { kubernetes } } }, runId);
    await until("it has ended", isIdle);
    expect(stateOf(runId)).toBe("FAILED");
    runs.retryRun(create(RetryRunRequestSchema, { runId }));
    await until("it has ended again", isIdle);
    expect(readFileSync(join(folder, "said"), "utf8").split("\n")).toEqual([
      `hello in ${folder} with opened`,
      ` in ${folder} with opened`,
      "",
    ]);
    expect(notices.filter((text) => text.includes("environment"))).toHaveLength(1);

    rmSync(secrets, { recursive: true });
    runs.retryRun(create(RetryRunRequestSchema, { runId }));
    await until("it has been refused", isIdle);
    expect(news.at(-1)).toMatchObject({ kind: "refused", message: expect.stringContaining(secrets) as string });
  });

  test("does not retry a run whose folder is gone, and says so", async () => {
    const runId = randomUUID();
    const gone = join(folder, "gone");
    const kept = { isolation: "in-process", cacheDisabled: false, parallelism: 1, workingFolder: gone } as const;
    await writeRunOptions(runFolder(home, runId), kept);
    manager.start();
    createRun(twoSteps("true", "true"), runId);
    await until("it has ended", isIdle);
    expect(server.runs.requireRun(runId).run.error?.message).toContain(`${gone}, the folder that it was begun in`);
  });

  test.for([
    ["replaces macros in the arguments of runs of the API, and stores them as they were given", true],
    ["leaves macros alone in a run that a command line made, when the API retries it", false],
  ] as const)("%s", async ([, isOfApi]) => {
    manager.start();
    const spec = twoSteps("true", "true");
    const runId = randomUUID();
    if (!isOfApi) {
      await writeRunOptions(runFolder(home, runId), { isolation: "in-process", cacheDisabled: false, parallelism: 1 });
    }
    runs.createRun(
      create(CreateRunRequestSchema, {
        run: {
          ...{ runId, displayName: "macros" },
          pipelineSource: { case: "pipelineSpec", value: spec },
          runtimeConfig: { parameters: { folder: jsonToValue("[[RunUUID]]/[[Index]]") } },
        },
      }),
    );
    await until("it has ended", isIdle);
    const rows = hydrateTasks(server.store, server.store.tasks.ofRun(runId), "complete", { withChildren: false });
    const [root] = rows.map((body) => fromBinary(PipelineTaskSchema, body));
    expect(root?.inputs?.parameters.map(({ value }) => value?.kind.value)).toEqual([
      isOfApi ? `${runId}/[[Index]]` : "[[RunUUID]]/[[Index]]",
    ]);
    const stored = server.runs.requireRun(runId).run.runtimeConfig?.parameters["folder"];
    expect(stored?.kind.value).toBe("[[RunUUID]]/[[Index]]");
  });

  test("stops a run whose settings cannot be read", async () => {
    const runId = randomUUID();
    const files = runFolder(home, runId);
    await startJournal(files);
    writeFileSync(join(files, "settings.json"), "{}");
    manager.start();
    createRun(twoSteps("true", "true"), runId);
    await until("it has ended", isIdle);
    expect(server.runs.requireRun(runId).run.error?.message).toContain("does not hold the settings of a run");
    expect(await journalOf(files)).toMatchObject([{ kind: "refused", why: "trouble" }]);
  });
});
