/**
 * Drivers of a loop in `driver agent` beside a process for each: drives per second, latency, CPU of each driver.
 *
 *     node bench/resident-driver.ts [--items 200] [--processes 30] [--json]
 *
 * 1. Agent, one at a time: a node is offered, and waited for until its result is in the task set; then the next one.
 * 2. Agent, all at once: a loop of `--items` iterations.
 * 3. Processes, one at a time: the built `driver` with the flags of the same nodes, as a pod would start it. No pod is scheduled and no
 *    image pulled, so a pod costs this and more.
 *
 * The three are taken from turn to turn in one run. The API server and the small Kubernetes API of the test cluster are in the process of
 * this bench: their CPU is not counted, and what they need of the machine is part of the latencies. CPU of the agent is what its metrics
 * say at the begin and the end of a turn.
 */
import { mkdtemp, mkdir, rm } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { parse } from "yaml";
import { startApiServer } from "../src/apiserver/server.ts";
import type { JsonObject } from "../src/core/values/value.ts";
import { parsePluginTask, pluginArguments, STANDARD_OUTPUTS } from "../src/resident/plugin-template.ts";
import { resourceOf } from "../test/cluster/kube-api/resources.ts";
import { createRawClient } from "../test/fakes/raw-client.ts";
import { startAgentProcess } from "../test/support/agent-process.ts";
import { builtPrograms } from "../test/support/built-programs.ts";
import { driverProcesses } from "../test/support/driver-starters.ts";
import { root } from "../test/support/probe.ts";
import { startSmallKube } from "../test/support/small-kube.ts";
import { driverTemplate, WorkflowPlayer } from "../test/support/workflow-player.ts";

const { values: options } = parseArgs({
  options: {
    items: { type: "string", default: "200" },
    processes: { type: "string", default: "30" },
    json: { type: "boolean", default: false },
  },
});
const ITEMS = Number(options.items);
const PROCESSES = Number(options.processes);
const NAMESPACE = "bench";
const TURNS = 3;

interface Turn {
  readonly form: string;
  readonly drives: number;
  readonly perSecond: number;
  /** From being asked for to its result. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  /** From the moment the agent sees it to the moment its result is written, as the agent counts it. */
  readonly ownP50Ms: number | undefined;
  readonly ownP95Ms: number | undefined;
  readonly cpuMsPerDrive: number;
}

const programs = await builtPrograms();
const folder = await mkdtemp(path.join(tmpdir(), "kfp-bench-resident-"));
const kube = await startSmallKube(folder);
const server = await startApiServer({ database: path.join(folder, "state.db") });
const raw = createRawClient(server.address);
for (const name of ["pipeline-runner"])
  kube.store.create({ resource: resourceOf("serviceaccounts"), namespace: NAMESPACE }, { metadata: { name } });
const data = { defaultPipelineRoot: "s3://bucket/root" };
kube.store.create({ resource: resourceOf("configmaps"), namespace: NAMESPACE }, { metadata: { name: "kfp-launcher" }, data });
const agent = startAgentProcess(programs, { kubeconfig: kube.kubeconfig, server, argv: ["--log_level", "0"] });
const starter = driverProcesses(path.join(programs.bin, "driver"));
let runs = 0;

/** A run with its loop driven, whose iterations are not asked for yet. */
async function preparedRun(items: number): Promise<{ player: WorkflowPlayer; runId: string; loop: string; name: string }> {
  const spec = parse(readFileSync(path.join(root, "test/fixtures/pipelines/wide_loop.yaml"), "utf8")) as JsonObject;
  const run = await raw.createRun({ run: { displayName: "bench", pipelineSource: { case: "pipelineSpec", value: spec } } });
  const name = `wf-${String((runs += 1))}`;
  const { runId } = run;
  const player = new WorkflowPlayer({ store: kube.store, namespace: NAMESPACE, name, runId, items, offersIterations: false });
  player.start();
  await resultOf(player, "loop");
  return { player, runId, name, loop: player.value("loop", "parent-dag-task-id-path") ?? "" };
}

async function resultOf(player: WorkflowPlayer, node: string): Promise<void> {
  const result = await player.answered(node);
  if (result.phase !== "Succeeded") throw new Error(`node ${node} ended as ${JSON.stringify(result)}`);
}

const iteration = (loop: string, index: number) => ({
  ...{ task_name: "echo", parent_task_id: loop, iteration_index: String(index) },
});

/** What the agent says of itself. */
interface AgentReading {
  readonly cpuMs: number;
  /** Upper bound in seconds, and results up to it; cumulative. */
  readonly answers: readonly (readonly [number, number])[];
  readonly residentMiB: number;
}

async function readAgent(): Promise<AgentReading> {
  const answer = await fetch(`http://127.0.0.1:${String(await agent.statusPort)}/metrics`);
  const text = await answer.text();
  const value = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
  const buckets = text.matchAll(/^kfp_driver_agent_answer_seconds_bucket\{le="([^"]+)"\} (\d+)$/gm);
  return {
    cpuMs: value("process_cpu_seconds_total") * 1000,
    answers: [...buckets].map(([, bound, count]) => [bound === "+Inf" ? Infinity : Number(bound), Number(count)] as const),
    residentMiB: value("process_resident_memory_bytes") / 2 ** 20,
  };
}

/** Between two readings, in ms: a line is drawn through the bucket that holds it. */
function answerQuantileMs(before: AgentReading, after: AgentReading, share: number): number {
  const counts = after.answers.map(([bound, count], index) => [bound, count - (before.answers[index]?.[1] ?? 0)] as const);
  const wanted = share * (counts.at(-1)?.[1] ?? 0);
  let below: readonly [number, number] = [0, 0];
  for (const bucket of counts) {
    if (bucket[1] >= wanted)
      return 1000 * (below[0] + ((bucket[0] - below[0]) * (wanted - below[1])) / Math.max(1, bucket[1] - below[1]));
    below = bucket;
  }
  return Infinity;
}

const rounded = (value: number): number => Number(value.toFixed(1));

/** Durations of a turn and what it took in all. */
interface Measured {
  readonly durationsMs: readonly number[];
  readonly seconds: number;
  readonly cpuMs: number;
  readonly agent?: { readonly before: AgentReading; readonly after: AgentReading };
}

function turn(form: string, { durationsMs, seconds, cpuMs, agent: readings }: Measured): Turn {
  const sorted = durationsMs.toSorted((left, right) => left - right);
  const at = (share: number): number => rounded(sorted[Math.floor(share * (sorted.length - 1))] ?? 0);
  const own = (share: number): number | undefined =>
    readings === undefined ? undefined : rounded(answerQuantileMs(readings.before, readings.after, share));
  return {
    form,
    drives: sorted.length,
    perSecond: rounded(sorted.length / seconds),
    ...{ p50Ms: at(0.5), p95Ms: at(0.95), ownP50Ms: own(0.5), ownP95Ms: own(0.95) },
    cpuMsPerDrive: rounded(cpuMs / sorted.length),
  };
}

async function oneAtATime(count: number): Promise<Turn> {
  const { player, loop } = await preparedRun(count);
  const durationsMs: number[] = [];
  const before = await readAgent();
  const beganMs = performance.now();
  for (let index = 0; index < count; index++) {
    const startMs = performance.now();
    player.offer(`echo-${String(index)}`, "CONTAINER", iteration(loop, index));
    await resultOf(player, `echo-${String(index)}`);
    durationsMs.push(performance.now() - startMs);
  }
  const seconds = (performance.now() - beganMs) / 1000;
  const after = await readAgent();
  player.complete();
  player.stop();
  return turn("agent, one at a time", { durationsMs, seconds, cpuMs: after.cpuMs - before.cpuMs, agent: { before, after } });
}

async function allAtOnce(count: number): Promise<Turn> {
  const { player, loop, runId, name } = await preparedRun(count);
  const durationsMs: number[] = [];
  const tasks = Array.from({ length: count }, (_, index): [string, JsonObject] => [
    `echo-${String(index)}`,
    driverTemplate("CONTAINER", { runId, name }, iteration(loop, index)),
  ]);
  const before = await readAgent();
  const startMs = performance.now();
  player.offerTasks(Object.fromEntries(tasks));
  await Promise.all(
    tasks.map(async ([node]) => {
      await resultOf(player, node);
      durationsMs.push(performance.now() - startMs);
    }),
  );
  const seconds = (performance.now() - startMs) / 1000;
  const after = await readAgent();
  player.complete();
  player.stop();
  return turn("agent, all at once", { durationsMs, seconds, cpuMs: after.cpuMs - before.cpuMs, agent: { before, after } });
}

async function processes(count: number): Promise<Turn> {
  const { player, loop, runId, name } = await preparedRun(count);
  const durationsMs: number[] = [];
  let cpuMs = 0;
  const beganMs = performance.now();
  for (let index = 0; index < count; index++) {
    const task = parsePluginTask(driverTemplate("CONTAINER", { runId, name }, iteration(loop, index)));
    if (task === undefined) throw new Error("the template of the bench has no plugin object");
    const out = path.join(folder, "out", runId, String(index));
    await mkdir(out, { recursive: true });
    const argv = pluginArguments(task, NAMESPACE).map((argument) =>
      Object.entries(STANDARD_OUTPUTS).some(([flag, output]) => argument === `--${flag}=${output}`)
        ? argument.replace("=", `=${out}/`)
        : argument.replace(/^(--ml_pipeline_server_)(address|port)=.*/, (_, flag: string, part: string) =>
            part === "address" ? `${flag}address=${server.host}` : `${flag}port=${String(server.port)}`,
          ),
    );
    const env = {
      ...{ PATH: process.env["PATH"] ?? "", KUBECONFIG: kube.kubeconfig, KFP_TOKEN_PATH: "" },
      ...{ KFP_POD_NAME: `pod-${String(index)}`, KFP_POD_UID: `uid-${runId}-${String(index)}` },
    };
    const ended = await starter.start(argv, { cwd: folder, env });
    if (ended.exitCode !== 0) throw new Error(`a driver ended with ${String(ended.exitCode)}: ${ended.stderr.slice(-1000)}`);
    durationsMs.push(ended.elapsedMs);
    cpuMs += ended.cpuMs;
  }
  const seconds = (performance.now() - beganMs) / 1000;
  player.complete();
  player.stop();
  return turn("processes, one at a time", { durationsMs, seconds, cpuMs });
}

try {
  await oneAtATime(20);
  const turns: Turn[] = [];
  for (let index = 0; index < TURNS; index++) {
    turns.push(await oneAtATime(ITEMS), await processes(PROCESSES), await allAtOnce(ITEMS));
  }
  const median = (form: string): Turn => {
    const of = turns.filter((each) => each.form === form).toSorted((left, right) => left.p50Ms - right.p50Ms);
    return of[Math.floor(of.length / 2)] as Turn;
  };
  const rows = [...new Set(turns.map(({ form }) => form))].map(median);
  if (options.json) console.log(JSON.stringify({ items: ITEMS, turns, rows }));
  else console.table(rows);
  const { residentMiB } = await readAgent();
  if (!options.json) console.log(`resident memory of the agent: ${residentMiB.toFixed(0)} MiB`);
} finally {
  agent.kill("SIGTERM");
  await agent.ended;
  await starter.close();
  raw.close();
  await server.close();
  await kube.stop();
  await rm(folder, { recursive: true, force: true });
}
