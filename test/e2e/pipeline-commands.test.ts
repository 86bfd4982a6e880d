/** lint, graph and rewrite-workflow, the built program on files; graph of runs is in history-commands.test.ts. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { XMLValidator } from "fast-xml-parser";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtPrograms, runCli, type CliRun, type Programs } from "../support/built-programs.ts";
import { documentedProblems } from "../support/documented-shapes.ts";
import { fixturePipeline } from "../support/history-home.ts";
import { parse } from "yaml";
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

describe("rewrite-workflow", () => {
  const file = path.join(root, "test/conformance/workflows/loop_nested.yaml");
  const compiled = readFileSync(file, "utf8");

  test("prints a workflow whose drivers are plugin templates, and says what has changed", async () => {
    const { code, stdout, stderr } = await cli("rewrite-workflow", file, "--diff", "--loop-parallelism", "10");
    expect(code, stderr).toBe(0);
    const { spec } = parse(stdout) as { spec: { templates: { name: string; parallelism?: number; plugin?: object }[] } };
    expect(spec.templates.filter(({ plugin }) => plugin !== undefined).map(({ name }) => name)).toEqual([
      "system-container-driver",
      "system-dag-driver",
    ]);
    expect(spec.templates.map(({ parallelism }) => parallelism).filter((limit) => limit !== undefined)).toEqual([10, 10]);
    expect(stderr.split("\n")).toEqual([
      expect.stringMatching(/loop_nested\.yaml: rewritten, [\d,]+ bytes before, [\d,]+ now$/),
      "  template system-container-driver: a plugin template, without container and volumes",
      "  template system-dag-driver: a plugin template, without container and volumes",
      "  template comp-for-loop-4-for-loop-4-iterator: parallelism 10",
      "  template comp-for-loop-2-for-loop-2-iterator: parallelism 10",
      "  label kfp-runtime.dev/resident on the workflow and on its pods, annotation kfp-runtime.dev/rewritten-by",
      "  it has no label pipeline/runid: KFP's API server has not created it, and no agent will drive it",
      "",
    ]);
  });

  test("takes standard input, and leaves alone what was rewritten", async () => {
    const first = await runCli(programs, ["rewrite-workflow", "-", "--output", "json"], { cwd: folder, stdin: compiled });
    expect(first, first.stderr).toMatchObject({ code: 0, stderr: "" });
    const fromFile = await cli("rewrite-workflow", file);
    expect(parse(fromFile.stdout)).toEqual(JSON.parse(first.stdout));
    const second = await runCli(programs, ["rewrite-workflow", "-", "--diff"], { cwd: folder, stdin: first.stdout });
    expect(second.stderr).toBe("standard input: it was rewritten before, nothing has changed\n");
    expect(parse(second.stdout)).toEqual(JSON.parse(first.stdout));
  });

  test("ends with 1 for a workflow that keeps its driver pods, and passes it on", async () => {
    const odd = compiled.replace("- --pipeline_name", "- --later_flag\n      - x\n      - --pipeline_name");
    const { code, stdout, stderr } = await runCli(programs, ["rewrite-workflow", "-"], { cwd: folder, stdin: odd });
    expect(code).toBe(1);
    expect(stderr).toBe(
      "kfp-runtime: standard input keeps its driver pods: template system-container-driver: " +
        "unknown flag --later_flag; this version of kfp-runtime does not know it\n",
    );
    expect(parse(stdout)).toEqual(parse(odd));
  });

  test.for<{ name: string; stdin: string | Uint8Array; reason: RegExp }>([
    { name: "nothing", stdin: "", reason: /^kfp-runtime: Cannot read standard input: it has no document, and one Workflow is/ },
    { name: "two", stdin: "a: 1\n---\nb: 2\n", reason: /: it has 2 documents, and one Workflow is expected\n$/ },
    { name: "no YAML", stdin: "a: [", reason: /^kfp-runtime: Cannot read standard input as YAML: line 1, column \d: / },
    {
      name: "no text",
      stdin: Buffer.from([0xff, 0xfe]),
      reason: /^kfp-runtime: Cannot read standard input: it is not text in UTF-8\n$/,
    },
    {
      name: "more than it reads",
      stdin: Buffer.alloc(16 * 1024 * 1024 + 1, 32),
      reason: /^kfp-runtime: Cannot read standard input: it has more than 16777216 bytes, and at most 16777216 are read\n$/,
    },
  ])("ends with 2 for $name", async ({ stdin, reason }) => {
    const { code, stdout, stderr } = await runCli(programs, ["rewrite-workflow", "-"], { cwd: folder, stdin });
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(reason);
  });

  test("ends with 2 when there is no such file", async () => {
    expect(await cli("rewrite-workflow", "nowhere.yaml")).toEqual({
      ...{ code: 2, stdout: "", stderr: "kfp-runtime: Cannot read nowhere.yaml: there is no such file\n" },
    });
  });
});
