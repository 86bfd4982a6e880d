/**
 * SIGINT or SIGTERM at 100 random moments of driver, launcher and run, by seeds; KFP_TEST_SIGNAL_MOMENTS sets another number. And a run
 * that waits for what may never come.
 */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { builtPrograms, type Programs } from "../support/built-programs.ts";
import { programEnvironment, RunningProgram } from "../support/program-executor.ts";
import { makeFolder, removeFolder, root } from "../support/probe.ts";
import { allEnded } from "../support/processes.ts";
import { parseResult } from "../support/run-results.ts";
import { stopDriverAt, stopLauncherAt } from "../support/signal-moments.ts";
import { randomOf, SignalWorld, startSilentServer, type StopSignal } from "../support/signal-world.ts";

const moments = Number(process.env["KFP_TEST_SIGNAL_MOMENTS"] ?? "100");
const seeds = Array.from({ length: moments }, (_, index) => index + 1);

let programs: Programs;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  folder = await makeFolder();
});
afterAll(() => removeFolder(folder));

/** So many at a time: most of a stubborn launcher's life is waiting. @returns All that was wrong. */
async function inParallel(places: number, work: (seed: number) => Promise<string | undefined>): Promise<string[]> {
  const left = [...seeds];
  const problems: string[] = [];
  const worker = async (): Promise<void> => {
    for (let seed = left.shift(); seed !== undefined; seed = left.shift()) {
      const problem = await work(seed);
      if (problem !== undefined) problems.push(problem);
    }
  };
  await Promise.all(Array.from({ length: places }, worker));
  return problems;
}

describe("driver and launcher", () => {
  let world: SignalWorld;
  beforeAll(async () => {
    world = await SignalWorld.open(programs, folder);
  });
  afterAll(() => world.close());

  test("a driver", { timeout: 1_800_000 }, async () => {
    expect(await inParallel(2, (seed) => stopDriverAt(world, seed))).toEqual([]);
  });

  test("a launcher around a stubborn command", { timeout: 3_600_000 }, async () => {
    expect(await inParallel(4, (seed) => stopLauncherAt(world, seed))).toEqual([]);
  });
});

const FINAL = new Set(["SUCCEEDED", "FAILED", "SKIPPED", "CACHED"]);
const slow = path.join(root, "test/fixtures/slow.yaml");
/** From the first line of the run to steps that are all at work. */
const RUN_LIFE_MS = 3000;

function startRun(
  pipeline: string,
  home: string,
  more: readonly string[] = [],
  env: Record<string, string> = {},
): RunningProgram {
  const args = ["run", pipeline, "--home", home, "--output", "json", ...more];
  const program = new RunningProgram(path.join(programs.bin, "kfp-runtime"), args, {
    ...programEnvironment(),
    NO_COLOR: "1",
    ...env,
  });
  onTestFinished(() => {
    program.child.kill("SIGKILL");
  });
  return program;
}

const pidsIn = (stderr: string): number[] => [...stderr.matchAll(/\| pid (\d+)/g)].map(([, pid]) => Number(pid));

async function stopRunAt(seed: number, isolation: string): Promise<string | undefined> {
  const random = randomOf(seed);
  const signal: StopSignal = random() < 0.5 ? "SIGINT" : "SIGTERM";
  const program = startRun(slow, path.join(folder, `home-${isolation}-${String(seed)}`), ["--isolation", isolation]);
  await program.says("of pipeline");
  await delay(random() * RUN_LIFE_MS);
  const askedMs = Date.now();
  program.child.kill(signal);
  const { code, stdout, stderr } = await program.ended;
  const tookMs = Date.now() - askedMs;
  if (tookMs >= 10_000) return `seed ${String(seed)}: it took ${String(tookMs)} ms`;
  if (code !== 130 && code !== 143) return `seed ${String(seed)}: it ended with ${String(code)}: ${stderr}`;
  if (!(await allEnded(pidsIn(stderr)))) return `seed ${String(seed)}: a step still runs`;
  const open = parseResult(stdout).tasks.filter(({ state }) => !FINAL.has(state));
  return open.length === 0 ? undefined : `seed ${String(seed)}: ${open.map(({ scopePath }) => scopePath).join(", ")} not final`;
}

describe.each(["in-process", "process"])("run, %s", (isolation) => {
  test("ends within ten seconds at any moment, every row is final, nothing is left running", { timeout: 3_600_000 }, async () => {
    expect(await inParallel(2, (seed) => stopRunAt(seed, isolation))).toEqual([]);
  });
});

describe.each([
  { isolation: "in-process", signal: "SIGINT" },
  { isolation: "process", signal: "SIGTERM" },
] as const)("a run that waits, $isolation, and gets $signal", ({ isolation, signal }) => {
  const start = (
    pipeline: string,
    name: string,
    more: readonly string[] = [],
    env: Record<string, string> = {},
  ): RunningProgram =>
    startRun(pipeline, path.join(folder, `home-${name}-${isolation}`), ["--isolation", isolation, ...more], env);

  /** @returns What is wrong; nothing when it ends in time and every row is final. */
  async function stop({ child, ended }: RunningProgram): Promise<string | undefined> {
    const askedMs = Date.now();
    child.kill(signal);
    const { code, stdout, stderr } = await ended;
    const tookMs = Date.now() - askedMs;
    if (tookMs >= 10_000) return `it took ${String(tookMs)} ms`;
    if (code === 0) return `it ended well: ${stderr}`;
    if (stdout === "") return undefined;
    const open = parseResult(stdout).tasks.filter(({ state }) => !FINAL.has(state));
    return open.length === 0 ? undefined : `${open.map(({ scopePath }) => scopePath).join(", ")} not final`;
  }

  const onePipe = {
    pipelineInfo: { name: "pipe" },
    schemaVersion: "2.1.0",
    sdkVersion: "kfp-2.14.0",
    root: { dag: { tasks: { step: { componentRef: { name: "comp" }, taskInfo: { name: "step" } } } } },
    components: {
      comp: { executorLabel: "exec", outputDefinitions: { parameters: { n: { parameterType: "STRING" } } } },
    },
    deploymentSpec: {
      executors: {
        exec: {
          container: {
            image: "none",
            command: ["sh", "-c", 'mkdir -p "$(dirname "$0")"; mkfifo "$0"', "{{$.outputs.parameters['n'].output_file}}"],
          },
        },
      },
    },
  };

  test("for a pipe in the place of an output", { timeout: 120_000 }, async () => {
    const file = path.join(folder, "pipe.yaml");
    writeFileSync(file, JSON.stringify(onePipe));
    const program = start(file, "pipe");
    await program.says("step");
    await delay(1000);
    expect(await stop(program)).toBeUndefined();
  });

  test("for a condition that takes for ever", { timeout: 120_000 }, async () => {
    const file = path.join(root, "test/fixtures/refused/condition-that-explodes.yaml");
    const program = start(file, "condition", ["--param", "x=x"]);
    await program.says("of pipeline");
    await delay(1000);
    expect(await stop(program)).toBeUndefined();
  });

  test("for a package index that says nothing", { timeout: 120_000 }, async () => {
    const silent = await startSilentServer();
    const program = start(path.join(root, "examples/python-components/pipeline.yaml"), "python", [], {
      PIP_INDEX_URL: `http://127.0.0.1:${String(silent.port)}/simple`,
      PIP_CONFIG_FILE: "/dev/null",
    });
    await Promise.race([silent.reached, program.ended]);
    expect(await stop(program)).toBeUndefined();
    silent.close();
  });
});
