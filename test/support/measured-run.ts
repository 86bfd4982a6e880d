/** `kfp-runtime` on a large loop: the memory it took, and what its home holds afterwards. @module */
import { spawn } from "node:child_process";
import { existsSync, openSync, closeSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Programs } from "./built-programs.ts";
import { root } from "./probe.ts";

/** A call of the program. */
export interface MeasuredCall {
  /** The home is in it; what the program took is written there. */
  readonly folder: string;
  readonly args: readonly string[];
  /** Called when it has started, with a function that sends a signal. */
  readonly onStarted?: (signal: (name: NodeJS.Signals) => void) => void;
}

/** What came of it. */
export interface Measured {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Largest resident set of the program's process, in MB of a million bytes; children not. */
  readonly peakMb: number;
}

/** Words of the command line for the fixture `wide_loop` over `0, 1, 2...`, with its home at `home` in the folder. */
export function wideLoopArgs(folder: string, iterations: number): string[] {
  const params = join(folder, "params.json");
  writeFileSync(params, JSON.stringify({ items: Array.from({ length: iterations }, (_, index) => index) }));
  return ["run", join(root, "test/fixtures/pipelines/wide_loop.yaml"), "--params", params, "--home", join(folder, "home")];
}

/** Runs `kfp-runtime` to its end. */
export async function runMeasured({ bin }: Programs, { folder, args, onStarted }: MeasuredCall): Promise<Measured> {
  const usagePath = join(folder, "usage.json");
  const usage = openSync(usagePath, "w");
  const { PATH: searchPath = "" } = process.env;
  const child = spawn(join(bin, "kfp-runtime"), args, {
    cwd: folder,
    env: {
      ...process.env,
      PATH: `${dirname(process.execPath)}:${searchPath}`,
      NO_COLOR: "1",
      NODE_OPTIONS: `--require ${join(root, "test/support/report-usage.cjs")}`,
    },
    stdio: ["ignore", "pipe", "pipe", usage],
  });
  closeSync(usage);
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  onStarted?.((name) => child.kill(name));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const { peakKib } = JSON.parse(readFileSync(usagePath, "utf8")) as { peakKib: number };
  return { code, stdout, stderr, peakMb: (peakKib * 1024) / 1e6 };
}

/** What is wrong with the folder of the only run of a home, in words: its log and options are there, the rest is cleaned up. */
export function runFolderProblems(home: string): string[] {
  const [run = "", ...others] = readdirSync(join(home, "runs"));
  const folder = join(home, "runs", run);
  const kept = readdirSync(folder).toSorted();
  const wrong = others.map((name) => `a folder of another run: ${name}`);
  for (const name of ["log", "options.json"]) if (!kept.includes(name)) wrong.push(`no ${name}`);
  for (const name of ["drivers", "outputs", "pods", "python", "reserve", "tmp", "volumes"]) {
    if (existsSync(join(folder, name))) wrong.push(`${name} is left over`);
  }
  return wrong;
}
