/** Memory of the agent with 200 workflows at a time and with a loop of 5,000 iterations; docs/resident-agent.md states the figures. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startBusyAgent } from "../../support/agent-memory.ts";
import { builtPrograms } from "../../support/built-programs.ts";

const MIB = 1024 * 1024;
/** As the webhook limits loops. */
const PARALLELISM = 200;
/** What docs/resident-agent.md says to give it. */
const CEILING_MIB = 512;

test("200 workflows at a time, and 5,000 iterations of one: bounded, and gone afterwards", { timeout: 3_600_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "kfp-agent-memory-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const agent = await startBusyAgent(await builtPrograms(), folder);
  onTestFinished(async () => await agent.close());
  const held = async (): Promise<number> => (await agent.held()).heldBytes / MIB;
  const peak = async (): Promise<number> => (await agent.peakBytes()) / MIB;
  const figures: Record<string, { heldMiB: number; peakMiB: number }> = {};
  const note = async (what: string): Promise<number> => {
    const now = await held();
    figures[what] = { heldMiB: Number(now.toFixed(1)), peakMiB: Math.round(await peak()) };
    return now;
  };
  await agent.play({ workflows: 20, items: 2 });
  const first = await note("20 workflows of 2 iterations, done");
  await agent.play({ workflows: 200, items: 25 });
  const many = await note("200 workflows of 25 iterations, done");
  await agent.play({ workflows: 200, items: 25 });
  const again = await note("the same again, done");
  await agent.play({ workflows: 1, items: 5000, parallelism: PARALLELISM });
  const long = await note("a loop of 5,000 iterations, done");
  const waiting = await agent.whileWaiting({ workflows: 200, items: PARALLELISM }, () =>
    note("200 workflows with 200 nodes each wait"),
  );
  const last = await note("those ended before they were driven");
  console.table(figures);
  expect(many - first).toBeLessThan(6);
  expect(again - many).toBeLessThan(2);
  expect(long - many).toBeLessThan(4);
  // 40,000 templates of 1.2 kB each.
  expect(waiting).toBeLessThan(150);
  expect(last - many).toBeLessThan(4);
  expect(await peak()).toBeLessThan(CEILING_MIB);
});
