/** Built programs that wait for a debugger, and debuggers that come, come late, or do not come. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startSampleServer, type ProgramStart, type SampleRun, type SampleServer } from "../../scripts/lib/sample-run.ts";
import { locateLine, stopAt, type Paused } from "../support/breakpoints.ts";
import { attachInspector } from "../support/inspector-client.ts";
import { makeFolder, removeFolder, root, runScript } from "../support/probe.ts";

let folder = "";
let dist = "";
let server: SampleServer;
const programFolder = (): string => path.join(dist, "lib");

beforeAll(async () => {
  folder = await makeFolder();
  // As deep as dist is, so that relative paths of the maps lead to the sources.
  dist = path.join(root, "dist", `.test-${path.basename(folder)}`);
  const built = await runScript("build.mjs", ["--out", dist, "--no-code-cache"]);
  if (built.code !== 0) throw new Error(built.stderr);
  server = await startSampleServer();
});
afterAll(() => Promise.all([server.close(), removeFolder(folder), removeFolder(dist)]));

interface Started {
  readonly child: ChildProcess;
  /** Everything on stderr so far. */
  readonly log: () => string;
  /** Resolves with the first group of a match. */
  readonly said: (pattern: RegExp) => Promise<string>;
  readonly ended: Promise<number | NodeJS.Signals>;
}

/** @param program One of dist/bin, or an absolute path. */
function start(program: string, { argv, environment }: ProgramStart, inspect: Record<string, string>): Started {
  const child = spawn(path.resolve(dist, "bin", program), argv, {
    env: { PATH: process.env["PATH"], ...environment, ...inspect },
    stdio: ["ignore", "ignore", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let text = "";
  const listeners = new Set<() => void>();
  child.stderr.on("data", (data: Buffer) => {
    text += data.toString();
    for (const listener of listeners) listener();
  });
  const ended = once(child, "close").then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  const said = (pattern: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(text);
        if (match !== null) resolve(match[1] ?? match[0]);
      };
      listeners.add(look);
      look();
      void ended.then(() => reject(new Error(`it ended without saying ${String(pattern)}: ${text}`)));
    });
  return { child, log: () => text, said, ended };
}

const debuggerUrl = /^Debugger listening on (ws:\S+)$/m;

async function runOn(program: string, programStart: ProgramStart, inspect: Record<string, string> = {}): Promise<string> {
  const { ended, log } = start(program, programStart, inspect);
  expect(await ended, log()).toBe(0);
  return log();
}

async function runWithRoot(): Promise<SampleRun> {
  const run = await server.newRun();
  await runOn("driver", run.rootDriver);
  return run;
}

async function runWithDrivers(): Promise<SampleRun> {
  const run = await runWithRoot();
  await runOn("driver", await run.containerDriver());
  return run;
}

function outputFile({ argv }: ProgramStart, flag: string): string {
  const at = argv.findIndex((word) => word === `--${flag}` || word.startsWith(`--${flag}=`));
  return argv[at]?.split("=")[1] ?? argv[at + 1] ?? "";
}

describe("a driver that waits for a debugger", () => {
  test("stops at a line of a TypeScript file, shows a variable, goes on, and ends well", async () => {
    const run = await runWithRoot();
    const driver = await run.containerDriver();
    const environment = { KFP_INSPECT: "127.0.0.1:0", KFP_INSPECT_TASK: "other,say", KFP_INSPECT_TYPE: "CONTAINER" };
    const { ended, said, log } = start("driver", driver, environment);
    const inspector = await attachInspector(await said(debuggerUrl));
    const place = locateLine(programFolder(), "driver", [
      "src/driver/container/container.ts",
      "const kubernetes = parseKubernetesConfig",
    ]);
    const { paused, value } = await stopAt(inspector, place, programFolder());
    expect(paused.callFrames[0]?.functionName).toBe("readStep");
    expect(await value("options.taskName")).toBe("say");
    expect(existsSync(outputFile(driver, "pod_spec_patch_path"))).toBe(false);
    await inspector.send("Debugger.resume");
    expect(await ended, log()).toBe(0);
    inspector.close();
    expect(readFileSync(outputFile(driver, "condition_path"), "utf8")).toBe("nil");
    expect(readFileSync(outputFile(driver, "cached_decision_path"), "utf8")).toBe("false");
    expect(JSON.parse(readFileSync(outputFile(driver, "pod_spec_patch_path"), "utf8"))).toHaveProperty("containers");
    expect(log()).toMatch(
      /WARN \S+ waits for a debugger at 127\.0\.0\.1:(\d+); .* kubectl port-forward -n default pod\/sample-pod 9229:\1 /,
    );
  });

  test("pauses once by itself in a debugger without breakpoints", async () => {
    const run = await server.newRun();
    const { ended, said, log } = start("driver", run.rootDriver, { KFP_INSPECT: "127.0.0.1:0", KFP_INSPECT_TASK: "root" });
    const inspector = await attachInspector(await said(debuggerUrl));
    await inspector.send("Debugger.enable");
    await inspector.send("Runtime.runIfWaitingForDebugger");
    const { callFrames } = await inspector.waitFor<Paused>("Debugger.paused", () => true);
    expect(callFrames.map(({ functionName }) => functionName)).toContain("waitIfInspected");
    await inspector.send("Debugger.resume");
    expect(await ended, log()).toBe(0);
  });

  test.for([
    { name: "another task is named", inspect: { KFP_INSPECT_TASK: "say" } },
    { name: "another type is named", inspect: { KFP_INSPECT_TYPE: "CONTAINER,LAUNCHER" } },
    { name: "an iteration is named", inspect: { KFP_INSPECT_TASK: "root[0]" } },
  ])("runs on at once when $name", async ({ inspect }) => {
    const { rootDriver } = await server.newRun();
    const log = await runOn("driver", rootDriver, { KFP_INSPECT: "127.0.0.1:0", ...inspect });
    expect(log).not.toContain("ebugger");
  });

  test("runs on with a warning when no debugger comes in time", async () => {
    const { rootDriver } = await server.newRun();
    const log = await runOn("driver", rootDriver, { KFP_INSPECT: "127.0.0.1:0", KFP_INSPECT_TIMEOUT: "200ms" });
    expect(log).toMatch(/WARN \S+ no debugger came in time, runs on without a debugger type=ROOT_DAG task=root\n/);
    expect(readFileSync(outputFile(rootDriver, "iteration_count_path"), "utf8")).toBe("0");
  });

  test("pauses without waiting in a node that was started with --inspect-brk", async () => {
    const { rootDriver } = await server.newRun();
    const argv = ["--inspect-brk=127.0.0.1:0", path.join(programFolder(), "boot.cjs"), "driver", ...rootDriver.argv];
    const { said, ended, log } = start(process.execPath, { ...rootDriver, argv }, { KFP_INSPECT: "on" });
    const inspector = await attachInspector(await said(debuggerUrl));
    await inspector.send("Debugger.enable");
    await inspector.send("Runtime.runIfWaitingForDebugger");
    for (const functionName of ["", "pauseHere"]) {
      const { callFrames } = await inspector.waitFor<Paused>("Debugger.paused", () => true);
      expect(callFrames[0]?.functionName).toBe(functionName);
      await inspector.send("Debugger.resume");
    }
    expect(await ended, "the debugger is still there").toBe(0);
    expect(log()).not.toContain("Waiting for the debugger to disconnect");
    inspector.close();
  });

  test("takes its turn when the port is in use", async () => {
    const holder = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    const { port } = holder.address() as AddressInfo;
    const { rootDriver } = await server.newRun();
    const { said, ended, log } = start("driver", rootDriver, { KFP_INSPECT: `127.0.0.1:${port}` });
    await said(/the port of the debugger is in use, waits until it is free/);
    holder.close();
    const inspector = await attachInspector(await said(debuggerUrl));
    await inspector.send("Runtime.runIfWaitingForDebugger");
    expect(await ended, log()).toBe(0);
  });

  test("warns when others can reach the port, and runs on when it cannot be had", async () => {
    const runs = [await server.newRun(), await server.newRun()] as const;
    const open = await runOn("driver", runs[0].rootDriver, { KFP_INSPECT: "0.0.0.0:0", KFP_INSPECT_TIMEOUT: "100ms" });
    expect(open).toContain("whoever reaches the port of the debugger can run code as this process");
    const foreign = await runOn("driver", runs[1].rootDriver, { KFP_INSPECT: "192.0.2.1:9229" });
    expect(foreign).toContain("the inspector cannot be opened, runs on without a debugger: ");
  });

  test("fails before the first call when a variable cannot be read", async () => {
    const { rootDriver } = await server.newRun();
    const calls: string[] = [];
    server.onCall = (method) => calls.push(method);
    const { ended, log } = start("driver", rootDriver, { KFP_INSPECT: "yes" });
    expect(await ended).toBe(1);
    expect(log()).toMatch(/Cannot read environment variable KFP_INSPECT: "yes" .* code=ENVIRONMENT_INVALID/);
    expect(calls).toEqual([]);
  });
});

describe("a launcher that waits for a debugger", () => {
  test("stops at a line of a TypeScript file, shows a variable, goes on, and ends well", async () => {
    const run = await runWithDrivers();
    const inspect = { KFP_INSPECT: "127.0.0.1:0", KFP_INSPECT_TASK: "say", KFP_INSPECT_TYPE: "LAUNCHER" };
    const { ended, said, log } = start("launcher-v2", await run.launcher(), inspect);
    const inspector = await attachInspector(await said(debuggerUrl));
    const place = locateLine(programFolder(), "launcher-v2", [
      "src/launcher/container/launch-container.ts",
      "attempt = await beginAttempt(deps, options)",
    ]);
    const { paused, value } = await stopAt(inspector, place, programFolder());
    expect(paused.callFrames[0]?.functionName).toBe("launchContainer");
    expect(await value("options.command[0]")).toBe("true");
    await inspector.send("Debugger.resume");
    expect(await ended, log()).toBe(0);
    expect(log()).toMatch(/launcher-v2 ends taskId=\S+ exitCode=0/);
  });

  test("runs on at once when only its driver is named", async () => {
    const run = await runWithDrivers();
    const log = await runOn("launcher-v2", await run.launcher(), { KFP_INSPECT: "on", KFP_INSPECT_TYPE: "CONTAINER" });
    expect(log).not.toContain("ebugger");
  });

  test("can be stopped while it waits", async () => {
    const run = await runWithDrivers();
    const { child, said, ended } = start("launcher-v2", await run.launcher(), { KFP_INSPECT: "127.0.0.1:0" });
    const url = await said(debuggerUrl);
    // Attached without a word to go on: the process is blocked for certain.
    const inspector = await attachInspector(url);
    await inspector.send("Runtime.enable");
    child.kill("SIGTERM");
    expect(await ended).toBe("SIGTERM");
  });
});

describe("kfp-runtime run --inspect-task", () => {
  const exec = { container: { image: "any", command: ["echo", "hello"] } };
  const task = (name: string, ...dependentTasks: string[]) => ({
    taskInfo: { name },
    componentRef: { name: "comp" },
    dependentTasks,
  });
  const pipeline = {
    pipelineInfo: { name: "two" },
    schemaVersion: "2.1.0",
    sdkVersion: "kfp-2.14.0",
    root: { dag: { tasks: { first: task("first"), second: task("second", "first") } } },
    components: { comp: { executorLabel: "exec" } },
    deploymentSpec: { executors: { exec } },
  };

  test("stops the driver and then the launcher of that task", async () => {
    const file = path.join(folder, "two.json");
    writeFileSync(file, JSON.stringify(pipeline));
    const port = await freePort();
    const argv = ["run", file, "--home", path.join(folder, "home"), "--inspect-task", "second"];
    const { said, ended, log } = start("kfp-runtime", { argv, environment: {} }, { KFP_INSPECT: `127.0.0.1:${port}` });
    await said(/first: SUCCEEDED/);
    for (const [name, program, line] of [
      ["driver", "driver", ["src/driver/container/container.ts", "const kubernetes = parseKubernetesConfig"]],
      ["launcher", "launcher-v2", ["src/launcher/container/launch-container.ts", "attempt = await beginAttempt(deps, options)"]],
    ] as const) {
      await said(new RegExp(`second: the ${name} waits for a debugger at 127.0.0.1:${port}`));
      const inspector = await attachInspector(await listedUrl(port, ended));
      const { value } = await stopAt(inspector, locateLine(programFolder(), program, line), programFolder());
      expect(await value("options.taskName")).toBe("second");
      await inspector.send("Debugger.resume");
    }
    expect(await ended, log()).toBe(0);
    expect(log()).toMatch(/second \| hello/);
  });

  test("refuses a name that no task has", async () => {
    const file = path.join(folder, "two.json");
    writeFileSync(file, JSON.stringify(pipeline));
    const argv = ["run", file, "--home", path.join(folder, "home"), "--inspect-task", "third"];
    const { ended, log } = start("kfp-runtime", { argv, environment: {} }, {});
    expect(await ended).toBe(2);
    expect(log()).toBe('kfp-runtime: Cannot inspect task "third": the pipeline has the tasks root, first, second\n');
  });
});

async function freePort(): Promise<number> {
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  const { port } = holder.address() as AddressInfo;
  holder.close();
  await once(holder, "close");
  return port;
}

/** Asks the way a debugger looks for programs, until one listens. */
async function listedUrl(port: number, ended: Promise<unknown>): Promise<string> {
  const run = { hasEnded: false };
  void ended.then(() => (run.hasEnded = true));
  while (!run.hasEnded) {
    const response = await fetch(`http://127.0.0.1:${port}/json/list`).catch(() => undefined);
    if (response !== undefined) {
      const [target] = (await response.json()) as { webSocketDebuggerUrl: string }[];
      return target?.webSocketDebuggerUrl ?? "";
    }
    await setTimeout(20);
  }
  throw new Error("the run ended before a program could be debugged");
}
