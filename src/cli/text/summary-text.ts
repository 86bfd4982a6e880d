/**
 * The end of a run for people: state, task tree, outputs and artifacts with their location, metrics, what failed and what to do about
 * it, what was cached.
 *
 * @module
 */
import type { FinishedPipeline } from "../../local/run-pipeline.ts";
import type { NotRunTask } from "../../local/results/not-run.ts";
import type { ArtifactResult, RunResult, TaskResult, ValuesResult } from "../../local/results/run-result.ts";
import { taskLabel } from "../../local/engine/task-label.ts";
import { durationText } from "./duration-text.ts";
import { failureLines, nextStepLines } from "./failure-text.ts";
import { metricLines, type MetricOutput } from "./metric-text.ts";
import { isStep, iterationOf, ResultTree, type ResultNode } from "./result-tree.ts";
import { fitColumns, hasColours, painter, paintState, say, type Painter, type TerminalText } from "./terminal-text.ts";

/** Where text goes. */
export interface TextPlace {
  readonly environment: Readonly<Record<string, string>>;
  readonly isTerminal: boolean;
  /** Width; Infinity where nothing is to be cut. Locations, messages and lines of steps are never cut. */
  readonly columns: number;
}

/** How the end of a run is printed. */
export interface SummaryOptions extends TextPlace {
  /** The command that starts the run again. */
  readonly rerun: string;
  readonly cacheDisabled: boolean;
  /** Option of a command to copy that names the home; empty for the default one. */
  readonly homeWords: string;
}

/** A run that is shown: one that has just ended, or a stored one in any state. */
export interface ShownRun extends Pick<FinishedPipeline, "failures"> {
  readonly result: RunResult<string>;
}

/** Iterations of one loop shown in the tree; the rest is counted. */
const SHOWN_ITERATIONS = 10;
const LONGEST_VALUE = 200;
/** Artifacts, and outputs with metrics, listed at most: a wide loop has thousands, and --output json has them all. */
const SHOWN_LINES = 40;
const METRIC_TYPES = new Set(["Metric", "ClassificationMetric", "SlicedClassificationMetric"]);

/** What a person reads at the end of a run: states, outputs, failures with their last lines, and what to do next. */
export function summaryLines(finished: FinishedPipeline, options: SummaryOptions): TerminalText[] {
  const paint = painter(hasColours(options.isTerminal, options.environment));
  const { result, cancelled, logPath } = finished;
  const end = cancelled ? " (cancelled by user)" : "";
  const hasFailed = result.state !== "SUCCEEDED";
  return [
    say``,
    say`Run ${result.runId}: ${paintState(paint, result.state)}${end} in ${durationText(result.durationMs)}`,
    ...resultSections(finished, options, hasFailed ? nextStepLines(result, { ...options, logPath }) : []),
  ];
}

/**
 * Task tree, outputs, artifacts, metrics, failures, and what came from the cache.
 *
 * @param next What to do about a failure.
 */
export function resultSections(shown: ShownRun, place: TextPlace, next: readonly TerminalText[]): TerminalText[] {
  const { result } = shown;
  const { columns } = place;
  const colours = hasColours(place.isTerminal, place.environment);
  const paint = painter(colours);
  const tree = new ResultTree(result);
  return [
    ...section(paint, "Tasks", treeLines(tree, paint, columns)),
    ...section(paint, "Outputs", valueLines(result.outputs, columns)),
    ...section(paint, "Artifacts", artifactLines(result.tasks, tree)),
    ...section(paint, "Metrics", metricLines(metricOutputs(result.tasks, tree), columns)),
    ...section(paint, "Failed", failureLines(shown, { tree, colours, paint })),
    ...section(paint, "What to do next", next),
    ...cacheLines(result.tasks, tree),
  ];
}

/** A title with what belongs under it; nothing where nothing does. */
export function section(paint: Painter, title: string, lines: readonly TerminalText[]): TerminalText[] {
  return lines.length === 0 ? [] : [paint("bold", title), ...lines];
}

function treeLines(tree: ResultTree, paint: Painter, columns: number): TerminalText[] {
  const lines: TerminalText[] = [];
  const visit = (node: ResultNode, depth: number): void => {
    if (node.kind === "not-run") {
      lines.push(...notRunLines(node, paint, { depth, columns }));
      return;
    }
    const { task } = node;
    const iteration = task.iterationIndex === undefined || task.parentTaskId === undefined ? "" : `[${task.iterationIndex}]`;
    const name = named(`${nameOf(task)}${iteration}`, task);
    lines.push(treeLine(name, paintState(paint, task.state), { depth, columns }));
    const below = tree.below(task);
    const isShown = (child: ResultNode): boolean => task.type !== "LOOP" || (iterationOf(child) ?? 0) < SHOWN_ITERATIONS;
    for (const child of below) if (isShown(child)) visit(child, depth + 1);
    const hidden = below.filter((child) => !isShown(child));
    if (hidden.length > 0) lines.push(say`${indent(depth + 1)}${hiddenText(hidden)}`);
  };
  for (const root of tree.roots()) visit(root, 1);
  return lines;
}

interface Position {
  readonly depth: number;
  readonly columns: number;
}

/** The state stays whole, whatever the name is. */
function treeLine(name: TerminalText, state: TerminalText, { depth, columns }: Position): TerminalText {
  const start = indent(depth);
  return say`${start}${fitColumns(name, Math.max(10, columns - start.length - state.width - 1))} ${state}`;
}

function notRunLines(
  { task, below }: Extract<ResultNode, { kind: "not-run" }>,
  paint: Painter,
  { depth, columns }: Position,
): TerminalText[] {
  const state = paintState(paint, "NOT RUN");
  const iteration = task.iterations.length === 0 ? "" : `[${task.iterations.at(-1)}]`;
  const top = task.scopePath.split(".").length;
  return [
    fitColumns(say`${indent(depth)}${named(`${nameOf(task)}${iteration}`, task)} ${state}: ${task.reason}`, columns),
    ...below.map((inner) =>
      treeLine(named(inner.name, inner), state, { depth: depth + inner.scopePath.split(".").length - top, columns }),
    ),
  ];
}

function nameOf({ name }: Pick<TaskResult, "name">): string {
  return name === "ROOT" ? "root" : name;
}

function named(label: string, { displayName }: Pick<TaskResult | NotRunTask, "displayName">): TerminalText {
  return displayName === undefined ? say`${label}` : say`${label} "${displayName}"`;
}

function indent(depth: number): string {
  return "  ".repeat(depth);
}

function hiddenText(nodes: readonly ResultNode[]): string {
  const counts = new Map<string, number>();
  for (const node of nodes) {
    const state = node.kind === "task" ? node.task.state : "NOT RUN";
    counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  return `... and ${[...counts].map(([state, count]) => `${count} ${state}`).join(", ")}`;
}

/** Parameters, then artifacts with their place. */
export function valueLines({ parameters, artifacts }: ValuesResult, columns: number): TerminalText[] {
  return [
    ...Object.entries(parameters).map(([key, value]) =>
      fitColumns(say`  ${key} = ${fitColumns(JSON.stringify(value), LONGEST_VALUE)}`, columns),
    ),
    ...Object.entries(artifacts).flatMap(([key, list]) => list.map((artifact) => say`  ${key}: ${locationText(artifact)}`)),
  ];
}

function locationText({ type, uri, numberValue }: ArtifactResult): string {
  return `${type} ${uri === "" ? String(numberValue ?? "") : uri}`;
}

/** What steps made themselves. The log of a step is named where it failed. */
function artifactLines(tasks: readonly TaskResult[], tree: ResultTree): TerminalText[] {
  const seen = new Set<string>();
  const lines: TerminalText[] = [];
  for (const task of tasks.filter(isStep)) {
    for (const [key, artifacts] of Object.entries(task.outputs.artifacts)) {
      for (const artifact of artifacts) {
        if (key === "executor-logs" || artifact.uri === "" || seen.has(artifact.uri)) continue;
        seen.add(artifact.uri);
        lines.push(say`  ${tree.label(task)}.${key}: ${locationText(artifact)}`);
      }
    }
  }
  const hidden = lines.length - SHOWN_LINES;
  return hidden > 0 ? [...lines.slice(0, SHOWN_LINES), say`  ... and ${hidden} more`] : lines;
}

/** Outputs with metrics, of steps. */
export function metricOutputs(tasks: readonly TaskResult[], tree: Pick<ResultTree, "iterations">): MetricOutput[] {
  return tasks.filter(isStep).flatMap((task) =>
    Object.entries(task.outputs.artifacts).flatMap(([key, artifacts]) => {
      const metrics = artifacts.filter(({ type }) => METRIC_TYPES.has(type));
      const name = `${taskLabel({ scopePath: task.scopePath, iterations: [] })}.${key}`;
      return metrics.length === 0 ? [] : [{ name, iteration: tree.iterations(task).join(","), artifacts: metrics }];
    }),
  );
}

function cacheLines(tasks: readonly TaskResult[], tree: ResultTree): TerminalText[] {
  const steps = tasks.filter(isStep);
  const cached = steps.filter(({ state }) => state === "CACHED");
  if (cached.length === 0) return [];
  const ran = steps.filter(({ state }) => state !== "CACHED" && state !== "SKIPPED");
  const names = [...new Set(ran.map((task) => tree.label(task)))].slice(0, 20).join(", ");
  const rest = ran.length === 0 ? "nothing was run again" : `run again: ${names}`;
  return [say`Served from the cache: ${cached.length} of ${steps.length} steps; ${rest}`];
}
