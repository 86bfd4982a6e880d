/**
 * The table that a run of the matrix prints.
 *
 * @module
 */
import type { PlayedScenario } from "./play-scenario.ts";

export interface TableRow {
  readonly name: string;
  readonly played: PlayedScenario;
}

/** Markdown, with columns of one width. */
export function markdownTable(rows: readonly TableRow[]): string {
  const equal = ({ rowsEqual }: PlayedScenario): string => (rowsEqual === undefined ? "not compared" : rowsEqual ? "yes" : "no");
  const cells = [
    ["pipeline", "pods", "seconds", "rows equal", "as expected"],
    ...rows.map(({ name, played }) => [
      ...[name, String(played.pods), played.seconds.toFixed(0), equal(played)],
      played.problems.length === 0 ? "yes" : "no",
    ]),
  ];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  const [head = [], ...body] = cells;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...body.map(line)].join("\n");
}
