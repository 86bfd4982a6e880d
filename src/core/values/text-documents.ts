/**
 * The documents of a YAML or JSON text, unless they are harmless as text only: too deep for everything that walks them by recursion,
 * or grown out of all proportion by YAML aliases.
 *
 * @module
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { TextPlace } from "./yaml-text.ts";

/** Bytes of a pipeline or parameters file; compiled pipelines of hundreds of tasks have one or two million. */
export const FILE_SIZE_LIMIT = 16 * 1024 * 1024;
/** Characters of its values and keys once aliases are written out. */
const EXPANSION_LIMIT = 2 * FILE_SIZE_LIMIT;
/** Lists and maps in each other. The SDK writes about twenty. */
const NESTING_LIMIT = 200;
const TOO_DEEP = `its lists and maps are nested more than ${NESTING_LIMIT} levels deep`;

/** What became of a text. */
export type TextDocuments =
  | { readonly documents: readonly JsonValue[] }
  /** What is wrong with it, as it goes on after "Cannot read FILE". */
  | { readonly problem: string; readonly place?: TextPlace };

/**
 * Reads all documents of a text. Never throws.
 *
 * @param tooDeep Why a text that is nested too deeply is refused, for callers that take even fewer levels.
 */
export async function readTextDocuments(text: string, tooDeep: string = TOO_DEEP): Promise<TextDocuments> {
  const json = parseJson(text);
  if (json !== undefined) return modest([json], tooDeep);
  const { readYaml } = await import("./yaml-text.ts");
  const result = readYaml(text);
  if (!("problem" in result)) return modest(result.documents, tooDeep);
  const { line, column, problem } = result;
  return { problem: ` as YAML: line ${line}, column ${column}: ${problem}`, place: { line, column } };
}

function modest(documents: readonly JsonValue[], tooDeep: string): TextDocuments {
  let size = 0;
  let level: JsonValue[] = [...documents];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > NESTING_LIMIT) return { problem: `: ${tooDeep}` };
    const next: JsonValue[] = [];
    for (const container of level) {
      if (typeof container !== "object" || container === null) continue;
      for (const [key, value] of Object.entries(container)) {
        size += key.length + (typeof value === "string" ? value.length : 1);
        if (size > EXPANSION_LIMIT) {
          const limit = EXPANSION_LIMIT.toLocaleString("en");
          return { problem: `: with its aliases written out it has more than ${limit} characters` };
        }
        if (value !== undefined && isContainer(value)) next.push(value);
      }
    }
    level = next;
  }
  return { documents };
}

function isContainer(value: JsonValue): value is JsonObject | JsonValue[] {
  return typeof value === "object" && value !== null;
}

/** Large pipelines load faster as JSON; another text may still be YAML. */
function parseJson(text: string): JsonValue | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}
