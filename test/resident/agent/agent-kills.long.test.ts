/** An agent that is killed again and again while it drives a loop of a hundred: the run ends right, and nothing is there twice. */
import { beforeAll, describe, test } from "vitest";
import { TaskState } from "../../../src/core/kfp-types.ts";
import { startAgentProcess, type AgentProcess } from "../../support/agent-process.ts";
import { builtPrograms, type Programs } from "../../support/built-programs.ts";
import type { WorkflowPlayer } from "../../support/workflow-player.ts";
import { AgentWorld } from "./agent-world.ts";

const KILLS = 50;
const ITEMS = 100;
/** Calls that an agent may make before it is killed: from before its first to a good part of the loop. */
const MOST_CALLS = 40;
/** An agent that has nothing to do is killed as well. */
const LONGEST_LIFE_MS = 5000;

let programs: Programs;
beforeAll(async () => {
  programs = await builtPrograms();
}, 300_000);

/** Numbers from 0 to 1 that a seed decides. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function callsOf({ server }: AgentWorld): number {
  return Object.values(server.stats()).reduce((sum, { calls }) => sum + calls, 0);
}

/** Kills it at the moment of so many calls. @returns Whether it was killed, rather than the run over. */
async function killAt(agent: AgentProcess, world: AgentWorld, calls: number, player: WorkflowPlayer): Promise<boolean> {
  const atCalls = callsOf(world) + calls;
  const atMs = performance.now() + LONGEST_LIFE_MS;
  const over = { isOver: false };
  void player.ended.then(() => (over.isOver = true));
  while (!over.isOver && callsOf(world) < atCalls && performance.now() < atMs)
    await new Promise((resolve) => setTimeout(resolve, 1));
  agent.kill("SIGKILL");
  await agent.ended;
  return !over.isOver;
}

describe("an agent that is killed", () => {
  test(
    `${String(KILLS)} times: every run ends right, nothing is driven into two rows`,
    { timeout: 600_000 },
    async ({ expect }) => {
      const world = await AgentWorld.open();
      const seed = Number(process.env["KFP_RUNTIME_TEST_SEED"] ?? Date.now() % 1_000_000);
      const random = randomOf(seed);
      const { kubeconfig } = world.kube;
      let kills = 0;
      let runs = 0;
      while (kills < KILLS) {
        const player = await world.play({ items: ITEMS });
        runs += 1;
        player.start();
        let isOver = false;
        while (!isOver && kills < KILLS) {
          const agent = startAgentProcess(programs, { kubeconfig, server: world.server });
          if (await killAt(agent, world, Math.floor(random() * MOST_CALLS), player)) kills += 1;
          else isOver = true;
        }
        const last = startAgentProcess(programs, { kubeconfig, server: world.server });
        await player.ended;
        last.kill("SIGTERM");
        expect(await last.ended, last.log()).toBe(0);
        const results = [...player.results].map(
          ([node, all]) => `${node} ${all.map(({ phase, message = "" }) => phase + message).join()}`,
        );
        const expected = ["root", "loop", ...Array.from({ length: ITEMS }, (_, index) => `echo-${String(index)}`)];
        expect(results.toSorted(), `seed ${String(seed)}`).toEqual(expected.map((node) => `${node} Succeeded`).toSorted());
        const rows = await world.rows(player.runId);
        expect(rows).toHaveLength(ITEMS + 2);
        const iterations = rows.flatMap(({ typeAttributes, name }) =>
          name === "echo" ? [Number(typeAttributes?.iterationIndex)] : [],
        );
        expect(iterations.toSorted((left, right) => left - right)).toEqual(Array.from({ length: ITEMS }, (_, index) => index));
        expect(rows.filter(({ state }) => state !== TaskState.RUNNING)).toEqual([]);
        player.complete();
      }
      console.log(`${String(kills)} kills in ${String(runs)} runs of ${String(ITEMS)} iterations, seed ${String(seed)}`);
    },
  );
});
