/**
 * What the cache has, and why a task ran or did not, for people and as JSON.
 *
 * @module
 */
import type { KeyDifference } from "../../../local/history/cache-key.ts";
import type { CacheVerdict, CacheVerdictKind } from "../../../local/history/cache-verdict.ts";
import type { HistoryTask } from "../../../local/history/stored-run.ts";
import type { TextPlace } from "../summary-text.ts";
import { fitColumns, hasColours, painter, paintState, say, type TerminalText } from "../terminal-text.ts";
import { wordTable } from "../text-table.ts";
import { timeText } from "../time-text.ts";

/** A task that later ones can be served from. */
export interface CacheEntryJson {
  /** Path without `root.`. */
  readonly task: string;
  /** Index in the innermost loop around it. */
  readonly iterationIndex?: number;
  readonly taskId: string;
  readonly runId: string;
  readonly fingerprint: string;
  readonly createdAt?: string;
}

/** How the list is shown. */
export interface CacheListOptions extends TextPlace {
  /** Of runs, by id. */
  readonly names: ReadonlyMap<string, string>;
  readonly shortIds: ReadonlyMap<string, string>;
  readonly total: number;
}

const SHORT_FINGERPRINT = 12;
const LONGEST_VALUE = 100;

/** A header and a line for each entry; how many were left out. */
export function cacheListLines(entries: readonly CacheEntryJson[], options: CacheListOptions): TerminalText[] {
  const paint = painter(hasColours(options.isTerminal, options.environment));
  const rows = entries.map(({ task, iterationIndex, runId, fingerprint, createdAt }) => [
    fingerprint.slice(0, SHORT_FINGERPRINT),
    iterationIndex === undefined ? task : `${task}[${iterationIndex}]`,
    options.shortIds.get(runId) ?? runId,
    options.names.get(runId) ?? "",
    createdAt === undefined ? "-" : timeText(new Date(createdAt)),
  ]);
  const hidden = options.total - entries.length;
  return [
    ...wordTable([["FINGERPRINT", "TASK", "RUN", "NAME", "MADE (UTC)"].map((title) => paint("bold", title)), ...rows], {
      columns: options.columns,
      flexible: 3,
    }),
    ...(hidden > 0 ? [say`... and ${hidden} more; --limit shows more`] : []),
  ];
}

/** A task and what the cache had for it. */
export interface ExplainedTask {
  readonly task: HistoryTask;
  readonly verdict: CacheVerdict;
}

const HEADS: Readonly<Record<CacheVerdictKind, string>> = {
  hit: "came from the cache",
  first: "ran",
  differs: "ran",
  unusable: "ran",
  "not-asked": "the cache was not asked",
};

/** What happened, why, and what it was compared with. */
export function verdictLines({ task, verdict }: ExplainedTask, place: TextPlace): TerminalText[] {
  const paint = painter(hasColours(place.isTerminal, place.environment));
  const { kind, reason, other, differences } = verdict;
  const lines = [say`${task.label} ${paintState(paint, task.result.state)}: ${HEADS[kind]}; ${reason}`];
  if (other !== undefined) {
    const { runId, name } = other.run;
    lines.push(say`  compared with ${other.task.label} ${paintState(paint, other.task.result.state)} of run ${runId} (${name})`);
  }
  return [...lines, ...differences.map((difference) => fitColumns(say`    ${differenceText(difference)}`, place.columns))];
}

function differenceText({ part, before, after }: KeyDifference): TerminalText {
  if (before === undefined && after === undefined) return say`${part}`;
  const shown = (value: typeof before): TerminalText =>
    value === undefined ? say`absent` : fitColumns(JSON.stringify(value), LONGEST_VALUE);
  return say`${part}: ${shown(before)} before, ${shown(after)} now`;
}

/** A verdict as a program reads it. */
export interface VerdictJson {
  readonly task: string;
  readonly state: string;
  readonly verdict: CacheVerdictKind;
  readonly reason: string;
  readonly fingerprint?: string;
  readonly comparedWith?: {
    readonly runId: string;
    readonly task: string;
    readonly state: string;
    readonly fingerprint?: string;
  };
  readonly differences: readonly KeyDifference[];
}

/** Exactly what `cache why --output json` has for a task. */
export function verdictJson({ task: { label, row, result }, verdict }: ExplainedTask): VerdictJson {
  const { kind, reason, other, differences } = verdict;
  return {
    ...{ task: label, state: result.state, verdict: kind, reason },
    ...fingerprintOf(row.cacheFingerprint),
    ...(other === undefined
      ? {}
      : {
          comparedWith: {
            ...{ runId: other.run.runId, task: other.task.label, state: other.task.result.state },
            ...fingerprintOf(other.task.row.cacheFingerprint),
          },
        }),
    differences,
  };
}

function fingerprintOf(fingerprint: string): { readonly fingerprint?: string } {
  return fingerprint === "" ? {} : { fingerprint };
}
