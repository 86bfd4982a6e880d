import { create, fromJson } from "@bufbuild/protobuf";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, test } from "vitest";
import { expandReferences } from "../../../src/local/engine/pod-command.ts";
import { ComponentSpecSchema, ExecutorInputSchema } from "../../../src/core/kfp-types.ts";
import { declaredInputs, resolveDriverArguments, resolveLauncherArguments } from "../../../src/core/placeholders/placeholders.ts";
import { jsonToValue } from "../../../src/core/values/value.ts";

const input = (parameterValues: JsonObject, artifacts: Record<string, JsonValue> = {}) =>
  fromJson(ExecutorInputSchema, { inputs: { parameterValues, artifacts }, outputs: { outputFile: "/o" } });

const clause = (json: JsonValue): string => JSON.stringify(json);
const ref = (name: string): string => `{{$.inputs.parameters['${name}']}}`;

describe("resolveDriverArguments()", () => {
  const executorInput = input(
    { s: "a b", n: 5, f: 1234567.5, tiny: 0.00001, big: 1e21, b: true, l: ["a", 1], d: { b: "x<y", a: [1, true] }, z: null },
    { filled: { artifacts: [{ name: "x" }] }, empty: {} },
  );

  test.for([
    ["plain", ["plain"]],
    [`p-${ref("s")}-${ref("s")}`, ["p-a b-a b"]],
    [ref("n"), ["5"]],
    [ref("f"), ["1234567.5"]],
    [ref("tiny"), ["0.00001"]],
    [ref("big"), ["1000000000000000000000"]],
    [ref("b"), ["true"]],
    [`--i=${ref("l")}`, ['--i=["a",1]']],
    [ref("d"), ['{"a":[1,true],"b":"x\\u003cy"}']],
    [`[${ref("z")}]`, ["[]"]],
    ["{{$}}", ["{{$}}"]],
    ["{{$.inputs.artifacts['filled'].path}}", ["{{$.inputs.artifacts['filled'].path}}"]],
    [`${ref("s")} {{$.outputs.artifacts['m'].uri}}`, ["a b {{$.outputs.artifacts['m'].uri}}"]],
    ["{{$.pipeline_job_uuid}} {{$.nothing}}", ["{{$.pipeline_job_uuid}} {{$.nothing}}"]],
    [clause({ IfPresent: { InputName: "s", Then: ["--s", ref("s")] } }), ["--s", "a b"]],
    [clause({ IfPresent: { InputName: "z", Then: "t", Else: ["no", ref("n")] } }), ["no", "5"]],
    [clause({ IfPresent: { InputName: "zz", Then: "t" } }), []],
    [
      clause({ IfPresent: { InputName: "filled", Then: "{{$.inputs.artifacts['filled'].path}}" } }),
      ["{{$.inputs.artifacts['filled'].path}}"],
    ],
    [clause({ IfPresent: { InputName: "empty", Then: "t", Else: "e" } }), ["e"]],
    [
      clause({ Concat: ["prefix-", ref("s"), "{{$.outputs.artifacts['t'].uri}}"] }),
      ["prefix-a b{{$.outputs.artifacts['t'].uri}}"],
    ],
    [
      clause({
        IfPresent: {
          InputName: "s",
          Then: [clause({ Concat: ["x"] }), { Concat: [ref("s"), "{{$.outputs.parameters['o'].output_file}}"] }],
        },
      }),
      ['{"Concat":["x"]}', "a b{{$.outputs.parameters['o'].output_file}}"],
    ],
  ] as const)("%s", ([element, expected], { expect }) => {
    expect(resolveDriverArguments([element], executorInput)).toEqual(expected);
  });

  test("an IfPresent whose argument is quoted JSON keeps its quotes", ({ expect }) => {
    const hostile = input({ q: 'a"b\\c\nd' });
    expect(resolveDriverArguments([clause({ IfPresent: { InputName: "q", Then: ref("q") } })], hostile)).toEqual(['a"b\\c\nd']);
  });

  describe("parameters without value", () => {
    const component = fromJson(ComponentSpecSchema, {
      inputDefinitions: {
        parameters: {
          withDefault: { parameterType: "NUMBER_INTEGER", defaultValue: 7 },
          optional: { parameterType: "STRING", isOptional: true },
        },
      },
    });
    const options = declaredInputs(component);

    test("take the component's default, in text and for presence", ({ expect }) => {
      const elements = [ref("withDefault"), clause({ IfPresent: { InputName: "withDefault", Then: "t" } })];
      expect(resolveDriverArguments(elements, input({}), options)).toEqual(["7", "t"]);
    });

    test("are empty text when they are declared", ({ expect }) => {
      expect(resolveDriverArguments([`--o=${ref("optional")}`], input({}), options)).toEqual(["--o="]);
    });

    test("are an error when the component does not have them", ({ expect }) => {
      expect(() => resolveDriverArguments([ref("zz")], input({}), options)).toThrow(/the component has no input parameter "zz"/);
      expect(() => resolveDriverArguments([ref("optional")], input({}))).toThrow(
        expect.objectContaining({ code: "PLACEHOLDER_INVALID" }),
      );
    });

    test("in a branch that is not taken do no harm", ({ expect }) => {
      const element = clause({ IfPresent: { InputName: "zz", Then: ref("zz"), Else: "e" } });
      expect(resolveDriverArguments([element], input({}), options)).toEqual(["e"]);
    });
  });

  describe("what the launcher would read as template is left to the launcher", () => {
    test.for([
      { name: "a placeholder in a value", values: { v: "{{$}}" }, element: `x${ref("v")}` },
      { name: "a reference in a value", values: { v: `Hello ${ref("w")}`, w: "!" }, element: ref("v") },
      { name: "a placeholder made of value and text", values: { v: "{{" }, element: `${ref("v")}$}}` },
      { name: "a clause in a value", values: { v: '{"Concat": ["a"]}' }, element: ref("v") },
      { name: "a clause made of value and text", values: { v: "Concat" }, element: `{"${ref("v")}": ["a"]}` },
      { name: "a variable of the pod in a value", values: { v: "$(NAMESPACE)" }, element: ref("v") },
      { name: "a variable of the pod made of value and text", values: { v: "(NAMESPACE)" }, element: `$${ref("v")}` },
      { name: "two dollars, of which the kubelet takes one", values: { v: "a$$b" }, element: ref("v") },
    ])("$name", ({ values, element }, { expect }) => {
      expect(resolveDriverArguments([element], input(values))).toEqual([element]);
    });

    test("defaults, which the launcher does not know, are put in all the same", ({ expect }) => {
      const element = `${ref("v")}${ref("d")}`;
      expect(resolveDriverArguments([element], input({ v: "{{$}}" }), { defaults: { d: jsonToValue("x") } })).toEqual([
        `${ref("v")}x`,
      ]);
    });
  });

  test("placeholder-free text is unchanged", ({ expect }) => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme" })), (elements) => {
        fc.pre(elements.every((element) => !element.includes("{{$") && !element.includes("{")));
        expect(resolveDriverArguments(elements, create(ExecutorInputSchema))).toEqual(elements);
      }),
    );
  });

  test("whatever a value holds, both passes together insert it literally", ({ expect }) => {
    const piece = fc.constantFrom(
      "{{$",
      "}}",
      "$",
      "{",
      "}",
      '"',
      "\n",
      '{"Concat": ["a"]}',
      "{{$}}",
      "{{$.outputs.output_file}}",
      "'",
      "x",
      "$(x)",
      "(x)",
      "$$",
      "{{$.pipeline_job_uuid}}",
    );
    const text = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(""));
    const run = { runDisplayName: "", runName: "", runId: "", taskName: "", taskId: "" };
    fc.assert(
      fc.property(text, text, (v, w) => {
        const executorInput = input({ v, w });
        const elements = [
          `<${ref("v")}|${ref("w")}>`,
          ref("v"),
          clause({ Concat: [ref("v"), ref("w")] }),
          clause({ IfPresent: { InputName: "v", Then: [ref("v"), ref("w")] } }),
        ];
        const inPod = resolveDriverArguments(elements, executorInput).map((text) =>
          expandReferences(text, { x: "!", NAMESPACE: "!" }),
        );
        const resolved = resolveLauncherArguments(inPod, { executorInput, run });
        expect(resolved).toEqual([`<${v}|${w}>`, v, v + w, v, w]);
      }),
    );
  });
});
