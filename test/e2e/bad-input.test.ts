/** Everything a person can get wrong: one clear line on stderr, the right exit code, nothing on stdout. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtPrograms, runCli, type Programs } from "../support/built-programs.ts";
import { root } from "../support/probe.ts";

const fixture = (name: string): string => join(root, `test/fixtures/pipelines/${name}.yaml`);
const echo = readFileSync(fixture("wide_loop"), "utf8");

let programs: Programs;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  folder = mkdtempSync(join(tmpdir(), "kfp-bad-"));
  writeFileSync(join(folder, "no-yaml.yaml"), "a: [1\nb: c: d");
  writeFileSync(join(folder, "latin-1.yaml"), Buffer.from("required_text: caf\u00e9", "latin1"));
  writeFileSync(join(folder, "no-pipeline.yaml"), "kind: ConfigMap\na: 1\n");
  writeFileSync(join(folder, "empty.yaml"), "");
  writeFileSync(join(folder, "no-component.yaml"), echo.replace(/name: comp-echo$/m, "name: comp-nowhere"));
  writeFileSync(join(folder, "no-executor.yaml"), echo.replace("executorLabel: exec-echo", "executorLabel: exec-nowhere"));
  writeFileSync(join(folder, "old.yaml"), echo.replace("schemaVersion: 2.1.0", "schemaVersion: 1.0.0"));
  writeFileSync(join(folder, "circle.yaml"), echo.replace(/^( +)taskInfo:\n +name: echo$/m, "$1dependentTasks: [echo]\n$&"));
  writeFileSync(join(folder, "list.json"), "[1]");
  writeFileSync(join(folder, "a-file"), "");
  mkdirSync(join(folder, "full"));
  writeFileSync(join(folder, "full/thesis.txt"), "");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const parameters = fixture("parameters");
const required = ["--param", "required_text=x", "--param", "required_fields={}"];

describe("kfp-runtime run", () => {
  test.for<{ name: string; args: string[]; code?: number; lines: RegExp[] }>([
    { name: "no file", args: ["missing.yaml"], lines: [/Cannot read missing\.yaml: there is no such file/] },
    { name: "a folder", args: ["full"], lines: [/Cannot read full: it is a folder, not a file/] },
    { name: "a file without end", args: ["/dev/zero"], lines: [/Cannot read \/dev\/zero: .*at most 16777216 are read/] },
    { name: "a file in Latin-1", args: ["latin-1.yaml"], lines: [/Cannot read latin-1\.yaml: it is not text in UTF-8/] },
    {
      name: "parameters in Latin-1",
      args: [fixture("parameters"), "--params", "latin-1.yaml"],
      lines: [/Cannot read latin-1\.yaml: it is not text in UTF-8/],
    },
    { name: "no YAML", args: ["no-yaml.yaml"], lines: [/Cannot read no-yaml\.yaml as YAML: line 2, column 1: Flow sequence/] },
    {
      name: "no pipeline",
      args: ["no-pipeline.yaml"],
      lines: [/no-pipeline\.yaml is not a compiled pipeline: it has no pipelineInfo, no root, .*kind ConfigMap/],
    },
    { name: "nothing in the file", args: ["empty.yaml"], lines: [/empty\.yaml is not a compiled pipeline: it is empty/] },
    { name: "another schema version", args: ["old.yaml"], lines: [/schemaVersion is "1\.0\.0"/] },
    {
      name: "a component that does not exist",
      args: ["no-component.yaml"],
      lines: [/task "root\.for-loop-1\.echo": it refers to component "comp-nowhere", which the pipeline spec does not have/],
    },
    {
      name: "an executor that does not exist",
      args: ["no-executor.yaml"],
      lines: [/\(component "comp-echo"\): its component refers to executor "exec-nowhere"/],
    },
    { name: "a task that waits for itself", args: ["circle.yaml"], lines: [/in a circle: echo -> echo/] },
    {
      name: "missing parameters, all of them",
      args: [parameters],
      lines: [/Parameter "required_fields" \(STRUCT\) is required/, /Parameter "required_text" \(STRING\) is required/],
    },
    {
      name: "an unknown parameter",
      args: [parameters, ...required, "--param", "colour=red"],
      lines: [/Parameter "colour" is not declared by the pipeline: known are flag, items/],
    },
    {
      name: "mistyped parameters, all of them",
      args: [parameters, ...required, "--param", "whole=1.5", "--param", "flag=maybe", "--param", "items"],
      lines: [
        /Cannot read parameter "flag" \(BOOLEAN\): not valid JSON/,
        /Cannot read --param "items"/,
        /Parameter "whole" .*whole number/,
      ],
    },
    {
      name: "parameters that are no map",
      args: [parameters, "--params", "list.json"],
      lines: [/list\.json as parameters: it is not a map/],
    },
    {
      name: "an unknown option",
      args: [fixture("wide_loop"), "--paralelism", "3"],
      lines: [/--paralelism: did you mean --parallelism\?/],
    },
    {
      name: "an option's wrong value",
      args: [fixture("wide_loop"), "--isolation", "none"],
      lines: [/--isolation cannot be "none"/],
    },
    {
      name: "no number",
      args: [fixture("wide_loop"), "--parallelism", "0"],
      lines: [/--parallelism: "0" is not a whole number/],
    },
    { name: "no pipeline at all", args: [], lines: [/Which pipeline\?/] },
    { name: "two pipelines", args: ["a.yaml", "b.yaml"], lines: [/Too many words for kfp-runtime run: "b\.yaml"/] },
    {
      name: "a home below a file",
      args: [fixture("wide_loop"), "--home", "a-file/home"],
      code: 1,
      lines: [/Cannot use .*a-file\/home as home/],
    },
    {
      name: "a home that cannot be",
      args: [fixture("wide_loop"), "--home", "/proc/home"],
      code: 1,
      lines: [/Cannot use \/proc\/home as home/],
    },
    {
      name: "a home that is something else",
      args: [fixture("wide_loop"), "--home", "full"],
      code: 1,
      lines: [/Cannot use .*full as home: it holds other files \(thesis\.txt\)/],
    },
    {
      name: "a store without client",
      args: [fixture("wide_loop"), "--pipeline-root", "mem://b/c"],
      lines: [/pipeline root mem:\/\/b\/c is not supported/],
    },
    {
      name: "a pipeline root without bucket",
      args: [fixture("wide_loop"), "--pipeline-root", "s3://"],
      lines: [/Cannot use option --pipeline-root: Cannot parse artifact location "s3:\/\/": .*expected <scheme>:\/\/<bucket>/],
    },
    {
      name: "a pipeline root with a control character",
      args: [fixture("wide_loop"), "--pipeline-root", "s3://b/a\u001b[31m"],
      lines: [/Cannot use option --pipeline-root: .*it holds a control character/],
    },
    {
      name: "a pipeline root with half an escape",
      args: [fixture("wide_loop"), "--pipeline-root", "s3://b/100%", "--dry-run"],
      lines: [/Cannot use option --pipeline-root: .*bad percent-escape/],
    },
    {
      name: "a pipeline root that cannot be made",
      args: [fixture("wide_loop"), "--pipeline-root", "a-file/root"],
      lines: [/Cannot use .*a-file\/root as pipeline root: .*; choose another with --pipeline-root/],
    },
  ])("refuses: $name", async ({ args, code = 2, lines }) => {
    const ended = await runCli(programs, ["run", ...args], { cwd: folder });
    expect(ended.stdout).toBe("");
    const printed = ended.stderr.trimEnd().split("\n");
    expect(printed).toHaveLength(lines.length);
    for (const line of lines)
      expect(
        printed.some((text) => text.startsWith("kfp-runtime: ") && line.test(text)),
        ended.stderr,
      ).toBe(true);
    expect(ended.code).toBe(code);
  });

  test.for([
    { args: ["rum"], line: 'Unknown command "rum": did you mean run?' },
    { args: ["home", "cler"], line: 'Unknown action "cler" of kfp-runtime home: there are show, clear, check, backup and gc' },
  ])("$args: $line", async ({ args, line }) => {
    const ended = await runCli(programs, args, { cwd: folder });
    expect(ended).toEqual({ code: 2, stdout: "", stderr: `kfp-runtime: ${line}\n` });
  });

  test("--help and --version are no mistakes", async () => {
    for (const args of [[], ["--help"], ["run", "--help"], ["--version"], ["run", "--version"]]) {
      const ended = await runCli(programs, args, { cwd: folder });
      expect(ended, args.join(" ")).toMatchObject({ code: 0, stderr: "" });
      expect(ended.stdout).toMatch(/kfp-runtime/);
    }
  });
});
