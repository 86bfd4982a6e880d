/**
 * YAML text as PyYAML reads it, which is what the KFP SDK writes with.
 *
 * Two things differ from a YAML 1.2 reader. Plain scalars follow PyYAML's resolvers (`1e3` and `08` are text, `0x1f` and `1_000` are
 * numbers, `yes` is true). And a quoted scalar may go on at any indentation, as PyYAML itself writes it below a "- "; the library
 * insists on more, so such scalars are indented further before a second try, which does not change their value: white space at the
 * start of a continuation line is never part of it.
 *
 * Source: yaml/pyyaml lib/yaml/resolver.py @ 6.0.2; compared with PyYAML over upstream's pipelines in
 * test/local/pipeline/pipeline-file.test.ts.
 *
 * @module
 */
import type { JsonValue } from "@bufbuild/protobuf";
import { isRoundedInteger } from "./json-text.ts";
import { UNSAFE_INTEGER } from "./value.ts";
import {
  isAlias,
  isMap,
  isScalar,
  Lexer,
  LineCounter,
  parseAllDocuments,
  visit,
  type Document,
  type ScalarTag,
  type Tags,
} from "yaml";
import { oneLine } from "../one-line.ts";

/** The documents of a text as JSON, or what is wrong with it. */
export type YamlDocuments =
  | { readonly documents: readonly JsonValue[] }
  /** Line and column count from 1. */
  | { readonly problem: string; readonly line: number; readonly column: number };

/** Line and column count from 1; the column in UTF-16 code units. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

/** Finds the key at the end of a path of keys in the first document; `undefined` where there is none. */
export type LocateYaml = (keys: readonly string[]) => TextPlace | undefined;

/** Positions of the keys in a text that {@link readYaml} can read; nothing is found in any other. */
export function locateYaml(text: string): LocateYaml {
  const lineCounter = new LineCounter();
  const indented = "problem" in parse(text) ? indentQuotedScalars(text) : undefined;
  let first: Document | undefined;
  try {
    const parsed = parseAllDocuments(indented ?? text, {
      ...{ schema: "failsafe", lineCounter, prettyErrors: false, uniqueKeys: false, logLevel: "silent", merge: true },
    });
    first = "empty" in parsed ? undefined : parsed[0];
  } catch {
    return () => undefined;
  }
  return (keys) => {
    let node: unknown = first?.contents;
    let offset: number | undefined;
    for (const name of keys) {
      if (isAlias(node)) node = first === undefined ? undefined : node.resolve(first);
      if (!isMap(node)) return undefined;
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === name);
      if (pair === undefined || !isScalar(pair.key)) return undefined;
      offset = pair.key.range?.[0];
      node = pair.value;
    }
    if (offset === undefined) return undefined;
    const { line, col } = lineCounter.linePos(offset);
    return { line, column: col };
  };
}

/** Every document of a text; empty ones are left out. Never throws. */
export function readYaml(text: string): YamlDocuments {
  try {
    return readRepaired(text);
  } catch (error) {
    // The library recurs into every level.
    if (!(error instanceof RangeError)) throw error;
    return { problem: TOO_DEEP, line: 1, column: 1 };
  }
}

/** How the library reports it as an error of the document. */
const STACK_OVERFLOW = "Maximum call stack size exceeded";
const TOO_DEEP = "its lists and maps are nested too deeply";

function readRepaired(text: string): YamlDocuments {
  const first = parse(text);
  if (!("problem" in first)) return first;
  const indented = indentQuotedScalars(text);
  // Lines stay where they are, so what is still wrong in the second try is reported as PyYAML would.
  return indented === undefined ? first : parse(indented);
}

function parse(text: string): YamlDocuments {
  const lineCounter = new LineCounter();
  const parsed = parseAllDocuments(text, {
    schema: "failsafe",
    customTags: (tags) => [...tags, ...PYYAML_SCALARS] as Tags,
    merge: true,
    lineCounter,
    prettyErrors: false,
    // The library compares every key of a map with every other one: minutes for thousands of tasks.
    uniqueKeys: false,
    logLevel: "silent",
    // PyYAML reads numbers as keys, too; ours become text.
    stringKeys: false,
  });
  const documents: Document[] = "empty" in parsed ? [] : parsed;
  for (const document of documents) {
    const [error] = document.errors;
    if (error === undefined) {
      const offset = repeatedKey(document);
      if (offset === undefined) continue;
      const { line, col } = lineCounter.linePos(offset);
      return { problem: "Map keys must be unique", line, column: col };
    }
    const { line, col } = lineCounter.linePos(error.pos[0]);
    return { problem: error.message === STACK_OVERFLOW ? TOO_DEEP : oneLine(error.message), line, column: col };
  }
  try {
    const values = documents.map((document) => document.toJS({ maxAliasCount: 1000 }) as JsonValue);
    return { documents: values.filter((value) => value !== null) };
  } catch (error) {
    return { problem: oneLine((error as Error).message), line: 1, column: 1 };
  }
}

/** Offset of the first key that its map has already. */
function repeatedKey(document: Document): number | undefined {
  let offset: number | undefined;
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        // Several merges are none of each other's business.
        if (!isScalar(key) || key.value === "<<") continue;
        if (seen.has(key.value)) {
          offset = key.range?.[0] ?? 0;
          return visit.BREAK;
        }
        seen.add(key.value);
      }
      return undefined;
    },
  });
  return offset;
}

/** PyYAML's implicit resolvers; what none of them takes is text. Dates stay text, too: JSON has none. */
const PYYAML_SCALARS: readonly ScalarTag[] = [
  scalar("null", /^(?:~|null|Null|NULL|)$/, () => null),
  scalar("bool", /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/, (text) =>
    /^(?:yes|true|on)$/i.test(text),
  ),
  scalar(
    "int",
    /^(?:[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/,
    readInteger,
  ),
  scalar(
    "float",
    /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/,
    readFloat,
  ),
];

type Refuse = (reason: string) => void;

function scalar(name: string, test: RegExp, resolve: (text: string, refuse: Refuse) => unknown): ScalarTag {
  return { tag: `tag:yaml.org,2002:${name}`, default: true, test, resolve };
}

/** A rounded number would be another one than the author wrote, and nobody would be told. */
function readInteger(source: string, refuse: Refuse): number {
  const text = source.replaceAll("_", "");
  const sign = text.startsWith("-") ? -1 : 1;
  const digits = text.replace(/^[-+]/, "");
  if (digits.startsWith("0b")) return sign * Number.parseInt(digits.slice(2), 2);
  if (digits.startsWith("0x")) return sign * Number.parseInt(digits.slice(2), 16);
  if (digits.includes(":")) return sign * sexagesimal(digits);
  if (isRoundedInteger(digits)) refuse(`this is ${UNSAFE_INTEGER}, in quotes`);
  return sign * (digits.length > 1 && digits.startsWith("0") ? Number.parseInt(digits, 8) : Number(digits));
}

function readFloat(source: string): number {
  const text = source.replaceAll("_", "").toLowerCase();
  if (text.endsWith(".inf")) return text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (text === ".nan") return Number.NaN;
  if (!text.includes(":")) return Number(text);
  return (text.startsWith("-") ? -1 : 1) * sexagesimal(text.replace(/^[-+]/, ""));
}

/** `1:30` is 90. */
function sexagesimal(text: string): number {
  return text.split(":").reduce((sum, digits) => sum * 60 + Number(digits), 0);
}

/** Scalars to be repaired at most; each costs a pass over the text. */
const REPAIR_LIMIT = 200;

/** @returns The text with every quoted scalar that ends too early indented further; undefined when there is none to repair. */
function indentQuotedScalars(text: string): string | undefined {
  let repaired = text;
  for (let count = 0; count < REPAIR_LIMIT; count += 1) {
    const start = findCutScalar(repaired);
    if (start === undefined) return count === 0 ? undefined : repaired;
    const end = closingQuote(repaired, start);
    if (end === undefined) return undefined;
    const body = repaired.slice(start, end);
    // A document marker ends every scalar, in PyYAML as well.
    if (/\n(?:---|\.\.\.)(?=\s)/.test(body)) return undefined;
    const column = start - repaired.lastIndexOf("\n", start - 1) - 1;
    const indented = body.replaceAll(/\n(?=[^\n\r])/g, `\n${" ".repeat(column)}`);
    if (indented === body) return undefined;
    repaired = repaired.slice(0, start) + indented + repaired.slice(end);
  }
  return undefined;
}

/** Offset of the first quoted scalar that the lexer gives up before its closing quote. */
function findCutScalar(text: string): number | undefined {
  let offset = 0;
  for (const lexeme of new Lexer().lex(text)) {
    // Marks of the lexer's own for "document", "flow error" and "scalar follows" are not part of the text.
    if (lexeme === "\u{2}" || lexeme === "\u{18}" || lexeme === "\u{1f}") continue;
    const quote = lexeme[0];
    if ((quote === '"' || quote === "'") && closingQuote(lexeme, 0) === undefined) return offset;
    offset += lexeme.length;
  }
  return undefined;
}

/** Offset of the quote that closes the scalar beginning at `start`. */
function closingQuote(text: string, start: number): number | undefined {
  const quote = text[start] as string;
  for (let index = start + 1; index < text.length; index += 1) {
    if (quote === '"' && text[index] === "\\") index += 1;
    else if (text[index] === quote) {
      if (quote === '"' || text[index + 1] !== "'") return index;
      index += 1;
    }
  }
  return undefined;
}
