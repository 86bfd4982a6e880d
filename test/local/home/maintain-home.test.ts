import { existsSync, readdirSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, test } from "vitest";
import { homeAt, prepareHome } from "../../../src/local/home/home.ts";
import { backupHome, checkHome } from "../../../src/local/home/maintain-home.ts";
import { setUpEndedRuns } from "../../support/ended-runs-home.ts";

describe("backupHome()", () => {
  test("copies a home while runs write to it: every row finds its file, and the copy is sound", async ({ expect }) => {
    const { home, folder, server, addRun } = await setUpEndedRuns();
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
    const { home, folder } = await setUpEndedRuns();
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
    const { home, addRun } = await setUpEndedRuns();
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
    const { home, server, addRun } = await setUpEndedRuns();
    await addRun("r", 1);
    await server.close();
    const db = new DatabaseSync(home.database);
    db.exec(damage);
    db.close();
    const { problems } = await checkHome(home);
    expect(problems).toEqual([expect.stringMatching(problem)]);
  });

  test("a home without runs is sound; a file that is no database is not", async ({ expect }) => {
    const { home, folder } = await setUpEndedRuns();
    const empty = await prepareHome(join(folder, "empty"));
    expect(await checkHome(empty)).toEqual({ problems: [], missingFiles: [] });
    await writeFile(empty.database, "not a database, and long enough to be looked at as one");
    await expect(checkHome(empty)).rejects.toThrow("file is not a database");
    await expect(checkHome(homeAt(home.runs))).rejects.toThrow("is not a home");
  });
});
