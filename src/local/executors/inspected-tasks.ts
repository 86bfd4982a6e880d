/**
 * `--inspect-task`: driver and launcher of some tasks become processes of their own that wait for a debugger, while the rest of the run
 * goes on as it would.
 *
 * @module
 */
import { UsageError } from "../../core/errors.ts";
import type { ParsedPipeline } from "../../core/spec/pipeline-spec.ts";
import { flattenTasks, placeTasks } from "../pipeline/pipeline-tasks.ts";
import type { StepRuntime } from "../steps/step-runtime.ts";
import type { TaskExecutor, TaskPlace } from "../engine/task-executor.ts";
import { taskLabel } from "../engine/task-label.ts";

/** A task of the pipeline, and the iterations of its loops where they matter. */
export interface TaskPattern {
  /** End of a scope path, as `train` or `loop.train`. */
  readonly name: string;
  /** `2` or `0,2`: indices of the enclosing loops. Absent: every iteration. */
  readonly iterations?: string;
}

/** Where a debugger finds the waiting process, unless `KFP_INSPECT` says otherwise. */
const DEFAULT_ADDRESS = "127.0.0.1:9229";

/** @param verb What a message says cannot be done. @throws {UsageError} USAGE_INVALID for a name that no task of the pipeline has. */
export function readTaskPatterns(texts: readonly string[], pipeline: ParsedPipeline, verb = "inspect"): TaskPattern[] {
  const paths = ["root", ...flattenTasks(placeTasks(pipeline)).map(({ scopePath }) => scopePath)];
  return texts.map((text) => {
    const [, name = "", iterations] = /^([^[\]]+)(?:\[(\d+(?:,\d+)*)\])?$/.exec(text) ?? [];
    if (!paths.some((path) => endsWithName(path, name))) {
      const known = paths.map((path) => path.replace(/^root\./, "")).join(", ");
      throw new UsageError("USAGE_INVALID", `Cannot ${verb} task "${text}": the pipeline has the tasks ${known}`);
    }
    return iterations === undefined ? { name } : { name, iterations };
  });
}

/** Whether one of the patterns means the task, in this iteration. */
export function matchesTask({ scopePath, iterations }: TaskPlace, patterns: readonly TaskPattern[]): boolean {
  return patterns.some(
    (pattern) =>
      endsWithName(scopePath, pattern.name) && (pattern.iterations === undefined || pattern.iterations === iterations.join(",")),
  );
}

function endsWithName(scopePath: string, name: string): boolean {
  return scopePath === name || scopePath.endsWith(`.${name}`);
}

/** The same steps, whose programs wait for a debugger. Settings of the host decide where, and for how long. */
export function waitingSteps(steps: StepRuntime, host: Readonly<Record<string, string>>): StepRuntime {
  const environment = { KFP_INSPECT: inspectAddress(host), KFP_INSPECT_TASK: "", KFP_INSPECT_TYPE: "" };
  const waiting = <Step extends { readonly environment: Readonly<Record<string, string>> }>(step: Step): Step => ({
    ...step,
    environment: { ...step.environment, ...environment },
  });
  return {
    driverEnvironment: (place) => ({ ...steps.driverEnvironment(place), ...environment }),
    prepare: async (request) => waiting(await steps.prepare(request)),
    importer: async (request) => waiting(await steps.importer(request)),
  };
}

/** Which tasks wait, and who runs which. */
export interface InspectedTasksOptions {
  readonly patterns: readonly TaskPattern[];
  /** Runs the tasks that are not inspected. */
  readonly others: TaskExecutor;
  /** Starts programs, with {@link waitingSteps}. */
  readonly waiting: TaskExecutor;
  readonly host: Readonly<Record<string, string>>;
  readonly onNotice: (text: string) => void;
}

/** Sends the tasks that wait for a debugger to one executor and all others to another, and says so. */
export function createInspectingExecutor({ patterns, others, waiting, host, onNotice }: InspectedTasksOptions): TaskExecutor {
  const choose = (place: TaskPlace, program: string): TaskExecutor => {
    if (!matchesTask(place, patterns)) return others;
    onNotice(`${taskLabel(place)}: the ${program} waits for a debugger at ${inspectAddress(host)}`);
    return waiting;
  };
  return {
    drive: (request) => choose(request.place, "driver").drive(request),
    launch: (request) => choose(request.place, "launcher").launch(request),
    importArtifact: (request) => choose(request.place, "launcher").importArtifact(request),
  };
}

function inspectAddress({ KFP_INSPECT: given = "" }: Readonly<Record<string, string>>): string {
  return ["", "0", "off", "1", "on"].includes(given) ? DEFAULT_ADDRESS : given;
}
