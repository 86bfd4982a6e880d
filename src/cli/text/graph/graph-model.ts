/**
 * The graph of a pipeline, as it was compiled or as a run of it went.
 *
 * @module
 */
import type { ParsedPipeline } from "../../../core/spec/pipeline-spec.ts";
import { isFinal, type HistoryRun } from "../../../local/history/stored-run.ts";
import { plannedTasks, type PlannedTask } from "../plan-text.ts";

/** A task, and what became of it. */
export interface GraphTask extends Omit<PlannedTask, "tasks"> {
  /** Of a run: the state, or the gravest one of all iterations; absent where the task waits, and of a pipeline. */
  readonly state?: string;
  /** Of a run, where the task is in a loop: how many iterations are in which state. */
  readonly states?: Readonly<Record<string, number>>;
  readonly tasks: readonly GraphTask[];
}

/** Exactly what `graph --output json` prints. */
export interface Graph {
  readonly pipeline: string;
  /** Of a run. */
  readonly runId?: string;
  readonly state?: string;
  /** In the order of the pipeline. */
  readonly tasks: readonly GraphTask[];
}

/** What was not run, in a run that is over. */
export const NOT_RUN = "NOT RUN";

/** What a person wants to see first, first. */
const GRAVITY = ["FAILED", "RUNNING", NOT_RUN, "SUCCEEDED", "CACHED", "SKIPPED"];

/** The graph of a pipeline that has passed the static check. */
export function pipelineGraphOf(pipeline: ParsedPipeline): Graph {
  return { pipeline: pipeline.spec.pipelineInfo?.name ?? "", tasks: plannedTasks(pipeline) };
}

/** The graph of a run's pipeline with the states of its tasks. */
export function runGraphOf(pipeline: ParsedPipeline, run: HistoryRun): Graph {
  const states = new Map<string, string[]>();
  const add = (scopePath: string, state: string): unknown => states.set(scopePath, [...(states.get(scopePath) ?? []), state]);
  for (const { row, result } of run.tasks) add(row.scopePath, result.state);
  for (const { scopePath } of run.result.notRun) add(scopePath, NOT_RUN);
  const withState = (task: PlannedTask): GraphTask => {
    const tasks = task.tasks.map(withState);
    const found = states.get(task.scopePath) ?? [];
    // What is in a skipped branch has no row of its own.
    if (found.length === 0) return isFinal(run.state) ? { ...task, state: NOT_RUN, tasks } : { ...task, tasks };
    const state = found.toSorted((a, b) => gravity(a) - gravity(b))[0] as string;
    return { ...task, state, ...(found.length > 1 ? { states: countedStates(found) } : {}), tasks };
  };
  const { runId, state } = run;
  return { pipeline: pipeline.spec.pipelineInfo?.name ?? "", runId, state, tasks: plannedTasks(pipeline).map(withState) };
}

function gravity(state: string): number {
  const index = GRAVITY.indexOf(state);
  return index < 0 ? GRAVITY.length : index;
}

function countedStates(states: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const state of states) counts.set(state, (counts.get(state) ?? 0) + 1);
  return Object.fromEntries([...counts].toSorted(([a], [b]) => gravity(a) - gravity(b)));
}

/** `train`, or `train "Train the model"`. */
export function nameText({ name, displayName }: Pick<GraphTask, "name" | "displayName">): string {
  return displayName === undefined ? name : `${name} "${displayName}"`;
}

/** What the name does not say: loop, condition, states of iterations; one line, empty for a plain step. */
export function detailText({ kind, loop, condition, states, state, always }: GraphTask): string {
  return [
    ...(states === undefined
      ? []
      : [
          Object.entries(states)
            .map(([name, count]) => `${count} ${name}`)
            .join(", "),
        ]),
    ...(states === undefined && state !== undefined ? [state] : []),
    ...(kind === "importer" ? ["importer"] : []),
    ...(loop === undefined ? [] : [`for each of ${readable(loop.items.replace(/^parameter /, ""))}`]),
    ...(condition === undefined ? [] : [`if ${readable(condition)}`]),
    ...(always === true ? ["whatever happens before"] : []),
  ].join("; ");
}

/** Names as the author of the pipeline wrote them: the SDK wraps them in its own. */
function readable(expression: string): string {
  return expression.replaceAll(/inputs\.parameter_values\['([^'\\]+)'\]/g, "$1").replaceAll(/\bpipelinechannel--(?=[\w-])/g, "");
}
