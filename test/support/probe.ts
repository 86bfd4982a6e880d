/**
 * Builds the programs of test/fixtures/probe with the very script that builds ours.
 *
 * @module
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

const execute = promisify(execFile);

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; never throws for an exit code. The environment is exactly what is given, PATH included. */
export async function runToEnd(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  try {
    const { stdout, stderr } = await execute(command, args, { env, timeout: 180_000, killSignal: "SIGKILL", maxBuffer: 1 << 26 });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr, message } = error as { code: unknown; stdout: string; stderr: string; message: string };
    if (typeof code !== "number") throw new Error(`${command}: ${message}`, { cause: error });
    return { code, stdout, stderr };
  }
}

/** Runs one of the project's scripts with the Node of the tests. */
export function runScript(name: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  return runToEnd(process.execPath, [path.join(root, "scripts", name), ...args], { PATH: process.env["PATH"] ?? "", ...env });
}

/** A folder for one test file. */
export function makeFolder(): Promise<string> {
  return mkdtemp(path.join(tmpdir(), "kfp-runtime-test-"));
}

/** Takes the empty name of a folder that was never made. */
export async function removeFolder(folder: string): Promise<void> {
  if (folder !== "") await rm(folder, { recursive: true, force: true });
}

/** Builds fixture programs, named by their source's path below test/fixtures, into `out`. */
export async function buildProbe(
  out: string,
  programs: Record<string, string> = { probe: "probe/main.ts" },
  options: readonly string[] = [],
): Promise<Ended> {
  const list = Object.entries(programs).flatMap(([name, source]) => ["--program", `${name}=test/fixtures/${source}`]);
  return runScript("build.mjs", ["--out", out, ...list, ...options], {
    KFP_RUNTIME_COMMIT: "0123456789ab",
    SOURCE_DATE_EPOCH: "0",
  });
}
