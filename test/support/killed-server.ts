/**
 * A server in a process of its own that is killed in the middle of many writes, and what of them must be there afterwards.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { startApiServer } from "../../src/apiserver/server.ts";
import { IoType, RunView, TaskState, TaskType } from "../../src/core/kfp-types.ts";
import { createRawClient, type RawApiClient } from "../fakes/raw-client.ts";

const SPEC = { pipelineInfo: { name: "p" }, schemaVersion: "2.1.0", root: { dag: {} } };

/** What was acknowledged of one run. */
interface Acknowledged {
  readonly taskIds: string[];
  readonly mergedKeys: string[];
}

export interface KillOptions {
  readonly database: string;
  /** Written to at the same time. */
  readonly runs: number;
  /** The server is killed after so many acknowledged writes. */
  readonly writes: number;
}

export interface KillOutcome {
  readonly acknowledged: number;
  /** Acknowledged writes that are not there. */
  readonly lost: readonly string[];
  /** What the check of the database says. */
  readonly problems: readonly string[];
}

/** Serves, writes, kills, opens again and compares. */
export async function killDuringWrites({ database, runs, writes }: KillOptions): Promise<KillOutcome> {
  const script = fileURLToPath(new URL("../fixtures/bin/serve-api.ts", import.meta.url));
  const child = spawn(process.execPath, [script, database], { stdio: ["ignore", "pipe", "pipe"] });
  child.stderr.pipe(process.stderr, { end: false });
  const exited = once(child, "exit");
  const acknowledged = new Map<string, Acknowledged>();
  let count = 0;
  const acknowledge = (): void => {
    count += 1;
    if (count === writes) child.kill("SIGKILL");
  };
  try {
    const [address] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
    const clients = Array.from({ length: 8 }, () => createRawClient(address));
    // Each goes on until its call fails.
    await Promise.all(
      Array.from({ length: runs }, async (_, index) => {
        const api = clients[index % clients.length] as RawApiClient;
        await writeRun(api, acknowledged, acknowledge).catch(() => {});
      }),
    );
    for (const api of clients) api.close();
  } finally {
    child.kill("SIGKILL");
    await exited;
  }
  return { acknowledged: count, ...(await compare(database, acknowledged)) };
}

async function writeRun(api: RawApiClient, all: Map<string, Acknowledged>, acknowledge: () => void): Promise<void> {
  const { runId } = await api.createRun({ run: { displayName: "r", pipelineSource: { case: "pipelineSpec", value: SPEC } } });
  const known: Acknowledged = { taskIds: [], mergedKeys: [] };
  all.set(runId, known);
  acknowledge();
  const loop = await api.createTask({ runId, task: { name: "loop", type: TaskType.LOOP, scopePath: "root.loop" } });
  known.taskIds.push(loop.taskId);
  acknowledge();
  for (let index = 0; ; index += 1) {
    const typeAttributes = { iterationIndex: BigInt(index) };
    const task = { name: "t", type: TaskType.RUNTIME, scopePath: "root.loop.t", state: TaskState.RUNNING, typeAttributes };
    known.taskIds.push((await api.createTask({ runId, task })).taskId);
    acknowledge();
    const parameters = [{ parameterKey: `k${index}`, type: IoType.OUTPUT }];
    await api.updateTask({ runId, taskId: loop.taskId, task: { outputs: { parameters } } });
    known.mergedKeys.push(`k${index}`);
    acknowledge();
  }
}

async function compare(database: string, all: ReadonlyMap<string, Acknowledged>): Promise<Omit<KillOutcome, "acknowledged">> {
  const server = await startApiServer({ database });
  const api = createRawClient(server.address);
  const lost: string[] = [];
  try {
    const problems = server.store.checkIntegrity();
    for (const [runId, { taskIds, mergedKeys }] of all) {
      const run = await api.getRun({ runId, view: RunView.FULL }).catch(() => undefined);
      if (run === undefined) {
        lost.push(`run ${runId}`);
        continue;
      }
      const stored = new Set(run.tasks.map(({ taskId }) => taskId));
      lost.push(...taskIds.filter((taskId) => !stored.has(taskId)).map((taskId) => `task ${taskId}`));
      const loop = run.tasks.find(({ name }) => name === "loop");
      const merged = new Set(loop?.outputs?.parameters.map(({ parameterKey }) => parameterKey));
      lost.push(...mergedKeys.filter((key) => !merged.has(key)).map((key) => `output ${key} of run ${runId}`));
    }
    return { lost, problems };
  } finally {
    api.close();
    await server.close();
  }
}
