/**
 * Lets a driver and a launcher do their usual work once, so that the code caches they write hold every function such a start needs.
 * warm-up.mjs bundles and runs this file: `node warm-up.cjs COMMANDS`, where COMMANDS is JSON of WarmUpCommands.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { SAMPLE_KUBERNETES_CONFIG, startSampleServer, type ProgramStart } from "./sample-run.ts";

export interface WarmUpCommand {
  /** Program and first arguments; those of the run are added. */
  readonly command: readonly [string, ...string[]];
  /** Variables besides those of the run. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface WarmUpCommands {
  readonly driver: WarmUpCommand;
  /** Absent: the run ends before its step. */
  readonly launcher?: WarmUpCommand;
}

const TIMEOUT_MS = 60_000;

async function warmUp({ driver, launcher }: WarmUpCommands): Promise<void> {
  const server = await startSampleServer();
  try {
    const run = await server.newRun();
    await start(driver, run.rootDriver);
    await start(driver, await run.containerDriver());
    if (launcher !== undefined) await start(launcher, await run.launcher());
    else {
      const configured = await server.newRun();
      await start(driver, configured.rootDriver);
      await start(driver, await configured.containerDriver(SAMPLE_KUBERNETES_CONFIG));
    }
  } finally {
    await server.close();
  }
}

function start({ command: [program, ...args], environment }: WarmUpCommand, what: ProgramStart): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args, ...what.argv], {
      env: { PATH: process.env["PATH"], ...what.environment, ...environment },
      stdio: ["ignore", "ignore", "pipe"],
      timeout: TIMEOUT_MS,
    });
    let log = "";
    child.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${program} ended with ${String(code ?? signal)}: ${log.trim()}`));
    });
  });
}

warmUp(JSON.parse(process.argv[2] ?? "") as WarmUpCommands).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
