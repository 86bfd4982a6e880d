import fc from "fast-check";
import stringWidth from "string-width";
import { describe, test } from "vitest";
import {
  escapeControls,
  fitColumns,
  hasColours,
  padColumns,
  painter,
  say,
  stepOutput,
  terminalJson,
  writeLines,
} from "../../../src/cli/text/terminal-text.ts";

/** Whatever a terminal acts on, or what turns text around. */
const DANGEROUS = /[\p{Cc}\u{61c}\u{200e}\u{200f}\u{2028}-\u{202e}\u{2066}-\u{2069}]/u;
const anyText = fc.string({
  unit: fc.oneof(
    fc.nat(0x2fff).map((code) => String.fromCodePoint(code)),
    fc.string({ unit: "grapheme" }),
  ),
});

describe("escapeControls()", () => {
  test.for<[string, string, string]>([
    ["CSI", "\u{1b}[31mred\u{1b}[2J", String.raw`\x1b[31mred\x1b[2J`],
    ["OSC", "\u{1b}]0;pwn\u{7}", String.raw`\x1b]0;pwn\x07`],
    ["C1", "\u{9b}2J\u{90}", String.raw`\x9b2J\x90`],
    ["NUL, backspace and DEL", "\0\b\u{7f}", String.raw`\x00\x08\x7f`],
    ["what moves the cursor", "a\tb\r\nc\u{b}", String.raw`a\tb\r\nc\x0b`],
    ["line and paragraph separators", "a\u{2028}b\u{2029}", String.raw`a\u2028b\u2029`],
    ["bidirectional overrides", "\u{202e}gpj.exe\u{202c}", String.raw`\u202egpj.exe\u202c`],
    ["bidirectional isolates and marks", "\u{2066}a\u{2069}\u{200f}\u{61c}", String.raw`\u2066a\u2069\u200f\u061c`],
    ["nothing else", "é 日本 👨‍👩‍👧 नि \\x1b", "é 日本 👨‍👩‍👧 नि \\x1b"],
  ])("escapes %s", ([, text, escaped], { expect }) => {
    expect(escapeControls(text)).toBe(escaped);
  });

  test("leaves no control character, whatever the text", ({ expect }) => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(escapeControls(text)).not.toMatch(DANGEROUS);
      }),
    );
  });
});

describe("say", () => {
  test("escapes values, not its own words, and escapes nothing twice", ({ expect }) => {
    const inner = say`${"\u{1b}"}`;
    expect(String(say`a\tb ${"c\n"} ${7} ${inner}`)).toBe(String.raw`a${"\t"}b c\n 7 \x1b`);
  });

  test("keeps our own colours", ({ expect }) => {
    expect(String(say`${painter(true)("red", "a\u{1b}[2J")}!`)).toBe("\u{1b}[31ma\\x1b[2J\u{1b}[39m!");
    expect(String(painter(false)("red", "a"))).toBe("a");
  });
});

describe("terminalJson()", () => {
  test("has the same value and no control character", ({ expect }) => {
    fc.assert(
      fc.property(anyText, (text) => {
        const json = terminalJson({ [text]: text });
        expect(json).not.toMatch(DANGEROUS);
        expect(JSON.parse(json)).toEqual({ [text]: text });
      }),
    );
  });
});

describe("hasColours()", () => {
  test.for<[boolean, Record<string, string>, boolean]>([
    [true, {}, true],
    [true, { NO_COLOR: "" }, true],
    [true, { NO_COLOR: "0" }, false],
    [true, { TERM: "dumb" }, false],
    [false, { TERM: "xterm-256color" }, false],
  ])("terminal %j with %j: %j", ([isTerminal, environment, expected], { expect }) => {
    expect(hasColours(isTerminal, environment)).toBe(expected);
  });
});

describe("fitColumns()", () => {
  test.for<[string, number, string]>([
    ["abc", 3, "abc"],
    ["abcd", 3, "ab…"],
    ["日本語", 6, "日本語"],
    ["日本語", 5, "日本…"],
    ["日本語", 4, "日…"],
    ["e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"],
    ["👨‍👩‍👧👨‍👩‍👧", 3, "👨‍👩‍👧…"],
    ["👍🏽👍🏽", 2, "…"],
    ["🇩🇪🇫🇷", 3, "🇩🇪…"],
    ["a\u{1b}[2Jb", 5, String.raw`a\x1…`],
    ["abc", 0, ""],
    ["abc", Infinity, "abc"],
  ])("%j in %d columns", ([text, columns, expected], { expect }) => {
    expect(String(fitColumns(text, columns))).toBe(expected);
  });

  test("never takes more columns, and never cuts a character in two", ({ expect }) => {
    const segmenter = new Intl.Segmenter();
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 1, max: 30 }), (text, columns) => {
        const shown = String(fitColumns(text, columns));
        expect(stringWidth(shown)).toBeLessThanOrEqual(columns);
        if (!shown.endsWith("…")) return;
        const kept = [...segmenter.segment(shown.slice(0, -1))].map(({ segment }) => segment);
        const all = [...segmenter.segment(escapeControls(text))].map(({ segment }) => segment);
        expect(kept).toEqual(all.slice(0, kept.length));
      }),
    );
  });

  test("says that it has cut, also what takes no columns", ({ expect }) => {
    expect(String(fitColumns(`a${"\u{301}".repeat(1000)}`, 4))).toMatch(/…$/u);
  });

  test("does not measure what nobody sees", ({ expect }) => {
    expect(String(fitColumns("x".repeat(50_000_000), 10))).toBe(`${"x".repeat(9)}…`);
  });

  test("keeps colours whole", ({ expect }) => {
    const text = say`a ${painter(true)("red", "bcdef")}`;
    expect(String(fitColumns(text, 4))).toBe("a \u{1b}[31mb…\u{1b}[39m");
  });
});

describe("padColumns()", () => {
  test("counts columns, not characters", ({ expect }) => {
    expect(String(padColumns("日本", 6))).toBe("日本  ");
    expect(String(padColumns("日本", 6, "left"))).toBe("  日本");
    expect(String(padColumns(painter(true)("red", "ab"), 3, "left"))).toBe(" \u{1b}[31mab\u{1b}[39m");
    expect(String(padColumns("abc", 2))).toBe("abc");
  });
});

describe("stepOutput()", () => {
  test.for<{ name: string; line: string; colours: string; plain: string }>([
    { name: "plain text", line: "epoch 1\t0.5", colours: "epoch 1\t0.5", plain: "epoch 1\t0.5" },
    {
      name: "colours, ended with the line",
      line: "\u{1b}[1;32mok\u{1b}[0m \u{1b}[38;5;8mgrey",
      colours: "\u{1b}[1;32mok\u{1b}[0m \u{1b}[38;5;8mgrey\u{1b}[0m",
      plain: "ok grey",
    },
    {
      name: "a colour of three numbers",
      line: "\u{1b}[38;2;5;6;8mx\u{1b}[m",
      colours: "\u{1b}[38;2;5;6;8mx\u{1b}[m\u{1b}[0m",
      plain: "x",
    },
    { name: "hidden text", line: "\u{1b}[8mx", colours: String.raw`\x1b[8mx`, plain: String.raw`\x1b[8mx` },
    { name: "blinking text", line: "\u{1b}[1;5mx", colours: String.raw`\x1b[1;5mx`, plain: String.raw`\x1b[1;5mx` },
    { name: "the cursor", line: "\u{1b}[2J\u{1b}[H", colours: String.raw`\x1b[2J\x1b[H`, plain: String.raw`\x1b[2J\x1b[H` },
    {
      name: "titles and links",
      line: "\u{1b}]0;t\u{7}\u{1b}]8;;http://x\u{1b}\\y",
      colours: String.raw`\x1b]0;t\x07\x1b]8;;http://x\x1b\y`,
      plain: String.raw`\x1b]0;t\x07\x1b]8;;http://x\x1b\y`,
    },
    { name: "C1 and bidi", line: "\u{9b}31m\u{202e}", colours: String.raw`\x9b31m\u202e`, plain: String.raw`\x9b31m\u202e` },
    { name: "a sequence in a sequence", line: "\u{1b}\u{1b}[0m[2J", colours: "\\x1b\u{1b}[0m[2J\u{1b}[0m", plain: "\\x1b[2J" },
  ])("$name", ({ line, colours, plain }, { expect }) => {
    expect(String(stepOutput(line, true))).toBe(colours);
    expect(String(stepOutput(line, false))).toBe(plain);
  });

  test("lets nothing but colours through", ({ expect }) => {
    const piece = fc.oneof(anyText, fc.constantFrom("\u{1b}[", "\u{1b}", "m", ";", "8", "31", "2J", "\u{9b}"));
    fc.assert(
      fc.property(
        fc.array(piece).map((pieces) => pieces.join("")),
        (line) => {
          const shown = String(stepOutput(line, true)).replaceAll("\t", "");
          expect(shown.replaceAll(/\u{1b}\[[\d;:]*m/gu, "")).not.toMatch(DANGEROUS); // oxlint-disable-line no-control-regex
          expect(String(stepOutput(line, false)).replaceAll("\t", "")).not.toMatch(DANGEROUS);
        },
      ),
    );
  });
});

describe("writeLines()", () => {
  test("writes once, and nothing for nothing", ({ expect }) => {
    const written: string[] = [];
    const stream = { write: (text: string) => written.push(text) };
    writeLines(stream, []);
    writeLines(stream, [say`a`, say`b`]);
    expect(written).toEqual(["a\nb\n"]);
  });
});
