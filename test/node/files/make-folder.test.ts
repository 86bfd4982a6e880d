import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, test } from "vitest";
import { makeFolder } from "../../../src/node/files/make-folder.ts";
import { skipUnless } from "../../support/skip.ts";

const folder = mkdtempSync(join(tmpdir(), "make-folder-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("makeFolder()", () => {
  test("makes parents, and does nothing the second time", async ({ expect }) => {
    const path = join(folder, "a", "b", "c");
    await makeFolder(path);
    await makeFolder(path);
    expect(existsSync(path)).toBe(true);
  });

  test("makes one folder for many at the same time", async ({ expect }) => {
    const path = join(folder, "many", "deep");
    await Promise.all(Array.from({ length: 20 }, () => makeFolder(path)));
    expect(existsSync(path)).toBe(true);
  });

  test.for([
    { name: "a file", path: "file", code: "EEXIST" },
    { name: "below a file", path: "file/below", code: "EEXIST" },
  ])("fails for $name", async ({ path, code }, { expect }) => {
    writeFileSync(join(folder, "file"), "");
    await expect(makeFolder(join(folder, path))).rejects.toMatchObject({ code });
  });

  test.skipIf(skipUnless(existsSync("/proc/self"), "a file system that refuses new folders (/proc)"))(
    "comes back from a file system that refuses",
    async ({ expect }) => {
      await expect(makeFolder("/proc/nope/home")).rejects.toMatchObject({ code: "ENOENT" });
    },
  );
});
