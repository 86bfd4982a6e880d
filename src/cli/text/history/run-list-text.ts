/**
 * The list of runs: one line each, short ids to type again.
 *
 * @module
 */
import type { ListedRun } from "../../commands/history/perform-runs.ts";
import { wholeSecondsText } from "../duration-text.ts";
import type { TextPlace } from "../summary-text.ts";
import { hasColours, painter, paintState, say, type Painter, type TerminalText } from "../terminal-text.ts";
import { wordTable } from "../text-table.ts";

/** How the list is shown. */
export interface RunListOptions extends TextPlace {
  /** By id. */
  readonly shortIds: ReadonlyMap<string, string>;
  /** Runs there are, shown or not. */
  readonly total: number;
}

/** A header and a line for each run; how many were left out. */
export function runListLines(runs: readonly ListedRun[], options: RunListOptions): TerminalText[] {
  const paint = painter(hasColours(options.isTerminal, options.environment));
  const rows = runs.map((run) => [
    options.shortIds.get(run.runId) ?? run.runId,
    run.name,
    stateText(run, paint),
    run.createdAt.replace("T", " ").replace("Z", ""),
    wholeSecondsText(run.durationMs),
  ]);
  const hidden = options.total - runs.length;
  return [
    ...wordTable([["RUN", "NAME", "STATE", "STARTED (UTC)", "DURATION"].map((title) => paint("bold", title)), ...rows], {
      columns: options.columns,
      flexible: 1,
    }),
    ...(hidden > 0 ? [say`... and ${hidden} more; --limit shows more`] : []),
  ];
}

/** The state of a run, and what its row does not say with it. */
export function stateText(
  { state, cancelled, abandoned }: Pick<ListedRun, "state" | "cancelled" | "abandoned">,
  paint: Painter,
): TerminalText {
  const painted = paintState(paint, state);
  if (abandoned) return say`${painted} (left behind)`;
  return cancelled && state !== "CANCELED" ? say`${painted} (cancelled)` : painted;
}
