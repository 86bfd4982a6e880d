import { describe, test } from "vitest";
import { resolveMetadataPlaceholders } from "../../../src/core/placeholders/placeholders.ts";
import { jsonToValue } from "../../../src/core/values/value.ts";
import type { JsonObject, JsonValue } from "../../../src/core/values/value.ts";

const ref = (name: string): string => `{{$.inputs.parameters['${name}']}}`;
const parameters: Readonly<Record<string, JsonValue>> = { n: 3, s: "x", l: [1, "{{$}}"], z: null };
const lookup = (name: string) => {
  const value = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
  return value === undefined ? undefined : jsonToValue(value);
};

describe("resolveMetadataPlaceholders()", () => {
  test.for([
    {
      name: "a value that is one reference keeps its type",
      metadata: { a: ref("n"), b: ref("l"), c: ref("z") },
      expected: { a: 3, b: [1, "{{$}}"], c: null },
    },
    { name: "text around a reference stays", metadata: { a: `v${ref("n")}-${ref("s")}` }, expected: { a: "v3-x" } },
    { name: "list items", metadata: { a: [ref("n"), [`<${ref("s")}>`], 1, null] }, expected: { a: [3, ["<x>"], 1, null] } },
    {
      name: "keys",
      metadata: { [ref("s")]: 1, [`k-${ref("n")}`]: { [ref("s")]: true } },
      expected: { x: 1, "k-3": { x: true } },
    },
    {
      name: "unknown parameters and other placeholders stay",
      metadata: { a: ref("zz"), b: "{{$}}" },
      expected: { a: ref("zz"), b: "{{$}}" },
    },
    { name: "nothing to do", metadata: { a: "text", b: { c: [1] } }, expected: { a: "text", b: { c: [1] } } },
  ] satisfies { name: string; metadata: JsonObject; expected: JsonObject }[])("$name", ({ metadata, expected }, { expect }) => {
    expect(resolveMetadataPlaceholders(metadata, lookup)).toEqual(expected);
  });

  test("a key such as __proto__ is an ordinary key", ({ expect }) => {
    const metadata = JSON.parse('{"__proto__": {"a": 1}}') as JsonObject;
    expect(JSON.stringify(resolveMetadataPlaceholders(metadata, lookup))).toBe('{"__proto__":{"a":1}}');
  });
});
