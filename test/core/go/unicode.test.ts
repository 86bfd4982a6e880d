import fc from "fast-check";
import { describe, test } from "vitest";
import { compareUtf8, hasLoneSurrogate, trimGoSpace } from "../../../src/core/go/unicode.ts";

describe("compareUtf8()", () => {
  test("puts code points above U+FFFF behind U+FFFF, unlike JavaScript's default order", ({ expect }) => {
    const texts = ["\u{1f600}", "\uffff", "z", "\ue000", "é", ""];
    expect(texts.toSorted(compareUtf8)).toEqual(["", "z", "é", "\ue000", "\uffff", "\u{1f600}"]);
    expect(texts.toSorted()).not.toEqual(texts.toSorted(compareUtf8));
  });

  test("agrees with a comparison of the encoded bytes", ({ expect }) => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (left, right) => {
        expect(Math.sign(compareUtf8(left, right))).toBe(Buffer.compare(Buffer.from(left), Buffer.from(right)));
      }),
    );
  });
});

describe("hasLoneSurrogate()", () => {
  test.for([
    ["plain", false],
    ["\u{1f600}", false],
    ["\ud83d", true],
    ["\ude00 \u{1f600}", true],
    ["\ude00\ud83d", true],
  ] as const)("%j: %s", ([text, expected], { expect }) => {
    expect(hasLoneSurrogate(text)).toBe(expected);
  });
});

describe("trimGoSpace()", () => {
  test("knows Go's white space, not JavaScript's", ({ expect }) => {
    expect(trimGoSpace("\t\u0085\u00a0 a b \r\n\u3000")).toBe("a b");
    expect(trimGoSpace("\ufeffa\ufeff")).toBe("\ufeffa\ufeff");
  });
});
