/** lint and graph, the built program on files; graph of runs is in history-commands.test.ts. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { XMLValidator } from "fast-xml-parser";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtPrograms, runCli, type CliRun, type Programs } from "../support/built-programs.ts";
import { documentedProblems } from "../support/documented-shapes.ts";
import { fixturePipeline } from "../support/history-home.ts";
import { root } from "../support/probe.ts";

let programs: Programs;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  folder = mkdtempSync(path.join(tmpdir(), "kfp-lint-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const cli = async (...args: string[]): Promise<CliRun> => await runCli(programs, args, { cwd: folder });
const refused = (name: string): string => path.join(root, `test/fixtures/refused/${name}.yaml`);
const DANGEROUS = /[^\P{Cc}\n]/u;

describe("lint", () => {
  test.for<{ name: string; args: string[]; code: number; last: string }>([
    { name: "a clean file", args: [fixturePipeline("two-steps")], code: 0, last: "two-steps.yaml: no problems" },
    { name: "an error", args: [refused("broken-condition")], code: 1, last: "broken-condition.yaml: 1 error" },
    { name: "a warning", args: [refused("required-artifact-input")], code: 0, last: "required-artifact-input.yaml: 1 warning" },
    { name: "a warning that counts", args: [refused("required-artifact-input"), "--strict"], code: 1, last: ": 1 warning" },
    { name: "a note", args: [refused("oci-importer-late")], code: 0, last: "oci-importer-late.yaml: 1 note" },
    { name: "a note that counts", args: [refused("oci-importer-late"), "--local"], code: 1, last: ": 1 error" },
    {
      name: "several files",
      args: [fixturePipeline("two-steps"), refused("broken-condition")],
      code: 1,
      last: "2 files: 1 error",
    },
  ])("ends with $code for $name", async ({ args, code, last }) => {
    const ended = await cli("lint", ...args);
    expect(ended.code, ended.stderr).toBe(code);
    expect(ended.stdout.trimEnd().endsWith(last), ended.stdout).toBe(true);
    const json = await cli("lint", ...args, "--output", "json");
    expect(json.code).toBe(code);
    expect(documentedProblems("Lint", json.stdout)).toEqual([]);
  });

  test("names place, severity and rule as compilers do, without control characters", async () => {
    writeFileSync(path.join(folder, "a\u{1b}[2J.yaml"), "a: [\n");
    const { code, stdout } = await cli("lint", "a\u{1b}[2J.yaml");
    expect(code).toBe(1);
    expect(stdout).toMatch(/^a\\x1b\[2J\.yaml:\d+:\d+: error: .* \[file-invalid\]\n/);
    expect(stdout).not.toMatch(DANGEROUS);
    const sarif = await cli("lint", refused("broken-condition"), "--output", "sarif");
    const { runs } = JSON.parse(sarif.stdout) as { runs: { results: unknown[] }[] };
    expect(sarif.code).toBe(1);
    expect(runs[0]?.results).toMatchObject([
      { ruleId: "condition-invalid", locations: [{ physicalLocation: { region: { startLine: 167, startColumn: 7 } } }] },
    ]);
  });

  test("ends with 2 when there is no such file, and without one", async () => {
    expect(await cli("lint", "nowhere.yaml")).toEqual({
      ...{ code: 2, stdout: "", stderr: "kfp-runtime: Cannot read nowhere.yaml: there is no such file\n" },
    });
    expect((await cli("lint")).stderr).toBe("kfp-runtime: Which pipeline? kfp-runtime lint PIPELINE.yaml\n");
  });
});

describe("graph", () => {
  test("draws a file in every form", async () => {
    const file = fixturePipeline("two-steps");
    const tree = await cli("graph", file);
    expect(tree).toMatchObject({
      code: 0,
      stdout: 'two-steps\n├─ loop (for each of ["a", "b"]) <- write\n│  └─ read\n└─ write\n',
    });
    const json = await cli("graph", file, "--output", "json");
    expect(documentedProblems("Graph", json.stdout)).toEqual([]);
    expect((await cli("graph", file, "--output", "mermaid")).stdout).toMatch(/^flowchart TD\n/);
    expect(XMLValidator.validate((await cli("graph", file, "--output", "svg")).stdout)).toBe(true);
  });

  test.for(["text", "mermaid", "svg"])("shows no control characters of names, as %s", async (output) => {
    const { code, stdout } = await cli("graph", fixturePipeline("names-with-escapes"), "--output", output);
    expect(code).toBe(0);
    expect(stdout).not.toMatch(DANGEROUS);
    expect(stdout).toContain("x1b");
  });

  test("refuses what cannot run, and what is not there", async () => {
    expect(await cli("graph", refused("broken-condition"))).toMatchObject({ code: 2, stdout: "" });
    expect((await cli("graph", "nowhere.yaml")).stderr).toContain("Cannot read nowhere.yaml: there is no such file");
    expect((await cli("graph", "last")).stderr).toContain('Cannot find run "last"');
  });
});
