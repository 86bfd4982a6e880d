/** Rows of cells under each other, measured in terminal columns. @module */
import { joinTexts, padColumns, TerminalText } from "./terminal-text.ts";

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
