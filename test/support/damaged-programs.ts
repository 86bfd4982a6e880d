/**
 * The built driver as a process, with damaged input: the pipeline comes from an API server, claims go to a Kubernetes API.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { onTestFinished } from "vitest";
import { startFakeApi, type FakeApi } from "../fakes/kfp-api.ts";
import { startVolumeClaimServer } from "../fakes/volume-claim-server.ts";
import { builtPrograms } from "./built-programs.ts";
import { kubeconfig } from "./claim-pipeline.ts";
import { damagedCase } from "./damaged-cases.ts";
import { problemsOf, type Ended, type Outcome } from "./driver-mutation-check.ts";
import { root } from "./probe.ts";

/** Above the limit of a driver: one that takes too long is told apart from one that hangs. */
const KILLED_AFTER_MS = 60_000;
const LIMIT_KIB = 512 * 1024;

/** What the drivers of a block share. */
export interface ProgramWorld {
  readonly fake: FakeApi;
  readonly driver: string;
  readonly kubeconfig: string;
}

/** What is known of a driver that ended. */
export interface ProgramOutcome extends Outcome {
  /** 0 for a driver that was killed. */
  readonly peakKib: number;
  readonly cpuMs: number;
}

/** Servers and files that last as long as the running test. */
export async function startProgramWorld(): Promise<ProgramWorld> {
  const [{ bin }, fake, claims] = await Promise.all([builtPrograms(), startFakeApi(), startVolumeClaimServer()]);
  const folder = await mkdtemp(path.join(tmpdir(), "kfp-damaged-world-"));
  onTestFinished(async () => {
    await claims.close();
    await rm(folder, { recursive: true, force: true });
  });
  const config = path.join(folder, "kubeconfig");
  await writeFile(config, kubeconfig(claims.url));
  return { fake, driver: path.join(bin, "driver"), kubeconfig: config };
}

/** Damages what the seed says and starts the program. Several may run at a time. */
export async function runDamaged(world: ProgramWorld, seed: number): Promise<ProgramOutcome> {
  const { host, port } = world.fake.server;
  const damaged = await damagedCase(world.fake, seed, { server: { address: host, port: String(port) }, outputs: "out/" });
  const folder = await mkdtemp(path.join(tmpdir(), "kfp-damaged-"));
  try {
    // Paths that damage made lead up at times.
    const cwd = path.join(folder, "a/b/c");
    await mkdir(cwd, { recursive: true });
    const { name, uid } = damaged.options.pod;
    const own = { KFP_POD_NAME: name, KFP_POD_UID: uid, KFP_API_RETRY_TIMEOUT: "3s", KFP_LOG_FORMAT: "json" };
    const place = { PATH: process.env["PATH"] ?? "", HOME: folder, KUBECONFIG: world.kubeconfig };
    const ended = await start(world.driver, damaged.argv, { cwd, env: { ...place, ...own } });
    const problems = await problemsOf(damaged, { ...ended, files: await filesBelow(folder) });
    if (ended.peakKib > LIMIT_KIB) problems.push(`seed ${String(seed)}: took ${String(ended.peakKib)} KiB`);
    return { exitCode: ended.exitCode, problems, peakKib: ended.peakKib, cpuMs: ended.cpuMs };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function start(
  program: string,
  argv: readonly string[],
  { cwd, env }: { readonly cwd: string; readonly env: Record<string, string> },
): Promise<Omit<Ended, "files"> & { readonly peakKib: number; readonly cpuMs: number }> {
  const startedAt = performance.now();
  const usage = path.join(root, "test/support/report-usage.cjs");
  // No argument of a program has a zero byte.
  const child = spawn(
    program,
    argv.map((argument) => argument.replaceAll("\0", "\ufffd")),
    { cwd, env: { ...env, NODE_OPTIONS: `--require=${JSON.stringify(usage)}` }, stdio: ["ignore", "ignore", "pipe", "pipe"] },
  );
  const [, , stderr, words] = child.stdio;
  let text = "";
  let last = "";
  stderr?.on("data", (chunk: Buffer) => (text += chunk.toString()));
  (words as NodeJS.ReadableStream).on("data", (chunk: Buffer) => (last += chunk.toString()));
  const limit = setTimeout(() => child.kill("SIGKILL"), KILLED_AFTER_MS);
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  clearTimeout(limit);
  const elapsedMs = performance.now() - startedAt;
  const used = JSON.parse(last === "" ? '{"peakKib":0,"cpuMs":0}' : last) as { peakKib: number; cpuMs: number };
  return { exitCode, ...linesOf(text), elapsedMs, ...used };
}

/** Log lines are JSON objects; the rest is usage, or a program that broke. */
function linesOf(text: string): Pick<Ended, "errors" | "warnings" | "stderr"> {
  const messages: Record<string, string[]> = { error: [], warn: [] };
  const others: string[] = [];
  for (const line of text.split("\n")) {
    if (!line.startsWith('{"')) others.push(line);
    else {
      const { level, message } = JSON.parse(line) as { level: string; message: string };
      messages[level]?.push(message);
    }
  }
  return { errors: messages["error"] ?? [], warnings: messages["warn"] ?? [], stderr: others.join("\n").trim() };
}

/** By name: output files have names of their own, and damage may have moved them. */
async function filesBelow(folder: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) found.set(entry.name, await readFile(path.join(entry.parentPath, entry.name), "utf8"));
  }
  return found;
}

/** Runs the seeds from the first on, a few at a time, and tells of every 100. */
export async function runSeeds(
  world: ProgramWorld,
  { first, count, workers }: { readonly first: number; readonly count: number; readonly workers: number },
): Promise<ProgramOutcome[]> {
  const outcomes: ProgramOutcome[] = [];
  let next = first;
  const work = async (): Promise<void> => {
    while (next < first + count) {
      const seed = next;
      next += 1;
      const outcome = await runDamaged(world, seed);
      outcomes.push(outcome);
      for (const problem of outcome.problems) console.log(problem);
      if (outcomes.length % 100 === 0) console.log(`${String(outcomes.length)} of ${String(count)} from seed ${String(first)}`);
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return outcomes;
}
