import fc from "fast-check";
import { describe, test } from "vitest";
import { LineSink, LogTail } from "../../src/local/step-output.ts";

function linesOf(chunks: readonly Uint8Array[]): string[] {
  const lines: string[] = [];
  const sink = new LineSink((line) => lines.push(line));
  for (const chunk of chunks) sink.write(chunk);
  sink.end();
  return lines;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("LineSink", () => {
  test.for<[string, string[]]>([
    ["", []],
    ["a", ["a"]],
    ["a\n", ["a"]],
    ["a\n\nb", ["a", "", "b"]],
    ["a\r\nb\r\n", ["a", "b"]],
    ["10%\r50%\r100%\n", ["100%"]],
  ])("%j", ([text, lines], { expect }) => {
    expect(linesOf([bytes(text)])).toEqual(lines);
  });

  test("does not depend on how the bytes arrive", ({ expect }) => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.array(fc.nat(20)), (text, sizes) => {
        const all = bytes(text);
        const chunks: Uint8Array[] = [];
        let start = 0;
        for (const size of sizes) {
          chunks.push(all.slice(start, start + size));
          start += size;
        }
        chunks.push(all.slice(start));
        expect(linesOf(chunks)).toEqual(linesOf([all]));
      }),
    );
  });

  test("shows a line without end in parts", ({ expect }) => {
    const lines = linesOf([bytes("x".repeat(40_000))]);
    expect(lines.map(({ length }) => length)).toEqual([16_384, 16_384, 7232]);
  });
});

describe("LogTail", () => {
  test("keeps the last lines", ({ expect }) => {
    const tail = new LogTail(2);
    for (const line of ["a", "b", "c"]) tail.add(line);
    expect(tail.lines()).toEqual(["b", "c"]);
  });
});
