/** Homes that are looked at. */
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { homeAt } from "../../../src/local/home/home.ts";
import { openHistory } from "../../../src/local/history/open-history.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kfp-history-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("openHistory()", () => {
  test("finds no home where there is none", async () => {
    expect(await openHistory(homeAt(join(folder, "none")))).toBeUndefined();
    expect(await openHistory(homeAt(join(folder, "none/below")))).toBeUndefined();
  });

  test("does not take a home that cannot be looked at for an empty one", async () => {
    // Also the superuser cannot.
    const home = join(folder, "home");
    symlinkSync(home, home);
    await expect(openHistory(homeAt(home))).rejects.toMatchObject({ code: "HOME_UNUSABLE" });
    await expect(openHistory(homeAt(home))).rejects.toThrow(`Cannot read the home ${home}: links lead in a circle`);
    writeFileSync(join(folder, "file"), "");
    await expect(openHistory(homeAt(join(folder, "file")))).rejects.toThrow("file: it is a file, not a folder");
  });
});
