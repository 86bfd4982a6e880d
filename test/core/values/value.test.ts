import { create } from "@bufbuild/protobuf";
import { ListValueSchema, ValueSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, test } from "vitest";
import { ParameterType } from "../../../src/core/kfp-types.ts";
import {
  assertLiteral,
  coerceToParameterType,
  isNullValue,
  jsonToValue,
  textOfValue,
  valueKind,
  valuesEqual,
  valueToJson,
} from "../../../src/core/values/value.ts";
import type { JsonValue } from "../../../src/core/values/value.ts";

const CONTEXT = 'input "n" of task "root.train"';

describe("valueToJson() and jsonToValue()", () => {
  test("are inverse for every JSON value", ({ expect }) => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        expect(valueToJson(jsonToValue(json as JsonValue))).toEqual(json);
      }),
    );
  });

  test("keep negative zero and keys that objects inherit", ({ expect }) => {
    const json = JSON.parse('{"__proto__":{"x":1},"z":-0}') as JsonValue;
    const copy = valueToJson(jsonToValue(json));
    expect(Object.entries(copy as object)).toEqual([
      ["__proto__", { x: 1 }],
      ["z", -0],
    ]);
  });

  test("refuse what JSON cannot say", ({ expect }) => {
    const invalid = expect.objectContaining({ name: "ResolveError", code: "VALUE_INVALID" });
    expect(() => jsonToValue([NaN])).toThrow(invalid);
    expect(() => jsonToValue({ a: Infinity })).toThrow(invalid);
    expect(() => valueToJson(create(ValueSchema))).toThrow(invalid);
    expect(() => valueToJson(create(ValueSchema, { kind: { case: "numberValue", value: NaN } }))).toThrow(invalid);
    const nested = create(ValueSchema, {
      kind: { case: "listValue", value: create(ListValueSchema, { values: [create(ValueSchema)] }) },
    });
    expect(() => valueToJson(nested)).toThrow(invalid);
  });
});

describe("valueKind() and isNullValue()", () => {
  test.for([
    [null, "null"],
    [1, "number"],
    ["a", "string"],
    [false, "boolean"],
    [[], "list"],
    [{}, "struct"],
  ] as [JsonValue, string][])("%j is a %s", ([json, kind], { expect }) => {
    expect(valueKind(jsonToValue(json))).toBe(kind);
    expect(isNullValue(jsonToValue(json))).toBe(kind === "null");
  });

  test("say so when no kind is set", ({ expect }) => {
    expect(valueKind(create(ValueSchema))).toBeUndefined();
    expect(isNullValue(create(ValueSchema))).toBe(false);
  });
});

describe("valuesEqual()", () => {
  test.for([
    [1, 1, true],
    [1, "1", false],
    [0, false, false],
    [null, "", false],
    [null, null, true],
    [-0, 0, true],
    [[1, 2], [1, 2], true],
    [[1, 2], [2, 1], false],
    [[1], [1, 2], false],
    [{ a: 1, b: [2] }, { b: [2], a: 1 }, true],
    [{ a: 1 }, { a: "1" }, false],
    [{ a: 1 }, { b: 1 }, false],
    [{ a: 1 }, { a: 1, b: 2 }, false],
    [[], {}, false],
  ] as [JsonValue, JsonValue, boolean][])("%j and %j: %s", ([left, right, equal], { expect }) => {
    expect(valuesEqual(jsonToValue(left), jsonToValue(right))).toBe(equal);
    expect(valuesEqual(jsonToValue(right), jsonToValue(left))).toBe(equal);
  });

  test("every value equals a copy of itself", ({ expect }) => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        expect(valuesEqual(jsonToValue(json as JsonValue), jsonToValue(structuredClone(json) as JsonValue))).toBe(true);
      }),
    );
  });
});

describe("textOfValue()", () => {
  test.for([
    ["a b", "a b"],
    ["", ""],
    [5, "5"],
    [0.1, "0.1"],
    [1e21, "1000000000000000000000"],
    [1e-7, "0.0000001"],
    [-0, "-0"],
    [true, "true"],
    [false, "false"],
    [null, ""],
    [[1, { b: "<&>", a: 1e21 }], '[1,{"a":1e+21,"b":"\\u003c\\u0026\\u003e"}]'],
    [{ b: "x<y", a: [1, true] }, '{"a":[1,true],"b":"x\\u003cy"}'],
  ] as [JsonValue, string][])("%j becomes %s", ([json, text], { expect }) => {
    expect(textOfValue(jsonToValue(json))).toBe(text);
  });
});

describe("coerceToParameterType()", () => {
  const VALUES = { string: "5", number: 5.5, boolean: true, list: [1, "<"], struct: { b: 1, a: null }, null: null } as const;
  const MISMATCH = "INPUT_TYPE_MISMATCH";
  // docs/spec/resolver.md#type-normalisation-and-literals. "same" is "as is"; the others are texts or error codes.
  const TABLE: Record<string, Record<keyof typeof VALUES, string>> = {
    STRING: {
      string: "same",
      number: "5.5",
      boolean: "true",
      list: '[1,"\\u003c"]',
      struct: '{"a":null,"b":1}',
      null: "",
    },
    NUMBER_INTEGER: { string: MISMATCH, number: "same", boolean: MISMATCH, list: MISMATCH, struct: MISMATCH, null: "INPUT_NULL" },
    NUMBER_DOUBLE: { string: MISMATCH, number: "same", boolean: MISMATCH, list: MISMATCH, struct: MISMATCH, null: "INPUT_NULL" },
    BOOLEAN: { string: MISMATCH, number: MISMATCH, boolean: "same", list: MISMATCH, struct: MISMATCH, null: "INPUT_NULL" },
    LIST: { string: MISMATCH, number: MISMATCH, boolean: MISMATCH, list: "same", struct: MISMATCH, null: "INPUT_NULL" },
    STRUCT: { string: MISMATCH, number: MISMATCH, boolean: MISMATCH, list: MISMATCH, struct: "same", null: "INPUT_NULL" },
    TASK_FINAL_STATUS: {
      string: MISMATCH,
      number: MISMATCH,
      boolean: MISMATCH,
      list: MISMATCH,
      struct: "same",
      null: "INPUT_NULL",
    },
    TASK_CONFIG: { string: MISMATCH, number: MISMATCH, boolean: MISMATCH, list: MISMATCH, struct: "same", null: "INPUT_NULL" },
    PARAMETER_TYPE_ENUM_UNSPECIFIED: {
      string: MISMATCH,
      number: MISMATCH,
      boolean: MISMATCH,
      list: MISMATCH,
      struct: MISMATCH,
      null: MISMATCH,
    },
  };
  const cases = Object.entries(TABLE).flatMap(([typeName, row]) =>
    Object.entries(row).map(([kind, expected]) => ({ typeName, kind: kind as keyof typeof VALUES, expected })),
  );

  test.for(cases)("$kind as $typeName: $expected", ({ typeName, kind, expected }, { expect }) => {
    const type = ParameterType[typeName as keyof typeof ParameterType];
    const value = jsonToValue(VALUES[kind] as JsonValue);
    if (expected.startsWith("INPUT_")) {
      expect(() => coerceToParameterType(value, type, CONTEXT)).toThrow(expect.objectContaining({ code: expected }));
      expect(() => coerceToParameterType(value, type, CONTEXT)).toThrow(CONTEXT);
    } else {
      expect(valueToJson(coerceToParameterType(value, type, CONTEXT))).toEqual(expected === "same" ? VALUES[kind] : expected);
    }
  });

  test("refuses no value for every type", ({ expect }) => {
    for (const type of Object.values(ParameterType).filter((type) => typeof type === "number")) {
      for (const value of [undefined, create(ValueSchema)]) {
        expect(() => coerceToParameterType(value, type, CONTEXT)).toThrow(expect.objectContaining({ code: "INPUT_NULL" }));
      }
    }
  });

  test("refuses a type number it does not know", ({ expect }) => {
    expect(() => coerceToParameterType(jsonToValue("a"), JSON.parse("99") as ParameterType, CONTEXT)).toThrow(
      /no usable parameter type \(99\)/,
    );
  });
});

describe("assertLiteral()", () => {
  const literals = [jsonToValue("1"), jsonToValue([1, 2])];

  test("lets everything pass without literals, and only literals with them", ({ expect }) => {
    expect(() => assertLiteral(jsonToValue("x"), [], CONTEXT)).not.toThrow();
    expect(() => assertLiteral(jsonToValue([1, 2]), literals, CONTEXT)).not.toThrow();
  });

  test("is kind sensitive and names the input and the literals, not the value", ({ expect }) => {
    expect(() => assertLiteral(jsonToValue(1), literals, CONTEXT)).toThrow(
      expect.objectContaining({
        code: "INPUT_LITERAL_MISMATCH",
        message: 'validating parameter: input "n" of task "root.train" must be one of "1", [1,2]',
      }),
    );
  });
});
