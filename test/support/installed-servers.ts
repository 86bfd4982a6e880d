/**
 * Programs of others that serve tests: built or installed once into node_modules/.cache, with the ordinary Go and Python clients.
 *
 * @module
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { access, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { takeTurns } from "./turns.ts";

/** Folder of the installed programs. */
export const CACHE = fileURLToPath(new URL("../../node_modules/.cache/kfp-runtime-tests/", import.meta.url));
const INSTALL_TIMEOUT_MS = 9 * 60_000;
const START_TIMEOUT_MS = 60_000;

/** Time for a beforeAll hook that starts a server for the first time on a machine. */
export const STORE_SERVER_SETUP_TIMEOUT_MS = INSTALL_TIMEOUT_MS + START_TIMEOUT_MS;

/**
 * Several test files may ask for the same: one of them makes it, the others wait.
 *
 * @param marker Path that is there once `target` is whole.
 * @returns why it could not be made; `undefined` when it is there.
 */
export async function install(
  target: string,
  make: (target: string) => Promise<void>,
  marker = target,
): Promise<string | undefined> {
  if (process.env["KFP_TEST_STORE_SERVERS"] === "fake") return "KFP_TEST_STORE_SERVERS=fake";
  await mkdir(CACHE, { recursive: true });
  const release = await takeTurns(`${target}.lock`);
  try {
    if (await exists(marker)) return undefined;
    await rm(target, { recursive: true, force: true });
    await make(target);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    release();
  }
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

export async function run(command: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<void> {
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "pipe"],
    timeout: INSTALL_TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  let tail = "";
  child.stderr.on("data", (chunk: Buffer) => (tail = (tail + chunk.toString()).slice(-500)));
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${command} ended with ${code}: ${tail.trim().split("\n").at(-1) ?? ""}`));
    });
  });
}

export function start(command: string, args: readonly string[]): ChildProcess {
  return spawn(command, args, { stdio: "ignore" });
}

export async function stop(child: ChildProcess, folder?: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGKILL");
    await ended;
  }
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}

/** Any answer will do. */
export async function waitForHttp(url: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      await fetch(url, { signal: AbortSignal.timeout(2_000) });
      return;
    } catch (error) {
      const end = child.exitCode ?? child.signalCode;
      if (end !== null) throw new Error(`the server ended with ${end}`, { cause: error });
      if (Date.now() > deadline)
        throw new Error(`the server did not answer within ${START_TIMEOUT_MS / 1000} s`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Builds a Go program and puts it at `target`. */
export async function installGo(target: string, module: string): Promise<void> {
  const folder = await mkdtemp(join(CACHE, "go-"));
  await run("go", ["install", "-trimpath", module], { GOBIN: folder });
  const [program = ""] = await readdir(folder);
  await rename(join(folder, program), target);
  await rm(folder, { recursive: true, force: true });
}

/** Installs Python packages into a virtual environment at `target`, which is whole when `complete` lies in it. */
export async function installPython(target: string, packages: readonly string[]): Promise<void> {
  await run("python3", ["-m", "venv", target], {});
  await run(join(target, "bin", "pip"), ["install", "--quiet", "--disable-pip-version-check", ...packages], {});
  await writeFile(join(target, "complete"), "");
}
