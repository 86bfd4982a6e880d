/**
 * JSON text as protojson accepts it: a repeated object key is an error, and so is anything after the value.
 *
 * Two things more are found here, because the parsed value no longer shows them or could not be walked safely: nesting without end, and
 * integers that a double rounds.
 *
 * @module
 */
import type { JsonValue } from "@bufbuild/protobuf";
import { plainDecimal } from "../go/number.ts";
import { memberPath } from "./member-path.ts";

/** Names and indices from the outermost value to the innermost. */
export type JsonPath = readonly (string | number)[];

/** The value of a JSON text, or why there is none. */
export type ParsedJson =
  | {
      readonly value: JsonValue;
      /** Where an integer stands whose digits a double cannot give back. */
      readonly roundedIntegers: readonly JsonPath[];
    }
  | { readonly problem: string };

/** Deeper text is refused whatever it is: readers that call themselves for every level must not run out of stack. */
export const MAX_JSON_DEPTH = 200;

/**
 * Parses JSON. A problem says what is wrong and where, never a value of the text.
 *
 * @param options.repeatedKeys `keep-last` for texts that the reference reads with a parser that keeps the last one.
 * @param options.tooDeep The problem of text that is nested too deeply, for callers that take even fewer levels.
 */
export function parseJsonText(
  text: string,
  {
    repeatedKeys = "refuse",
    tooDeep = `it is nested more than ${MAX_JSON_DEPTH} levels deep`,
  }: { readonly repeatedKeys?: "refuse" | "keep-last"; readonly tooDeep?: string } = {},
): ParsedJson {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (error) {
    return { problem: `not valid JSON: ${syntaxProblem(text, String(error))}` };
  }
  const { repeatedKey, isTooDeep, roundedIntegers } = inspectJson(text);
  if (isTooDeep) return { problem: tooDeep };
  return repeatedKey === undefined || repeatedKeys === "keep-last"
    ? { value, roundedIntegers }
    : { problem: `key ${JSON.stringify(repeatedKey)} appears twice in one object` };
}

/** `a.b[2]`. */
export function jsonPathText(path: JsonPath): string {
  return path.reduce<string>((text, part) => (typeof part === "number" ? `${text}[${part}]` : memberPath(text, part)), "");
}

// V8 quotes the text around the mistake, which may be a parameter value. Only the position is taken over.
function syntaxProblem(text: string, message: string): string {
  if (text.trim() === "") return "the text is empty";
  const position = /at position (\d+)/.exec(message)?.[1];
  if (/unterminated|unexpected end/i.test(message) || Number(position) >= text.length) return "unexpected end of the text";
  if (/token '[NI]'/.test(message)) return "unexpected character (NaN and Infinity are not JSON numbers)";
  return position === undefined ? "unexpected character" : `unexpected character at position ${position}`;
}

interface Inspection {
  /** The first key that an object has twice; JSON.parse keeps the last one without a word. */
  readonly repeatedKey?: string;
  readonly isTooDeep: boolean;
  readonly roundedIntegers: readonly JsonPath[];
}

/** What is open at a place of the text: an object with the keys seen so far, or a list. */
interface Open {
  readonly keys: Set<string> | undefined;
  /** The member being read: key or index. */
  at: string | number;
}

/** One pass over a valid JSON text, without recursion. */
function inspectJson(text: string): Inspection {
  const open: Open[] = [];
  const roundedIntegers: JsonPath[] = [];
  let repeatedKey: string | undefined;
  let keyExpected = false;
  for (let i = 0; i < text.length; i++) {
    const inner = open.at(-1);
    const char = text[i] as string;
    switch (char) {
      case "{":
      case "[":
        if (open.length === MAX_JSON_DEPTH) return { isTooDeep: true, roundedIntegers };
        keyExpected = char === "{";
        open.push(keyExpected ? { keys: new Set(), at: "" } : { keys: undefined, at: 0 });
        break;
      case "}":
      case "]":
        open.pop();
        keyExpected = false;
        break;
      case ",":
        keyExpected = inner?.keys !== undefined;
        if (typeof inner?.at === "number") inner.at += 1;
        break;
      case '"': {
        const end = endOfString(text, i);
        if (keyExpected && inner?.keys !== undefined) {
          // Parsed, so that an escaped spelling of a key is the same key.
          const key = JSON.parse(text.slice(i, end + 1)) as string;
          if (inner.keys.has(key)) repeatedKey ??= key;
          inner.keys.add(key);
          inner.at = key;
        }
        keyExpected = false;
        i = end;
        break;
      }
      default:
        if (char === "-" || (char >= "0" && char <= "9")) {
          const end = endOfNumber(text, i);
          if (isRoundedInteger(text.slice(i, end))) roundedIntegers.push(open.map(({ at }) => at));
          i = end - 1;
        }
        break;
    }
  }
  return { ...(repeatedKey === undefined ? {} : { repeatedKey }), isTooDeep: false, roundedIntegers };
}

function endOfString(text: string, start: number): number {
  let end = start + 1;
  while (text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
  return end;
}

function endOfNumber(text: string, start: number): number {
  let end = start + 1;
  while (end < text.length && /[-+.0-9eE]/.test(text[end] as string)) end += 1;
  return end;
}

/** Whether the digits of an integer change when it becomes a double: beyond 2^53, unless they are the ones a double prints. */
export function isRoundedInteger(digits: string): boolean {
  // Fifteen digits are always exact; most numbers need no second look.
  if (digits.length <= 15 || !/^[-+]?\d+$/.test(digits)) return false;
  const number = Number(digits);
  return !Number.isFinite(number) || plainDecimal(number) !== digits.replace(/^\+/, "");
}
