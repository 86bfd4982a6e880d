import { describe, test } from "vitest";
import { parseGoDuration } from "../../../src/core/go/duration.ts";

describe("parseGoDuration()", () => {
  test.for([
    ["0", 0],
    ["2s", 2_000],
    ["1m30s", 90_000],
    ["250ms", 250],
    ["1.5h", 5_400_000],
    [".5s", 500],
    ["1.s", 1_000],
    ["-1.5s", -1_500],
    ["+5s", 5_000],
    ["100us", 0.1],
    ["100\u00b5s", 0.1],
    ["100\u03bcs", 0.1],
    ["1500ns", 0.0015],
    ["0.000000001s", 0.000001],
    ["3h2m1s4ms", 10_921_004],
  ] as const)("%j is %s ms", ([text, ms], { expect }) => {
    expect(parseGoDuration(text)).toBe(ms);
  });

  test.for(["", "5", "s", ".s", "1x", "1 s", " 1s", "1s ", "1S", "--1s", "1..5s", "1d", "3000000h"])(
    "%j is none",
    (text, { expect }) => {
      expect(parseGoDuration(text)).toBeUndefined();
    },
  );
});
