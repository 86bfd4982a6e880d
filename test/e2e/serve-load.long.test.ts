/** A server with a long queue, and one that is killed in the middle of many runs. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { loadPipelineFile } from "../../src/local/pipeline/pipeline-file.ts";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";
import { builtPrograms, type Programs } from "../support/built-programs.ts";
import { root } from "../support/probe.ts";
import { allEnded, isRunning } from "../support/processes.ts";
import { startServing, until, type Serving } from "../support/serving.ts";
import { storedRuns } from "../support/stored-runs.ts";

let programs: Programs;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  folder = mkdtempSync(join(tmpdir(), "kfp-serve-load-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function serving(home: string, args: readonly string[]): Promise<Serving> {
  const server = await startServing(programs, home, args);
  onTestFinished(async () => void (await server.end("SIGKILL")));
  return server;
}

async function createRuns(server: Serving, path: string, files: string, count: number): Promise<string[]> {
  const { source } = await loadPipelineFile(nodeFileSystem, join(root, path));
  const client = await server.connect();
  const ids = Array.from({ length: count }, () => randomUUID());
  for (const runId of ids) {
    const parameters = files === "" ? {} : { folder: files };
    await client.createRun({ runId, displayName: runId, source, parameters, pipelineRoot: "" });
  }
  client.close();
  return ids;
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\n").slice(0, -1);
  } catch {
    return [];
  }
}

test("500 runs wait for their turn, and are executed in the order of their creation", { timeout: 900_000 }, async () => {
  const home = join(folder, "queue");
  const server = await serving(home, ["--max-runs", "1"]);
  const ids = await createRuns(server, "test/fixtures/client/shouting.yaml", "", 500);
  await until("all have ended", () => storedRuns(home).every(({ state }) => state === "SUCCEEDED"), 800_000);
  expect([...server.log().matchAll(/run (\S+) started/g)].map(([, runId]) => runId)).toEqual(ids);
  const status = readFileSync(`/proc/${server.pid}/status`, "utf8");
  expect(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024).toBeLessThan(700);
  expect(await server.end("SIGTERM")).toBe(0);
});

test.for(["in-process", "process"])(
  "kill -9 in the middle of 20 runs, %s: every run ends by the rule, nothing is left running",
  { timeout: 600_000 },
  async (isolation) => {
    const home = join(folder, `killed-${isolation}`);
    const files = join(folder, `files-${isolation}`);
    mkdirSync(files);
    const args = ["--max-runs", "20", "--parallelism", "20", "--isolation", isolation];
    let server = await serving(home, args);
    const ids = await createRuns(server, "test/fixtures/gate.yaml", files, 25);
    const gates = join(files, "gates");
    await until("20 runs are in the middle", () => linesOf(gates).length === 20, 300_000);
    for (let kills = 1; kills <= 2; kills += 1) {
      await server.end("SIGKILL");
      const left = linesOf(gates).map(Number);
      expect(left.filter(isRunning).length).toBe(20);
      server = await serving(home, args);
      expect(await allEnded(left)).toBe(true);
      expect(server.log()).toContain("going on with 20 runs");
      await until("they run again", () => linesOf(gates).length === 20 * (kills + 1), 300_000);
    }
    writeFileSync(join(files, "go"), "");
    await until("all have ended", () => storedRuns(home).every(({ state }) => state === "SUCCEEDED"), 300_000);
    const runs = storedRuns(home);
    expect(runs).toHaveLength(ids.length);
    for (const { tasks } of runs) expect(tasks).toEqual({ SUCCEEDED: 3 });
    // What had succeeded was not done again.
    expect(linesOf(join(files, "firsts"))).toHaveLength(ids.length);
    expect(await allEnded(linesOf(gates).map(Number))).toBe(true);
    expect(await server.end("SIGTERM")).toBe(0);
  },
);
