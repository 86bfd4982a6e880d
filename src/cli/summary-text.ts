/**
 * The end of a run for people: state, task tree, outputs and artifacts with their location, metrics, what was cached, what failed.
 *
 * @module
 */
import type { FinishedPipeline } from "../local/run-pipeline.ts";
import type { ArtifactResult, TaskResult, ValuesResult } from "../local/run-result.ts";
import { durationText, fitted, painter, paintState, type Painter } from "./words.ts";

export interface SummaryOptions {
  readonly environment: Readonly<Record<string, string>>;
  readonly isTerminal: boolean;
}

/** Iterations of one loop shown in the tree; the rest is counted. */
const SHOWN_ITERATIONS = 10;
const LONGEST_VALUE = 200;
/** Artifacts, and metrics, listed at most: a wide loop has thousands, and --output json has them all. */
const SHOWN_LINES = 40;
const LOG_LINES = 10;
const METRIC_TYPES = new Set(["Metric", "ClassificationMetric", "SlicedClassificationMetric"]);

export function summaryText(finished: FinishedPipeline, { environment, isTerminal }: SummaryOptions): string {
  const paint = painter(isTerminal, environment);
  const { result, cancelled } = finished;
  const end = cancelled ? " (cancelled by user)" : "";
  const head = `\nRun ${result.runId}: ${paintState(paint, result.state)}${end} in ${durationText(result.durationMs)}\n`;
  const sections = [
    section(paint, "Tasks", taskTree(result.tasks, paint)),
    section(paint, "Outputs", valueLines(result.outputs, "  ")),
    section(paint, "Artifacts", artifactLines(result.tasks)),
    section(paint, "Metrics", metricLines(result.tasks)),
    section(paint, "Failed", failureLines(finished, paint)),
  ];
  return `${head}${sections.join("")}${cacheLine(result.tasks)}`;
}

function section(paint: Painter, title: string, lines: readonly string[]): string {
  return lines.length === 0 ? "" : `${paint("bold", title)}\n${lines.map((line) => `${line}\n`).join("")}`;
}

function taskTree(tasks: readonly TaskResult[], paint: Painter): string[] {
  const children = new Map<string, TaskResult[]>();
  for (const task of tasks) {
    const siblings = children.get(task.parentTaskId ?? "");
    if (siblings === undefined) children.set(task.parentTaskId ?? "", [task]);
    else siblings.push(task);
  }
  const lines: string[] = [];
  const visit = (task: TaskResult, indent: string): void => {
    const iteration = task.iterationIndex === undefined || task.parentTaskId === undefined ? "" : `[${task.iterationIndex}]`;
    lines.push(`${indent}${task.name === "ROOT" ? "root" : task.name}${iteration} ${paintState(paint, task.state)}`);
    const below = children.get(task.taskId) ?? [];
    const isLoop = task.type === "LOOP";
    const shown = isLoop ? below.filter((child) => (child.iterationIndex ?? 0) < SHOWN_ITERATIONS) : below;
    for (const child of shown) visit(child, `${indent}  `);
    if (shown.length < below.length)
      lines.push(`${indent}  ${hiddenText(below.filter((child) => (child.iterationIndex ?? 0) >= SHOWN_ITERATIONS))}`);
  };
  for (const root of children.get("") ?? []) visit(root, "  ");
  return lines;
}

function hiddenText(tasks: readonly TaskResult[]): string {
  const counts = new Map<string, number>();
  for (const { state } of tasks) counts.set(state, (counts.get(state) ?? 0) + 1);
  return `... and ${[...counts].map(([state, count]) => `${count} ${state}`).join(", ")}`;
}

function valueLines({ parameters, artifacts }: ValuesResult, indent: string): string[] {
  return [
    ...Object.entries(parameters).map(([key, value]) => `${indent}${key} = ${fitted(JSON.stringify(value), LONGEST_VALUE)}`),
    ...Object.entries(artifacts).flatMap(([key, list]) => list.map((artifact) => `${indent}${key}: ${locationText(artifact)}`)),
  ];
}

function locationText({ type, uri, numberValue }: ArtifactResult): string {
  return `${type} ${uri === "" ? String(numberValue ?? "") : uri}`;
}

/** What steps made themselves; loops and pipelines only hand on. The log of a step is named where it failed. */
function artifactLines(tasks: readonly TaskResult[]): string[] {
  const seen = new Set<string>();
  const lines: string[] = [];
  for (const task of tasks.filter(isStep)) {
    for (const [key, artifacts] of Object.entries(task.outputs.artifacts)) {
      for (const artifact of artifacts) {
        if (key === "executor-logs" || artifact.uri === "" || seen.has(artifact.uri)) continue;
        seen.add(artifact.uri);
        lines.push(`  ${taskName(task)}.${key}: ${locationText(artifact)}`);
      }
    }
  }
  return limited(lines);
}

/** One line per output: single metrics by name, what is more than a number as JSON. */
function metricLines(tasks: readonly TaskResult[]): string[] {
  const lines = tasks.filter(isStep).flatMap((task) =>
    Object.entries(task.outputs.artifacts).flatMap(([key, artifacts]) => {
      const metrics = artifacts.filter(({ type }) => METRIC_TYPES.has(type)).flatMap(metricTexts);
      return metrics.length === 0 ? [] : [`  ${taskName(task)}.${key}: ${fitted(metrics.toSorted().join(", "), LONGEST_VALUE)}`];
    }),
  );
  return limited(lines);
}

function metricTexts({ name, metadata, numberValue }: ArtifactResult): string[] {
  if (numberValue !== undefined) return [`${name} = ${numberValue}`];
  const shown = Object.entries(metadata).filter(([member]) => !member.startsWith("_kfp") && member !== "display_name");
  return shown.length === 0 ? [] : [JSON.stringify(Object.fromEntries(shown))];
}

function limited(lines: readonly string[]): string[] {
  const hidden = lines.length - SHOWN_LINES;
  return hidden > 0 ? [...lines.slice(0, SHOWN_LINES), `  ... and ${hidden} more`] : [...lines];
}

function isStep({ type }: TaskResult): boolean {
  return type === "RUNTIME" || type === "IMPORTER";
}

function taskName({ scopePath, iterationIndex }: TaskResult): string {
  const path = scopePath.replace(/^root\./, "");
  return iterationIndex === undefined ? path : `${path}[${iterationIndex}]`;
}

function failureLines({ result, failures, logPath }: FinishedPipeline, paint: Painter): string[] {
  const failed = result.tasks.filter(
    (task) => task.state === "FAILED" && (isStep(task) || task.error !== "a task below it failed"),
  );
  const lines = failed.flatMap((task) => {
    const failure = failures.get(task.taskId);
    const code = failure?.exitCode === undefined ? "" : ` (exit code ${failure.exitCode})`;
    const [log] = task.outputs.artifacts["executor-logs"] ?? [];
    return [
      `  ${paint("red", taskName(task))}: ${task.error ?? "failed"}${code}`,
      ...(failure?.lastLines ?? []).slice(-LOG_LINES).map((line) => `    | ${line}`),
      ...(log === undefined ? [] : [`    whole log: ${log.uri}`]),
    ];
  });
  return failed.length === 0 ? [] : [...lines, `  lines of driver and launcher: ${logPath}`];
}

function cacheLine(tasks: readonly TaskResult[]): string {
  const steps = tasks.filter(isStep);
  const cached = steps.filter(({ state }) => state === "CACHED");
  if (cached.length === 0) return "";
  const ran = steps.filter(({ state }) => state !== "CACHED" && state !== "SKIPPED");
  const rest =
    ran.length === 0 ? "nothing was run again" : `run again: ${[...new Set(ran.map(taskName))].slice(0, 20).join(", ")}`;
  return `Served from the cache: ${cached.length} of ${steps.length} steps; ${rest}\n`;
}
