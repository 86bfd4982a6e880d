/**
 * The problems of pipeline files, as compilers print them and as JSON.
 *
 * @module
 */
import type { LintedFile } from "../../commands/pipeline/perform-lint.ts";
import type { LintProblem, LintSeverity } from "../../../local/pipeline/lint-pipeline.ts";
import { hasColours, painter, say, type Painter, type Style, type TerminalText } from "../terminal-text.ts";

const STYLES: Readonly<Record<LintSeverity, Style>> = { error: "red", warning: "yellow", note: "dim" };

/** Where the lines go. */
export interface LintTextOptions {
  readonly environment: Readonly<Record<string, string>>;
  readonly isTerminal: boolean;
}

/** A line for each problem, and one for all. Nothing is cut: the lines are for editors, too. */
export function lintLines(files: readonly LintedFile[], { environment, isTerminal }: LintTextOptions): TerminalText[] {
  const paint = painter(hasColours(isTerminal, environment));
  const lines = files.flatMap(({ path, problems }) => problems.map((problem) => problemLine(path, problem, paint)));
  const names = files.length === 1 ? (files[0]?.path ?? "") : `${files.length} files`;
  return [...lines, say`${names}: ${countsText(files)}`];
}

function problemLine(path: string, { place, severity, message, rule }: LintProblem, paint: Painter): TerminalText {
  const where = place === undefined ? path : `${path}:${place.line}:${place.column}`;
  return say`${where}: ${paint(STYLES[severity], severity)}: ${message} [${rule}]`;
}

function countsText(files: readonly LintedFile[]): string {
  const counts = countSeverities(files);
  const parts = (["error", "warning", "note"] as const).flatMap((severity) => {
    const count = counts[severity];
    return count === 0 ? [] : [`${count} ${severity}${count === 1 ? "" : "s"}`];
  });
  return parts.length === 0 ? "no problems" : parts.join(", ");
}

function countSeverities(files: readonly LintedFile[]): Record<LintSeverity, number> {
  const counts = { error: 0, warning: 0, note: 0 };
  for (const { severity } of files.flatMap(({ problems }) => problems)) counts[severity] += 1;
  return counts;
}

/** A problem as `--output json` tells of it. */
export interface LintProblemJson extends Omit<LintProblem, "place"> {
  readonly line?: number;
  readonly column?: number;
}

/** Exactly what `lint --output json` prints. */
export interface LintJson {
  readonly files: readonly { readonly path: string; readonly problems: readonly LintProblemJson[] }[];
  readonly errors: number;
  readonly warnings: number;
  readonly notes: number;
}

/** The problems as a program reads them. */
export function lintJson(files: readonly LintedFile[]): LintJson {
  const { error, warning, note } = countSeverities(files);
  return {
    files: files.map(({ path, problems }) => ({
      path,
      problems: problems.map(({ place, ...problem }) => ({ ...problem, ...place })),
    })),
    ...{ errors: error, warnings: warning, notes: note },
  };
}
