/**
 * JSON text as protojson accepts it: a repeated object key is an error, and so is anything after the value.
 *
 * @module
 */
import type { JsonValue } from "@bufbuild/protobuf";

export type ParsedJson = { readonly value: JsonValue } | { readonly problem: string };

/** Parses JSON. A problem says what is wrong and where, never a value of the text. */
export function parseJsonText(text: string): ParsedJson {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (error) {
    return { problem: `not valid JSON: ${syntaxProblem(text, String(error))}` };
  }
  const key = findRepeatedKey(text);
  return key === undefined ? { value } : { problem: `key ${JSON.stringify(key)} appears twice in one object` };
}

// V8 quotes the text around the mistake, which may be a parameter value. Only the position is taken over.
function syntaxProblem(text: string, message: string): string {
  if (text.trim() === "") return "the text is empty";
  const position = /at position (\d+)/.exec(message)?.[1];
  if (/unterminated|unexpected end/i.test(message) || Number(position) >= text.length) return "unexpected end of the text";
  if (/token '[NI]'/.test(message)) return "unexpected character (NaN and Infinity are no JSON numbers)";
  return position === undefined ? "unexpected character" : `unexpected character at position ${position}`;
}

/** The first key that an object of a valid JSON text has twice; JSON.parse keeps the last one without a word. */
function findRepeatedKey(text: string): string | undefined {
  // Keys seen in each open object; `undefined` for an open array.
  const open: (Set<string> | undefined)[] = [];
  let keyExpected = false;
  for (let i = 0; i < text.length; i++) {
    switch (text[i]) {
      case "{":
        open.push(new Set());
        keyExpected = true;
        break;
      case "[":
        open.push(undefined);
        keyExpected = false;
        break;
      case "}":
      case "]":
        open.pop();
        keyExpected = false;
        break;
      case ",":
        keyExpected = open.at(-1) !== undefined;
        break;
      case '"': {
        const end = endOfString(text, i);
        const seen = keyExpected ? open.at(-1) : undefined;
        if (seen !== undefined) {
          // Parsed, so that an escaped spelling of a key is the same key.
          const key = JSON.parse(text.slice(i, end + 1)) as string;
          if (seen.has(key)) return key;
          seen.add(key);
        }
        keyExpected = false;
        i = end;
        break;
      }
      default:
        break;
    }
  }
  return undefined;
}

function endOfString(text: string, start: number): number {
  let end = start + 1;
  while (text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
  return end;
}
