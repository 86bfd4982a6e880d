/**
 * Text that may go to a terminal: what comes from elsewhere is escaped, what we style stays, and it fits a number of columns.
 *
 * Names, values and messages of a pipeline are other people's text. A terminal acts on control characters in them, and bidirectional
 * controls show them in another order than they have; so they are shown as `\x1b`, on a pipe too, because a file that is printed later
 * reaches a terminal as well. The type carries the proof: streams get {@link TerminalText} only, and a plain string becomes one by
 * being escaped.
 *
 * Standard: https://no-color.org; ECMA-48 8.3.117 (SGR); Unicode UAX #9 2 (bidirectional controls).
 *
 * @module
 */
import { styleText } from "node:util";
import cliTruncate from "cli-truncate";
import stringWidth from "string-width";
import type { TextStream } from "../host.ts";

/** Safe to print. Made by the functions of this module alone. */
export class TerminalText {
  readonly #text: string;

  private constructor(text: string) {
    this.#text = text;
  }

  /** Escapes every control character. */
  static escape(text: string): TerminalText {
    return new TerminalText(escapeControls(text));
  }

  /** @internal Only for text this module has made safe. */
  static trust(text: string): TerminalText {
    return new TerminalText(text);
  }

  toString(): string {
    return this.#text;
  }

  /** Columns it takes on a terminal. */
  get width(): number {
    return stringWidth(this.#text);
  }
}

/** C0, DEL, C1; line and paragraph separator; everything that changes the direction of text. */
export const CONTROLS = /[\p{Cc}\u{61c}\u{200e}\u{200f}\u{2028}-\u{202e}\u{2066}-\u{2069}]/gu;
const SHORT_ESCAPES: Readonly<Record<string, string>> = { "\n": String.raw`\n`, "\r": String.raw`\r`, "\t": String.raw`\t` };

/** `\n`, `\x1b`, `\u202e` in place of the control characters themselves. */
export function escapeControls(text: string): string {
  return text.replaceAll(CONTROLS, (control) => {
    const code = control.codePointAt(0) as number;
    const hex = code.toString(16);
    return SHORT_ESCAPES[control] ?? (code < 0x100 ? `\\x${hex.padStart(2, "0")}` : `\\u${hex.padStart(4, "0")}`);
  });
}

/** JSON of the same value, whose strings have no control character left: JSON itself only escapes the first 32. */
export function terminalJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(CONTROLS, unicodeEscape);
}

/** A control character as JSON, and quoted text of YAML, may write it. */
export function unicodeEscape(control: string): string {
  return `\\u${(control.codePointAt(0) as number).toString(16).padStart(4, "0")}`;
}

/** A template whose own words stay and whose values are escaped, unless they are safe already. */
export function say(words: TemplateStringsArray, ...values: readonly (string | number | TerminalText)[]): TerminalText {
  const parts = words.flatMap((word, index) => (index < values.length ? [word, safe(values[index] ?? "")] : [word]));
  return TerminalText.trust(parts.join(""));
}

function safe(value: string | number | TerminalText): string {
  return value instanceof TerminalText ? value.toString() : escapeControls(String(value));
}

/** All of them, with our own separator in between. */
export function joinTexts(texts: readonly (string | TerminalText)[], separator: string): TerminalText {
  return TerminalText.trust(texts.map(safe).join(separator));
}

/** Cuts to a number of columns, with an ellipsis; never inside a character that several code points make. */
export function fitColumns(text: string | TerminalText, columns: number): TerminalText {
  if (!Number.isFinite(columns)) return TerminalText.trust(safe(text));
  if (columns < 1) return TerminalText.trust("");
  // A value may have megabytes; of what nobody will see, nothing is measured.
  const limit = columns * 16;
  const isLong = typeof text === "string" && text.length > limit;
  const start = isLong ? `${escapeControls(text.slice(0, limit))}…` : safe(text);
  return TerminalText.trust(cliTruncate(start, columns, { position: "end" }));
}

/** Filled with spaces to a number of columns, on the left for numbers. */
export function padColumns(text: string | TerminalText, columns: number, side: "left" | "right" = "right"): TerminalText {
  const shown = safe(text);
  const space = " ".repeat(Math.max(0, columns - stringWidth(shown)));
  return TerminalText.trust(side === "right" ? shown + space : space + shown);
}

/** Writes the lines in one piece, so that other output does not come between them. */
export function writeLines(stream: TextStream, lines: readonly TerminalText[]): void {
  if (lines.length > 0) stream.write(lines.map((line) => `${line.toString()}\n`).join(""));
}

/** A colour or weight. */
export type Style = "red" | "green" | "yellow" | "blue" | "dim" | "bold";

/** Puts text into a style; text of others is escaped on the way. */
export type Painter = (style: Style, text: string | TerminalText) => TerminalText;

/** Whether to use colours: on a terminal only, and never with NO_COLOR or TERM=dumb. */
export function hasColours(isTerminal: boolean, environment: Readonly<Record<string, string>>): boolean {
  const { NO_COLOR: noColour = "", TERM: term = "" } = environment;
  return isTerminal && noColour === "" && term !== "dumb";
}

/** @param colours Whether styles have any effect. */
export function painter(colours: boolean): Painter {
  return (style, text) => {
    const shown = safe(text);
    return TerminalText.trust(colours ? styleText(style, shown, { validateStream: false }) : shown);
  };
}

const STATE_STYLES: Readonly<Record<string, Style>> = {
  SUCCEEDED: "green",
  CACHED: "blue",
  SKIPPED: "dim",
  FAILED: "red",
  RUNNING: "yellow",
  "NOT RUN": "dim",
};

/** A state of a task or run in the colour it has everywhere; states without one stay plain. */
export function paintState(paint: Painter, state: string): TerminalText {
  const style = STATE_STYLES[state];
  return style === undefined ? TerminalText.escape(state) : paint(style, state);
}

const ESCAPE = "\u{1b}";
/** SGR, nothing else: `ESC [ numbers m`. */
const COLOUR_SEQUENCE = new RegExp(String.raw`${ESCAPE}\[([\d;:]*)m`, "gu");
/** Blinking and hidden text. */
const REFUSED_ATTRIBUTES = new Set([5, 6, 8]);

/**
 * A line of a step's own output. Tabs stay. Colours stay where we use colours ourselves, end with the line, and are taken out
 * elsewhere; blinking, hiding and every other sequence is shown escaped.
 */
export function stepOutput(line: string, colours: boolean): TerminalText {
  let text = "";
  let end = 0;
  let isColoured = false;
  for (const match of line.matchAll(COLOUR_SEQUENCE)) {
    if (!isHarmless(match[1] ?? "")) continue;
    text += escapeButTabs(line.slice(end, match.index));
    if (colours) text += match[0];
    isColoured = colours;
    end = match.index + match[0].length;
  }
  return TerminalText.trust(`${text}${escapeButTabs(line.slice(end))}${isColoured ? `${ESCAPE}[0m` : ""}`);
}

function escapeButTabs(text: string): string {
  return text.split("\t").map(escapeControls).join("\t");
}

/** `38;5;N` and `38;2;R;G;B` (48, 58 alike) carry numbers that are not attributes. */
function isHarmless(parameters: string): boolean {
  const numbers = parameters.split(/[;:]/).map(Number);
  for (let index = 0; index < numbers.length; index += 1) {
    const number = numbers[index] as number;
    if (number === 38 || number === 48 || number === 58) index += numbers[index + 1] === 5 ? 2 : 4;
    else if (REFUSED_ATTRIBUTES.has(number)) return false;
  }
  return true;
}
