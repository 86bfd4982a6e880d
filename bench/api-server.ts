/**
 * The embedded API server in a process of its own, on a file, under load over gRPC: latencies, throughput and memory.
 *
 *     node bench/api-server.ts [--seconds 60] [--updates 200] [--lists 50] [--tasks 10000] [--runs 500] [--calls 2000] [--json]
 *
 * 1. `--updates` task updates and `--lists` listings of runs are in flight all the time, each client sending the next when it has its answer.
 *    At the end every task must hold the last value that was acknowledged, and no call may have failed.
 * 2. A run of `--tasks` tasks is read page by page.
 * 3. `--runs` runs are created one after the other.
 * 4. The same calls over gRPC and over REST, 20 in flight, `--calls` of each, in turns.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { IoType, TaskState, TaskType } from "../src/core/kfp-types.ts";
import { createRawClient, type RawApiClient } from "../test/fakes/raw-client.ts";

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    updates: { type: "string", default: "200" },
    lists: { type: "string", default: "50" },
    tasks: { type: "string", default: "10000" },
    runs: { type: "string", default: "500" },
    calls: { type: "string", default: "2000" },
    json: { type: "boolean", default: false },
  },
});
const SPEC = { pipelineInfo: { name: "bench" }, schemaVersion: "2.1.0", root: { dag: {} } };
const RUNS_UNDER_LOAD = 50;

interface Row {
  readonly what: string;
  readonly calls: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

function row(what: string, durationsMs: readonly number[], seconds: number): Row {
  const sorted = durationsMs.toSorted((left, right) => left - right);
  const at = (share: number): number => Number((sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(1));
  const perSecond = Math.round(sorted.length / seconds);
  return { what, calls: sorted.length, perSecond, p50Ms: at(0.5), p99Ms: at(0.99) };
}

async function timed<T>(durationsMs: number[], work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  durationsMs.push(performance.now() - start);
  return result;
}

const createRun = async (api: RawApiClient): Promise<string> =>
  (await api.createRun({ run: { displayName: "bench", pipelineSource: { case: "pipelineSpec", value: SPEC } } })).runId;

async function underLoad(clients: readonly RawApiClient[], megabytes: () => number): Promise<{ rows: Row[]; memory: number[] }> {
  const any = (index: number): RawApiClient => clients[index % clients.length] as RawApiClient;
  const runIds: string[] = [];
  for (let index = 0; index < RUNS_UNDER_LOAD; index += 1) runIds.push(await createRun(any(index)));
  const seconds = Number(options.seconds);
  const memory: number[] = [];
  const updates: number[] = [];
  const lists: number[] = [];
  const endMs = performance.now() + seconds * 1000;
  const sampler = setInterval(() => memory.push(megabytes()), 1_000);
  const last = new Map<string, number>();
  const tasks = await Promise.all(
    Array.from({ length: Number(options.updates) }, async (_, index) => {
      const runId = runIds[index % runIds.length] ?? "";
      const task = { name: `t${index}`, scopePath: `root.t${index}`, type: TaskType.RUNTIME, state: TaskState.RUNNING };
      return { runId, taskId: (await any(index).createTask({ runId, task })).taskId };
    }),
  );
  await Promise.all([
    ...tasks.map(async ({ runId, taskId }, index) => {
      for (let value = 1; performance.now() < endMs; value += 1) {
        const kind = { case: "numberValue", value } as const;
        const parameters = [{ parameterKey: "step", type: IoType.OUTPUT, producer: { taskName: "t" }, value: { kind } }];
        await timed(updates, async () => await any(index).updateTask({ runId, taskId, task: { outputs: { parameters } } }));
        last.set(taskId, value);
      }
    }),
    ...Array.from({ length: Number(options.lists) }, async (_, index) => {
      while (performance.now() < endMs) {
        const request = { pageSize: 20, sortBy: "created_at desc" };
        await timed(lists, async () => await any(index).listRuns(request));
      }
    }),
  ]);
  clearInterval(sampler);
  for (const { runId, taskId } of tasks) {
    const stored = (await any(0).getTask({ runId, taskId })).outputs?.parameters[0]?.value?.kind.value;
    if (stored !== last.get(taskId))
      throw new Error(`task ${taskId} lost an update: ${JSON.stringify(stored)}, not ${String(last.get(taskId))}`);
  }
  return { rows: [row("updateTask", updates, seconds), row("listRuns", lists, seconds)], memory };
}

async function largeRun(api: RawApiClient): Promise<Row[]> {
  const runId = await createRun(api);
  const total = Number(options.tasks);
  const creates: number[] = [];
  const root = await api.createTask({ runId, task: { name: "root", scopePath: "root", type: TaskType.ROOT } });
  const parentTaskId = root.taskId;
  const started = performance.now();
  for (let index = 0; index < total; index += 50) {
    await Promise.all(
      Array.from({ length: Math.min(50, total - index) }, async (_, offset) => {
        const typeAttributes = { iterationIndex: BigInt(index + offset) };
        const task = { name: "step", scopePath: "root.step", type: TaskType.RUNTIME, state: TaskState.SUCCEEDED, parentTaskId };
        await timed(creates, async () => await api.createTask({ runId, task: { ...task, typeAttributes } }));
      }),
    );
  }
  const createSeconds = (performance.now() - started) / 1000;
  const pages: number[] = [];
  const ids = new Set<string>();
  let pageToken = "";
  const listing = performance.now();
  do {
    const page = await timed(pages, async () => await api.listTasks({ runId, pageSize: 200, pageToken }));
    for (const { taskId } of page.tasks) ids.add(taskId);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  if (ids.size !== total + 1) throw new Error(`${ids.size} of ${total + 1} tasks were listed`);
  const listSeconds = (performance.now() - listing) / 1000;
  return [row("createTask, large run", creates, createSeconds), row("listTasks, pages of 200", pages, listSeconds)];
}

async function manyRuns(api: RawApiClient): Promise<Row> {
  const durations: number[] = [];
  const started = performance.now();
  for (let index = 0; index < Number(options.runs); index += 1) await timed(durations, async () => await createRun(api));
  return row("createRun", durations, (performance.now() - started) / 1000);
}

/** One call over both. Each turn is a tenth of the calls, so that what else the machine does hits both alike. */
async function beside(api: RawApiClient, rest: string): Promise<Row[]> {
  const runId = await createRun(api);
  const task = { name: "t", scopePath: "root.t", type: TaskType.RUNTIME, state: TaskState.RUNNING };
  const { taskId } = await api.createTask({ runId, task });
  const overRest = async (path: string, init?: RequestInit): Promise<void> => {
    const answer = await fetch(`${rest}/apis/v2beta1/${path}`, init);
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    await answer.json();
  };
  const json = (method: string, body: unknown): RequestInit => ({
    ...{ method, body: JSON.stringify(body) },
    headers: { "content-type": "application/json" },
  });
  const sortBy = "created_at desc";
  const pairs: readonly (readonly [what: string, grpc: () => Promise<unknown>, rest: () => Promise<unknown>])[] = [
    ["healthz", () => api.getHealthz({}), () => overRest("healthz")],
    ["getRun", () => api.getRun({ runId }), () => overRest(`runs/${runId}`)],
    [
      "listRuns, 20 of a page",
      () => api.listRuns({ pageSize: 20, sortBy }),
      () => overRest(`runs?page_size=20&sort_by=${encodeURIComponent(sortBy)}`),
    ],
    [
      "updateTask",
      () => api.updateTask({ runId, taskId, task: { state: TaskState.RUNNING } }),
      () => overRest(`runs/${runId}/tasks/${taskId}`, json("PATCH", { state: "RUNNING" })),
    ],
    ["createRun", () => createRun(api), () => overRest("runs", json("POST", { display_name: "bench", pipeline_spec: SPEC }))],
  ];
  const rows: Row[] = [];
  for (const [what, ...ways] of pairs) {
    const measured = ways.map((call) => ({ call, durations: [] as number[], seconds: 0 }));
    for (let turn = 0; turn < 10; turn += 1) {
      for (const way of measured) {
        const started = performance.now();
        let left = Number(options.calls) / 10;
        const one = async (): Promise<void> => {
          while (left-- > 0) await timed(way.durations, way.call);
        };
        await Promise.all(Array.from({ length: 20 }, one));
        way.seconds += (performance.now() - started) / 1000;
      }
    }
    measured.forEach(({ durations, seconds }, index) =>
      rows.push(row(`${what}, ${index === 0 ? "gRPC" : "REST"}`, durations, seconds)),
    );
  }
  return rows;
}

const folder = await mkdtemp(path.join(tmpdir(), "kfp-bench-"));
const script = path.join(import.meta.dirname, "../test/fixtures/bin/serve-api.ts");
const child = spawn(process.execPath, [script, path.join(folder, "state.db"), "--rest"], {
  stdio: ["ignore", "pipe", "inherit"],
});
try {
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const address = String((await lines.next()).value);
  const rest = String((await lines.next()).value);
  const clients = Array.from({ length: 10 }, () => createRawClient(address));
  const residentMegabytes = (): number => {
    const text = readFileSync(`/proc/${String(child.pid)}/status`, "utf8");
    return Math.round(Number(/VmRSS:\s+(\d+)/.exec(text)?.[1]) / 1024);
  };
  const { rows, memory } = await underLoad(clients, residentMegabytes);
  const [first] = clients as [RawApiClient];
  rows.push(...(await largeRun(first)), await manyRuns(first), ...(await beside(first, rest)));
  const half = Math.floor(memory.length / 2);
  const megabytes = { atHalf: memory[half], atEnd: memory.at(-1), most: Math.max(...memory), afterAll: residentMegabytes() };
  if (options.json) process.stdout.write(`${JSON.stringify({ rows, megabytes })}\n`);
  else {
    console.table(rows);
    process.stdout.write(`memory of the server in MiB: ${JSON.stringify(megabytes)}\n`);
  }
  for (const api of clients) api.close();
} finally {
  child.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
}
