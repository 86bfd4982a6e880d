/**
 * Where a DAG or CONTAINER task stands: run, parent, task and component spec, existing row.
 *
 * Source: docs/spec/driver-command-line.md#start-up-order (steps 8 to 11), docs/spec/driver-flows.md#scope-path-and-spec-lookup.
 *
 * @module
 */
import { SpecError } from "../core/errors.ts";
import type { ComponentSpec, PipelineSpec, PipelineTask, PipelineTaskSpec, TaskType } from "../core/kfp-types.ts";
import { formatScopePath, parseScopePath, resolveScopePath } from "../core/spec/scope-path.ts";
import { producersOf } from "../resolver/inputs/resolve-inputs.ts";
import { readRun, type RunSnapshot } from "../tasks/read-run.ts";
import type { DriverDeps } from "./deps.ts";
import type { ChildOptions, CommonOptions } from "./options.ts";

/** Where a DAG or CONTAINER task stands in its run. */
export interface ChildTask {
  readonly snapshot: RunSnapshot;
  readonly parent: PipelineTask;
  /** Dotted, of this task. */
  readonly scopePath: string;
}

/** What the pipeline says about a task. */
export interface ChildSpec {
  readonly taskSpec: PipelineTaskSpec;
  readonly component: ComponentSpec;
  readonly componentName: string;
}

/** What settings of a task take of the run. */
export interface MoreSources {
  /** Keys of siblings. */
  readonly producers?: readonly string[];
  /** Keys of the parent's inputs. */
  readonly inputs?: readonly string[];
}

/**
 * Reads the run with the parent of the task, and the siblings whose outputs it takes.
 *
 * @param more What is taken of the run besides what the task's inputs name.
 * @throws {ApiError} When a call fails or there is no such parent. @throws {SpecError} As readRun, and for a scope path without task.
 */
export async function readChildTask(
  deps: DriverDeps,
  options: CommonOptions & ChildOptions,
  { producers = [], inputs }: MoreSources = {},
): Promise<ChildTask> {
  const { runId, parentTaskId, taskName, iterationIndex } = options;
  const snapshot = await readRun(deps, {
    runId,
    parentTaskId,
    iterationIndex,
    taskCountHint: deps.settings.taskCountHint,
    resolves: { taskKey: taskName, moreInputs: inputs },
    producers: (spec, parent) => {
      const entry = resolveScopePath(spec, [...parseScopePath(parent.scopePath), taskName]).at(-1);
      return entry?.taskSpec === undefined ? [] : [...new Set([...producersOf(entry.taskSpec), ...producers])];
    },
  });
  const parent = snapshot.parent as PipelineTask;
  return { snapshot, parent, scopePath: formatScopePath([...parseScopePath(parent.scopePath), taskName]) };
}

/** @throws {SpecError} SCOPE_PATH_INVALID or COMPONENT_NOT_FOUND when the spec has no such task. */
export function childSpec(spec: PipelineSpec, scopePath: string): ChildSpec {
  const entry = resolveScopePath(spec, parseScopePath(scopePath)).at(-1);
  if (entry?.taskSpec === undefined || entry.componentName === undefined) {
    throw new SpecError("SCOPE_PATH_INVALID", `Cannot find task "${scopePath}" in the pipeline spec`);
  }
  return { taskSpec: entry.taskSpec, component: entry.component, componentName: entry.componentName };
}

/** The row an earlier attempt left at this place, under whatever type; only a whole snapshot can tell. */
export function existingRow(
  { snapshot, parent, scopePath }: ChildTask,
  type: TaskType,
  iteration: number | undefined,
): PipelineTask | undefined {
  return snapshot.tasks.findRow({ scopePath, parentId: parent.taskId, iteration }, type);
}
