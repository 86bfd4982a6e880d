/** Rows of cells under each other, measured in terminal columns. @module */
import { fitColumns, joinTexts, padColumns, TerminalText } from "./terminal-text.ts";

const GAP = "  ";

/** The first column is words and stands left, the others are numbers and stand right. */
export function textTable(rows: readonly (readonly (string | TerminalText)[])[]): TerminalText[] {
  const cells = rows.map((row) => row.map((cell) => (cell instanceof TerminalText ? cell : TerminalText.escape(cell))));
  const widths: number[] = [];
  for (const row of cells) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.width);
  }
  return cells.map((row) =>
    joinTexts(
      row.map((cell, column) => padColumns(cell, widths[column] ?? 0, column === 0 ? "right" : "left")),
      GAP,
    ),
  );
}

/** How a table of words is laid out. */
export interface WordTableOptions {
  /** Width; Infinity where nothing is to be cut. */
  readonly columns: number;
  /** The column that is cut where the table does not fit. */
  readonly flexible: number;
}

/** Columns of words: all stand left, one of them gives way where the width does not suffice, and what is still too wide is cut. */
export function wordTable(
  rows: readonly (readonly (string | TerminalText)[])[],
  { columns, flexible }: WordTableOptions,
): TerminalText[] {
  const cells = rows.map((row) => row.map((cell) => (cell instanceof TerminalText ? cell : TerminalText.escape(cell))));
  const widths: number[] = [];
  for (const row of cells) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.width);
  }
  const total = widths.reduce((sum, width) => sum + width, 0) + GAP.length * Math.max(0, widths.length - 1);
  if (total > columns) widths[flexible] = Math.max(LEAST_WIDTH, (widths[flexible] ?? 0) - (total - columns));
  return cells.map((row) => {
    const shown = row.map((cell, column) => {
      const fitted = column === flexible ? fitColumns(cell, Math.max(widths[column] ?? 0, 1)) : cell;
      return column === row.length - 1 ? fitted : padColumns(fitted, widths[column] ?? 0);
    });
    return fitColumns(joinTexts(shown, GAP), columns);
  });
}

/** Columns that the flexible column keeps. */
const LEAST_WIDTH = 8;
