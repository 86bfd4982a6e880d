/** Whole attempts against the real server, with files on this disk and real programs. */
import { readFile, writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { IoType, TaskType } from "../../../src/core/kfp-types.ts";
import { pair, plain, report, script, single, stepOf, train } from "../../support/launcher-pipelines.ts";
import {
  artifactsOf,
  launcherPipeline,
  parametersOf,
  startLauncherWorld,
  stateOf,
  type LaunchOptions,
} from "../../support/launcher-world.ts";

describe("launchContainer(): success", () => {
  test("stores artifacts, parameters and state, feeds the parent, and rolls up", async () => {
    const world = await startLauncherWorld(single);
    const row = await world.row(world.root, "train");
    const { exitCode, task, stdout, stderr } = await world.launch(row, { command: train });
    expect({ exitCode, stdout, stderr, state: stateOf(task) }).toEqual({
      exitCode: 0,
      stdout: "out\n",
      stderr: "err\n",
      state: "SUCCEEDED",
    });
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

  test("a cache lookup before and after any call finds nothing or a task with all its outputs", async () => {
    const world = await startLauncherWorld(single);
    const row = await world.row(world.root, "train");
    await world.api.updateTask(world.runId, row.taskId, { cacheFingerprint: "f" });
    const found: string[] = [];
    const look = async (): Promise<void> => {
      const hit = await world.api.findCachedTask({ namespace: "ns", fingerprint: "f", boundRunId: world.runId });
      found.push(hit === undefined ? "nothing" : JSON.stringify([parametersOf(hit), artifactsOf(hit).map(({ key }) => key)]));
    };
    const watched = new Proxy(world.api, {
      get(target, name, receiver) {
        const member: unknown = Reflect.get(target, name, receiver);
        if (typeof member !== "function") return member;
        return async (...args: unknown[]) => {
          await look();
          const answer: unknown = await (member as (...args: unknown[]) => unknown)(...args);
          await look();
          return answer;
        };
      },
    });
    await world.launch(row, { command: train, host: { connect: () => Promise.resolve({ api: watched }) } });
    const whole = JSON.stringify([{ score: 0.5 }, ["executor-logs", "model"]]);
    expect([...new Set(found)]).toEqual(["nothing", whole]);
    expect(found.indexOf(whole)).toBe(found.lastIndexOf("nothing") + 1);
  });

  // The last read shows that nobody changed a sibling while the parents were written.
  const ending = ["updateTasks", "getRun", "updateTasks", "getRun"];
  test.for<{ name: string; pipeline: typeof single; key: string; launch: LaunchOptions; calls: string[] }>([
    {
      name: "parameters and artifacts that feed the parent",
      pipeline: single,
      key: "train",
      launch: { command: train },
      calls: ["getRun", "createArtifacts", "createArtifactTasks", ...ending],
    },
    {
      name: "the log alone",
      pipeline: plain,
      key: "say",
      launch: {},
      calls: ["getRun", "createArtifacts", ...ending],
    },
    {
      name: "nothing",
      pipeline: plain,
      key: "say",
      launch: { publishLogs: false },
      calls: ["getRun", ...ending],
    },
    {
      name: "a parameter without a reader, no log",
      pipeline: stepOf({ type: "STRING" }),
      key: "step",
      launch: { publishLogs: false, command: report({ parameterValues: { o: "x" } }) },
      calls: ["getRun", ...ending],
    },
    {
      name: "a failing command",
      pipeline: plain,
      key: "say",
      launch: { command: ["false"] },
      calls: ["getRun", "createArtifacts", ...ending],
    },
  ])("calls the server as rarely as it can: $name", async ({ pipeline, key, launch, calls }) => {
    const world = await startLauncherWorld(pipeline);
    const row = await world.row(world.root, key);
    expect((await world.launch(row, launch)).calls).toEqual(calls);
  });

  test.for([
    { name: "small", siblings: 3, start: ["getRun", "getRun"], end: ["getRun"] },
    { name: "large", siblings: 201, start: ["getRun", "getTask", "getTask"], end: ["listTasks"] },
  ])("in an iteration of a $name run", async ({ siblings, start, end }) => {
    const world = await startLauncherWorld(
      launcherPipeline(
        { root: { tasks: { loop: "comp-loop" } }, "comp-loop": { tasks: { say: "comp-say" } } },
        { "comp-say": {} },
      ),
    );
    const loop = await world.row(world.root, "loop", { type: TaskType.LOOP, iterationCount: siblings });
    const rows = await Promise.all(Array.from({ length: siblings }, (_, iteration) => world.row(loop, "say", { iteration })));
    const { calls, exitCode } = await world.launch(rows[1] ?? loop, { iteration: 1 });
    expect(exitCode).toBe(0);
    expect(calls).toEqual([...start, "createArtifacts", "updateTasks", ...end]);
  });

  test("a sibling that still runs leaves the parent as it is, and costs no write", async () => {
    const world = await startLauncherWorld(pair);
    const row = await world.row(world.root, "say");
    await world.row(world.root, "other");
    const { calls, task } = await world.launch(row, { publishLogs: false });
    expect(stateOf(task)).toBe("SUCCEEDED");
    expect(calls).toEqual(["getRun", "updateTasks", "getRun"]);
    expect(stateOf(await world.task(world.root.taskId))).toBe("RUNNING");
  });

  test("the environment and the working folder are the ones handed in", async () => {
    const world = await startLauncherWorld(plain);
    const row = await world.row(world.root, "say");
    const { stdout } = await world.launch(row, {
      command: script('echo "$GREETING $(pwd)"'),
      environment: { GREETING: "hi" },
      host: { workingDirectory: world.folder },
    });
    expect(stdout).toBe(`hi ${world.folder}\n`);
  });

  test("KFP_OUTPUT_FILE stands in for the run of the command", async () => {
    const world = await startLauncherWorld(stepOf({ type: "NUMBER_INTEGER" }));
    const row = await world.row(world.root, "step");
    const path = `${world.folder}/canned.json`;
    await writeFile(path, '{"parameterValues":{"o":7}}');
    const { task, exitCode } = await world.launch(row, { command: ["false"], environment: { KFP_OUTPUT_FILE: path } });
    expect(exitCode).toBe(0);
    expect(parametersOf(task)).toEqual({ o: 7 });
    expect(artifactsOf(task)).toEqual([]);
  });

  test("many attempts in one process keep their outputs apart", async () => {
    const keys = ["a", "b", "c", "d", "e", "f"];
    const world = await startLauncherWorld(
      launcherPipeline(
        { root: { tasks: Object.fromEntries(keys.map((key) => [key, "comp-step"])) } },
        { "comp-step": { parameters: { o: "STRING" } } },
      ),
    );
    const rows = await Promise.all(keys.map((key) => world.row(world.root, key)));
    const outcomes = await Promise.all(
      rows.map((row) =>
        world.launch(row, {
          command: script('printf "$1" > "$0"; echo "$1"', "{{$.outputs.parameters['o'].output_file}}", row.name),
        }),
      ),
    );
    expect(outcomes.map(({ exitCode, task }) => [exitCode, task.statusMetadata?.message])).toEqual(
      keys.map(() => [0, undefined]),
    );
    expect(outcomes.map(({ stdout }) => stdout)).toEqual(keys.map((key) => `${key}\n`));
    const values = await Promise.all(rows.map(async ({ taskId }) => parametersOf(await world.task(taskId))));
    expect(values).toEqual(keys.map((key) => ({ o: key })));
  });
});

describe("launchContainer(): the command fails", () => {
  test.for([
    { name: "an exit code", command: script("echo last words; exit 3"), exitCode: 3, message: "exit status 3" },
    { name: "SIGKILL", command: script("kill -KILL $$"), exitCode: 137, message: "signal: killed" },
    { name: "SIGTERM", command: script("kill -TERM $$"), exitCode: 143, message: "signal: terminated" },
    { name: "SIGSEGV", command: script("kill -SEGV $$"), exitCode: 139, message: "signal: segmentation fault" },
    {
      name: "not in PATH",
      command: ["no-such-program-here"],
      exitCode: 1,
      message: 'exec: "no-such-program-here": executable file not found in $PATH',
    },
    {
      name: "no such file",
      command: ["/no/such/file"],
      exitCode: 1,
      message: "fork/exec /no/such/file: no such file or directory",
    },
    {
      name: "an argument of 128 KiB",
      command: ["echo", "x".repeat(131_073)],
      exitCode: 1,
      message:
        "fork/exec echo: argument list too long: argument 1 has 131073 bytes, and the system takes at most 131071 in one argument; hand large data over as an artifact instead of a parameter",
    },
  ])("$name", async ({ command, exitCode, message }) => {
    const world = await startLauncherWorld(single);
    const row = await world.row(world.root, "train");
    const { task, ...outcome } = await world.launch(row, { command });
    expect(outcome.exitCode).toBe(exitCode);
    expect(stateOf(task)).toBe("FAILED");
    const recorded = task.statusMetadata?.message ?? "";
    expect(recorded.slice(0, 29 + message.length)).toBe(`failed to execute component: ${message}`);
    // The log is there, nothing else of what the component declares.
    expect(artifactsOf(task).map(({ key }) => key)).toEqual(["executor-logs"]);
    expect(parametersOf(task)).toEqual({});
    expect(stateOf(await world.task(world.root.taskId))).toBe("FAILED");
  });

  test("out of memory is named when the kernel counted a kill", async () => {
    const world = await startLauncherWorld(plain);
    const row = await world.row(world.root, "say");
    const { task, exitCode } = await world.launch(row, {
      host: { processRunner: { run: () => Promise.resolve({ kind: "killed", signal: "SIGKILL", outOfMemory: true }) } },
    });
    expect(exitCode).toBe(137);
    expect(task.statusMetadata?.message).toMatch(/signal: killed \(out of memory/);
  });
});
