/** The list of deviations is sound, and the tables of docs/deviations.md are what it says. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "vitest";
import { root } from "../support/probe.ts";
import { DEVIATION_PARTS, explainDifference, readDeviations, type Deviation } from "./deviations.ts";

const deviations = readDeviations();
const parts = Object.keys(DEVIATION_PARTS);

/** Anchors that docs/spec sets by hand, and those of its headings. */
function hasSection(rule: string): boolean {
  const [file = "", anchor = ""] = rule.split("#");
  const text = readFileSync(path.join(root, "docs/spec", file), "utf8");
  if (text.includes(`<a id="${anchor}">`)) return true;
  return [...text.matchAll(/^#+ (.*)$/gm)].some(([, heading = ""]) => {
    const words = heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, "");
    return words.trim().replaceAll(" ", "-") === anchor;
  });
}

describe("deviations.json", () => {
  test("gives each line a name of its own that begins with a part of the programs", ({ expect }) => {
    const ids = deviations.map(({ id }) => id);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
    for (const id of ids) expect(id).toMatch(new RegExp(`^(?:${parts.join("|")})(?:-[a-z0-9]+)+$`));
  });

  test("says where, what and why in one line each", ({ expect }) => {
    for (const { id, where, ours, why } of deviations) {
      for (const text of [where, ours, why]) expect(text, id).toMatch(/^[^\s|\n][^|\n]*$/);
    }
  });

  test("names only sections that the specification has", ({ expect }) => {
    const rules = deviations.flatMap((deviation) => deviation.rules);
    expect(rules.length).toBeGreaterThan(50);
    expect(rules.filter((rule) => !hasSection(rule))).toEqual([]);
  });

  test("holds patterns that can be read", ({ expect }) => {
    const patterns = deviations.flatMap(({ matches = [] }) =>
      matches.flatMap(({ pipeline, task, field, theirs, ours }) => [pipeline, task, field, theirs, ours]),
    );
    for (const pattern of patterns) expect(() => new RegExp(pattern ?? ""), pattern).not.toThrow();
  });
});

describe("docs/deviations.md", () => {
  test("has one heading and one table for each part", ({ expect }) => {
    const text = readFileSync(path.join(root, "docs/deviations.md"), "utf8");
    const found = [...text.matchAll(/^## (.*)\n\n<!-- deviations: (\w+) -->$/gm)].map(([, heading, part]) => [part, heading]);
    expect(Object.fromEntries(found)).toEqual(DEVIATION_PARTS);
    // A row outside the marked tables would be lost for the tests that read the list.
    const outside = text.replaceAll(/<!-- deviations: [\s\S]*?<!-- end -->/g, "");
    expect(outside).not.toMatch(/^\|/m);
  });

  test("has the lines of the list: npm run deviations writes them", ({ expect }) => {
    const { status, stderr } = spawnSync(process.execPath, [path.join(root, "scripts/deviations.mjs"), "--check"], {
      encoding: "utf8",
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });
});

describe("explainDifference()", () => {
  const listed: Deviation = { id: "driver-x", where: "x", ours: "y", why: "z", rules: [], matches: [] };
  const withMatch = (match: object): Deviation[] => [{ ...listed, matches: [{ field: "", ...match }] }];
  const difference = {
    ...{ program: "driver" as const, pipeline: "hello", task: "ROOT/say" },
    ...{ field: "outputFiles.condition_path", theirs: "nil", ours: undefined },
  };

  test.for([
    ["a field alone", { field: "condition_path$" }],
    ["everything", { program: "driver", pipeline: "^hello$", task: "/say$", theirs: '^"nil"$', ours: "^undefined$" }],
  ] as const)("finds a deviation by %s", ([, match], { expect }) => {
    expect(explainDifference(withMatch(match), difference)).toHaveLength(1);
  });

  test.for([
    ["another program", { program: "launcher" }],
    ["another pipeline", { pipeline: "^hello_" }],
    ["another task", { task: "^ROOT$" }],
    ["another field", { field: "^calls" }],
    ["another value of theirs", { theirs: "true" }],
    ["another value of ours", { ours: '"nil"' }],
  ] as const)("does not let a deviation explain %s", ([, match], { expect }) => {
    expect(explainDifference(withMatch(match), difference)).toEqual([]);
  });

  test("explains nothing by a deviation without patterns", ({ expect }) => {
    expect(explainDifference([listed], difference)).toEqual([]);
  });
});
