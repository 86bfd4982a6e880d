/**
 * A failed run explained: what failed and why, what was left out because of it, where to read on, how to try again.
 *
 * @module
 */
import { CANCELLED_MESSAGE } from "../../local/engine/cancellation.ts";
import type { NotRunTask } from "../../local/results/not-run.ts";
import type { RunResult, TaskResult } from "../../local/results/run-result.ts";
import { failureExcerpt } from "../../local/steps/step-output.ts";
import { taskLabel } from "../../local/engine/task-label.ts";
import { quotedWord } from "./rerun-command.ts";
import { isStep, type ResultTree } from "./result-tree.ts";
import type { ShownRun } from "./summary-text.ts";
import { joinTexts, say, stepOutput, type Painter, type TerminalText } from "./terminal-text.ts";

/** How much of a failure is shown. */
export interface FailureTextOptions {
  readonly tree: ResultTree;
  readonly colours: boolean;
  readonly paint: Painter;
}

const EXCERPT_LINES = 10;
/** Failed tasks explained, and left-out tasks named, at most: a wide loop fails in thousands of the same way. */
const SHOWN_FAILURES = 20;
const SHOWN_NAMES = 10;

/** Nothing where nothing failed. What a cancelled run stopped has not failed. */
export function failureLines(finished: ShownRun, options: FailureTextOptions): TerminalText[] {
  const { tasks, notRun } = finished.result;
  const { tree, paint } = options;
  const failed = tasks.filter(
    (task) => task.state === "FAILED" && task.error !== CANCELLED_MESSAGE && (isStep(task) || !tree.hasFailedBelow(task)),
  );
  const explanations = [
    ...failed
      // The root of a run whose only failure has no row of its own says nothing.
      .filter((task) => isStep(task) || task.type !== "ROOT" || !notRun.some(({ error }) => error !== undefined))
      .map((task) => () => taskFailure(task, finished, options)),
    ...notRun.flatMap((task) => (task.error === undefined ? [] : [() => driverFailure(task, task.error ?? "", notRun, paint)])),
  ];
  const hidden = explanations.length - SHOWN_FAILURES;
  return [
    ...explanations.slice(0, SHOWN_FAILURES).flatMap((explain) => explain()),
    ...(hidden > 0 ? [say`  ... and ${hidden} more`] : []),
  ];
}

function taskFailure(
  task: TaskResult,
  { result, failures }: ShownRun,
  { tree, colours, paint }: FailureTextOptions,
): TerminalText[] {
  const failure = failures.get(task.taskId);
  const code = failure?.exitCode === undefined ? "" : ` (exit code ${failure.exitCode})`;
  const logs = task.outputs.artifacts["executor-logs"] ?? [];
  const blamed = new Set(tree.labelsUpwards(task));
  return [
    ...headLines({ label: tree.label(task), task, message: task.error ?? "failed", code }, paint),
    ...failureExcerpt(failure?.lastLines ?? [], EXCERPT_LINES).map((line) => say`    | ${stepOutput(line, colours)}`),
    ...logs.slice(-1).map(({ uri }) => say`    whole log: ${uri}`),
    ...leftOutLines(result.notRun.filter(({ because }) => because.some((label) => blamed.has(label)))),
  ];
}

function driverFailure(task: NotRunTask, error: string, notRun: readonly NotRunTask[], paint: Painter): TerminalText[] {
  const label = taskLabel(task);
  return [
    ...headLines({ label, task, message: error, code: "" }, paint),
    ...leftOutLines(notRun.filter(({ because }) => because.includes(label))),
  ];
}

interface Failure {
  readonly label: string;
  readonly task: Pick<TaskResult, "displayName">;
  /** May have lines of its own. */
  readonly message: string;
  /** Behind the first of them. */
  readonly code: string;
}

function headLines({ label, task: { displayName }, message, code }: Failure, paint: Painter): TerminalText[] {
  const [first = "", ...more] = message.split("\n");
  const name = displayName === undefined ? say`${paint("red", label)}` : say`${paint("red", label)} "${displayName}"`;
  return [say`  ${name}: ${first}${code}`, ...more.map((line) => say`    ${line}`)];
}

function leftOutLines(tasks: readonly NotRunTask[]): TerminalText[] {
  if (tasks.length === 0) return [];
  const hidden = tasks.length - SHOWN_NAMES;
  const names = [...tasks.slice(0, SHOWN_NAMES).map(taskLabel), ...(hidden > 0 ? [`${hidden} more`] : [])];
  return [say`    not run because of it: ${joinTexts(names, ", ")}`];
}

/** What the advice under a failed run is made from. */
export interface NextStepsOptions {
  readonly logPath: string;
  /** Option of a command to copy that names the home; empty for the default one. */
  readonly homeWords: string;
  /** Of rerun-command.ts; absent where it is not known. */
  readonly rerun?: string;
  readonly cacheDisabled?: boolean;
}

/** What a person can do about a run that did not succeed. */
export function nextStepLines(
  { runId, tasks }: Pick<RunResult<string>, "runId" | "tasks">,
  { logPath, homeWords, rerun, cacheDisabled }: NextStepsOptions,
): TerminalText[] {
  const failed = tasks.find((task) => task.state === "FAILED" && isStep(task));
  const hint = cacheDisabled === true ? "run again" : "run again; what has succeeded comes from the cache where caching is on";
  return [
    say`  go on from the failed steps: kfp-runtime resume ${runId}${homeWords}`,
    say`  output of a step: kfp-runtime logs ${runId}${failed === undefined ? "" : ` ${quotedWord(failed.name)}`}${homeWords}`,
    say`  lines of driver and launcher: ${logPath}`,
    ...(rerun === undefined ? [] : [say`  ${hint}:`, say`    ${rerun}`]),
  ];
}
