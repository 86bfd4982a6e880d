/**
 * Every rule is held by a test, or is a line in the list of deviations; every case of the tables about pods, of those
 * about launchers and of the list of cases of the API server is a test.
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "vitest";
import { readDeviations } from "../conformance/deviations.ts";
import { root } from "../support/probe.ts";

const rules = [
  ...readFileSync(path.join(root, "docs/spec/rules.md"), "utf8").matchAll(/^\| \[((?:API|DRV|K8S|LAU|MSG|UPS)-\d+)\]/gm),
].map(([, id = ""]) => id);
const self = path.basename(import.meta.filename);

/** Texts of the tests that are tests' names: literals on a line with `test`, `describe` or `name:`. */
const titles = readdirSync(path.join(root, "test"), { withFileTypes: true, recursive: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith(".test.ts") && entry.name !== self)
  .flatMap((entry) => readFileSync(path.join(entry.parentPath, entry.name), "utf8").split("\n"))
  .filter((line) => !/^\s*(?:\/\/|\*|\/\*)/.test(line))
  .join("\n");
const deviations = readDeviations().flatMap(({ rules: sections }) => sections);

describe("a rule has a test of its name, or a line in the list of deviations", () => {
  test("there are as many as the document lists", ({ expect }) => {
    expect(rules.length).toBeGreaterThanOrEqual(159);
    expect(new Set(rules).size).toBe(rules.length);
  });

  test.for(rules)("%s", (rule, { expect }) => {
    const isNamed = new RegExp(`\\b${rule}\\b`).test(titles);
    const isListed = deviations.some((section) => section.endsWith(`#${rule.toLowerCase()}`));
    expect(isNamed || isListed).toBe(true);
  });
});

const CASES: readonly (readonly [document: string, count: number])[] = [
  ["pod-spec-patch.md", 33],
  ["kubernetes-executor-config.md", 64],
  ["persistent-volume-claims.md", 23],
  ["task-config-workspace-modelcar.md", 21],
  ["api-server.md", 44],
  ["launcher-command-line.md", 10],
  ["placeholders.md", 12],
  ["outputs.md", 20],
  ["output-propagation.md", 21],
  ["importer.md", 6],
  ["object-stores.md", 12],
];

describe.for(CASES)("the cases of docs/spec/%s are tests", ([document, count]) => {
  const text = readFileSync(path.join(root, "docs/spec", document), "utf8");
  const cases = [...text.matchAll(/^\| ([A-Z]\d+) +\|/gm)].map(([, id = ""]) => id);

  test("as many as there are", ({ expect }) => {
    expect(cases).toHaveLength(count);
    expect(cases.filter((id) => !new RegExp(`["\`](?:[A-Z]\\d+, )*${id}[ ,]`).test(titles))).toEqual([]);
  });
});
