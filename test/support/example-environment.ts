/** What tests of examples/ with Python need: a machine that can run them, and their packages. @module */
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { expect } from "vitest";
import { mountSupport } from "../../src/local/steps/host-mounts.ts";
import { makeFolder } from "../../src/node/files/make-folder.ts";

/** Whether steps of this machine can have volumes at a path; makes the folder. */
export async function canMountAt(...paths: readonly string[]): Promise<boolean> {
  if ("reason" in mountSupport()) return false;
  try {
    for (const each of paths) await makeFolder(each);
    return true;
  } catch {
    return false;
  }
}

/** Variables of a user who has nothing but an environment of Python. */
export function variablesOf(environment: string, home: string): Record<string, string> {
  mkdirSync(home, { recursive: true });
  const searchPath = [path.join(environment, "bin"), path.dirname(process.execPath), process.env["PATH"] ?? ""].join(":");
  return {
    PATH: searchPath,
    HOME: home,
    NO_PROXY: "*",
    PYTHONDONTWRITEBYTECODE: "1",
    PYTHONWARNINGS: "ignore",
    DO_NOT_TRACK: "1",
  };
}

/** Runs a Python program of an example to its end, which has to be a good one. @returns What it has printed. */
export async function runPython(args: readonly string[], cwd: string, env: Readonly<Record<string, string>>): Promise<string> {
  const child = spawn("python", args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  expect(code, `${stdout}\n${stderr}`).toBe(0);
  return stdout;
}
