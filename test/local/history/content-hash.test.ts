import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hashContent } from "../../../src/local/history/content-hash.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kfp-content-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const path = (name: string): string => join(folder, name);
const hash = async (name: string): Promise<unknown> => await hashContent(path(name));

/** A folder with files by name. */
function makeFolder(name: string, files: Readonly<Record<string, string>>): string {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(join(path(name), file, ".."), { recursive: true });
    writeFileSync(join(path(name), file), text);
  }
  return name;
}

describe("hashContent()", () => {
  test("is the same for the same content in other places", async () => {
    makeFolder("a", { "x/one": "1", two: "2" });
    makeFolder("b", { two: "2", "x/one": "1" });
    expect(await hash("a")).toEqual(await hash("b"));
    expect(await hash("a/two")).toEqual(await hash("b/two"));
    symlinkSync(path("a"), path("link"));
    expect(await hash("link")).toEqual(await hash("a"));
  });

  test.for<{ name: string; files: Record<string, string> }>([
    { name: "a byte", files: { "x/one": "1", two: "3" } },
    { name: "a name", files: { "x/one": "1", tow: "2" } },
    { name: "a folder", files: { "y/one": "1", two: "2" } },
    { name: "a file more", files: { "x/one": "1", two: "2", three: "" } },
    { name: "where a file ends", files: { "x/one": "12", two: "" } },
  ])("differs for $name", async ({ files }) => {
    makeFolder("a", { "x/one": "1", two: "2" });
    makeFolder("b", files);
    expect(await hash("a")).not.toEqual(await hash("b"));
  });

  test("says why there is none", async () => {
    expect(await hash("nothing")).toEqual({ problem: expect.stringContaining("ENOENT") as string });
    makeFolder("a", { one: "123", two: "123" });
    expect(await hashContent(path("a"), { maxBytes: 5, maxFiles: 10 })).toEqual({ problem: "it is too large" });
    expect(await hashContent(path("a"), { maxBytes: 10, maxFiles: 2 })).toEqual({ problem: "it has too many files" });
    expect(await hashContent(path("a"), { maxBytes: 6, maxFiles: 3 })).toHaveProperty("hash");
  });
});
