/**
 * Metrics of a run for people: single ones as a table, a confusion matrix as a table, a ROC curve as a picture.
 *
 * The iterations of a loop stand under each other in one table, because they are there to be compared.
 *
 * @module
 */
import type { JsonValue } from "@bufbuild/protobuf";
import type { ArtifactResult } from "../../local/results/run-result.ts";
import { areaUnder, rocPlot, type RocPoint } from "./roc-plot.ts";
import { fitColumns, joinTexts, say, type TerminalText } from "./terminal-text.ts";
import { textTable } from "./text-table.ts";
import { isJsonObject } from "../../core/values/json-object.ts";

/** What one output of one step says. */
export interface MetricOutput {
  /** `for-loop-1.train.metrics`: without the iteration. */
  readonly name: string;
  /** `0`, `1,2`; empty outside loops. */
  readonly iteration: string;
  readonly artifacts: readonly ArtifactResult[];
}

/** Iterations, and categories of a matrix, in one table; the rest is counted. */
const SHOWN_ROWS = 40;
const LONGEST_VALUE = 200;

/** Metrics and curves of a task, at most `columns` wide, one block for each output. */
export function metricLines(outputs: readonly MetricOutput[], columns: number): TerminalText[] {
  const names = [...new Set(outputs.map(({ name }) => name))];
  const blocks = names.flatMap((name) => outputLines(outputs.filter((output) => output.name === name)));
  return blocks.map((line) => fitColumns(say`  ${line}`, columns));
}

function outputLines(outputs: readonly MetricOutput[]): TerminalText[] {
  const [first] = outputs;
  if (first === undefined) return [];
  const scalars = outputs.map(({ iteration, artifacts }) => ({ iteration, values: scalarsOf(artifacts) }));
  const table = scalarTable(scalars.filter(({ values }) => values.size > 0));
  const others = outputs.flatMap(({ iteration, artifacts }) =>
    artifacts.flatMap(({ metadata }) => classificationLines(metadata, iteration === "" ? "" : `[${iteration}] `)),
  );
  if (table.length === 0 && others.length === 0) return [];
  return [say`${first.name}`, ...[...table, ...others].map((line) => say`  ${line}`)];
}

interface ScalarRow {
  readonly iteration: string;
  readonly values: ReadonlyMap<string, string>;
}

function scalarTable(rows: readonly ScalarRow[]): TerminalText[] {
  const names = [...new Set(rows.flatMap(({ values }) => [...values.keys()]))].toSorted();
  if (names.length === 0) return [];
  const [only] = rows;
  if (only !== undefined && rows.length === 1 && only.iteration === "") return textTable([...only.values].toSorted(byName));
  const shown = rows.slice(0, SHOWN_ROWS);
  return [
    ...textTable([
      ["iteration", ...names],
      ...shown.map(({ iteration, values }) => [iteration, ...names.map((name) => values.get(name) ?? "-")]),
    ]),
    ...hiddenLine(rows.length - shown.length, "iterations"),
  ];
}

function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : 1;
}

function hiddenLine(count: number, what: string): TerminalText[] {
  return count > 0 ? [say`... and ${count} more ${what}`] : [];
}

const CLASSIFICATION = new Set(["confusionMatrix", "confidenceMetrics", "evaluationSlices"]);

/** Single metrics, and plain values in the metadata of an artifact of metrics. */
function scalarsOf(artifacts: readonly ArtifactResult[]): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const { name, metadata, numberValue } of artifacts) {
    if (numberValue !== undefined) {
      values.set(name, String(numberValue));
      continue;
    }
    for (const [key, value] of Object.entries(metadata)) {
      if (CLASSIFICATION.has(key) || key.startsWith("_kfp") || key === "display_name") continue;
      values.set(key, typeof value === "string" ? value : JSON.stringify(value).slice(0, LONGEST_VALUE));
    }
  }
  return values;
}

/** Source: kubeflow/pipelines sdk/python/kfp/dsl/types/artifact_types.py @ e2520ff3becd0c29aa02ddcbd281bb68a4750354. */
function classificationLines(metadata: Readonly<Record<string, JsonValue>>, label: string): TerminalText[] {
  return [
    ...matrixLines(member(metadata, "confusionMatrix"), label),
    ...curveLines(member(metadata, "confidenceMetrics"), label),
    ...list(member(metadata, "evaluationSlices")).flatMap((slice) => {
      const metrics = member(slice, "sliceClassificationMetrics");
      const name = member(slice, "slice");
      const sliceLabel = `${label}slice ${typeof name === "string" ? name : JSON.stringify(name ?? "")}: `;
      return isJsonObject(metrics) ? classificationLines(metrics, sliceLabel) : [];
    }),
  ];
}

function matrixLines(matrix: JsonValue | undefined, label: string): TerminalText[] {
  const rows = list(member(matrix, "rows")).map((row) => list(member(row, "row")));
  if (rows.length === 0) return [];
  const names = list(member(matrix, "annotationSpecs")).map((spec, index) => {
    const name = member(spec, "displayName");
    return typeof name === "string" ? name : String(index);
  });
  const shown = rows.slice(0, SHOWN_ROWS);
  return [
    say`${label}confusion matrix`,
    ...textTable([
      ...(names.length > 0 ? [["", ...names]] : []),
      ...shown.map((row, index) => [names[index] ?? String(index), ...row.map((value) => JSON.stringify(value))]),
    ]),
    ...hiddenLine(rows.length - shown.length, "rows"),
  ];
}

function curveLines(metrics: JsonValue | undefined, label: string): TerminalText[] {
  const points = list(isJsonObject(metrics) ? metrics["list"] : metrics).flatMap((point): RocPoint[] => {
    const falsePositiveRate = member(point, "falsePositiveRate");
    const recall = member(point, "recall");
    return typeof falsePositiveRate === "number" && typeof recall === "number" ? [{ falsePositiveRate, recall }] : [];
  });
  if (points.length === 0) return [];
  const area = areaUnder(points);
  const facts = [
    `${points.length} ${points.length === 1 ? "point" : "points"}`,
    ...(area === undefined ? [] : [`area ${area.toFixed(4)}`]),
  ];
  return [say`${label}ROC curve: recall by false positive rate (${joinTexts(facts, ", ")})`, ...rocPlot(points)];
}

function member(value: JsonValue | undefined, key: string): JsonValue | undefined {
  return isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

function list(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}
