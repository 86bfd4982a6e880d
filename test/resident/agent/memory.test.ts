/** That the agent keeps nothing of workflows that are over, and little of nodes that wait; 200 workflows and 5,000 iterations in memory.long.test.ts. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, onTestFinished, test } from "vitest";
import { startBusyAgent, type BusyAgent } from "../../support/agent-memory.ts";
import { builtPrograms, type Programs } from "../../support/built-programs.ts";

const MIB = 1024 * 1024;
/** 80 drives, roots and loops included. */
const WAVE = { workflows: 20, items: 2 };
const WAVES = 2;

let programs: Programs;
beforeAll(async () => {
  programs = await builtPrograms();
});

async function busyAgent(): Promise<BusyAgent> {
  const folder = mkdtempSync(join(tmpdir(), "kfp-agent-memory-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const agent = await startBusyAgent(programs, folder);
  onTestFinished(async () => await agent.close());
  // What is made once: code that is loaded and compiled, connections.
  for (let wave = 0; wave < 3; wave++) await agent.play(WAVE);
  return agent;
}

/** In bytes. */
async function grownBy(agent: BusyAgent): Promise<number> {
  const { heldBytes } = await agent.held();
  for (let wave = 0; wave < WAVES; wave++) await agent.play(WAVE);
  return (await agent.held()).heldBytes - heldBytes;
}

describe("workflows that are over", () => {
  test("leave nothing behind, and those that wait take little", { timeout: 300_000 }, async ({ expect }) => {
    const agent = await busyAgent();
    // Code is compiled anew as it is learned what it is called with; in the long test that has ended.
    expect(await grownBy(agent)).toBeLessThan(1.5 * MIB);
    const before = await agent.held();
    const waiting = await agent.whileWaiting({ workflows: 20, items: 50 }, async () => await agent.held());
    // A template of 1.2 kB each, and what the drives under way have in hand.
    expect(waiting.heldBytes - before.heldBytes).toBeLessThan(6 * MIB);
    const after = await agent.held();
    expect(after.heldBytes - before.heldBytes).toBeLessThan(2 * MIB);
    expect(after.resources).toBeLessThan(100);
  });

  test("would be noticed if they left 32 kilobytes for each result", { timeout: 300_000 }, async ({ expect }) => {
    const agent = await busyAgent();
    await agent.plantLeak(32 * 1024);
    expect(await grownBy(agent)).toBeGreaterThan(4 * MIB);
  });
});
