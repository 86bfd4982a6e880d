/** What becomes of values on their way, by the built programs in both isolations: nothing inserted, rounded, dropped or stuck. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { create, toBinary } from "@bufbuild/protobuf";
import { ListValueSchema, ValueSchema, type Value } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RunSchema } from "../../src/core/kfp-types.ts";
import type { RunResult } from "../../src/local/results/run-result.ts";
import { builtPrograms, runCli, type CliRun, type Programs } from "../support/built-programs.ts";
import { root } from "../support/probe.ts";
import { parseResult, statesOf } from "../support/run-results.ts";

const given = (name: string): string => join(root, "test/fixtures/cases", name);

let programs: Programs;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  folder = mkdtempSync(join(tmpdir(), "kfp-values-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Step {
  /** Shell script; `$0`, `$1` and so on are the arguments. */
  readonly script: string;
  readonly args?: readonly string[];
  readonly inputs?: Readonly<Record<string, object>>;
  readonly outputs?: Readonly<Record<string, string>>;
  /** Of the task spec. */
  readonly task?: object;
  readonly values?: object;
}

/** A pipeline of shell steps, without the SDK. */
function pipelineFile(name: string, steps: Readonly<Record<string, Step>>, parameters: object = {}): string {
  const entries = Object.entries(steps);
  const outputs = (step: Step): object => ({
    parameters: Object.fromEntries(Object.entries(step.outputs ?? {}).map(([key, parameterType]) => [key, { parameterType }])),
  });
  const spec = {
    pipelineInfo: { name },
    schemaVersion: "2.1.0",
    sdkVersion: "kfp-2.17.3",
    components: Object.fromEntries(
      entries.map(([key, step]) => [
        `comp-${key}`,
        { executorLabel: `exec-${key}`, inputDefinitions: { parameters: step.inputs ?? {} }, outputDefinitions: outputs(step) },
      ]),
    ),
    deploymentSpec: {
      executors: Object.fromEntries(
        entries.map(([key, { script, args = [] }]) => [
          `exec-${key}`,
          { container: { image: "x", command: ["sh", "-c", script], args } },
        ]),
      ),
    },
    root: {
      inputDefinitions: { parameters },
      dag: {
        tasks: Object.fromEntries(
          entries.map(([key, { task = {}, values = {} }]) => [
            key,
            { componentRef: { name: `comp-${key}` }, taskInfo: { name: key }, inputs: { parameters: values }, ...task },
          ]),
        ),
      },
    },
  };
  const path = join(folder, `${name}.yaml`);
  writeFileSync(path, JSON.stringify(spec));
  return path;
}

const outputFile = (name: string): string => `{{$.outputs.parameters['${name}'].output_file}}`;
const input = (name: string): string => `{{$.inputs.parameters['${name}']}}`;
const errorOf = (result: RunResult, name: string): string => result.tasks.find((task) => task.name === name)?.error ?? "";

describe.each(["in-process", "process"] as const)("with isolation %s", (isolation) => {
  let home = "";
  beforeAll(() => {
    home = join(folder, `home-${isolation}`);
    mkdirSync(home);
  });
  const run = (file: string, ...params: string[]): Promise<CliRun> =>
    runCli(
      programs,
      ["run", file, "--home", home, "--isolation", isolation, "--output", "json", ...params.flatMap((text) => ["--param", text])],
      { cwd: folder },
    );

  test("a placeholder inside a dict constant is resolved where the constant stands", async () => {
    const { stdout, stderr, code } = await run(given("constant-dict-into-subpipeline.yaml"));
    expect(code, stderr).toBe(0);
    expect(parseResult(stdout).outputs.parameters).toEqual({ Output: '{"n":"7"}|own n=99' });
  });

  test("a default of the pipeline that asks for the run's id gets this run's, every time", async () => {
    for (let time = 0; time < 2; time += 1) {
      const { stdout, stderr } = await run(given("run-id-as-default.yaml"));
      const result = parseResult(stdout);
      expect(result.outputs.parameters, stderr).toEqual({ o: result.runId });
      expect(statesOf(result)["a"]).toBe("SUCCEEDED");
    }
  });

  test("data that looks like a placeholder, a variable or a clause arrives as it is", async () => {
    const evil = `x {{$.inputs.parameters['token']}} {{$}} {{$.pipeline_job_uuid}} $(NAMESPACE) $$ "'\\ {"Concat": ["a"]}`;
    const { stdout, stderr } = await run(given("placeholder-in-data.yaml"), `text=${evil}`);
    expect(stderr).toContain(`SHOW<${evil}>`);
    expect(stderr).toContain("SHOW<see {{$.inputs.parameters['token']}} and {{$.pipeline_job_uuid}}>");
    expect(stderr).not.toContain("S3CRET");
    expect(statesOf(parseResult(stdout))).toMatchObject({ show2: "SUCCEEDED", "show2-2": "SUCCEEDED" });
  });

  test("the executor input carries data unchanged as well", async () => {
    const string = { parameterType: "STRING" };
    const list = { parameterType: "LIST" };
    const file = pipelineFile(
      "executor-input",
      {
        show: {
          script: 'printf "%s" "$0" > "$1"',
          args: ["{{$}}", outputFile("o")],
          inputs: { text: string, items: list, token: string },
          outputs: { o: "STRING" },
          values: Object.fromEntries(["text", "items", "token"].map((name) => [name, { componentInputParameter: name }])),
        },
      },
      { text: string, items: list, token: string },
    );
    const values = { text: `${input("token")} $(NAMESPACE) \u{1f600}`, items: [input("token"), { k: "{{$}}" }], token: "secret" };
    const { stdout, stderr, code } = await run(
      file,
      ...Object.entries(values).map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`),
    );
    expect(code, stderr).toBe(0);
    const written = parseResult(stdout).tasks.find(({ name }) => name === "show")?.outputs.parameters["o"] as string;
    expect(JSON.parse(written)).toMatchObject({ inputs: { parameterValues: values } });
  });

  test("integers that would be rounded are refused by name when the step ends", async () => {
    const writes = (text: string): string => `mkdir -p "$(dirname "$0")"; printf '%s' '${text}' > "$0"`;
    const file = pipelineFile("integers", {
      plain: { script: writes("9007199254740993"), args: [outputFile("n")], outputs: { n: "NUMBER_INTEGER" } },
      inside: { script: writes('{"ids": [1, 9223372036854775807]}'), args: [outputFile("d")], outputs: { d: "STRUCT" } },
      reported: {
        script: writes('{"parameterValues": {"n": 9007199254740993}}'),
        args: ["{{$.outputs.output_file}}", outputFile("n")],
        outputs: { n: "NUMBER_INTEGER" },
      },
      exact: { script: writes("9007199254740991"), args: [outputFile("n")], outputs: { n: "NUMBER_INTEGER" } },
    });
    const { stdout, code } = await run(file);
    expect(code).toBe(1);
    const result = parseResult(stdout);
    expect(errorOf(result, "plain")).toMatch(/name="n" .*an integer beyond 9007199254740991 .*pass it as a string/);
    expect(errorOf(result, "inside")).toMatch(/name="d" .*member ids\[1\] is an integer beyond/);
    expect(errorOf(result, "reported")).toMatch(/output parameter "n": it is an integer beyond/);
    expect(result.tasks.find(({ name }) => name === "exact")?.outputs.parameters).toEqual({ n: 9007199254740991 });
  });

  test.for([
    ["n=9223372036854775807", /Parameter "n" \(NUMBER_INTEGER\) cannot be used: it is an integer beyond .*pass it as a string/],
    ['d={"a":"\\ud800"}', /Parameter "d" \(STRUCT\) cannot be used: member a: the text is not valid Unicode/],
    ["b=True", /Cannot read parameter "b" \(BOOLEAN\): not valid JSON.*; write true, without quotes and in lower case/],
  ] as const)("%s is refused before the run", async ([param, message]) => {
    const file = pipelineFile(
      "refused",
      { a: { script: "true" } },
      Object.fromEntries(
        [
          ["n", "NUMBER_INTEGER"],
          ["d", "STRUCT"],
          ["b", "BOOLEAN"],
        ].map(([name, parameterType]) => [name, { parameterType, isOptional: true }]),
      ),
    );
    const { stdout, stderr, code } = await run(file, param);
    expect({ stdout, code }).toEqual({ stdout: "", code: 2 });
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(stderr).toMatch(message);
  });

  test("a parameter that is too deep is refused, a stored run that is too deep blocks nothing", async () => {
    const file = given("deep-parameter.yaml");
    const refused = await run(file, `x=${readFileSync(given("deep-parameter.json"), "utf8")}`);
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toMatch(/^kfp-runtime: Parameter "x" \(LIST\) cannot be used: it is nested more than 30 levels deep/);
    const deepest = `x=${"[".repeat(30)}${"]".repeat(30)}`;
    expect(await run(file, deepest)).toMatchObject({ code: 0 });

    // What the first release left behind.
    const nested = (levels: number): Value => {
      const values = levels === 0 ? [] : [nested(levels - 1)];
      return create(ValueSchema, { kind: { case: "listValue", value: create(ListValueSchema, { values }) } });
    };
    const db = new DatabaseSync(join(home, "state.db"));
    const runId = String(db.prepare("SELECT run_id FROM runs ORDER BY created_at DESC LIMIT 1").get()?.["run_id"]);
    db.prepare("UPDATE runs SET state = 'RUNNING', body = ? WHERE run_id = ?").run(
      toBinary(RunSchema, create(RunSchema, { runId, runtimeConfig: { parameters: { x: nested(60) } } })),
      runId,
    );
    db.close();
    const next = await run(file, "x=[1]");
    expect(next.code, next.stderr).toBe(0);
    expect(next.stderr).toContain(`run ${runId} (`);
    expect(next.stderr).toMatch(/cannot be read and was set aside/);
    expect((await run(file, "x=[1]")).stderr).not.toMatch(/set aside/);
  });

  test("an output that is too deep fails its step by name", async () => {
    const text = `${"[".repeat(31)}${"]".repeat(31)}`;
    const script = `mkdir -p "$(dirname "$0")"; printf '%s' '${text}' > "$0"`;
    const { stdout } = await run(
      pipelineFile("deep-output", { deep: { script, args: [outputFile("l")], outputs: { l: "LIST" } } }),
    );
    expect(errorOf(parseResult(stdout), "deep")).toMatch(/name="l" .*nested more than 30 levels deep/);
  });

  test("an argument above 128 KiB is named, with its size, the limit and the input", async () => {
    const file = pipelineFile("large", {
      make: {
        script: 'mkdir -p "$(dirname "$0")"; head -c 150000 /dev/zero | tr "\\0" x > "$0"',
        args: [outputFile("text")],
        outputs: { text: "STRING" },
      },
      use: {
        script: "echo never",
        args: ["--size", "1", "--text", input("text")],
        inputs: { text: { parameterType: "STRING" } },
        values: { text: { taskOutputParameter: { producerTask: "make", outputParameterKey: "text" } } },
        task: { dependentTasks: ["make"] },
      },
    });
    const { stdout, stderr, code } = await run(file);
    expect(code).toBe(1);
    const result = parseResult(stdout);
    expect(statesOf(result)).toEqual({ make: "SUCCEEDED", root: "FAILED", use: "FAILED" });
    expect(errorOf(result, "use"), stderr).toMatch(
      /argument \d+ \(the value of --(text|executor_input)\) has 150\d+ bytes, and the system takes at most 131071 in one argument; input parameter "text" alone has 150000 bytes; hand large data over as an artifact/,
    );
  });

  test("a step that ignores failures before it takes its defaults", async () => {
    const always = { triggerPolicy: { strategy: "ALL_UPSTREAM_TASKS_COMPLETED" } };
    const file = pipelineFile("ignore", {
      fail: { script: "exit 3", outputs: { o: "STRING" } },
      recover: {
        script: 'mkdir -p "$(dirname "$1")"; printf %s "$0" > "$1"',
        args: [input("x"), outputFile("o")],
        inputs: { x: { parameterType: "STRING", isOptional: true, defaultValue: "default" } },
        outputs: { o: "STRING" },
        values: { x: { taskOutputParameter: { producerTask: "fail", outputParameterKey: "o" } } },
        task: { dependentTasks: ["fail"], ...always },
      },
    });
    const { stdout, stderr } = await run(file);
    const result = parseResult(stdout);
    expect(statesOf(result), stderr).toMatchObject({ fail: "FAILED", recover: "SUCCEEDED" });
    expect(result.tasks.find(({ name }) => name === "recover")?.outputs.parameters).toEqual({ o: "default" });
  });
});
