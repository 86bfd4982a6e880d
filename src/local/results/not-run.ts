/**
 * Tasks that never got their turn: they have no row, so they are what the pipeline has and the run has not.
 *
 * A task without a row was left out because of what it depends on, because the DAG around it was, or because the run was stopped. The
 * reason goes back to the task that made the difference, however many left-out tasks lie in between.
 *
 * @module
 */
import { TaskState, TaskType, type PipelineTask } from "../../core/kfp-types.ts";
import { CANCELLED_MESSAGE } from "../engine/cancellation.ts";
import { dependenciesOf } from "../engine/dag-order.ts";
import { flattenTasks, type PlacedTask } from "../pipeline/pipeline-tasks.ts";
import type { TaskPlace } from "../engine/task-executor.ts";
import { taskLabel } from "../engine/task-label.ts";

/** A task of the plan that has no row, and why. */
export interface NotRunTask {
  readonly name: string;
  /** As the pipeline calls it for people; absent where that is its name. */
  readonly displayName?: string;
  readonly scopePath: string;
  /** Indices of the enclosing loops that were started, outermost first. */
  readonly iterations: readonly number[];
  /** Absent where the DAG around it was not started either. */
  readonly parentTaskId?: string;
  /** Completes "not run, because ...". */
  readonly reason: string;
  /** Labels of the tasks whose end decided it; empty when the run was stopped, or its own driver failed. */
  readonly because: readonly string[];
  /** What its driver failed with, before it could make a row. */
  readonly error?: string;
}

/** Plan and outcome, to be compared. */
export interface NotRunInput {
  readonly tasks: readonly PlacedTask[];
  readonly rows: readonly PipelineTask[];
  /** Where each row stands, by task id. */
  readonly places: ReadonlyMap<string, TaskPlace>;
  /** Why a task failed that the engine saw fail, by label; its driver may have failed before it made a row. */
  readonly engineErrors: ReadonlyMap<string, string>;
  readonly displayNames: ReadonlyMap<string, string>;
  readonly cancelled: boolean;
}

/** In the order of the pipeline, a DAG before what is in it. */
export function notRunTasks(input: NotRunInput): NotRunTask[] {
  return new NotRunWalk(input).visitRoot();
}

/** Tasks whose end left others out, by what became of them. */
interface Cause {
  readonly label: string;
  readonly what: "failed" | "was skipped";
}

/** One running body of a DAG. */
interface Body {
  readonly iterations: readonly number[];
  readonly parentTaskId?: string;
  /** The DAG itself failed before its tasks got their turn. */
  readonly failed: readonly Cause[];
}

type Reason = Pick<NotRunTask, "reason" | "because" | "error" | "parentTaskId">;

class NotRunWalk {
  readonly #input: NotRunInput;
  readonly #rows = new Map<string, PipelineTask>();
  readonly #found: NotRunTask[] = [];
  readonly #causesOf = new Map<string, readonly Cause[]>();

  constructor(input: NotRunInput) {
    this.#input = input;
    for (const row of input.rows) this.#rows.set(taskLabel(input.places.get(row.taskId) as TaskPlace), row);
  }

  visitRoot(): NotRunTask[] {
    const root = this.#rows.get("root");
    const error = this.#engineError("root");
    if (root === undefined && error !== undefined) {
      this.#found.push({
        ...{ name: "ROOT", scopePath: "root", iterations: [], reason: "its driver failed", because: [], error },
      });
    }
    this.#visit(this.#input.tasks, {
      iterations: [],
      ...(root === undefined ? {} : { parentTaskId: root.taskId }),
      failed: root === undefined || root.state === TaskState.FAILED ? [{ label: "root", what: "failed" }] : [],
    });
    return this.#found;
  }

  #visit(tasks: readonly PlacedTask[], body: Body): void {
    const siblings = new Map(tasks.map((task) => [task.key, task]));
    for (const task of tasks) {
      const label = labelOf(task, body);
      const row = this.#rows.get(label);
      if (row === undefined) this.#leftOut(task, body, siblings);
      else this.#visitBodies(task, row, body);
    }
  }

  /** What runs below a row: nothing for a step, one body for a DAG, one for each iteration of a loop. */
  #visitBodies(task: PlacedTask, row: PipelineTask, { iterations }: Body): void {
    if (task.children.length === 0 || row.state === TaskState.SKIPPED) return;
    const failed: Cause[] =
      row.state === TaskState.FAILED ? [{ label: taskLabel({ scopePath: task.scopePath, iterations }), what: "failed" }] : [];
    const body = { parentTaskId: row.taskId, failed };
    if (row.type !== TaskType.LOOP) {
      this.#visit(task.children, { ...body, iterations });
      return;
    }
    const count = Number(row.typeAttributes?.iterationCount ?? 0n);
    for (let index = 0; index < count; index += 1) this.#visit(task.children, { ...body, iterations: [...iterations, index] });
  }

  #leftOut(task: PlacedTask, body: Body, siblings: ReadonlyMap<string, PlacedTask>): void {
    const label = labelOf(task, body);
    const error = this.#engineError(label);
    const causes = error === undefined ? this.#causes(task, body, siblings) : [];
    const blamed = causes.length > 0 || this.#input.cancelled ? causes : body.failed;
    const why: Reason =
      error === undefined
        ? { reason: this.#reason(blamed), because: blamed.map((cause) => cause.label) }
        : { reason: "its driver failed", because: [], error };
    this.#add(task, body, { ...why, ...(body.parentTaskId === undefined ? {} : { parentTaskId: body.parentTaskId }) });
    const below: Reason = error === undefined ? why : { reason: `${label} failed`, because: [label] };
    for (const child of flattenTasks(task.children)) this.#add(child, body, below);
  }

  #add({ key, scopePath }: PlacedTask, { iterations }: Body, why: Reason): void {
    const displayName = this.#input.displayNames.get(scopePath);
    this.#found.push({ name: key, ...(displayName === undefined ? {} : { displayName }), scopePath, iterations, ...why });
  }

  #reason(causes: readonly Cause[]): string {
    if (causes.length > 0) return sentence(causes);
    return this.#input.cancelled ? "the run was cancelled" : "the run ended before its turn";
  }

  /** A driver that is stopped with the run has an error as well, which says nothing. */
  #engineError(label: string): string | undefined {
    return this.#input.cancelled ? undefined : this.#input.engineErrors.get(label);
  }

  /** What its dependencies came to, left-out ones replaced by their own causes. */
  #causes(task: PlacedTask, body: Body, siblings: ReadonlyMap<string, PlacedTask>): readonly Cause[] {
    const label = labelOf(task, body);
    const known = this.#causesOf.get(label);
    if (known !== undefined) return known;
    const causes = new Map<string, Cause>();
    for (const key of dependenciesOf(task.parent, task.key)) {
      const dependency = siblings.get(key) as PlacedTask;
      const own = this.#causeOf(labelOf(dependency, body));
      for (const cause of own ?? this.#causes(dependency, body, siblings)) causes.set(cause.label, cause);
    }
    const found = [...causes.values()];
    this.#causesOf.set(label, found);
    return found;
  }

  /** What a task itself stands in the way with; undefined where it was left out. */
  #causeOf(label: string): Cause[] | undefined {
    const row = this.#rows.get(label);
    if (row === undefined) return this.#engineError(label) !== undefined ? [{ label, what: "failed" }] : undefined;
    if (row.state === TaskState.SKIPPED) return [{ label, what: "was skipped" }];
    const hasFailed = row.state === TaskState.FAILED && row.statusMetadata?.message !== CANCELLED_MESSAGE;
    return hasFailed ? [{ label, what: "failed" }] : [];
  }
}

function labelOf({ scopePath }: PlacedTask, { iterations }: Body): string {
  return taskLabel({ scopePath, iterations });
}

/** `a failed`, `a and b failed`, `a was skipped, and b failed`. */
function sentence(causes: readonly Cause[]): string {
  const parts = (["was skipped", "failed"] as const).flatMap((what) => {
    const labels = causes.filter((cause) => cause.what === what).map(({ label }) => label);
    if (labels.length === 0) return [];
    const verb = labels.length > 1 && what === "was skipped" ? "were skipped" : what;
    return [`${enumeration(labels)} ${verb}`];
  });
  return parts.join(", and ");
}

function enumeration(labels: readonly string[]): string {
  return labels.length < 2 ? labels.join("") : `${labels.slice(0, -1).join(", ")} and ${labels.at(-1)}`;
}
