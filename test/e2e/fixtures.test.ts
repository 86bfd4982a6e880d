/** Every fixture pipeline, run by the built programs in both isolations: the outputs its source promises, equal in both. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RunResult, TaskResult } from "../../src/local/results/run-result.ts";
import { builtPrograms, runCli, type Programs } from "../support/built-programs.ts";
import { root } from "../support/probe.ts";
import { normalised, parseResult, statesOf } from "../support/run-results.ts";

let programs: Programs;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  folder = mkdtempSync(join(tmpdir(), "kfp-fixtures-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A folder that is new and empty in each run. */
function freshFolder(name: string): string {
  const path = join(folder, name);
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  return path;
}

const task = ({ tasks }: RunResult, scopePath: string): TaskResult => {
  const found = tasks.find((candidate) => candidate.scopePath === `root.${scopePath}`);
  if (found === undefined) throw new Error(`no task ${scopePath}`);
  return found;
};
const readArtifact = (result: RunResult, scopePath: string, key: string): string =>
  readFileSync(task(result, scopePath).outputs.artifacts[key]?.[0]?.uri ?? "", "utf8");

interface Case {
  readonly name: string;
  readonly pipeline: string;
  readonly params?: () => string[];
  readonly code?: number;
  readonly check: (result: RunResult, stderr: string) => void;
}

const cases: Case[] = [
  {
    name: "branches: if",
    pipeline: "branches",
    check: (result) => {
      expect(result.outputs.parameters).toEqual({ text: "from if", both: "from if, note of if" });
      expect(statesOf(result)).toMatchObject({
        "condition-branches-1.condition-2": "SUCCEEDED",
        "condition-branches-1.condition-3": "SKIPPED",
        "condition-branches-1.condition-4": "SKIPPED",
        "condition-5": "SKIPPED",
      });
    },
  },
  {
    name: "branches: else, and a condition in a condition",
    pipeline: "branches",
    params: () => ["--param", "flavour=bitter", "--param", "count=9"],
    check: (result) => {
      expect(result.outputs.parameters).toEqual({ text: "from else", both: "from else, note of else" });
      expect(statesOf(result)["condition-5.condition-6.produce-4"]).toBe("SUCCEEDED");
    },
  },
  {
    name: "exit handler after success",
    pipeline: "exit_handler",
    check: (result) => {
      expect(statesOf(result)).toMatchObject({ finish: "SUCCEEDED", "exit-handler-1.work": "SUCCEEDED" });
      const seen = JSON.parse(task(result, "finish").outputs.parameters["seen"] as string) as { state: string };
      expect(seen.state).toBe("SUCCEEDED");
    },
  },
  {
    name: "exit handler after failure",
    pipeline: "exit_handler",
    params: () => ["--param", "code=4"],
    code: 1,
    check: (result) => {
      expect(result.state).toBe("FAILED");
      expect(statesOf(result)).toMatchObject({ finish: "SUCCEEDED", "exit-handler-1.work": "FAILED" });
      expect(statesOf(result)["exit-handler-1.work-2"]).toBeUndefined();
      expect(task(result, "finish").outputs.parameters["seen"]).toContain('"FAILED"');
    },
  },
  {
    name: "failures: a step that fails, a command that is not found, a retry that succeeds",
    pipeline: "failures",
    params: () => ["--param", `folder=${freshFolder("attempts")}`, "--param", "missing_command=true"],
    code: 1,
    check: (result, stderr) => {
      expect(result.state).toBe("FAILED");
      expect(task(result, "fail")).toMatchObject({ state: "FAILED", error: expect.stringContaining("exit status 3") as string });
      expect(task(result, "say-3")).toMatchObject({ state: "SUCCEEDED" });
      expect(statesOf(result)["say"]).toBeUndefined();
      expect(task(result, "condition-1.succeed-later")).toMatchObject({
        state: "SUCCEEDED",
        outputs: { parameters: { taken: 2 } },
      });
      expect(task(result, "condition-2.not-there").error).toContain('"no-such-program": executable file not found in $PATH');
      expect(stderr).toMatch(/ {2}fail: .*exit status 3 \(exit code 3\)\n {4}\| about to fail\n {4}\| reason: code 3/);
      expect(stderr).toContain("succeed-later: ended with exit code 1, attempt 2 begins");
    },
  },
  {
    name: "importers",
    pipeline: "importers",
    params: () => {
      const table = join(folder, "home-artifacts-table");
      writeFileSync(table, "imported");
      return ["--param", `uri=${table}`];
    },
    check: (result) => {
      expect(result.outputs.parameters).toEqual({ Output: "imported" });
      expect(task(result, "importer")).toMatchObject({ type: "IMPORTER", state: "SUCCEEDED" });
      const [artifact] = task(result, "importer").outputs.artifacts["artifact"] ?? [];
      expect(artifact).toMatchObject({ type: "Dataset", metadata: { origin: "elsewhere", rows: 3 } });
    },
  },
  {
    name: "loops in loops",
    pipeline: "nested_loops",
    check: (result) => {
      const pairs = [
        ["a1", "a2", "a3"],
        ["b1", "b2", "b3"],
      ];
      expect(result.outputs.parameters).toEqual({ pairs, seen: JSON.stringify(pairs), count: 6 });
      const marked = result.tasks.filter(({ name }) => name === "mark").map(({ outputs }) => outputs.parameters["marked"]);
      expect(new Set(marked)).toEqual(new Set(pairs.flat().map((pair) => `${pair}+note ${pair}`)));
      const labels = result.tasks.filter(({ name }) => name === "label").map(({ outputs }) => outputs.parameters["text"]);
      expect(labels).toEqual(["x-1", "y-2"]);
      expect(statesOf(result)["for-loop-1.for-loop-2.pair[1,2]"]).toBe("SUCCEEDED");
    },
  },
  {
    name: "pipelines in pipelines, optional inputs",
    pipeline: "nested_optional",
    check: (result) => {
      expect(result.outputs.parameters).toEqual({ Output: "explicit|explicit|-" });
      const joined = result.tasks
        .filter(({ name }) => name.startsWith("join"))
        .map(({ outputs }) => outputs.parameters["joined"]);
      expect(new Set(joined)).toEqual(
        new Set(["explicit|explicit|-", "-|leaf default|-", "-|middle default|-", "-|inner default|-"]),
      );
    },
  },
  {
    name: "parameters of every type",
    pipeline: "parameters",
    params: () => ["--param", "required_text=a b", "--param", 'required_fields={"k": [1, null]}', "--param", "nothing=given"],
    check: (result) => {
      expect(result.outputs.parameters).toMatchObject({
        ...{ text: "a b", whole: 42, real: 0.25, flag: false },
        items: [1, "two", [3], { four: 4 }],
        fields: { k: [1, null] },
      });
      expect(result.outputs.parameters["seen"]).toMatch(/^given\n-7\n2\.5\ntrue\n\["a",1,false\]\n.*\ngiven\n$/s);
      const constants = task(result, "echo-2").outputs.parameters;
      expect(constants).toEqual({
        ...{ text_out: 'it\'s "quoted"\n<&> é', whole_out: 0, real_out: 1e-7, flag_out: true, items_out: [], fields_out: {} },
      });
    },
  },
  {
    name: "placeholders",
    pipeline: "placeholders",
    params: () => ["--param", "name=it's {{$.x}} $(HOME)"],
    check: (result) => {
      const lines = readArtifact(result, "show", "argv").split("\n");
      const table = task(result, "write").outputs.artifacts["table"]?.[0]?.uri ?? "";
      expect(lines[0]).toBe(`concat:it's {{$.x}} $(HOME)=1234567.5;${table}`);
      expect(lines[1]).toBe(`embedded:it's {{$.x}} $(HOME)/1234567.5/${table}`);
      expect(lines.slice(2, 5)).toEqual(["--none", "--name", "<it's {{$.x}} $(HOME)>"]);
      expect(result.outputs.parameters["Output"]).toContain("Hello it's {{$.x}} $(HOME)!");
    },
  },
  {
    name: "equal names at the same time",
    pipeline: "same_names",
    params: () => ["--param", `meeting=${freshFolder("meeting")}`],
    check: (result) => {
      expect(result.outputs.parameters).toEqual({
        left: "value of left",
        right: "value of right",
        both: "value of left, note of left, value of right, note of right",
      });
    },
  },
  {
    name: "a loop",
    pipeline: "wide_loop",
    params: () => ["--param", "items=[5,6,7,8]"],
    check: (result) => expect(result.outputs.parameters).toEqual({ Output: [5, 6, 7, 8] }),
  },
  {
    name: "a loop over nothing",
    pipeline: "wide_loop",
    params: () => ["--param", "items=[]"],
    check: (result) => expect(statesOf(result)).toEqual({ root: "SKIPPED", "for-loop-1": "SKIPPED" }),
  },
];

describe("fixture pipelines", () => {
  test.for(cases)("$name", { timeout: 240_000 }, async ({ pipeline, params, code = 0, check }) => {
    const results: unknown[] = [];
    for (const isolation of ["in-process", "process"]) {
      const home = join(folder, `home-${isolation}`);
      const args = ["run", join(root, `test/fixtures/pipelines/${pipeline}.yaml`), "--home", home];
      const ended = await runCli(
        programs,
        [...args, "--isolation", isolation, "--no-cache", "--output", "json", ...(params?.() ?? [])],
        {
          cwd: folder,
        },
      );
      expect(ended.code, ended.stderr).toBe(code);
      const result = parseResult(ended.stdout);
      check(result, ended.stderr);
      results.push(normalised(result));
    }
    expect(results[1]).toEqual(results[0]);
  });
});
