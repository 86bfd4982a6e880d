import { fromJson, toJson } from "@bufbuild/protobuf";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, test } from "vitest";
import { ExecutorInputSchema } from "../../../src/core/kfp-types.ts";
import { jobPlaceholderValue, resolveLauncherArguments } from "../../../src/core/placeholders/placeholders.ts";
import type { PlaceholderContext } from "../../../src/core/placeholders/placeholders.ts";

const run: PlaceholderContext = {
  runDisplayName: "my run",
  runName: "my-run-x7",
  runId: "r-1",
  createTime: "2026-01-02T03:04:05Z",
  taskName: "train",
  taskId: "t-1",
  pipelineRoot: "s3://b/root",
};

interface Input {
  readonly parameters?: JsonObject;
  readonly inputs?: Record<string, JsonValue[]>;
  readonly outputs?: Record<string, JsonValue[]>;
  readonly outputParameters?: Record<string, string>;
}

const lists = (artifacts: Record<string, JsonValue[]>): JsonObject =>
  Object.fromEntries(Object.entries(artifacts).map(([key, list]) => [key, { artifacts: list }]));

const executorInputOf = ({ parameters = {}, inputs = {}, outputs = {}, outputParameters = {} }: Input) =>
  fromJson(ExecutorInputSchema, {
    inputs: { parameterValues: parameters, artifacts: lists(inputs) },
    outputs: {
      artifacts: lists(outputs),
      parameters: Object.fromEntries(Object.entries(outputParameters).map(([key, outputFile]) => [key, { outputFile }])),
      outputFile: "/s3/b/root/output_metadata.json",
    },
  });

const resolve = (input: Input, ...elements: string[]) =>
  resolveLauncherArguments(elements, { executorInput: executorInputOf(input), run });
const resolveOne = (input: Input, element: string) => resolve(input, element)[0];
const ref = (name: string): string => `{{$.inputs.parameters['${name}']}}`;

describe("resolveLauncherArguments() (docs/spec/placeholders.md#placeholder-cases) (LAU-17)", () => {
  const cases = [
    { name: "N1 ", input: { parameters: { a: "x" } }, element: `p-${ref("a")}-${ref("a")}`, result: "p-x-x" },
    { name: "N2 ", input: { parameters: { l: ["a", "b"] } }, element: `--i=${ref("l")}`, result: '--i=["a","b"]' },
    { name: "N3 ", input: { parameters: { d: { k: "<" } } }, element: ref("d"), result: '{"k":"\\u003c"}' },
    { name: "N4 ", input: { parameters: { b: true } }, element: ref("b"), result: "true" },
    { name: "N5 ", input: {}, element: ref("zz"), result: ref("zz") },
    {
      name: "N6 ",
      input: { inputs: { m: [{ uri: "gs://b/m" }] } },
      element: "{{$.inputs.artifacts['m'].path}}",
      result: "/gcs/b/m",
    },
    {
      name: "N7 ",
      input: { outputs: { m: [{ uri: "s3://b/m", customPath: "/x/y" }] } },
      element: "{{$.outputs.artifacts['m'].path}} {{$.outputs.artifacts['m'].uri}}",
      result: "/x/y s3://b/m",
    },
    {
      name: "N8 ",
      input: { inputs: { m: [{ uri: "minio://b/d/f", customPath: "/x", metadata: { _kfp_workspace: true } }] } },
      element: "{{$.inputs.artifacts['m'].path}}",
      result: "/kfp-workspace/.artifacts/minio/b/d/f",
    },
    {
      input: { inputs: { m: [{ uri: "s3://b/f", metadata: { _kfp_workspace: "true" } }] } },
      element: "{{$.inputs.artifacts['m'].path}}",
      result: "/s3/b/f",
    },
    {
      name: "N9 ",
      input: { inputs: { m: [{ uri: "https://h/f" }] } },
      element: "{{$.inputs.artifacts['m'].path}} {{$.inputs.artifacts['m'].uri}}",
      result: "{{$.inputs.artifacts['m'].path}} https://h/f",
    },
    {
      input: { inputs: { m: [] } },
      element: "{{$.inputs.artifacts['m'].path}}{{$.inputs.artifacts['m'].uri}}{{$.inputs.artifacts['m']}}",
      result: "{{$.inputs.artifacts['m'].path}}{{$.inputs.artifacts['m'].uri}}[]",
    },
    { name: "N11 ", input: { parameters: { exe: "python" } }, element: ref("exe"), result: "python" },
    {
      input: { outputParameters: { o: "/tmp/kfp/outputs/o" } },
      element: "{{$.outputs.parameters['o'].output_file}}",
      result: "/tmp/kfp/outputs/o",
    },
    { input: {}, element: "{{$.outputs.output_file}}", result: "/s3/b/root/output_metadata.json" },
    { input: { parameters: { n: null } }, element: `[${ref("n")}]`, result: "[]" },
    {
      input: { outputs: { m: [{ uri: "s3://b/m", customPath: "" }] } },
      element: "[{{$.outputs.artifacts['m'].path}}]",
      result: "[]",
    },
  ];
  test.for(cases.map((row) => ({ name: "", ...row })))("$name$element is $result", ({ input, element, result }, { expect }) => {
    expect(resolveOne(input, element)).toBe(result);
  });

  test("N10 an output artifact without local path fails the launch, whatever is asked for", ({ expect }) => {
    expect(() => resolve({ outputs: { m: [{ uri: "file:///x" }] } }, "anything")).toThrow(
      /Cannot map output artifact "m" to a local path/,
    );
  });

  test("a workspace artifact without workspace path fails the launch", ({ expect }) => {
    const input = { inputs: { m: [{ uri: "oci://r/o:v1", metadata: { _kfp_workspace: true } }] } };
    expect(() => resolve(input, "anything")).toThrow(/Cannot map input artifact "m" to a path in the workspace/);
  });

  test.for([
    [5, "5"],
    [0.1, "0.1"],
    [1234567.5, "1234567.5"],
    [0.00001, "0.00001"],
    [1e-7, "0.0000001"],
    [1e20, "100000000000000000000"],
    [1e21, "1000000000000000000000"],
    [false, "false"],
    ["a b", "a b"],
  ] as const)("renders %j as %s", ([value, text], { expect }) => {
    expect(resolveOne({ parameters: { v: value } }, ref("v"))).toBe(text);
  });

  test("elements are never split, and the first one is the command", ({ expect }) => {
    expect(resolve({ parameters: { a: "x y" } }, ref("a"), ref("a"))).toEqual(["x y", "x y"]);
  });
});

describe("artifact metadata and lists (LAU-15)", () => {
  const input = {
    inputs: {
      m: [
        { name: "m", uri: "s3://b/m", metadata: { a: 1, s: "x<", l: [1] } },
        { name: "n", uri: "s3://b/n" },
      ],
    },
    outputs: { o: [{ name: "o", uri: "s3://b/o", metadata: { k: "v" } }], p: [{ name: "p", uri: "s3://b/p" }] },
  };
  test.for([
    ["{{$.inputs.artifacts['m'].metadata}}", '{"a":1,"l":[1],"s":"x\\u003c"}'],
    ["{{$.inputs.artifacts['m'].metadata['s']}}", "x<"],
    ["{{$.inputs.artifacts['m'].metadata['l']}}", "[1]"],
    ["{{$.inputs.artifacts['m'].metadata['zz']}}", "{{$.inputs.artifacts['m'].metadata['zz']}}"],
    ["{{$.inputs.artifacts['m'].metadata['constructor']}}", "{{$.inputs.artifacts['m'].metadata['constructor']}}"],
    ["{{$.outputs.artifacts['o'].metadata['k']}}", "v"],
    ["{{$.outputs.artifacts['p'].metadata}}", "{}"],
    ["{{$.inputs.artifacts['zz']}}", "{{$.inputs.artifacts['zz']}}"],
    ["{{$.inputs.artifacts['m'].name}}", "{{$.inputs.artifacts['m'].name}}"],
  ] as const)("%s is %s", ([element, result], { expect }) => {
    expect(resolveOne(input, element)).toBe(result);
  });

  test("a whole list is a JSON array of artifacts", ({ expect }) => {
    expect(JSON.parse(resolveOne(input, "{{$.inputs.artifacts['m']}}") ?? "")).toEqual(input.inputs.m);
  });
});

describe("run and task placeholders (LAU-15)", () => {
  test.for([
    ["pipeline_job_name", "my run"],
    ["pipeline_job_resource_name", "my-run-x7"],
    ["pipeline_job_uuid", "r-1"],
    ["pipeline_job_create_time_utc", "2026-01-02T03:04:05Z"],
    ["pipeline_job_schedule_time_utc", "2026-01-02T03:04:05Z"],
    ["pipeline_task_name", "train"],
    ["pipeline_task_uuid", "t-1"],
    ["pipeline_root", "s3://b/root"],
    ["workspace_path", "/kfp-workspace"],
  ] as const)("%s is %s, also inside a longer text", ([name, value], { expect }) => {
    expect(jobPlaceholderValue(name, run)).toBe(value);
    expect(resolveOne({}, `<{{$.${name}}}>`)).toBe(`<${value}>`);
  });

  test("an unknown time is empty, an unknown root stays", ({ expect }) => {
    const { createTime: _time, pipelineRoot: _root, ...rest } = run;
    const elements = ["[{{$.pipeline_job_create_time_utc}}]", "{{$.pipeline_root}}"];
    expect(resolveLauncherArguments(elements, { executorInput: executorInputOf({}), run: rest })).toEqual([
      "[]",
      "{{$.pipeline_root}}",
    ]);
    expect(jobPlaceholderValue("pipeline_job_schedule_time_utc", { ...rest, scheduleTime: "s" })).toBe("s");
    expect(jobPlaceholderValue("other", run)).toBeUndefined();
  });
});

describe("{{$}}", () => {
  const executorInput = (input: Input, element = "{{$}}") =>
    JSON.parse(resolveOne(input, element) ?? "") as { inputs: { parameterValues: JsonObject } };

  test("is the executor input as JSON", ({ expect }) => {
    const input = { parameters: { n: 3, who: "x" }, outputParameters: { o: "/tmp/kfp/outputs/o" } };
    expect(resolve(input, "--ei", "{{$}}", `--n=${ref("n")}`, "{{$.outputs.parameters['o'].output_file}}")).toEqual([
      "--ei",
      '{"inputs":{"parameterValues":{"n":3,"who":"x"}},"outputs":{"parameters":{"o":{"outputFile":"/tmp/kfp/outputs/o"}},"outputFile":"/s3/b/root/output_metadata.json"}}',
      "--n=3",
      "/tmp/kfp/outputs/o",
    ]);
  });

  const templatesOf = (parameters: JsonObject) => executorInputOf({ parameters }).inputs?.parameterValues ?? {};
  const withTemplates = (parameters: JsonObject, templates: JsonObject, element = "{{$}}"): string => {
    const context = {
      executorInput: executorInputOf({ parameters }),
      run,
      templates: new Map(Object.entries(templatesOf(templates))),
    };
    return resolveLauncherArguments([element], context)[0] ?? "";
  };

  test("N12 a value that is the author's constant word for word has its references resolved, leaf by leaf", ({ expect }) => {
    const parameters = {
      cfg: { port: ref("p"), list: [`a ${ref("q")}`, 1], run: "{{$.pipeline_job_uuid}}" },
      p: 9312,
      q: 'x"\n',
    };
    const json = JSON.parse(withTemplates(parameters, { cfg: parameters.cfg })) as { inputs: { parameterValues: JsonObject } };
    expect(json.inputs.parameterValues).toEqual({
      cfg: { port: "9312", list: ['a x"\n', 1], run: "r-1" },
      p: 9312,
      q: 'x"\n',
    });
    expect(withTemplates(parameters, { cfg: parameters.cfg }, ref("cfg"))).toBe(
      '{"list":["a x\\"\\n",1],"port":"9312","run":"r-1"}',
    );
  });

  test("any other value is data, whatever it looks like", ({ expect }) => {
    const parameters = { a: `<${ref("b")}>`, b: "secret", c: ["{{$.pipeline_job_uuid}}", "{{$}}"] };
    expect(executorInput({ parameters }).inputs.parameterValues).toEqual(parameters);
    expect(withTemplates(parameters, { a: `<${ref("b")}> `, c: ["{{$.pipeline_job_uuid}}"] })).toBe(
      resolveOne({ parameters }, "{{$}}"),
    );
    expect(resolve({ parameters }, ref("a"), ref("c"))).toEqual([parameters.a, JSON.stringify(parameters.c)]);
  });

  test("references are resolved once, cycles included", ({ expect }) => {
    const parameters = { a: `<${ref("b")}>`, b: `(${ref("a")})`, self: ref("self") };
    const json = JSON.parse(withTemplates(parameters, parameters)) as { inputs: { parameterValues: JsonObject } };
    expect(json.inputs.parameterValues).toEqual({
      a: `<(${ref("a")})>`,
      b: `(<${ref("b")}>)`,
      self: ref("self"),
    });
  });

  test("null stays null", ({ expect }) => {
    expect(executorInput({ parameters: { a: null } }).inputs.parameterValues).toEqual({ a: null });
  });

  test("leaves the executor input it was given alone", ({ expect }) => {
    const given = executorInputOf({ parameters: { a: ref("b"), b: "x" } });
    const before = toJson(ExecutorInputSchema, given);
    resolveLauncherArguments(["{{$}}"], { executorInput: given, run });
    expect(toJson(ExecutorInputSchema, given)).toEqual(before);
  });
});

describe("clauses that reach the launcher (LAU-16)", () => {
  test.for([
    [{ Concat: ["prefix-", ref("a"), "{{$.outputs.artifacts['o'].uri}}"] }, ['prefix-x"ys3://b/o']],
    [{ IfPresent: { InputName: "m", Then: ["--m", "{{$.inputs.artifacts['m'].path}}"] } }, ["--m", "/s3/b/m"]],
    [{ IfPresent: { InputName: "none", Then: "t" } }, []],
    [{ IfPresent: { InputName: "nul", Then: "t", Else: "e" } }, ["e"]],
  ] as const)("%j becomes %j", ([clause, elements], { expect }) => {
    const input = {
      parameters: { a: 'x"y', nul: null },
      inputs: { m: [{ uri: "s3://b/m" }], none: [] },
      outputs: { o: [{ uri: "s3://b/o" }] },
    };
    expect(resolve(input, JSON.stringify(clause))).toEqual(elements);
  });
});

describe("properties", () => {
  test("placeholder-free text is unchanged", ({ expect }) => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        fc.pre(!text.includes("{{$") && !text.includes("{"));
        expect(resolveOne({ parameters: { a: "x" } }, text)).toBe(text);
      }),
    );
  });

  test("hostile values are inserted literally, and {{$}} stays valid JSON (LAU-14)", ({ expect }) => {
    const piece = fc.constantFrom(
      "{{$}}",
      "{{$.outputs.output_file}}",
      "{{$.inputs.artifacts['m'].path}}",
      '"',
      "\\",
      "\n",
      "$&",
      "}}",
      "{{$",
      ref("a"),
      ref("b"),
      "{{$.pipeline_job_uuid}}",
    );
    const text = fc.oneof(
      fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join("")),
      fc.string({ unit: "grapheme" }),
    );
    fc.assert(
      fc.property(text, text, (a, b) => {
        const input = { parameters: { a, b }, inputs: { m: [{ uri: "s3://b/m" }] } };
        expect(resolve(input, `${ref("a")}|${ref("b")}`)).toEqual([`${a}|${b}`]);
        const json = JSON.parse(resolveOne(input, "{{$}}") ?? "") as { inputs: { parameterValues: JsonObject } };
        expect(json.inputs.parameterValues).toEqual({ a, b });
      }),
    );
  });
});
