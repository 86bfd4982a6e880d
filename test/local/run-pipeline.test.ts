/** The frame of a local run: what happens before there is a run. */
import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadPipelineFile } from "../../src/local/pipeline/pipeline-file.ts";
import { runPipeline } from "../../src/local/run-pipeline.ts";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";
import { systemClock } from "../../src/node/system-clock.ts";
import { root } from "../support/probe.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kfp-run-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("runPipeline()", () => {
  test("that is cancelled before the run exists makes none, and lets go of the home", async () => {
    const stop = new AbortController();
    stop.abort(new Error("cancelled by user"));
    const started: string[] = [];
    const pipeline = await loadPipelineFile(nodeFileSystem, join(root, "test/fixtures/slow.yaml"));
    const homeFolder = join(folder, "home");
    const running = runPipeline(
      {
        ...{ clock: systemClock, files: nodeFileSystem, randomUuid: randomUUID, signal: stop.signal },
        ...{ onEvent: () => undefined, onLine: () => undefined, onNotice: () => undefined, killChildren: () => undefined },
        onStarted: (runId) => started.push(runId),
      },
      {
        ...{ pipeline, parameters: {}, kubernetesConfigs: new Map(), environment: {}, homeFolder },
        ...{ isolation: "in-process", cacheDisabled: false, parallelism: 1, programFolder: "/unused" },
      },
    );
    await expect(running).rejects.toMatchObject({
      code: "INTERRUPTED",
      message: expect.stringContaining("nothing has run") as string,
    });
    expect(started).toEqual([]);
    expect(existsSync(join(homeFolder, "lock"))).toBe(false);
  });

  test("reports the error that came first, when the run cannot even be made", async () => {
    const loaded = await loadPipelineFile(nodeFileSystem, join(root, "test/fixtures/slow.yaml"));
    const pipeline = { ...loaded, source: { deep: 1n as never } };
    const running = runPipeline(
      {
        ...{ clock: systemClock, files: nodeFileSystem, randomUuid: randomUUID, signal: new AbortController().signal },
        ...{ onEvent: () => undefined, onLine: () => undefined, onNotice: () => undefined, killChildren: () => undefined },
        onStarted: () => undefined,
      },
      {
        ...{ pipeline, parameters: {}, kubernetesConfigs: new Map(), environment: {}, homeFolder: join(folder, "home") },
        ...{ isolation: "in-process", cacheDisabled: false, parallelism: 1, programFolder: "/unused" },
      },
    );
    await expect(running).rejects.not.toThrow(/not found/);
    expect(existsSync(join(folder, "home/lock"))).toBe(false);
  });
});
