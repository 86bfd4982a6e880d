/**
 * What differs on purpose from the reference programs: the list that tests read and docs/deviations.md is made from.
 *
 * @module
 */
import { readFileSync } from "node:fs";

/** Where a deviation may explain a difference between a recording of the reference and what ours did. */
export interface DeviationMatch {
  /** The program that was started; absent: each. */
  readonly program?: "driver" | "launcher";
  /** Regular expression over the name of the pipeline; absent: each. */
  readonly pipeline?: string;
  /** Regular expression over the label of the task; absent: each. */
  readonly task?: string;
  /** Regular expression over the path of the differing field in the record of the program. */
  readonly field: string;
  /** Regular expressions over the compact JSON of the two values; absent: any value. An absent value reads "undefined". */
  readonly theirs?: string;
  readonly ours?: string;
}

export interface Deviation {
  /** Part of the program and name, such as "driver-launcher-command". */
  readonly id: string;
  readonly where: string;
  readonly ours: string;
  readonly why: string;
  /** Sections of docs/spec, such as "connections.md#drv-1"; empty where no rule asks for it. */
  readonly rules: readonly string[];
  /** Absent where no recording shows it. */
  readonly matches?: readonly DeviationMatch[];
}

/** One difference found when a recording is replayed. */
export interface RecordedDifference {
  readonly program: "driver" | "launcher";
  readonly pipeline: string;
  readonly task: string;
  readonly field: string;
  readonly theirs: unknown;
  readonly ours: unknown;
}

/** Parts of the programs a deviation can be about: the first word of its id, with the heading of docs/deviations.md. */
export const DEVIATION_PARTS = {
  driver: "Driver",
  launcher: "Launcher",
  client: "API client",
  server: "Local runs and the embedded server",
} as const;

/** The list, in the order of the document. */
export function readDeviations(): Deviation[] {
  return JSON.parse(readFileSync(new URL("deviations.json", import.meta.url), "utf8")) as Deviation[];
}

/** Deviations that explain a difference; empty: it is a fault of one of the two programs. */
export function explainDifference(deviations: readonly Deviation[], difference: RecordedDifference): Deviation[] {
  const { program, pipeline, task, field, theirs, ours } = difference;
  const fits = (pattern: string | undefined, text: string): boolean => pattern === undefined || new RegExp(pattern).test(text);
  return deviations.filter(({ matches = [] }) =>
    matches.some(
      (match) =>
        (match.program ?? program) === program &&
        fits(match.pipeline, pipeline) &&
        fits(match.task, task) &&
        fits(match.field, field) &&
        fits(match.theirs, jsonText(theirs)) &&
        fits(match.ours, jsonText(ours)),
    ),
  );
}

function jsonText(value: unknown): string {
  return value === undefined ? "undefined" : JSON.stringify(value);
}
