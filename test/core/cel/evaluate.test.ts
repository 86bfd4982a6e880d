import { readFileSync, readdirSync } from "node:fs";
import { create } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { evaluateCondition, evaluateSelector } from "../../../src/core/cel/evaluate.ts";
import { ExecutorInputSchema } from "../../../src/core/kfp-types.ts";
import { jsonToValue, valueToJson } from "../../../src/core/values/value.ts";
import type { JsonObject, JsonValue } from "../../../src/core/values/value.ts";
import { conformancePipelines } from "../../conformance/pipelines.ts";

const PARAMETERS: JsonObject = {
  s: "foo",
  n: 5,
  d: 2.5,
  t: true,
  sn: "5",
  sd: "2.5",
  nul: null,
  l: [1, 2],
  m: { a: 1, z: null },
  neg: -3.7,
  empty: "",
  blank: " 5",
  hex: "0x10",
  huge: 1e19,
  big: 1234567.5,
  emoji: "\u{1f600}",
  private: "\uffff",
  json: '{"a":[1,{"b":null}],"n":5}',
};

const INPUT = create(ExecutorInputSchema, {
  inputs: {
    parameterValues: Object.fromEntries(Object.entries(PARAMETERS).map(([key, json]) => [key, jsonToValue(json)])),
    artifacts: {
      model: { artifacts: [{ name: "model", uri: "s3://b/k", metadata: { accuracy: 0.95, nothing: null } }] },
      none: {},
    },
  },
});

const OPTIONAL = new Set(["omitted"]);

/** `$name` stands for the parameter of that name. */
function condition(text: string): Promise<boolean> {
  const spelled = text.replaceAll(/\$(\w+)/g, (_, name: string) => `inputs.parameter_values['${name}']`);
  return evaluateCondition(spelled, INPUT, { optionalInputs: OPTIONAL });
}

describe("evaluateCondition()", () => {
  // docs/spec/expressions.md#semantics, #forms-in-compiled-pipelines; every row was compared with cel-go 0.27.
  test.for([
    ["$n == 5", true],
    ["$n == 5.0", true],
    ["int($n) == 5", true],
    ["$n == '5'", false],
    ["$sn == 5", false],
    ["$t == 'true'", false],
    ["$nul == ''", false],
    ["$n != '5'", true],
    ["$nul != 'x'", true],
    ["$nul == null", true],
    ["$d > 2", true],
    ["$d > 2.0", true],
    ["$s > 'bar'", true],
    ["$emoji > $private", true],
    ["int($d) == 2", true],
    ["int($neg) == -3", true],
    ["int($sn) == 5", true],
    ["int('+5') == 5", true],
    ["double($sd) == 2.5", true],
    ["double('0x1p-2') == 0.25", true],
    ["bool('T')", true],
    ["string($big) == '1.2345675e+06'", true],
    ["string($n) == '5'", true],
    ["uint($sn) == 5u", true],
    ["$n + 1.0 == 6.0", true],
    ["$t", true],
    ["!($s == 'foo') && $missing == 'x'", false],
    ["$missing == 'x' && !($s == 'foo')", false],
    ["$s == 'foo' || $missing == 'x'", true],
    ["$missing == 'x' || $s == 'foo'", true],
    ["has(inputs.parameter_values.s)", true],
    ["'s' in inputs.parameter_values", true],
    ["has(inputs.parameter_values.missing)", false],
    ["'missing' in inputs.parameter_values", false],
    ["has(inputs.parameter_values.nul)", true],
    ["'nul' in inputs.parameter_values", true],
    ["$l == [1, 2]", true],
    ["$l[0] == 1", true],
    ["$l[0.5 + 0.5 == 1.0 ? 0 : 1] == 1", true],
    ["$m.a == 1", true],
    ["$m['a'] == 1", true],
    ["has($m.z) && $m.z == null", true],
    ["has($m.q)", false],
    ["$l in $m", false],
    ["'z' in {'z': null}", true],
    ["$l.exists(x, x == 2.0) && $l.all(x, x > 0) && $l.map(x, x + 1.0) == [2.0, 3.0]", true],
    ["$l.filter(x, x > 1).size() == 1", true],
    ["$s.startsWith('f') && $s.endsWith('o') && $s.contains('oo') && $s.matches('^f.o$') && matches($s, 'o+')", true],
    ["size($s) == 3 && size($l) == 2 && size('é\u{1f600}') == 2", true],
    ["$l[$d] == 2 || true", true],
    ["$t ? $n > 4 : false", true],
    ["parseJson($json).a[1].b == null && parseJson($json)['n'] > 4", true],
    ["inputs.artifacts['model'].artifacts[0].metadata['accuracy'] * 100.0 > 90.0", true],
    ["has(inputs.artifacts['model'].artifacts[0].metadata.nothing)", true],
    ["inputs.artifacts['model'].artifacts[0].custom_path == ''", true],
    ["has(inputs.artifacts['model'].artifacts[0].custom_path)", false],
    ["has(inputs.artifacts['model'].artifacts[0].uri)", true],
    ["inputs.artifacts['model'].artifacts[0].type.schema_title == ''", true],
    ["inputs.artifacts['none'].artifacts.size() == 0", true],
    ["outputs.output_file == '' && !has(outputs.output_file)", true],
    ["true // comment", true],
    ["true\n&&\nfalse", false],
  ] as const)("%s: %s", async ([text, expected], { expect }) => {
    expect(await condition(text)).toBe(expected);
  });

  test.for([
    ["$s > 5", /no such overload/],
    ["$n > '4'", /no such overload/],
    ["$nul < 1", /no such overload/],
    ["int($sd)", /not a decimal integer/],
    ["int($blank) == 5", /not a decimal integer/],
    ["int($empty) == 0", /not a decimal integer/],
    ["int($s) == 0", /not a decimal integer/],
    ["int($hex) == 16", /not a decimal integer/],
    ["int('9223372036854775808') == 0", /value out of range/],
    ["double($empty) == 0.0", /not a number/],
    ["double($blank) == 5.0", /not a number/],
    ["bool('yes')", /neither true nor false/],
    ["uint('-5') == 5u", /not an unsigned decimal integer/],
    ["int($t) == 1", /no such overload/],
    ["int($nul) == 0", /no such overload/],
    ["int($l) == 0", /no such overload/],
    ["int($huge) > 0", /overflow/],
    ["$n + 1 == 6", /no such overload/],
    ["$n % 2 == 1", /no such overload/],
    ["inputs.artifacts['model'].artifacts[0].metadata['accuracy'] * 100 > 90", /no such overload/],
    ["$missing == 'x'", /no such key: missing/],
    ["inputs.parameters['x'].string_value == 'true'", /no such key: x/],
    ["$m.q == 1", /no such key: q/],
    ["$l[5] == 1", /index out of bounds: 5/],
    ["$n", /the result is not a boolean/],
    ["$s", /the result is not a boolean/],
    ["parseJson($s) == 1", /failed to unmarshal JSON/],
    ["parseJson('[1e400]')[0] == 1.0", /failed to unmarshal JSON/],
    ["parseJson($n) == 1", /no such overload/],
    ["'inputs.parameter_values['x']'", /syntax error at line 1, column 27/],
    ["$s == 'it's'", /syntax error/],
    ["1 +", /syntax error/],
    ["foo == 'x'", /undeclared reference to 'foo'/],
    ["foo == 'x' && false", /undeclared reference to 'foo'/],
    ["nope($s)", /undeclared reference to 'nope'/],
    ["$s.nope()", /undeclared reference to 'nope'/],
    ["inputs.foo == 1", /undefined field 'foo'/],
    ["inputs.parameterValues['s'] == 'foo'", /undefined field 'parameterValues'/],
    ["$l.all(x, y)", /undeclared reference to 'y'/],
    ["$s == 'foo' && 5", /found no matching overload for '_&&_' applied to '\(bool, int\)'|no such overload/],
    ["true || 1 == 'a'", /applied to '\(int, string\)'/],
    ["1 < 1.0", /applied to '\(int, double\)'/],
    ["int($n) == 'five' || true", /applied to '\(int, string\)'/],
    ["[1] == ['a'] || true", /applied to '\(list\(int\), list\(string\)\)'/],
    ["true ? 1 : 'a'", /applied to '\(bool, int, string\)'/],
    ["'a'.b == 1 || true", /type 'string' does not support field selection/],
    ["5.exists(x, true) || true", /cannot be the range of a macro/],
    ["9223372036854775808 == 1 || true", /invalid int literal/],
    ["", /syntax error/],
  ] as const)("refuses %s", async ([text, reason], { expect }) => {
    await expect(condition(text)).rejects.toThrow(expect.objectContaining({ name: "SpecError", code: "CONDITION_INVALID" }));
    await expect(condition(text)).rejects.toThrow(reason);
  });

  // docs/spec/expressions.md#decision-omitted-optional-input.
  test.for([
    ["$omitted == null", true],
    ["$omitted == 'x'", false],
    ["$omitted != 'x'", true],
    ["inputs.parameter_values.omitted == null", true],
    ["'omitted' in inputs.parameter_values", false],
    ["has(inputs.parameter_values.omitted)", false],
    ["inputs.parameter_values.exists(k, k == 'omitted')", false],
    ["$omitted > 5 || true", true],
  ] as const)("takes an omitted optional input for null: %s is %s", async ([text, expected], { expect }) => {
    expect(await condition(text)).toBe(expected);
  });

  test.for(["$omitted > 5", "$omitted < 'a'", "int($omitted) == 0"])("but refuses %s", async (text, { expect }) => {
    await expect(condition(text)).rejects.toThrow(/no such overload/);
  });

  test("defines both variables for an empty executor input", async ({ expect }) => {
    const empty = create(ExecutorInputSchema);
    const text = "size(inputs.parameter_values) == 0 && size(outputs.artifacts) == 0 && !has(inputs.artifacts)";
    expect(await evaluateCondition(text, empty, { optionalInputs: new Set() })).toBe(true);
  });

  test("puts condition and reason into one line, without values", async ({ expect }) => {
    await expect(condition("int($s)\n  == 5")).rejects.toThrow(
      `Cannot evaluate condition "int(inputs.parameter_values['s']) == 5": text is not a decimal integer (parse error)`,
    );
  });
});

describe("evaluateSelector()", () => {
  const RECORD: JsonValue = { A_a: "heads", n: 5, z: null, o: { x: null }, é: 1 };

  // docs/spec/expressions.md#selector-environment-and-forms.
  test.for([
    [RECORD, 'parseJson(string_value)["A_a"]', "heads"],
    [RECORD, 'parseJson(string_value)["n"]', 5],
    [RECORD, 'parseJson(string_value)["o"]', { x: null }],
    [RECORD, 'parseJson(string_value)["é"]', 1],
    [RECORD, "parseJson(string_value)", RECORD],
    [RECORD, "struct_value.A_a", "heads"],
    [RECORD, "struct_value", RECORD],
    [{ nested: { b: [1, null] } }, "struct_value.nested.b", [1, null]],
    ['{"a": "-1"}', 'parseJson(string_value)["a"]', "-1"],
    ['{"__proto__": 5}', 'parseJson(string_value)["__proto__"]', 5],
    ['{"a": 1, "a": 2}', 'parseJson(string_value)["a"]', 2],
    [[1, { a: "<&>" }], "string_value", '[1,{"a":"\\u003c\\u0026\\u003e"}]'],
    [[1, { a: "<&>" }], 'parseJson(string_value)[1]["a"]', "<&>"],
    [[1, { a: "<&>" }], "list_value", [1, { a: "<&>" }]],
    [[1.1, 1.2], "parseJson(string_value)[0]", 1.1],
    [7, "string_value", "7"],
    [1e21, "string_value", "1000000000000000000000"],
    [7, "number_value + 1.0", 8],
    [true, "bool_value", true],
    [null, "string_value", ""],
    ["x", "size(string_value)", 1],
    ["x", "5u", 5],
    ["x", "b'abc'", "YWJj"],
  ] as [JsonValue, string, JsonValue][])("%j with %s gives %j", async ([json, selector, expected], { expect }) => {
    expect(valueToJson(await evaluateSelector(selector, jsonToValue(json)))).toEqual(expected);
  });

  const UNCONVERTIBLE = /cannot be converted/;
  test.for([
    [RECORD, 'parseJson(string_value)["zzz"]', /no such key: zzz/],
    [RECORD, 'parseJson(string_value)["toString"]', /no such key: toString/],
    [RECORD, 'parseJson(string_value)["z"]', UNCONVERTIBLE],
    [RECORD, 'struct_value["z"]', UNCONVERTIBLE],
    [[1.1, 1.2], "parseJson(string_value)[5]", /index out of bounds: 5/],
    ["abc", 'parseJson(string_value)["a"]', /failed to unmarshal JSON/],
    ['{"a": 1e400}', 'parseJson(string_value)["b"]', /failed to unmarshal JSON/],
    ['{"a": 1, "b": 1e400}', 'parseJson(string_value)["a"]', /failed to unmarshal JSON/],
    [null, 'parseJson(string_value)["a"]', /failed to unmarshal JSON/],
    [7, "struct_value", /no such attribute: the value has no struct_value/],
    [7, "struct_value.a", /no such attribute/],
    [7, "has(struct_value.a)", /no such attribute/],
    ["x", "list_value[0]", /no such attribute/],
    ["x", "[1,2]", UNCONVERTIBLE],
    ["x", '{"a":1}', UNCONVERTIBLE],
    ["x", "null", UNCONVERTIBLE],
    ["x", "int", UNCONVERTIBLE],
    ["x", "1.0 / 0.0", UNCONVERTIBLE],
    ["x", "foo", /undeclared reference to 'foo'/],
    ["x", "string_value == 5", /applied to '\(string, int\)'/],
    ["x", "parseJson(", /syntax error/],
  ] as [JsonValue, string, RegExp][])("%j with %s fails", async ([json, selector, reason], { expect }) => {
    const failing = () => evaluateSelector(selector, jsonToValue(json));
    await expect(failing()).rejects.toThrow(expect.objectContaining({ name: "ResolveError", code: "EXPRESSION_FAILED" }));
    await expect(failing()).rejects.toThrow(reason);
  });

  test("gives the same with and without the short cut for the compiled form", async ({ expect }) => {
    const texts = [RECORD, '{"A_a": [null]}', ' {"A_a":0} ', '{"A_a":-0}', "[]", "5", ""];
    for (const json of texts) {
      const outcome = async (selector: string): Promise<unknown> => {
        try {
          return valueToJson(await evaluateSelector(selector, jsonToValue(json)));
        } catch (error) {
          return String(error).replace(selector, "");
        }
      };
      // Parentheses keep the meaning and miss the short cut.
      expect(await outcome('parseJson(string_value)["A_a"]')).toEqual(await outcome('(parseJson(string_value)["A_a"])'));
    }
  });
});

describe("loading the engine", () => {
  test("only the other modules of its folder refer to it, which evaluate.ts imports on demand", ({ expect }) => {
    const folder = new URL("../../../src/", import.meta.url);
    const sources = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
    const texts = sources.map((name) => ({
      name: name.replaceAll("\\", "/"),
      text: readFileSync(new URL(name, folder), "utf8"),
    }));
    const own = texts.map(({ name }) => name).filter((name) => /^core\/cel\/(?!evaluate\.ts$)/.test(name));
    const loading = texts.filter(({ text }) => /^import (?!type )[^;]*from "@bufbuild\/cel/m.test(text)).map(({ name }) => name);
    expect(loading).not.toEqual([]);
    expect(own).toEqual(expect.arrayContaining(loading));
    const importing = texts.filter(({ name, text }) =>
      [...text.matchAll(/^import (?!type )[^;]*from "(\.[^"]*)"/gm)].some(([, path = ""]) =>
        own.includes(new URL(path, `file:///${name}`).pathname.slice(1)),
      ),
    );
    expect(importing).not.toEqual([]);
    expect(own).toEqual(expect.arrayContaining(importing.map(({ name }) => name)));
  });
});

function collect(json: JsonValue, key: string, found: string[]): string[] {
  if (Array.isArray(json)) {
    for (const item of json) collect(item, key, found);
  } else if (json !== null && typeof json === "object") {
    for (const [name, member] of Object.entries(json)) {
      if (name === key && typeof member === "string") found.push(member);
      else collect(member, key, found);
    }
  }
  return found;
}

describe("expressions of the conformance pipelines", () => {
  const specs = conformancePipelines().flatMap(({ text }) =>
    parseAllDocuments(text).map((document) => document.toJS() as JsonValue),
  );
  const conditions = new Set(specs.flatMap((spec) => collect(spec, "condition", [])).filter((text) => text !== ""));
  const selectors = new Set(specs.flatMap((spec) => collect(spec, "parameterExpressionSelector", [])));

  test.for([...conditions])("%s compiles", async (text, { expect }) => {
    const outcome = await evaluateCondition(text, INPUT, { optionalInputs: new Set() }).catch((error: unknown) => String(error));
    expect(String(outcome)).toMatch(/^(true|false)$|no such key: \S+$/);
  });

  test("selectors all have the form that needs no engine", ({ expect }) => {
    expect([...selectors].filter((text) => !/^parseJson\(string_value\)\["[\w-]*"\]$/.test(text))).toEqual([]);
  });
});
