import { existsSync, readdirSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, onTestFinished, test } from "vitest";
import { startApiServer } from "../../../src/apiserver/server.ts";
import { ArtifactType, IoType, RuntimeState } from "../../../src/core/kfp-types.ts";
import { lockHome } from "../../../src/local/home/home-lock.ts";
import { homeAt } from "../../../src/local/home/home.ts";
import { checkHome } from "../../../src/local/home/maintain-home.ts";
import { sweepHome } from "../../../src/local/home/sweep-home.ts";
import { connectRawClient } from "../../fakes/api-server.ts";
import { DAY_MS, NOW, setUpEndedRuns, SPEC } from "../../support/ended-runs-home.ts";

/** Every file and folder of a home but the database's and the lock's. */
async function treeOf(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return names.filter((name) => !/^(?:state\.db|lock)/.test(name)).toSorted();
}

describe("sweepHome()", () => {
  test("without an age keeps every run, and removes what deleted runs left", async ({ expect }) => {
    const { home, server, api, addRun, path } = await setUpEndedRuns();
    await addRun("old", 400);
    const gone = await addRun("gone", 1);
    await api.deleteRun({ runId: "gone" });
    await server.close();
    const swept = await sweepHome(home, { now: NOW, olderThanMs: undefined });
    expect(swept).toMatchObject({ runs: 0, artifacts: 1 });
    expect(existsSync(gone.uri)).toBe(false);
    expect([readdirSync(home.runs), readdirSync(join(home.artifacts, "p"))]).toEqual([["old"], ["old"]]);
    expect(existsSync(path("old", "output_metadata.json"))).toBe(true);
    expect(await checkHome(home)).toEqual({ problems: [], missingFiles: [] });
  });

  test("with an age removes runs that ended before it, and none that goes on", async ({ expect }) => {
    const { home, server, api, addRun } = await setUpEndedRuns();
    await addRun("old", 31);
    await addRun("young", 29);
    await addRun("unfinished", undefined);
    expect((await api.listRuns({})).totalSize).toBe(3);
    await server.close();
    const swept = await sweepHome(home, { now: NOW, olderThanMs: 30 * DAY_MS });
    expect(swept).toMatchObject({ runs: 1, artifacts: 1 });
    expect(swept.freedBytes).toBeGreaterThan(0);
    expect(readdirSync(home.runs).toSorted()).toEqual(["unfinished", "young"]);
    const again = await startApiServer({ database: home.database });
    onTestFinished(async () => await again.close());
    const { runs } = await connectRawClient(again.address).listRuns({});
    expect(runs.map(({ runId }) => runId).toSorted()).toEqual(["unfinished", "young"]);
    expect(again.store.checkIntegrity()).toEqual([]);
  });

  test("keeps what a later run has from an earlier one, and only that", async ({ expect }) => {
    const { home, server, api, addRun, path } = await setUpEndedRuns();
    const old = await addRun("old", 31);
    const young = await addRun("young", undefined);
    const { taskId } = young;
    const artifactTask = {
      ...{ runId: "young", taskId, artifactId: old.artifactId, key: "in", type: IoType.TASK_OUTPUT_INPUT },
      producer: { taskName: "step" },
    };
    await api.createArtifactTask({ artifactTask });
    server.runs.finishRun("young", RuntimeState.SUCCEEDED);
    await server.close();
    expect(await sweepHome(home, { now: NOW, olderThanMs: 30 * DAY_MS })).toMatchObject({ runs: 1, artifacts: 0 });
    expect([existsSync(old.uri), existsSync(path("old", "model"))]).toEqual([true, true]);
    expect(readdirSync(home.runs)).toEqual(["young"]);
  });

  test("touches no file outside the home, whatever the URI of an artifact says", async ({ expect }) => {
    const { home, folder, server, api, write } = await setUpEndedRuns();
    const outside = join(folder, "mine.txt");
    await write(outside);
    const { runId } = await api.createRun({ run: { displayName: "r", pipelineSource: { case: "pipelineSpec", value: SPEC } } });
    const { taskId } = await api.createTask({ runId, task: { name: "t" } });
    for (const uri of [
      outside,
      join(home.artifacts, "..", "..", "mine.txt"),
      `${home.artifacts}/../../mine.txt`,
      "s3://b/k",
      home.folder,
    ]) {
      await api.createArtifact({ runId, taskId, producerKey: uri, artifact: { name: "a", type: ArtifactType.Model, uri } });
    }
    await api.deleteRun({ runId });
    await server.close();
    expect(await sweepHome(home, { now: NOW, olderThanMs: undefined })).toMatchObject({ artifacts: 5 });
    expect([existsSync(outside), existsSync(home.database)]).toEqual([true, true]);
  });

  test("refuses a home in use, and a folder that is none", async ({ expect }) => {
    const { home, folder, addRun } = await setUpEndedRuns();
    await addRun("old", 31);
    const lock = await lockHome(home, "serve", NOW);
    await expect(sweepHome(home, { now: NOW, olderThanMs: 0 })).rejects.toMatchObject({ code: "HOME_LOCKED" });
    await lock.release();
    await expect(sweepHome(homeAt(folder), { now: NOW, olderThanMs: 0 })).rejects.toThrow("is not a home");
  });

  test("removes nothing but what belongs to runs that the home has or had", async ({ expect }) => {
    const { home, server, addRun, path, write } = await setUpEndedRuns();
    // An imported file is the person's own, also when the run that imported it is gone.
    const imported = join(home.artifacts, "data/2026/input.csv");
    await write(imported);
    await addRun("old", 31, [imported]);
    const kept = await addRun("young", 1);
    // What somebody else keeps in the home, whatever it is called.
    const foreign = [
      join(home.artifacts, "thesis/chapter/one.txt"),
      join(home.artifacts, "p/notes/one.txt"),
      join(home.artifacts, "p/notes.txt"),
      join(home.artifacts, "loose.csv"),
      join(home.artifacts, "p/5f6482f5-0000-4000-8000-000000000000/one.txt"),
      join(home.runs, "my-notes/one.txt"),
    ];
    for (const file of foreign) await write(file);
    await server.close();
    const options = { now: NOW, olderThanMs: 30 * DAY_MS };
    const before = await treeOf(home.folder);
    const planned = await sweepHome(home, { ...options, dryRun: true });
    expect(await treeOf(home.folder)).toEqual(before);
    const swept = await sweepHome(home, options);
    expect(planned).toMatchObject({ runs: 1, artifacts: 2 });
    expect(swept.paths).toEqual(planned.paths);
    expect(swept.paths).toEqual([join(home.artifacts, "p/old"), join(home.runs, "old")]);
    expect(planned.freedBytes).toBeGreaterThanOrEqual(3_000);
    for (const file of [...foreign, imported, kept.uri]) expect(existsSync(file), file).toBe(true);
    expect(existsSync(path("old", "model"))).toBe(false);
    expect(await sweepHome(home, options)).toMatchObject({ runs: 0, artifacts: 0, paths: [] });
  });

  test("removes what a run left that was deleted through the API, also without any artifact in the database", async ({
    expect,
  }) => {
    const { home, server, api, path, write } = await setUpEndedRuns();
    const { runId } = await api.createRun({ run: { displayName: "r", pipelineSource: { case: "pipelineSpec", value: SPEC } } });
    await write(path(runId, "never-registered"));
    // What the manager of a server leaves of the run's own folder.
    await write(join(home.runs, runId, "removed"));
    await api.deleteRun({ runId });
    await server.close();
    const { paths } = await sweepHome(home, { now: NOW, olderThanMs: undefined });
    expect(paths).toEqual([join(home.artifacts, "p", runId), join(home.runs, runId)]);
    expect(readdirSync(home.artifacts)).toEqual([]);
  });
});
