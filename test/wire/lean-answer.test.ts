import * as fc from "fast-check";
import { describe, test } from "vitest";
import { decodeLeanAnswer, decodeListIteration, encodeLeanAnswer } from "../../src/wire/lean-answer.ts";

describe("the header of lean answers", () => {
  test("says the same on both ends, in characters that a header may have", ({ expect }) => {
    const keys = fc.array(fc.string({ minLength: 1, unit: "binary" }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(keys, fc.option(fc.nat(), { nil: undefined }), (names, iteration) => {
        const lean = { inputs: { keys: names, ...(iteration === undefined ? {} : { iteration }) } };
        const header = encodeLeanAnswer(lean) ?? "";
        expect(header).toMatch(/^[\x20-\x7e]+$/);
        expect(decodeLeanAnswer(header)).toEqual(lean);
      }),
    );
    expect(decodeLeanAnswer(encodeLeanAnswer({}))).toEqual({});
    expect(decodeLeanAnswer(encodeLeanAnswer({ inputs: { keys: [] } }))).toEqual({});
  });

  test("is left out where it would be too long for a header", ({ expect }) => {
    expect(encodeLeanAnswer({ inputs: { keys: Array.from({ length: 500 }, (_, index) => `input-${index}`) } })).toBeUndefined();
  });

  test.for([undefined, "", "rows=steps", "input=a", "rows=dags&iteration=-1", "rows=dags&iteration=x", "%%%", "rows"])(
    "%s asks for whole answers",
    (header, { expect }) => {
      expect(decodeLeanAnswer(header)).toBeUndefined();
    },
  );
});

test.for([
  ["0", 0],
  ["4711", 4711],
  ["-1", undefined],
  ["1.5", undefined],
  ["", undefined],
  ["x", undefined],
  [undefined, undefined],
] as const)("the iteration of a list in %s is %s", ([text, iteration], { expect }) => {
  expect(decodeListIteration(text)).toBe(iteration);
});
