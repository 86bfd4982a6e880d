/**
 * The built driver with damaged input: the pipeline comes from an API server, claims go to a Kubernetes API.
 *
 * @module
 */
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
import type { DriverStarter } from "./driver-starters.ts";

const LIMIT_KIB = 512 * 1024;

/** What the drivers of a block share. */
export interface ProgramWorld {
  readonly fake: FakeApi;
  /** Folder with the built `bin` and `lib`. */
  readonly dist: string;
  readonly kubeconfig: string;
}

/** What is known of a driver that ended. */
export interface ProgramOutcome extends Outcome {
  readonly seed: number;
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
  return { fake, dist: path.dirname(bin), kubeconfig: config };
}

/** Damages what the seed says and starts the program. */
async function runDamaged(world: ProgramWorld, starter: DriverStarter, seed: number): Promise<ProgramOutcome> {
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
    // No argument of a program has a zero byte.
    const argv = damaged.argv.map((argument) => argument.replaceAll("\0", "\ufffd"));
    const ended = await starter.start(argv, { cwd, env: { ...place, ...own } });
    const problems = await problemsOf(damaged, { ...ended, ...linesOf(ended.stderr), files: await filesBelow(folder) });
    if (ended.peakKib > LIMIT_KIB) problems.push(`seed ${String(seed)}: took ${String(ended.peakKib)} KiB`);
    return { seed, exitCode: ended.exitCode, problems, peakKib: ended.peakKib, cpuMs: ended.cpuMs };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
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

export interface SeedPlan {
  readonly first: number;
  readonly count: number;
  /** Drivers at a time. */
  readonly workers: number;
  /** Called for each worker. */
  readonly starter: () => DriverStarter;
}

/** Runs the seeds from the first on, a few at a time, and tells of every 100. */
export async function runSeeds(
  world: ProgramWorld,
  { first, count, workers, starter: open }: SeedPlan,
): Promise<ProgramOutcome[]> {
  const outcomes: ProgramOutcome[] = [];
  let next = first;
  const work = async (): Promise<void> => {
    const starter = open();
    try {
      while (next < first + count) {
        const seed = next;
        next += 1;
        const outcome = await runDamaged(world, starter, seed);
        outcomes.push(outcome);
        for (const problem of outcome.problems) console.log(problem);
        if (outcomes.length % 100 === 0) console.log(`${String(outcomes.length)} of ${String(count)} from seed ${String(first)}`);
      }
    } finally {
      await starter.close();
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return outcomes;
}
