import { describe, expect, test } from "vitest";
import type { JsonValue } from "../../../src/core/values/value.ts";
import { IoType, artifact, parameter } from "../rows.ts";
import { artifactsOf, parametersOf, resolve } from "../resolving.ts";

const over = (items: object, inputs: object = {}): object => ({ inputs, parameterIterator: { items, itemInput: "item" } });
const overInput = over({ inputParameter: "list" }, { parameters: { list: { componentInputParameter: "p" } } });
const withItems = (value: JsonValue): object => ({
  task: overInput,
  parent: { inputs: [parameter("p", value, IoType.RUNTIME_VALUE_INPUT)] },
});

describe("resolveInputs() of a parameter iterator", () => {
  test.for([
    { name: "a list", value: [1, null], items: ["1", "null"] },
    { name: "text that holds a list", value: '["a",{"b":2}]', items: ['"a"', '{"b":2}'] },
    { name: "an empty list", value: [], items: [] },
  ])("makes an item of each element of $name", async ({ value, items }) => {
    const { parameters, iterationCount } = await resolve(withItems(value));
    expect(iterationCount).toBe(items.length);
    expect((await parametersOf(withItems(value))).slice(1)).toEqual(
      items.map((item, i) => `item=${item} ITERATOR_INPUT train#${i}`),
    );
    expect(parameters[0]?.parameterKey).toBe("list");
  });

  test.for([
    { name: "a number", value: 5, reason: /a number cannot be iterated/ },
    { name: "a boolean", value: true, reason: /a boolean cannot be iterated/ },
    { name: "a struct", value: { a: 1 }, reason: /a struct cannot be iterated/ },
    { name: "text that holds a struct (DRV-20)", value: '{"a":1}', reason: /text that holds a JSON struct cannot be iterated/ },
    { name: "text that holds a number", value: "7", reason: /text that holds a JSON number cannot be iterated/ },
    { name: "text that is not JSON", value: "a,b", reason: /cannot be iterated: not valid JSON/ },
    { name: "empty text", value: "", reason: /cannot be iterated: not valid JSON/ },
  ])("refuses $name", async ({ value, reason }) => {
    await expect(resolve(withItems(value))).rejects.toThrow(reason);
  });

  test("reads raw items", async () => {
    expect(await parametersOf({ task: over({ raw: '[{"x":1}, "y"]' }) })).toEqual([
      'item={"x":1} ITERATOR_INPUT train#0',
      'item="y" ITERATOR_INPUT train#1',
    ]);
    await expect(resolve({ task: over({ raw: "3" }) })).rejects.toThrow(/text that holds a JSON number/);
  });

  test("keeps the items' own index inside an outer loop", async () => {
    expect(await parametersOf({ task: over({ raw: "[1]" }), iterationIndex: 4, parent: {} })).toEqual([
      "item=1 ITERATOR_INPUT train#0",
    ]);
  });

  test("needs its items", async () => {
    await expect(resolve({ task: over({}) })).rejects.toThrow(/its iterator has no items/);
    await expect(resolve({ task: over({ inputParameter: "gone" }) })).rejects.toThrow(
      /its items are input "gone", which has no value/,
    );
  });

  test("never takes a component default for the item", async () => {
    const component = { inputDefinitions: { parameters: { item: { defaultValue: 1 }, other: { defaultValue: 2 } } } };
    expect(await parametersOf({ task: over({ raw: "[]" }), component })).toEqual(["other=2 COMPONENT_DEFAULT_INPUT ROOT"]);
  });
});

describe("resolveInputs() of an artifact iterator", () => {
  const task = {
    inputs: { artifacts: { list: { componentInputArtifact: "p" } } },
    artifactIterator: { items: { inputArtifact: "list" }, itemInput: "item" },
  };

  test("makes an item of each artifact", async () => {
    const inputArtifacts = [
      artifact("p", ["A", "B"], IoType.COLLECTED_INPUTS, "x"),
      artifact("p", "C", IoType.COLLECTED_INPUTS, "x"),
    ];
    const { iterationCount } = await resolve({ task, parent: { inputArtifacts } });
    expect(iterationCount).toBe(3);
    expect((await artifactsOf({ task, parent: { inputArtifacts } })).filter((text) => text.startsWith("item"))).toEqual([
      "item=[A] ITERATOR_INPUT ROOT#0",
      "item=[B] ITERATOR_INPUT ROOT#1",
      "item=[C] ITERATOR_INPUT ROOT#2",
    ]);
  });

  test("has no items for an omitted list", async () => {
    const component = { inputDefinitions: { artifacts: { list: { isOptional: true } } } };
    await expect(resolve({ task, component })).rejects.toThrow(/its items are input "list", which has no value/);
  });
});
