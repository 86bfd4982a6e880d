import { test } from "vitest";
import { oneLine } from "../../src/core/one-line.ts";

test("oneLine() makes one space of line breaks and indentation, and trims", ({ expect }) => {
  expect(oneLine("  bad key:\n\tline 3\r\n  column 4 \n")).toBe("bad key: line 3 column 4");
});
