import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openReadOnlySqliteStore, openSqliteStore } from "../../src/apiserver/sqlite/sqlite-store.ts";
import { startApiServer } from "../../src/apiserver/server.ts";
import type { Store } from "../../src/apiserver/store.ts";
import { skipUnless } from "../support/skip.ts";

let folder = "";
let database = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kfp-read-only-"));
  database = join(folder, "state.db");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const source = { case: "pipelineSpec" as const, value: { root: {} } };
const opened = (): Store => {
  const store = openReadOnlySqliteStore(database);
  if (store === "outdated") throw new Error("outdated");
  return store;
};

describe("openReadOnlySqliteStore()", () => {
  test("sees what another connection writes, newest first, and writes nothing", async () => {
    const server = await startApiServer({ database });
    try {
      server.runs.createRun({ runId: "b", displayName: "first", pipelineSource: source });
      const store = opened();
      try {
        expect(store.runs.overview().map(({ runId }) => runId)).toEqual(["b"]);
        // The same second: the order of storing counts, not that of the ids.
        server.runs.createRun({ runId: "a", displayName: "second", pipelineSource: source });
        expect(store.runs.overview().map(({ runId, displayName }) => [runId, displayName])).toEqual([
          ["a", "second"],
          ["b", "first"],
        ]);
        expect(() => store.runs.remove("a")).toThrow(/readonly/);
        expect(server.runs.requireRun("a").run.displayName).toBe("second");
      } finally {
        store.close();
      }
    } finally {
      await server.close();
    }
  });

  test("reads while another connection is in the middle of a transaction", async () => {
    const server = await startApiServer({ database });
    try {
      server.store.transaction(() => {
        server.runs.createRun({ runId: "a", displayName: "open", pipelineSource: source });
        const store = opened();
        expect(store.runs.overview()).toEqual([]);
        store.close();
      });
      const store = opened();
      expect(store.runs.overview()).toHaveLength(1);
      store.close();
    } finally {
      await server.close();
    }
  });

  test("what SQLite leaves beside the file goes with the next writer", () => {
    const write = (): void => openSqliteStore({ database, nowSeconds: 1, defaultExperimentId: "e" }).close();
    write();
    opened().close();
    write();
    expect(readdirSync(folder)).toEqual(["state.db"]);
  });

  const isRoot = process.getuid?.() === 0;
  test.skipIf(skipUnless(!isRoot, "a database in a folder that cannot be written: needs a user that is not root"))(
    "reads in a folder that cannot be written",
    () => {
      openSqliteStore({ database, nowSeconds: 1, defaultExperimentId: "e" }).close();
      chmodSync(folder, 0o555);
      try {
        const store = opened();
        expect(store.experiments.defaultId()).toBe("e");
        store.close();
        expect(readdirSync(folder)).toEqual(["state.db"]);
      } finally {
        chmodSync(folder, 0o755);
      }
    },
  );

  test("says that a file of an older version has to be brought up to date, and changes nothing", () => {
    openSqliteStore({ database, nowSeconds: 1, defaultExperimentId: "e" }).close();
    const old = new DatabaseSync(database);
    old.exec("PRAGMA user_version = 1");
    old.close();
    expect(openReadOnlySqliteStore(database)).toBe("outdated");
    expect(openReadOnlySqliteStore(database)).toBe("outdated");
  });

  test.for([
    { name: "a newer version", write: (): void => undefined, version: 1000, message: /schema version 1000.*use a newer version/ },
    { name: "somebody else", write: (): void => writeFileSync(database, "x".repeat(200)), message: /file is not a database/ },
  ])("refuses a file of $name", ({ write, version, message }) => {
    write();
    if (version !== undefined) {
      const newer = new DatabaseSync(database);
      newer.exec(`PRAGMA user_version = ${version}`);
      newer.close();
    }
    expect(() => openReadOnlySqliteStore(database)).toThrow(message);
  });
});
