import { describe, test } from "vitest";
import { evaluateClause, parseClause } from "../../../src/core/placeholders/clause.ts";

const present = new Set(["yes"]);
const evaluate = (element: string): string[] | undefined => {
  const clause = parseClause(element);
  return clause && evaluateClause(clause, { isPresent: (name) => present.has(name), resolveText: (text) => `<${text}>` });
};
const ifPresent = (InputName: string, Then: unknown, Else?: unknown): object => ({ IfPresent: { InputName, Then, Else } });
const concat = (...parts: unknown[]): object => ({ Concat: parts });

describe("evaluateClause()", () => {
  test.for([
    { name: "a text gives one element", clause: ifPresent("yes", "t", "e"), elements: ["<t>"] },
    { name: "a list gives several", clause: ifPresent("yes", ["--a", "t"]), elements: ["<--a>", "<t>"] },
    { name: "Else when the input is absent", clause: ifPresent("no", "t", ["e", "f"]), elements: ["<e>", "<f>"] },
    { name: "no Else gives nothing", clause: ifPresent("no", "t"), elements: [] },
    { name: "null gives nothing", clause: ifPresent("yes", null, "e"), elements: [] },
    { name: "null items give nothing", clause: ifPresent("yes", ["a", null, "b"]), elements: ["<a>", "<b>"] },
    { name: "Concat gives one element", clause: concat("a", "b", null, "c"), elements: ["<a><b><c>"] },
    { name: "an empty Concat is empty text", clause: concat(), elements: [""] },
    { name: "Concat in a branch", clause: ifPresent("yes", ["--x", concat("a", "b")]), elements: ["<--x>", "<a><b>"] },
    { name: "a clause as branch", clause: ifPresent("yes", concat("a", "b")), elements: ["<a><b>"] },
    {
      name: "IfPresent in Concat",
      clause: concat("a", ifPresent("yes", ["b", "c"]), ifPresent("no", "d")),
      elements: ["<a><b><c>"],
    },
    { name: "nested three deep", clause: ifPresent("no", "x", ifPresent("yes", ["a", ifPresent("no", "y")])), elements: ["<a>"] },
  ])("$name", ({ clause, elements }, { expect }) => {
    expect(evaluate(JSON.stringify(clause))).toEqual(elements);
    expect(evaluate(`  ${JSON.stringify(clause, null, 2)}\n`)).toEqual(elements);
  });
});

describe("parseClause()", () => {
  test.for([
    "text",
    "{}",
    '{"a": 1}',
    '{"Concat": 5}',
    '{"Concat": ["a"], "b": 1}',
    '{"Concat": [',
    '{"concat": ["a"]}',
    '["Concat"]',
    'x {"Concat": ["a"]}',
  ])("%s is ordinary text", (element, { expect }) => {
    expect(parseClause(element)).toBeUndefined();
  });

  test.for([
    '{"IfPresent": ',
    '{"IfPresent": "x"}',
    '{"IfPresent": {"Then": "x"}}',
    '{"IfPresent": {"InputName": 5}}',
    '{"IfPresent": {"InputName": "a", "Then": 5}}',
    '{"IfPresent": {"InputName": "a", "Then": [true]}}',
    '{"IfPresent": {"InputName": "a", "Then": [["a"]]}}',
    '{"Concat": [5]}',
    '{"Concat": [{"Other": 1}]}',
    '{"Concat": [{"Concat": 1}]}',
    '{"Concat": [{}]}',
  ])("%s is an error", (element, { expect }) => {
    expect(() => parseClause(element)).toThrow(expect.objectContaining({ code: "PLACEHOLDER_INVALID" }));
  });
});
