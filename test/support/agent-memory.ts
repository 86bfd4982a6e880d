/**
 * `driver agent` as it was built, between the small Kubernetes API and the embedded API server, with many workflows at a time: what it
 * holds while they wait, at its peak, and when they are over.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import type { JsonObject } from "../../src/core/values/value.ts";
import { resourceOf } from "../cluster/kube-api/resources.ts";
import { createRawClient } from "../fakes/raw-client.ts";
import { startWatchedServer } from "../fakes/watched-server.ts";
import { startAgentProcess } from "./agent-process.ts";
import type { Programs } from "./built-programs.ts";
import { measureHeap, type HeldMemory } from "./held-memory.ts";
import { attachInspector } from "./inspector-client.ts";
import { root } from "./probe.ts";
import { until } from "./serving.ts";
import { startSmallKube } from "./small-kube.ts";
import { WorkflowPlayer } from "./workflow-player.ts";

/** Workflows that are there at the same time, each with a loop. */
export interface AgentWave {
  readonly workflows: number;
  readonly items: number;
  /** Iterations of a workflow that are asked for at a time; default: all. */
  readonly parallelism?: number;
}

export interface BusyAgent {
  /** Plays workflows to their end, until the agent has forgotten them. Throws when a node does not succeed. */
  play(wave: AgentWave): Promise<void>;
  /** Lets everything of a wave wait that is not being driven, looks, and ends the workflows as they are. */
  whileWaiting<Seen>(wave: AgentWave, look: () => Promise<Seen>): Promise<Seen>;
  /** After forced collections. */
  held(): Promise<HeldMemory>;
  /** Resident memory at its highest so far, in bytes. */
  peakBytes(): Promise<number>;
  /** Makes the agent keep that many bytes of every result, from now on. */
  plantLeak(bytes: number): Promise<void>;
  close(): Promise<void>;
}

const NAMESPACES = ["team-a", "team-b", "team-c", "team-d"];
/** For a wave on a machine that is busy. */
const WAVE_MS = 1_500_000;

/** @param folder Of the caller, who removes it. */
export async function startBusyAgent(programs: Programs, folder: string): Promise<BusyAgent> {
  const kube = await startSmallKube(folder);
  const server = await startWatchedServer({ database: path.join(folder, "state.db") });
  const raw = createRawClient(server.address);
  for (const namespace of NAMESPACES) {
    const data = { defaultPipelineRoot: "s3://bucket/root" };
    kube.store.create({ resource: resourceOf("serviceaccounts"), namespace }, { metadata: { name: "pipeline-runner" } });
    kube.store.create({ resource: resourceOf("configmaps"), namespace }, { metadata: { name: "kfp-launcher" }, data });
  }
  const agent = startAgentProcess(programs, {
    ...{ kubeconfig: kube.kubeconfig, server, argv: ["--log_level", "0"] },
    env: { NODE_OPTIONS: "--inspect=127.0.0.1:0" },
  });
  const port = await agent.statusPort;
  const [, url = ""] = /Debugger listening on (ws:\S+)/.exec(agent.log()) ?? [];
  const inspector = await attachInspector(url);
  const spec = parse(readFileSync(path.join(root, "test/fixtures/pipelines/wide_loop.yaml"), "utf8")) as JsonObject;
  let made = 0;

  const evaluate = async <Value>(expression: string): Promise<Value> => {
    const answer = await inspector.send<{ result: { value: Value }; exceptionDetails?: unknown }>("Runtime.evaluate", {
      ...{ expression, returnByValue: true },
    });
    if (answer.exceptionDetails !== undefined) throw new Error(`cannot evaluate: ${JSON.stringify(answer.exceptionDetails)}`);
    return answer.result.value;
  };
  const metric = async (name: string): Promise<number> => {
    const text = await (await fetch(`http://127.0.0.1:${String(port)}/metrics`)).text();
    return Number(new RegExp(`^kfp_driver_agent_${name} (\\S+)$`, "m").exec(text)?.[1]);
  };
  const begin = async ({
    workflows,
    ...wave
  }: AgentWave & { readonly offersIterations?: boolean }): Promise<WorkflowPlayer[]> => {
    const players: WorkflowPlayer[] = [];
    for (let index = 0; index < workflows; index++) {
      const run = { displayName: "load", pipelineSource: { case: "pipelineSpec", value: spec } } as const;
      const { runId } = await raw.createRun({ run });
      const namespace = NAMESPACES[index % NAMESPACES.length] ?? "";
      const name = `wf-${String((made += 1))}`;
      players.push(new WorkflowPlayer({ store: kube.store, namespace, name, runId, ...wave }));
    }
    for (const player of players) player.start();
    return players;
  };
  const end = async (players: readonly WorkflowPlayer[]): Promise<void> => {
    for (const player of players) {
      player.complete();
      player.stop();
    }
    const isIdle = async (): Promise<boolean> => (await metric("task_sets")) === 0 && (await metric("driving")) === 0;
    await until("the agent has forgotten the workflows", isIdle);
  };

  return {
    async play(wave) {
      const players = await begin(wave);
      const over = AbortSignal.timeout(WAVE_MS);
      const late = new Promise<never>((_, reject) => {
        over.addEventListener("abort", () => reject(new Error(`a wave took too long: ${agent.log().slice(-2000)}`)));
      });
      await Promise.race([Promise.all(players.map(({ ended }) => ended)), agent.ended.then(() => late), late]);
      const bad = players.flatMap(({ results }) => [...results.values()].flat()).filter(({ phase }) => phase !== "Succeeded");
      if (bad.length > 0) throw new Error(`${String(bad.length)} nodes failed: ${JSON.stringify(bad[0])}`);
      const answers = players.reduce((sum, { results }) => sum + results.size, 0);
      if (answers !== wave.workflows * (wave.items + 2)) throw new Error(`there are ${String(answers)} answers`);
      await end(players);
    },
    async whileWaiting(wave, look) {
      const released = Promise.withResolvers<void>();
      const players = await begin({ ...wave, offersIterations: false });
      await Promise.all(players.map((player) => player.answered("loop")));
      server.faults.add({ method: "*", times: Infinity, kind: "hold", until: released.promise });
      for (const player of players) player.offerIterations();
      const asked = wave.workflows * Math.min(wave.items, wave.parallelism ?? Infinity);
      const isWaiting = async (): Promise<boolean> => (await metric("waiting")) + (await metric("driving")) === asked;
      await until("all nodes wait", isWaiting, WAVE_MS);
      const seen = await look();
      for (const player of players) player.complete();
      server.faults.clear();
      released.resolve();
      await end(players);
      return seen;
    },
    held: async () => await measureHeap(inspector),
    peakBytes: async () => (await evaluate<number>("process.resourceUsage().maxRSS")) * 1024,
    plantLeak: async (bytes) =>
      await evaluate(`{
        const { stringify } = JSON;
        globalThis.kept = [];
        JSON.stringify = function (value, ...more) {
          if (value?.phase === "Succeeded") globalThis.kept.push(new Uint8Array(${String(bytes)}));
          return stringify.call(this, value, ...more);
        };
        undefined;
      }`),
    async close() {
      inspector.close();
      agent.kill("SIGKILL");
      await agent.ended;
      raw.close();
      await server.close();
      await kube.stop();
    },
  };
}
