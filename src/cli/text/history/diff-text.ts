/**
 * What differs between two runs, as tables and as JSON.
 *
 * @module
 */
import type { JsonValue } from "@bufbuild/protobuf";
import type { RunOverview } from "../../../apiserver/store.ts";
import { isSame, type RunDifference, type ValueDifference } from "../../../local/history/diff-runs.ts";
import { shortIds } from "../../../local/history/run-reference.ts";
import type { HistoryRun } from "../../../local/history/stored-run.ts";
import { section, type TextPlace } from "../summary-text.ts";
import { fitColumns, hasColours, painter, paintState, say, type TerminalText } from "../terminal-text.ts";
import { wordTable } from "../text-table.ts";
import { stateText } from "./run-list-text.ts";

/** What differs, and where the text goes. */
export interface DiffTextOptions extends TextPlace {
  readonly difference: RunDifference;
  /** All runs of the home, for short ids. */
  readonly all: readonly RunOverview[];
}

const LONGEST_VALUE = 60;
const ABSENT = "-";
const RESULTS = {
  different: "differs",
  "only-a": "only the first",
  "only-b": "only the second",
  unknown: "not compared",
} as const;

/** The two runs, then a table for each kind of difference; what is the same is counted. */
export function diffLines(a: HistoryRun, b: HistoryRun, options: DiffTextOptions): TerminalText[] {
  const { difference, columns } = options;
  const paint = painter(hasColours(options.isTerminal, options.environment));
  const short = shortIds(options.all);
  const ids = [a, b].map(({ runId }) => short.get(runId) ?? runId);
  const table = (rows: readonly (readonly (string | TerminalText)[])[], flexible: number): TerminalText[] =>
    wordTable(rows, { columns: columns - 2, flexible }).map((line) => say`  ${line}`);
  const head = ["", ...ids].map((id) => paint("dim", id));
  const valueTable = (values: readonly ValueDifference[]): TerminalText[] =>
    values.length === 0
      ? []
      : table([head, ...values.map(({ name, a: left, b: right }) => [name, shown(left), shown(right)])], 0);
  const { parameters, tasks, metrics, artifacts, same } = difference;
  const taskRows = tasks.map(({ task, a: left, b: right, parts }) => [
    task,
    left === undefined ? ABSENT : paintState(paint, left),
    right === undefined ? ABSENT : paintState(paint, right),
    parts.length === 0 ? "" : `because of ${parts.join(", ")}`,
  ]);
  const artifactRows = artifacts.map(({ task, key, index, result, reason }) => [
    `${task}.${key}${index === 0 ? "" : `[${index}]`}`,
    reason === undefined ? RESULTS[result] : `${RESULTS[result]}: ${reason}`,
  ]);
  const counts = Object.entries(same).map(([what, count]) => `${count} ${count === 1 ? what.slice(0, -1) : what}`);
  return [
    ...[a, b].map((run, index) => say`${paint("bold", ids[index] ?? "")}  ${run.name}  ${stateText(run, paint)}`),
    ...section(paint, "Parameters", valueTable(parameters)),
    ...section(paint, "Tasks", tasks.length === 0 ? [] : table([[...head, ""], ...taskRows], 0)),
    ...section(paint, "Metrics", valueTable(metrics)),
    ...section(paint, "Artifacts", table(artifactRows, 0)),
    say`${isSame(difference) ? "No differences" : "The same"}: ${counts.join(", ")}`,
  ];
}

function shown(value: JsonValue | undefined): TerminalText {
  return fitColumns(value === undefined ? ABSENT : JSON.stringify(value), LONGEST_VALUE);
}

/** A run in the answer. */
export interface DiffedRunJson {
  readonly runId: string;
  readonly name: string;
  readonly state: string;
  readonly durationMs: number;
}

/** Exactly what `diff --output json` prints. */
export interface DiffJson extends RunDifference {
  readonly a: DiffedRunJson;
  readonly b: DiffedRunJson;
}

/** The differences as a program reads them. */
export function diffJson(a: HistoryRun, b: HistoryRun, difference: RunDifference): DiffJson {
  return { a: runOf(a), b: runOf(b), ...difference };
}

function runOf({ runId, name, state, result: { durationMs } }: HistoryRun): DiffedRunJson {
  return { runId, name, state, durationMs };
}
