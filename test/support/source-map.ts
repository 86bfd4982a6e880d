/**
 * Source maps, read the way a debugger does.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import path from "node:path";

export interface Mapping {
  /** All positions count from zero. */
  readonly generatedLine: number;
  readonly generatedColumn: number;
  /** Absolute path. */
  readonly source: string;
  readonly sourceLine: number;
  readonly sourceColumn: number;
}

export interface SourceMap {
  /** Absolute paths. */
  readonly sources: readonly string[];
  readonly sourcesContent: readonly (string | null)[];
  readonly mappings: readonly Mapping[];
}

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Reads a `.js.map` file of version 3, without index sections. */
export function readSourceMap(file: string): SourceMap {
  const map = JSON.parse(readFileSync(file, "utf8")) as {
    sources: string[];
    sourcesContent: (string | null)[];
    mappings: string;
  };
  const sources = map.sources.map((source) => path.resolve(path.dirname(file), source));
  const mappings: Mapping[] = [];
  let [source, sourceLine, sourceColumn] = [0, 0, 0];
  for (const [generatedLine, line] of map.mappings.split(";").entries()) {
    let generatedColumn = 0;
    for (const segment of line.split(",").filter((text) => text !== "")) {
      const [column = 0, ...rest] = decodeSegment(segment);
      generatedColumn += column;
      if (rest.length < 3) continue;
      source += rest[0] ?? 0;
      sourceLine += rest[1] ?? 0;
      sourceColumn += rest[2] ?? 0;
      mappings.push({ generatedLine, generatedColumn, source: sources[source] ?? "", sourceLine, sourceColumn });
    }
  }
  return { sources, sourcesContent: map.sourcesContent, mappings };
}

function decodeSegment(segment: string): number[] {
  const values: number[] = [];
  let [value, shift] = [0, 0];
  for (const character of segment) {
    const digit = digits.indexOf(character);
    value += (digit & 31) * 2 ** shift;
    shift += 5;
    if (digit >= 32) continue;
    values.push(value % 2 === 1 ? -Math.floor(value / 2) : value / 2);
    [value, shift] = [0, 0];
  }
  return values;
}
