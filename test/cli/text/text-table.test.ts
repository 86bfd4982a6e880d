import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { wordTable } from "../../../src/cli/text/text-table.ts";

describe("wordTable()", () => {
  test("stands left, without spaces at the end", () => {
    const rows = [
      ["A", "NAME", "STATE"],
      ["1", "日本", "ok"],
    ];
    expect(wordTable(rows, { columns: Infinity, flexible: 1 }).map(String)).toEqual(["A  NAME  STATE", "1  日本  ok"]);
  });

  test("cuts the flexible column only, as long as that is enough", () => {
    const rows = [["1", "a very long name indeed", "SUCCEEDED"]];
    expect(wordTable(rows, { columns: 30, flexible: 1 }).map(String)).toEqual(["1  a very long nam…  SUCCEEDED"]);
  });

  test("never is wider than what there is, and escapes what is in it", () => {
    const cell = fc.string({ unit: "binary", maxLength: 30 });
    const tables = fc
      .integer({ min: 1, max: 4 })
      .chain((width) => fc.array(fc.array(cell, { minLength: width, maxLength: width })));
    fc.assert(
      fc.property(tables, fc.integer({ min: 1, max: 60 }), (rows, columns) => {
        for (const line of wordTable(rows, { columns, flexible: 0 })) {
          expect(line.width).toBeLessThanOrEqual(columns);
          expect(line.toString()).not.toMatch(/\p{Cc}/u);
        }
      }),
    );
  });
});
