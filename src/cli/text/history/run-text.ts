/**
 * A stored run, and a task of it, for people and as JSON: what was asked for, what became of it, and what to do next.
 *
 * @module
 */
import type { JsonValue } from "@bufbuild/protobuf";
import { timestampDate, type Timestamp } from "@bufbuild/protobuf/wkt";
import { EXECUTOR_LOGS_KEY } from "../../../core/executor/executor-input.ts";
import { publishedLogs } from "../../../local/history/step-lines.ts";
import { isFinal, type HistoryRun, type HistoryTask } from "../../../local/history/stored-run.ts";
import type { RunResult, StepFailure, TaskResult } from "../../../local/results/run-result.ts";
import { failureExcerpt } from "../../../local/steps/step-output.ts";
import { wholeSecondsText } from "../duration-text.ts";
import { metricLines } from "../metric-text.ts";
import { nextStepLines } from "../failure-text.ts";
import { metricOutputs, resultSections, section, valueLines, type TextPlace } from "../summary-text.ts";
import { fitColumns, hasColours, painter, paintState, say, stepOutput, type TerminalText } from "../terminal-text.ts";
import { wordTable } from "../text-table.ts";
import { timeJson, timeText } from "../time-text.ts";
import { stateText } from "./run-list-text.ts";

/** What the rows do not tell, and where the text goes. */
export interface RunTextOptions extends TextPlace {
  /** Of failed tasks, by task id. */
  readonly failures: ReadonlyMap<string, StepFailure>;
  /** Option of a command to copy that names the home; empty for the default one. */
  readonly home: string;
  /** File with the lines of driver and launcher. */
  readonly logPath: string;
}

const LONGEST_VALUE = 200;
const EXCERPT_LINES = 20;
/** Tasks shown in full where a word names several. */
const SHOWN_TASKS = 3;

/** `show RUN`. */
export function runLines(run: HistoryRun, options: RunTextOptions): TerminalText[] {
  const { result, state, abandoned } = run;
  const { columns, failures } = options;
  const paint = painter(hasColours(options.isTerminal, options.environment));
  const isOver = isFinal(state);
  const head = say`Run ${run.runId}: ${stateText(run, paint)} ${isOver ? "in" : "for"} ${wholeSecondsText(result.durationMs)}`;
  const facts = [
    ["name", run.name],
    ...(run.pipeline === undefined ? [] : [["pipeline", run.pipeline.spec.pipelineInfo?.name ?? ""]]),
    ["started", `${timeText(run.createdAt)} UTC`],
    ...(run.finishedAt === undefined ? [] : [["ended", `${timeText(run.finishedAt)} UTC`]]),
    ...(run.pipelineProblem === undefined ? [] : [["note", `its pipeline cannot be read: ${run.pipelineProblem}`]]),
    ...(abandoned
      ? [["note", "the process of this run is gone; the next run or server in this home ends it or goes on with it"]]
      : []),
  ];
  const parameters = Object.entries(run.parameters).map(([name, value]) => parameterLine(name, value, columns));
  return [
    head,
    ...wordTable(facts, { columns: Infinity, flexible: 1 }).map((line) => say`  ${line}`),
    ...section(paint, "Parameters", parameters),
    ...resultSections(
      { result, failures },
      options,
      state === "FAILED" || abandoned ? nextStepLines(result, { ...options, homeWords: options.home }) : [],
    ),
  ];
}

function parameterLine(name: string, value: JsonValue, columns: number): TerminalText {
  return fitColumns(say`  ${name} = ${fitColumns(JSON.stringify(value), LONGEST_VALUE)}`, columns);
}

/** `show RUN TASK`; a word that names many tasks gives a list of them. */
export function taskLines(run: HistoryRun, tasks: readonly HistoryTask[], options: RunTextOptions): TerminalText[] {
  if (tasks.length <= SHOWN_TASKS) {
    return tasks.flatMap((task, index) => [...(index === 0 ? [] : [say``]), ...oneTaskLines(run, task, options)]);
  }
  const paint = painter(hasColours(options.isTerminal, options.environment));
  const rows = tasks.map((task) => [
    task.label,
    paintState(paint, task.result.state),
    timeText(dateOf(task.row.createTime)),
    wholeSecondsText(durationOf(task)),
  ]);
  return [
    ...wordTable([["TASK", "STATE", "STARTED (UTC)", "DURATION"].map((title) => paint("bold", title)), ...rows], {
      columns: options.columns,
      flexible: 0,
    }),
    say`${tasks.length} tasks; name one of them to see it`,
  ];
}

function oneTaskLines(run: HistoryRun, task: HistoryTask, options: RunTextOptions): TerminalText[] {
  const { result, row, label } = task;
  const { columns } = options;
  const colours = hasColours(options.isTerminal, options.environment);
  const paint = painter(colours);
  const name = result.displayName === undefined ? say`${label}` : say`${label} "${result.displayName}"`;
  const ended = dateOf(row.endTime);
  const logs = publishedLogs(task);
  const facts = [
    ["run", `${run.runId} (${run.name})`],
    ["type", result.type],
    ["started", `${timeText(dateOf(row.createTime))} UTC`],
    ...(ended === undefined ? [] : [["ended", `${timeText(ended)} UTC`]]),
    ...(row.cacheFingerprint === "" ? [] : [["fingerprint", row.cacheFingerprint]]),
    ...logs.map((uri) => ["log", uri]),
  ];
  return [
    say`${name}: ${paintState(paint, result.state)} in ${wholeSecondsText(durationOf(task))}`,
    ...wordTable(facts, { columns: Infinity, flexible: 1 }).map((line) => say`  ${line}`),
    ...section(paint, "Inputs", valueLines(result.inputs, columns)),
    ...section(paint, "Outputs", valueLines(ownOutputs(result), columns)),
    ...section(paint, "Metrics", metricLines(metricOutputs([result], { iterations: () => [] }), columns)),
    ...section(paint, "Failed", failedLines(task, options, colours)),
  ];
}

/** Logs are named above, metrics shown below. */
function ownOutputs({ outputs: { parameters, artifacts } }: TaskResult): TaskResult["outputs"] {
  const kept = Object.entries(artifacts).flatMap(([key, list]) => {
    const stored = list.filter(({ numberValue }) => numberValue === undefined);
    return key === EXECUTOR_LOGS_KEY || stored.length === 0 ? [] : [[key, stored] as const];
  });
  return { parameters, artifacts: Object.fromEntries(kept) };
}

function failedLines({ result, row }: HistoryTask, { failures }: RunTextOptions, colours: boolean): TerminalText[] {
  if (result.error === undefined) return [];
  const lines = failures.get(row.taskId)?.lastLines ?? [];
  return [
    ...result.error.split("\n").map((line) => say`  ${line}`),
    ...failureExcerpt(lines, EXCERPT_LINES).map((line) => say`  | ${stepOutput(line, colours)}`),
  ];
}

function dateOf(timestamp: Timestamp | undefined): Date | undefined {
  return timestamp === undefined || timestamp.seconds <= 0n ? undefined : timestampDate(timestamp);
}

function durationOf({ row }: HistoryTask): number {
  const [start, end] = [dateOf(row.createTime), dateOf(row.endTime) ?? new Date()];
  return start === undefined ? 0 : Math.max(0, end.getTime() - start.getTime());
}

/** Exactly what `show RUN --output json` prints: the result of the run, and what was asked for. */
export interface RunJson extends RunResult<string> {
  readonly name: string;
  readonly pipeline?: string;
  readonly cancelled: boolean;
  readonly abandoned: boolean;
  readonly createdAt?: string;
  readonly finishedAt?: string;
  readonly pipelineRoot: string;
  readonly parameters: Readonly<Record<string, JsonValue>>;
}

/** The run as a program reads it. */
export function runJson(run: HistoryRun): RunJson {
  const { runId, name, pipeline, cancelled, abandoned, createdAt, finishedAt, pipelineRoot, parameters, result } = run;
  const { state, durationMs, tasks, outputs, notRun } = result;
  const pipelineName = pipeline?.spec.pipelineInfo?.name;
  return {
    ...{ runId, name },
    ...(pipelineName === undefined ? {} : { pipeline: pipelineName }),
    ...{ state, cancelled, abandoned },
    ...(createdAt === undefined ? {} : { createdAt: timeJson(createdAt) }),
    ...(finishedAt === undefined ? {} : { finishedAt: timeJson(finishedAt) }),
    ...{ durationMs, pipelineRoot, parameters, tasks, outputs, notRun },
  };
}

/** A task as `show RUN TASK --output json` tells of it. */
export interface TaskJson extends TaskResult {
  readonly label: string;
  readonly startedAt?: string;
  readonly endedAt?: string;
  /** Absent where the task is not part of the cache. */
  readonly fingerprint?: string;
  /** Where the logs of its attempts lie. */
  readonly logs: readonly string[];
}

/** Tasks as a program reads them. */
export function tasksJson({ runId }: HistoryRun, tasks: readonly HistoryTask[]): { runId: string; tasks: TaskJson[] } {
  return {
    runId,
    tasks: tasks.map((task) => {
      const [started, ended] = [dateOf(task.row.createTime), dateOf(task.row.endTime)];
      return {
        label: task.label,
        ...task.result,
        ...(started === undefined ? {} : { startedAt: timeJson(started) }),
        ...(ended === undefined ? {} : { endedAt: timeJson(ended) }),
        ...(task.row.cacheFingerprint === "" ? {} : { fingerprint: task.row.cacheFingerprint }),
        logs: publishedLogs(task),
      };
    }),
  };
}
