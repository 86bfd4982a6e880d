/**
 * What a server under load keeps: the heap of a real `kfp-runtime serve` after forced garbage collections, round after round.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { IoType, TaskState, TaskType } from "../../src/core/kfp-types.ts";
import { loadPipelineFile } from "../../src/local/pipeline/pipeline-file.ts";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";
import { createRawClient } from "../fakes/raw-client.ts";
import type { Programs } from "./built-programs.ts";
import { measureHeap, type HeldMemory } from "./held-memory.ts";
import { attachInspector, type InspectorClient } from "./inspector-client.ts";
import { root } from "./probe.ts";
import { startServing, until, type Serving } from "./serving.ts";

export interface MemoryLoad {
  readonly folder: string;
  /** Measured rounds; two more come first, for what is made once. */
  readonly rounds: number;
  /** Calls of each round. Of listings, half go over REST. */
  readonly updates: number;
  readonly listings: number;
  /** Makes the server keep that many bytes of every write, from its start. */
  readonly leakBytesPerWrite?: number;
}

export interface MemoryOutcome {
  readonly rounds: readonly HeldMemory[];
  /** Tasks that do not hold the last value that was acknowledged. */
  readonly lostUpdates: readonly string[];
}

const TASKS = 200;
const LISTERS = 50;
const RUNS = 50;

/** Keeps 200 updates and 50 listings in flight until each round's calls are done. Throws when a call fails. */
export async function measureServerMemory(programs: Programs, load: MemoryLoad): Promise<MemoryOutcome> {
  mkdirSync(load.folder, { recursive: true });
  const home = join(load.folder, "home");
  const server = await startServing(programs, home, ["--max-runs", "1"], { NODE_OPTIONS: "--inspect=127.0.0.1:0" });
  const clients = Array.from({ length: 10 }, () => createRawClient(`${server.grpc.host}:${server.grpc.port}`));
  const [, url] = /Debugger listening on (ws:\S+)/.exec(server.log()) ?? [];
  const inspector = await attachInspector(url ?? "");
  try {
    if (load.leakBytesPerWrite !== undefined) await plantLeak(inspector, load.leakBytesPerWrite);
    await occupy(server, load.folder);
    const traffic = await startTraffic(server, clients);
    const rounds: HeldMemory[] = [];
    for (let round = -2; round < load.rounds; round += 1) {
      await traffic.round(load.updates, load.listings);
      const measured = await measureHeap(inspector);
      if (round >= 0) rounds.push(measured);
    }
    return { rounds, lostUpdates: await traffic.lostUpdates() };
  } finally {
    inspector.close();
    for (const client of clients) client.close();
    await server.end("SIGKILL");
  }
}

/** The only place is taken by a run that goes on, so that the runs of the load wait and their tasks can be written. */
async function occupy(server: Serving, folder: string): Promise<void> {
  const { source } = await loadPipelineFile(nodeFileSystem, join(root, "test/fixtures/gate.yaml"));
  const client = await server.connect();
  await client.createRun({ runId: randomUUID(), displayName: "gate", source, parameters: { folder }, pipelineRoot: "" });
  client.close();
  await until("the only place is taken", () => server.log().includes("started"));
}

type RawClients = readonly ReturnType<typeof createRawClient>[];

async function startTraffic(server: Serving, clients: RawClients) {
  const any = (index: number) => clients[index % clients.length] as RawClients[number];
  const spec = { pipelineInfo: { name: "load" }, schemaVersion: "2.1.0", root: { dag: {} } };
  const runIds = await Promise.all(
    Array.from({ length: RUNS }, async (_, index) => {
      const run = { displayName: "load", pipelineSource: { case: "pipelineSpec", value: spec } } as const;
      return (await any(index).createRun({ run })).runId;
    }),
  );
  const tasks = await Promise.all(
    Array.from({ length: TASKS }, async (_, index) => {
      const runId = runIds[index % RUNS] ?? "";
      const task = { name: `t${index}`, scopePath: `root.t${index}`, type: TaskType.RUNTIME, state: TaskState.RUNNING };
      return { runId, taskId: (await any(index).createTask({ runId, task })).taskId, acknowledged: 0 };
    }),
  );
  const update = async (task: (typeof tasks)[number], index: number): Promise<void> => {
    const value = task.acknowledged + 1;
    const kind = { case: "numberValue", value } as const;
    const parameters = [{ parameterKey: "step", type: IoType.OUTPUT, producer: { taskName: "t" }, value: { kind } }];
    const { runId, taskId } = task;
    await any(index).updateTask({ runId, taskId, task: { outputs: { parameters } } });
    task.acknowledged = value;
  };
  const list = async (index: number): Promise<void> => {
    const sortBy = "created_at desc";
    if (index % 2 === 0) return void (await any(index).listRuns({ pageSize: 20, sortBy }));
    const answer = await fetch(`${server.rest.url}/apis/v2beta1/runs?page_size=20&sort_by=${encodeURIComponent(sortBy)}`);
    if (!answer.ok) throw new Error(`a listing failed: ${answer.status} ${await answer.text()}`);
    await answer.arrayBuffer();
  };
  /** Somebody who follows a run and goes away. */
  const follow = async (index: number): Promise<void> => {
    const gone = new AbortController();
    const answer = await fetch(`${server.rest.url}/apis/v2beta1/runs/${runIds[index % RUNS]}/events`, { signal: gone.signal });
    await answer.body?.getReader().read();
    gone.abort();
  };
  return {
    round: async (updates: number, listings: number): Promise<void> => {
      await Promise.all([
        ...tasks.map(async (task, index) => {
          for (let done = index; done < updates; done += TASKS) await update(task, index);
        }),
        ...Array.from({ length: LISTERS }, async (_, index) => {
          for (let done = index; done < listings; done += LISTERS) await list(index);
          await follow(index);
        }),
      ]);
    },
    lostUpdates: async (): Promise<string[]> => {
      const stored = await Promise.all(
        tasks.map(async ({ runId, taskId, acknowledged }, index) => {
          const { outputs } = await any(index).getTask({ runId, taskId });
          const value = outputs?.parameters[0]?.value?.kind.value;
          return value === acknowledged ? [] : [`${taskId}: ${JSON.stringify(value)}, not ${acknowledged}`];
        }),
      );
      return stored.flat();
    },
  };
}

async function plantLeak(inspector: InspectorClient, bytes: number): Promise<void> {
  const { exceptionDetails } = await inspector.send<{ exceptionDetails?: unknown }>("Runtime.evaluate", {
    expression: `{
      const { prototype } = process.getBuiltinModule("node:sqlite").StatementSync;
      const { run } = prototype;
      globalThis.kept = [];
      prototype.run = function (...values) {
        globalThis.kept.push(new Uint8Array(${bytes}));
        return run.apply(this, values);
      };
    }`,
  });
  if (exceptionDetails !== undefined) throw new Error(`cannot plant a leak: ${JSON.stringify(exceptionDetails)}`);
}
