/**
 * A ROC curve as a small picture of text: `*` are the points, `.` the lines between them.
 *
 * @module
 */
import { say, type TerminalText } from "./terminal-text.ts";

/** A point of a ROC curve. */
export interface RocPoint {
  /** 0 to 1. */
  readonly falsePositiveRate: number;
  /** 0 to 1. */
  readonly recall: number;
}

const COLUMNS = 41;
const ROWS = 11;

/** Nothing without points. */
export function rocPlot(points: readonly RocPoint[]): TerminalText[] {
  if (points.length === 0) return [];
  const ordered = points.toSorted((a, b) => a.falsePositiveRate - b.falsePositiveRate || a.recall - b.recall);
  const canvas = Array.from({ length: ROWS }, () => Array.from({ length: COLUMNS }, () => " "));
  const mark = (x: number, y: number, sign: string): void => {
    const row = canvas[ROWS - 1 - cell(y, ROWS)] as string[];
    row[cell(x, COLUMNS)] = sign;
  };
  for (const [index, point] of ordered.entries()) {
    const next = ordered[index + 1];
    if (next !== undefined) drawLine(point, next, mark);
  }
  for (const { falsePositiveRate, recall } of ordered) mark(falsePositiveRate, recall, "*");
  return [
    ...canvas.map((row, index) => say`${axisLabel(index)} |${row.join("").trimEnd()}`),
    say`    +${"-".repeat(COLUMNS)}`,
    say`     0.0${"false positive rate".padStart(26).padEnd(COLUMNS - 6)}1.0`,
  ];
}

/** Area under the points by the trapezoidal rule; undefined unless they reach from 0 to 1. */
export function areaUnder(points: readonly RocPoint[]): number | undefined {
  const ordered = points.toSorted((a, b) => a.falsePositiveRate - b.falsePositiveRate || a.recall - b.recall);
  if (ordered.at(0)?.falsePositiveRate !== 0 || ordered.at(-1)?.falsePositiveRate !== 1) return undefined;
  let area = 0;
  for (const [index, { falsePositiveRate, recall }] of ordered.entries()) {
    const next = ordered[index + 1];
    if (next !== undefined) area += ((next.falsePositiveRate - falsePositiveRate) * (recall + next.recall)) / 2;
  }
  return area;
}

function axisLabel(row: number): string {
  if (row === 0) return "1.0";
  if (row === (ROWS - 1) / 2) return "0.5";
  return row === ROWS - 1 ? "0.0" : "   ";
}

function cell(rate: number, count: number): number {
  return Math.round(Math.min(1, Math.max(0, rate)) * (count - 1));
}

function drawLine(from: RocPoint, to: RocPoint, mark: (x: number, y: number, sign: string) => void): void {
  const width = to.falsePositiveRate - from.falsePositiveRate;
  const height = to.recall - from.recall;
  const steps = 2 * Math.max(Math.abs(width) * COLUMNS, Math.abs(height) * ROWS);
  for (let step = 1; step < steps; step += 1) {
    mark(from.falsePositiveRate + (width * step) / steps, from.recall + (height * step) / steps, ".");
  }
}
