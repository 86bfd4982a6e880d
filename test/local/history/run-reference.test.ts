import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findRun, shortIds } from "../../../src/local/history/run-reference.ts";

const run = (runId: string, displayName: string) => ({
  ...{ runId, displayName, state: "SUCCEEDED", createdSeconds: 1, finishedSeconds: 2 },
});
const runs = [run("abc-3", "train 3"), run("abd-2", "train 2"), run("f00-1", "last"), run("last-0", "abc-3")];

describe("findRun()", () => {
  test.for([
    { name: "an id, before the name of another", text: "abc-3", found: "abc-3" },
    { name: "last, before a run of that name", text: "last", found: "abc-3" },
    { name: "a name", text: "train 2", found: "abd-2" },
    { name: "the beginning of one id", text: "abd", found: "abd-2" },
    { name: "the beginning of one name", text: "train 3", found: "abc-3" },
    { name: "an id that begins like a word", text: "last-", found: "last-0" },
  ])("finds $name", ({ text, found }) => {
    expect(findRun(runs, text, "/home").runId).toBe(found);
  });

  test.for([
    { text: "ab", message: 'Cannot find run "ab": it fits abc-3 (train 3), abd-2 (train 2); write more of the id' },
    { text: "train", message: 'Cannot find run "train": it fits abc-3 (train 3), abd-2 (train 2); write more of the id' },
    { text: "zzz", message: 'Cannot find run "zzz": /home has no such run; kfp-runtime runs lists them' },
    { text: "", message: 'Cannot find run "": /home has no such run; kfp-runtime runs lists them' },
  ])("refuses $text", ({ text, message }) => {
    expect(() => findRun(runs, text, "/home")).toThrow(message);
  });

  test("says that a home is empty", () => {
    expect(() => findRun([], "last", "/home")).toThrow(
      'Cannot find run "last": /home has no runs; choose another folder with --home',
    );
  });

  test("names five of many candidates", () => {
    const many = Array.from({ length: 8 }, (_, index) => run(`a${index}`, `n${index}`));
    expect(() => findRun(many, "a", "/home")).toThrow(/a4 \(n4\), 3 more; write/);
  });
});

describe("shortIds()", () => {
  test("every short id finds its run again", () => {
    const ids = fc.uniqueArray(fc.stringMatching(/^[ab]{12}$/), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(ids, (list) => {
        const stored = list.map((runId) => run(runId, `name of ${runId}`));
        for (const [runId, short] of shortIds(stored)) {
          expect(short.length).toBeGreaterThanOrEqual(8);
          expect(findRun(stored, short, "/home").runId).toBe(runId);
        }
      }),
    );
  });
});
