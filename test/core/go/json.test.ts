import fc from "fast-check";
import { describe, test } from "vitest";
import { goJson, sortJson } from "../../../src/core/go/json.ts";
import type { JsonValue } from "../../../src/core/values/value.ts";

// docs/spec/cache-and-fingerprint.md#computation, docs/spec/placeholders.md#rendering-of-values.
const PRINTED: { name: string; value: JsonValue; text: string }[] = [
  { name: "scalars", value: [null, true, false, 5, 2.5, "a"], text: '[null,true,false,5,2.5,"a"]' },
  { name: "sorted keys", value: { b: "x<y", a: [1, true] }, text: '{"a":[1,true],"b":"x\\u003cy"}' },
  { name: "sorted keys at depth", value: [{ z: { b: 1, a: 2 } }], text: '[{"z":{"a":2,"b":1}}]' },
  { name: "keys in byte order", value: { "\u{1f600}": 1, "\uffff": 2 }, text: '{"\uffff":2,"\u{1f600}":1}' },
  { name: "HTML escapes", value: "<&>\u2028\u2029", text: '"\\u003c\\u0026\\u003e\\u2028\\u2029"' },
  { name: "escaped keys", value: { "a&b": 1 }, text: '{"a\\u0026b":1}' },
  { name: "short escapes", value: '"\\\n\r\t\b\f', text: '"\\"\\\\\\n\\r\\t\\b\\f"' },
  { name: "control characters", value: "\u0000\u001f", text: '"\\u0000\\u001f"' },
  { name: "raw text", value: "/\u007fé\u{1f600}", text: '"/\u007fé\u{1f600}"' },
  { name: "numbers", value: [-0, 1e-7, 1e-6, 1e20, 1e21, 100], text: "[-0,1e-7,0.000001,100000000000000000000,1e+21,100]" },
  { name: "empty things", value: [{}, [], ""], text: '[{},[],""]' },
  { name: "a key that objects inherit", value: JSON.parse('{"__proto__":1}') as JsonValue, text: '{"__proto__":1}' },
];

describe("goJson()", () => {
  test.for(PRINTED)("prints $name", ({ value, text }, { expect }) => {
    expect(goJson(value)).toBe(text);
  });

  test.for([
    { name: "NaN", value: [NaN] },
    { name: "an infinity", value: { a: -Infinity } },
    { name: "half a surrogate pair", value: "\ud83d" },
    { name: "half a surrogate pair in a key", value: { "\ude00": 1 } },
  ])("refuses $name", ({ value }, { expect }) => {
    expect(() => goJson(value)).toThrow(expect.objectContaining({ code: "VALUE_INVALID" }));
  });

  test("parses back to the same value", ({ expect }) => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: "binary" }), (value) => {
        expect(JSON.parse(goJson(value as JsonValue))).toEqual(value);
      }),
    );
  });

  test("does not depend on insertion order, and orders keys by bytes", ({ expect }) => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: "binary" }), fc.integer()), (record) => {
        const reversed = Object.fromEntries(Object.entries(record).toReversed());
        expect(goJson(reversed)).toBe(goJson(record));
        // V8 moves integer-like keys to the front when it parses, so the order is read from the text.
        const keys = [...goJson(record).matchAll(/"((?:[^"\\]|\\.)*)":/g)].map(
          ([, key = ""]) => JSON.parse(`"${key}"`) as string,
        );
        expect(keys).toEqual(Object.keys(record).toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
      }),
    );
  });
});

describe("sortedJson()", () => {
  test("sorts and keeps -0 but leaves HTML characters alone", ({ expect }) => {
    expect(sortJson({ b: "<&>\u2028", a: -0 })).toBe('{"a":-0,"b":"<&>\u2028"}');
  });
});
