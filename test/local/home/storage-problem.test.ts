import { DatabaseSync } from "node:sqlite";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { HostError } from "../../../src/core/errors.ts";
import { RESERVE_BYTES, reserveDisk } from "../../../src/local/home/disk-reserve.ts";
import { homeError, storageProblem } from "../../../src/local/home/storage-problem.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kfp-storage-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function errorOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

describe("storageProblem()", () => {
  test("knows a full database", () => {
    const db = new DatabaseSync(join(folder, "a.db"));
    db.exec("PRAGMA max_page_count = 2; CREATE TABLE t (x)");
    expect(storageProblem(errorOf(() => db.exec("INSERT INTO t VALUES (zeroblob(100000))")))).toBe("the disk is full");
    db.close();
  });

  test("knows a database that may not be written", () => {
    const path = join(folder, "a.db");
    new DatabaseSync(path).close();
    const db = new DatabaseSync(path, { readOnly: true });
    expect(storageProblem(errorOf(() => db.exec("CREATE TABLE t (x)")))).toMatch(/read-only/);
    db.close();
  });

  test("knows a file that is no database, and one that cannot be opened", () => {
    expect(storageProblem(errorOf(() => new DatabaseSync(folder)))).toBe("the database cannot be opened");
  });

  test.for([
    ["ENOSPC", "the disk is full"],
    ["EROFS", "the file system is read-only"],
    ["EDQUOT", "the disk quota is used up"],
  ])("knows %s, also as the cause of another error", ([code, reason], { expect }) => {
    const error = Object.assign(new Error("write"), { code });
    expect(storageProblem(error)).toBe(reason);
    expect(storageProblem(new Error("outer", { cause: error }))).toBe(reason);
  });

  test.for([
    ["a bug", new TypeError("x is not a function")],
    ["a broken constraint", Object.assign(new Error("UNIQUE"), { code: "ERR_SQLITE_ERROR", errcode: 2067 })],
    ["no error", "text"],
  ])("is not %s", ([, error], { expect }) => {
    expect(storageProblem(error)).toBeUndefined();
  });
});

describe("homeError()", () => {
  test("is one line for a disk, and leaves every other error as it is", () => {
    const full = homeError(Object.assign(new Error("write"), { code: "ENOSPC" }), "/h");
    expect(full).toMatchObject({
      code: "HOME_UNUSABLE",
      message: expect.stringMatching(/^Cannot use \/h as home: the disk is full/) as string,
    });
    const bug = new TypeError("x");
    expect(homeError(bug, "/h")).toBe(bug);
    const known = new HostError("HOME_LOCKED", "locked");
    expect(homeError(known, "/h")).toBe(known);
  });
});

describe("reserveDisk()", () => {
  test("takes room and gives it back, and throws where there is none", () => {
    const path = join(folder, "reserve");
    const reserve = reserveDisk(path);
    expect(statSync(path).size).toBe(RESERVE_BYTES);
    reserve.release();
    reserve.release();
    expect(() => statSync(path)).toThrow("ENOENT");
    expect(() => reserveDisk(join(folder, "nowhere/reserve"))).toThrow("ENOENT");
  });
});
