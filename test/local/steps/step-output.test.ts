import fc from "fast-check";
import { describe, test } from "vitest";
import { ExecutorRoutine, failureExcerpt, LineSink, LogTail } from "../../../src/local/steps/step-output.ts";

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

describe("ExecutorRoutine", () => {
  const told = "[KFP Executor 2026-11-28 21:22:21,852 INFO]:";
  const input = [`${told} Got executor_input:`, "{", '    "inputs": {', '        "x": 1', "    }", "}"];
  const remaining = (lines: readonly string[]): string[] => {
    const routine = new ExecutorRoutine();
    return lines.filter((line) => !routine.accepts(line));
  };

  test.for<{ name: string; lines: string[]; left: string[] }>([
    {
      name: "the whole routine of a step",
      lines: [
        `${told} Looking for component \`a\` in --component_module_path \`/x\``,
        `${told} Loading KFP component "a" from /x (directory "/" and module name "x")`,
        ...input,
        "hello",
        `${told} Wrote executor output file to /o.`,
      ],
      left: ["hello"],
    },
    { name: "an empty input", lines: [`${told} Got executor_input:`, "{}", "{}"], left: ["{}"] },
    {
      name: "an input that is cut off by something else",
      lines: [...input.slice(0, 3), "Killed", "    x"],
      left: ["Killed", "    x"],
    },
    { name: "an announcement alone", lines: [`${told} Got executor_input:`, "hello", "{", "}"], left: ["hello", "{", "}"] },
    { name: "two inputs", lines: [...input, ...input], left: [] },
    { name: "JSON of the step itself", lines: input.slice(1), left: input.slice(1) },
    { name: "an error of the executor", lines: ["[KFP Executor 2026 ERROR]: no"], left: ["[KFP Executor 2026 ERROR]: no"] },
  ])("recognises $name", ({ lines, left }, { expect }) => {
    expect(remaining(lines)).toEqual(left);
  });
});

describe("failureExcerpt()", () => {
  const frames = (count: number): string[] => Array.from({ length: count }, (_, index) => `  File "f.py", line ${index}`);
  const head = "Traceback (most recent call last):";

  test.for<{ name: string; lines: string[]; excerpt: string[] }>([
    { name: "nothing", lines: [], excerpt: [] },
    { name: "the last lines without a traceback", lines: ["a", "b", "c", "d", "e"], excerpt: ["b", "c", "d", "e"] },
    {
      name: "a short traceback, not what came before",
      lines: ["a", head, ...frames(1), "ValueError: x"],
      excerpt: [head, ...frames(1), "ValueError: x"],
    },
    {
      name: "the end of a long one",
      lines: [head, ...frames(9), "ValueError: x"],
      excerpt: [...frames(9).slice(-3), "ValueError: x"],
    },
    {
      name: "what follows it as far as there is room",
      lines: [head, ...frames(1), "ValueError: x", "more", "and more"],
      excerpt: [head, ...frames(1), "ValueError: x", "more"],
    },
    {
      name: "the traceback rather than much that follows it",
      lines: [head, ...frames(9), "E: x", ...["a", "b", "c", "d", "e"]],
      excerpt: [...frames(9).slice(-3), "E: x"],
    },
    {
      name: "the last of several",
      lines: [head, ...frames(1), "A: x", "", "During handling:", "", head, ...frames(1), "B: y"],
      excerpt: [head, ...frames(1), "B: y"],
    },
    { name: "a traceback that is cut off", lines: [head, ...frames(9)], excerpt: frames(9).slice(-4) },
  ])("is $name", ({ lines, excerpt }, { expect }) => {
    expect(failureExcerpt(lines, 4)).toEqual(excerpt);
  });
});
