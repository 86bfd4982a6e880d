/**
 * Where users wait for the launcher: from its start to the start of the user's command, and from the command's end to its own, beside bare
 * Node and two HTTP/2 calls in the same run: `node bench/launcher-halves.ts [--runs N] [--cpus 0.5] [--dist DIR] [--beside PROGRAM]`.
 *
 * The command is a shell that prints the time, so both halves hold some milliseconds of its own start and end. With --cpus the programs run
 * under that CPU quota, which needs root. --beside times another launcher, such as the Go program, with the same flags; one that wants a Kubernetes API is to be given it by a script
 * around it. Needs a build.
 */
import { spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { LATE_AUTHORITIES, nodeOptions } from "../scripts/lib/node-options.mjs";
import { startSampleServer, type ProgramStart } from "../scripts/lib/sample-run.ts";
import { makeLimitedGroup } from "../test/support/cgroup.ts";
import { BARE_CALLS } from "./bare-calls.ts";
import { median } from "./timed-start.ts";

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "15" },
    cpus: { type: "string" },
    dist: { type: "string", default: path.resolve(import.meta.dirname, "../dist") },
    beside: { type: "string" },
  },
});

interface Halves {
  /** From the start of the process to the start of the command. */
  readonly beforeMs: number;
  /** From the command's end to the end of the process. */
  readonly afterMs: number;
  readonly totalMs: number;
  /** Calls at the server before the command. */
  readonly callsBefore: number;
}

const boot = path.join(options.dist, "lib/boot.cjs");
/** As the portable folders and the start scripts do. */
const started = (program: string) => [process.execPath, LATE_AUTHORITIES, ...nodeOptions(program), boot, program];
if (!existsSync(boot)) throw new Error(`there is no build at ${options.dist}: run npm run build first`);
const group = options.cpus === undefined ? undefined : makeLimitedGroup({ cpus: Number(options.cpus) });
if (options.cpus !== undefined && group === undefined) throw new Error("no control group with a CPU quota can be made here");
// The Go program knows one layout of runs, ours finds out.
const server = await startSampleServer(options.beside === undefined ? {} : { runLayout: "branch" });

/** The user's command: says when it runs. */
const COMMAND = ["bash", "-c", "echo started $EPOCHREALTIME"];

function withCommand({ argv, environment }: ProgramStart): ProgramStart {
  return { argv: [...argv.slice(0, argv.indexOf("--") + 1), ...COMMAND], environment };
}

async function time(command: readonly string[], start: ProgramStart): Promise<Halves> {
  // A CPU quota counts in periods of 100 ms: begin with a fresh one.
  if (group !== undefined) await new Promise((resolve) => setTimeout(resolve, 150));
  const all = [...command, ...start.argv];
  const [program = "", ...args] = group === undefined ? all : group.wrap(all);
  return new Promise((resolve, reject) => {
    const callTimes: number[] = [];
    server.onCall = () => void callTimes.push(performance.timeOrigin + performance.now());
    const startedAt = performance.timeOrigin + performance.now();
    const environment = { PATH: process.env["PATH"], ...start.environment };
    const child = spawn(program, args, { env: environment, stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    let errors = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (errors += chunk));
    child.on("error", reject);
    let endedAt = 0;
    child.on("exit", () => (endedAt = performance.timeOrigin + performance.now()));
    child.on("close", (code) => {
      if (code !== 0) return reject(new Error(`${command.join(" ")} ended with ${String(code)}: ${errors}`));
      const [, said] = /started (\d+\.\d+)/.exec(text) ?? [];
      // A program without a command of its own has no halves.
      const ranAt = said === undefined ? endedAt : Number(said) * 1000;
      const callsBefore = callTimes.filter((at) => at < ranAt).length;
      resolve({ beforeMs: ranAt - startedAt, afterMs: endedAt - ranAt, totalMs: endedAt - startedAt, callsBefore });
    });
  });
}

const folder = await mkdtemp(path.join(tmpdir(), "kfp-runtime-bench-"));
const samples = new Map<string, Halves[]>();
try {
  const script = path.join(folder, "bare-calls.cjs");
  writeFileSync(script, BARE_CALLS);
  const node = process.execPath;
  // One round to warm up, and in turns, so that noise meets all alike.
  for (let round = 0; round <= Number(options.runs); round++) {
    const take = async (name: string, command: readonly string[], start: ProgramStart): Promise<void> => {
      const sample = await time(command, start);
      if (round > 0) samples.set(name, [...(samples.get(name) ?? []), sample]);
    };
    const run = await server.newRun();
    await take("bare Node (`node -e 0`)", [node, "-e", "0"], { argv: [], environment: {} });
    await take("two HTTP/2 calls", [node, script], run.rootDriver);
    await time(started("driver"), run.rootDriver);
    await time(started("driver"), await run.containerDriver());
    const launcher = withCommand(await run.launcher());
    await take("launcher", started("launcher-v2"), launcher);
    if (options.beside !== undefined) await take(path.basename(options.beside), [options.beside], launcher);
  }
} finally {
  await server.close();
  group?.remove();
  await rm(folder, { recursive: true, force: true });
}
const limit = options.cpus === undefined ? "no limit" : `${options.cpus} CPU`;
console.log(`| ${limit}, median of ${options.runs} | to the command ms | after it ms | total ms | calls before it |`);
console.log("| --- | ---: | ---: | ---: | ---: |");
for (const [name, list] of samples) {
  const of = (field: keyof Halves): string => median(list.map((sample) => sample[field])).toFixed(0);
  const hasHalves = median(list.map(({ afterMs }) => afterMs)) > 0;
  const halves = hasHalves ? [of("beforeMs"), of("afterMs")] : ["", ""];
  console.log(`| ${[name, ...halves, of("totalMs"), of("callsBefore")].join(" | ")} |`);
}
