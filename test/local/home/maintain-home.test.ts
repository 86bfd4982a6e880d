import { existsSync, readdirSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, onTestFinished, test } from "vitest";
import { startApiServer } from "../../../src/apiserver/server.ts";
import { ArtifactType, IoType, RuntimeState, TaskState } from "../../../src/core/kfp-types.ts";
import { lockHome } from "../../../src/local/home/home-lock.ts";
import { homeAt, prepareHome } from "../../../src/local/home/home.ts";
import { backupHome, checkHome, sweepHome } from "../../../src/local/home/maintain-home.ts";
import { connectRawClient } from "../../fakes/api-server.ts";

const DAY_MS = 86_400_000;
const NOW = new Date(1_700_000_000_000);
const SPEC = { pipelineInfo: { name: "p" }, schemaVersion: "2.1.0", root: { dag: {} } };

async function setUp() {
  const folder = await mkdtemp(join(tmpdir(), "kfp-home-"));
  onTestFinished(async () => {
    await rm(folder, { recursive: true, force: true });
  });
  const home = await prepareHome(join(folder, "home"));
  let now = NOW;
  const server = await startApiServer({ database: home.database, now: () => now });
  onTestFinished(async () => await server.close());
  const api = connectRawClient(server.address);
  const path = (runId: string, name: string) => join(home.artifacts, "p", runId, "step", "1", name);
  const write = async (uri: string) => {
    await mkdir(dirname(uri), { recursive: true });
    await writeFile(uri, "x".repeat(1000));
  };
  /** A run that ended so many days ago, with one artifact and one file that is none. */
  const addRun = async (runId: string, daysAgo: number | undefined) => {
    now = new Date(NOW.getTime() - (daysAgo ?? 0) * DAY_MS);
    await api.createRun({ run: { runId, displayName: runId, pipelineSource: { case: "pipelineSpec", value: SPEC } } });
    const { taskId } = await api.createTask({ runId, task: { name: "step", state: TaskState.SUCCEEDED } });
    const uri = path(runId, "model");
    await write(uri);
    await write(path(runId, "output_metadata.json"));
    await write(join(home.runs, runId, "log"));
    const artifact = await api.createArtifact({
      ...{ runId, taskId, producerKey: "model" },
      artifact: { name: "model", type: ArtifactType.Model, uri },
    });
    if (daysAgo !== undefined) server.runs.finishRun(runId, RuntimeState.SUCCEEDED);
    now = NOW;
    return { taskId, artifactId: artifact.artifactId, uri };
  };
  return { folder, home, server, api, addRun, path, write };
}

describe("sweepHome()", () => {
  test("without an age keeps every run, and removes what deleted runs left", async ({ expect }) => {
    const { home, server, api, addRun, path } = await setUp();
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
    const { home, server, api, addRun } = await setUp();
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
    const { home, server, api, addRun, path } = await setUp();
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
    const { home, folder, server, api, write } = await setUp();
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
    const { home, folder, addRun } = await setUp();
    await addRun("old", 31);
    const lock = await lockHome(home, "serve", NOW);
    await expect(sweepHome(home, { now: NOW, olderThanMs: 0 })).rejects.toMatchObject({ code: "HOME_LOCKED" });
    await lock.release();
    await expect(sweepHome(homeAt(folder), { now: NOW, olderThanMs: 0 })).rejects.toThrow("is not a home");
  });
});

describe("backupHome()", () => {
  test("copies a home while runs write to it: every row finds its file, and the copy is sound", async ({ expect }) => {
    const { home, folder, server, addRun } = await setUp();
    for (let index = 0; index < 5; index += 1) await addRun(`before-${index}`, 1);
    const target = join(folder, "deeper", "copy");
    const copied = new AbortController();
    const writing = (async () => {
      for (let index = 0; !copied.signal.aborted; index += 1) await addRun(`during-${index}`, undefined);
    })();
    const copy = await backupHome(home, target);
    copied.abort();
    await writing;
    expect(readdirSync(join(folder, "deeper"))).toEqual(["copy"]);
    expect((await checkHome(copy)).problems).toEqual([]);
    const db = new DatabaseSync(copy.database, { readOnly: true });
    const uris = db.prepare("SELECT uri FROM artifacts").all() as { uri: string }[];
    db.close();
    expect(uris.length).toBeGreaterThanOrEqual(5);
    const missing = uris.filter(({ uri }) => !existsSync(uri.replace(home.folder, copy.folder)));
    expect(missing).toEqual([]);
    expect(server.store.checkIntegrity()).toEqual([]);
  });

  test("refuses a folder that exists and a home that is none, and leaves nothing behind", async ({ expect }) => {
    const { home, folder } = await setUp();
    await expect(backupHome(home, folder)).rejects.toThrow("it exists already");
    await expect(backupHome(home, join(home.folder, "copy"))).rejects.toThrow("it is inside the home");
    await expect(backupHome(homeAt(folder), join(folder, "copy"))).rejects.toThrow("is not a home");
    await writeFile(join(folder, "file"), "");
    await expect(backupHome(home, join(folder, "file", "copy"))).rejects.toMatchObject({ code: "HOME_UNUSABLE" });
    expect(readdirSync(folder).toSorted()).toEqual(["file", "home"]);
  });
});

describe("checkHome()", () => {
  test("names the files of artifacts that are gone, also while the home is used", async ({ expect }) => {
    const { home, addRun } = await setUp();
    const { uri } = await addRun("r", 1);
    expect(await checkHome(home)).toEqual({ problems: [], missingFiles: [] });
    await rm(uri);
    expect(await checkHome(home)).toEqual({ problems: [], missingFiles: [uri] });
  });

  test.for([
    {
      name: "a row that cannot be read",
      damage: "UPDATE tasks SET body = x'ff'",
      problem: /^row [0-9a-f-]+ of tasks cannot be read: /,
    },
    {
      name: "a reference to nowhere",
      damage: "PRAGMA foreign_keys = OFF; UPDATE links SET artifact_id = 'none'",
      problem: /links refers to a missing row of artifacts/,
    },
  ])("finds $name", async ({ damage, problem }, { expect }) => {
    const { home, server, addRun } = await setUp();
    await addRun("r", 1);
    await server.close();
    const db = new DatabaseSync(home.database);
    db.exec(damage);
    db.close();
    const { problems } = await checkHome(home);
    expect(problems).toEqual([expect.stringMatching(problem)]);
  });

  test("a home without runs is sound; a file that is no database is not", async ({ expect }) => {
    const { home, folder } = await setUp();
    const empty = await prepareHome(join(folder, "empty"));
    expect(await checkHome(empty)).toEqual({ problems: [], missingFiles: [] });
    await writeFile(empty.database, "not a database, and long enough to be looked at as one");
    await expect(checkHome(empty)).rejects.toThrow("file is not a database");
    await expect(checkHome(homeAt(home.runs))).rejects.toThrow("is not a home");
  });
});
