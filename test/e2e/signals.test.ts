/** Drivers and launchers as processes that are told to stop wherever they wait: they end in time, and their rows are final. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtPrograms, type Programs } from "../support/built-programs.ts";
import { makeFolder, removeFolder } from "../support/probe.ts";
import { allEnded } from "../support/processes.ts";
import { TaskState } from "../../src/core/kfp-types.ts";
import { judgeStopped, pidsIn, SignalWorld, startSilentServer, STUBBORN } from "../support/signal-world.ts";
import { stopDriverAt, stopLauncherAt } from "../support/signal-moments.ts";

let programs: Programs;
let folder = "";
let world: SignalWorld;
beforeAll(async () => {
  programs = await builtPrograms();
  folder = await makeFolder();
  world = await SignalWorld.open(programs, folder);
});
afterAll(async () => {
  await world.close();
  await removeFolder(folder);
});

/** Above the time that a program takes after the first signal, below the 30 s a pod gets. */
const GRACE_MS = 25_000;
/** After the second signal nothing is saved any more. */
const AT_ONCE_MS = 5000;

/** Sends the signal to the process itself when it reads its n-th chunk, long before anything of the program has run. */
const SIGNAL_AT_CHUNK = `
  const fs = require("node:fs");
  const { readFileSync } = fs;
  let left = Number(process.env.TEST_SIGNAL_AT_CHUNK);
  fs.readFileSync = (file, ...options) => {
    if (/\\/lib\\/[^/]+\\.js$/.test(String(file))) {
      left -= 1;
      if (left === 0) process.kill(process.pid, process.env.TEST_SIGNAL);
    }
    return readFileSync(file, ...options);
  };`;

describe.each(["driver", "launcher"] as const)("a %s whose code is still read", (kind) => {
  test.for([
    { chunk: 1, signal: "SIGTERM" },
    { chunk: 2, signal: "SIGINT" },
    { chunk: 4, signal: "SIGTERM" },
  ] as const)("$signal at chunk $chunk is recorded", { timeout: 60_000 }, async ({ chunk, signal }, { expect }) => {
    const preload = path.join(world.newFolder(), "preload.cjs");
    writeFileSync(preload, SIGNAL_AT_CHUNK);
    const env = { NODE_OPTIONS: `--require ${preload}`, TEST_SIGNAL_AT_CHUNK: String(chunk), TEST_SIGNAL: signal };
    const { program, rows } = await (kind === "driver"
      ? world.startDriver({ env })
      : world.startLauncher({ env, script: STUBBORN }));
    expect(judgeStopped(await program.ended, await rows(), signal)).toBeUndefined();
  });
});

describe("a driver", () => {
  test("at five random moments", { timeout: 120_000 }, async () => {
    for (let seed = 1; seed <= 5; seed += 1) expect(await stopDriverAt(world, seed)).toBeUndefined();
  });

  test(
    "that waits for an API server that says nothing ends by itself; two signals of a keyboard end it at once",
    { timeout: 60_000 },
    async () => {
      const silent = await startSilentServer();
      const server = { address: "127.0.0.1", port: String(silent.port) };
      const { program } = await world.startDriver({ server });
      await silent.reached;
      const askedMs = Date.now();
      program.child.kill("SIGTERM");
      expect(await program.ended).toMatchObject({ code: 143 });
      expect(Date.now() - askedMs).toBeLessThan(GRACE_MS);

      const second = await world.startDriver({ server });
      await second.program.says("driver starts");
      const againMs = Date.now();
      second.program.child.kill("SIGINT");
      second.program.child.kill("SIGQUIT");
      await second.program.ended;
      expect(Date.now() - againMs).toBeLessThan(AT_ONCE_MS);
      silent.close();
    },
  );

  test("whose output file is a pipe that nobody reads fails at once, and records it", { timeout: 60_000 }, async () => {
    const { program, rows } = await world.startDriver({ driver: { conditionPath: world.newPipe() } });
    const { code, stderr } = await program.ended;
    const { root, step } = await rows();
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("Cannot write driver output file") as string });
    expect(step?.state).toBe(TaskState.FAILED);
    expect(step?.statusMetadata?.message).toContain("Cannot write driver output file");
    expect(root.state).toBe(TaskState.FAILED);
  });
});

describe("a launcher", () => {
  test("around a stubborn command, at a random moment", { timeout: 120_000 }, async () => {
    expect(await stopLauncherAt(world, 1)).toBeUndefined();
  });

  test("around a stubborn command: a second signal of a keyboard ends both at once", { timeout: 60_000 }, async () => {
    const { program } = await world.startLauncher({ script: STUBBORN });
    await program.says("pid ");
    const askedMs = Date.now();
    program.child.kill("SIGINT");
    program.child.kill("SIGQUIT");
    const { stdout } = await program.ended;
    expect(Date.now() - askedMs).toBeLessThan(AT_ONCE_MS);
    expect(await allEnded(pidsIn(stdout))).toBe(true);
  });

  test("whose step left a pipe in the place of an output is not held by it", { timeout: 60_000 }, async () => {
    const { program, rows } = await world.startLauncher({ script: 'mkdir -p "$(dirname "$1")"; mkfifo "$1"' });
    await program.says("The command ended");
    program.child.kill("SIGTERM");
    await program.ended;
    const { root, step } = await rows();
    expect([root.state, step?.state], program.stderr).toEqual([4, 4]);
  });

  test("that waits for a store that says nothing records the failure and ends", { timeout: 60_000 }, async () => {
    const silent = await startSilentServer();
    const providers = `s3:\n  default:\n    endpoint: http://127.0.0.1:${String(silent.port)}\n    region: us-east-1\n    disableSSL: true\n    forcePathStyle: true\n    credentials:\n      fromEnv: true\n`;
    const { program, rows } = await world.startLauncher({
      script: 'mkdir -p "$(dirname "$1")" "$(dirname "$2")"; echo 1 > "$1"; echo data > "$2"',
      pipelineRoot: "s3://bucket/root",
      launcherConfig: { providers },
    });
    await Promise.race([silent.reached, program.ended]);
    const askedMs = Date.now();
    program.child.kill("SIGTERM");
    const ended = await program.ended;
    expect(Date.now() - askedMs).toBeLessThan(GRACE_MS);
    expect(judgeStopped(ended, await rows(), "SIGTERM")).toBeUndefined();
    silent.close();
  });

  test("that waits for an API server that says nothing ends by itself", { timeout: 60_000 }, async () => {
    const silent = await startSilentServer();
    const { program } = await world.startLauncher({ server: { address: "127.0.0.1", port: String(silent.port) } });
    await silent.reached;
    const askedMs = Date.now();
    program.child.kill("SIGTERM");
    const { code } = await program.ended;
    expect(code).not.toBe(0);
    expect(Date.now() - askedMs).toBeLessThan(GRACE_MS);
    silent.close();
  });
});
