/**
 * The first read of every driver and launcher: run, pipeline spec, and the tasks this step needs.
 *
 * A run of up to 200 tasks is read whole with one GetRun FULL: that one snapshot answers everything that follows (parent, siblings,
 * ancestors, existing rows, links), so nothing else is read. In a larger run a snapshot per step would make the traffic grow with
 * the square of the run, so the read is lean: GetRun DEFAULT (for the spec and the task count), GetTask of the parent, and one
 * ListTasks of the siblings that produce this step's inputs. Rows that resolution turns out to need beyond these are read one by
 * one through `reader`. The parent comes without its outputs and with those inputs only that the task may take, where the server can
 * leave them out: a loop's row holds something of every iteration.
 *
 * The size is not known before the first call. The start is lean where the run is likely to be large: inside an iteration, or when
 * the caller knows of more than 200 tasks. A run that is then found to be small is read whole with a second call, unless the caller knows
 * better: it will have more soon, and what a whole read brings is large already, since a loop's row has all its items from the start.
 *
 * | case                                                 | calls                                                  |
 * | ---------------------------------------------------- | ------------------------------------------------------ |
 * | not in an iteration, or hint of at most 200 tasks    | GetRun FULL                                            |
 * | in an iteration, no hint; at most 200 tasks          | GetRun DEFAULT, GetRun FULL                            |
 * | the same with more than 200 tasks, or a larger hint  | GetRun DEFAULT, GetTask parent, [GetTask own], [ListTasks] |
 * | the same; DEFAULT carries no spec                    | GetRun DEFAULT, GetRun FULL                            |
 * | the run carries no spec at all (pipeline version)    | one GetPipelineVersion more                            |
 *
 * In a loop, ListTasks by name finds one row per iteration, all but one of which a server may leave out. It asks for the newest first and
 * stops as soon as every producer of this iteration has been seen, which is the first page unless iterations are far apart.
 *
 * Source: docs/spec/driver-flows.md#decision-reading-a-run, #getting-the-pipeline-spec, #budget, #spec-of-a-run.
 *
 * @module
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { ApiError, SpecError } from "../core/errors.ts";
import type { PipelineSpec, PipelineTask, Run } from "../core/kfp-types.ts";
import { parsePipelineSpec, type ParsedPipeline } from "../core/spec/pipeline-spec.ts";
import type { KfpApi, LeanRows } from "../ports/kfp-api.ts";
import type { Logger } from "../ports/logger.ts";
import { warnOfUnknownFields } from "../program/unknown-fields.ts";
import { inputsTakenFromParent } from "../resolver/inputs/taken-inputs.ts";
import { iterationOf, TaskIndex } from "../resolver/run/task-index.ts";
import type { TaskReader } from "../resolver/run/task-rows.ts";
import { findTask, listAllTasks, taskReader } from "./read-tasks.ts";

/** Up to this many tasks a run is read whole. */
export const WHOLE_RUN_LIMIT = 200;

/** What reading a run takes. */
export interface ReadRunDeps {
  readonly api: KfpApi;
  readonly logger: Logger;
}

/** Which run, and what of it this step is about to need. */
export interface ReadRunOptions {
  readonly runId: string;
  /** Absent for the root driver. */
  readonly parentTaskId?: string | undefined;
  /** The launcher's own task. */
  readonly ownTaskId?: string | undefined;
  /** Task keys of the siblings whose outputs this step will ask for. Absent: none are read ahead. */
  readonly producers?: (spec: PipelineSpec, parent: PipelineTask) => readonly string[];
  /** Whose inputs are to be resolved. Absent: nobody's, so that the parent's row needs none. */
  readonly resolves?: { readonly taskKey: string; readonly moreInputs?: readonly string[] | undefined } | undefined;
  /** Absent or negative outside loops. */
  readonly iterationIndex?: number | undefined;
  /** How many tasks the run has or is about to have, where the caller knows it. */
  readonly taskCountHint?: number | undefined;
}

/** A run as far as this step needs it, at the time of the read. */
export interface RunSnapshot {
  /** As asked for. */
  readonly runId: string;
  readonly run: Run;
  /** The spec with its deployment; `spec` is its first member. */
  readonly pipeline: ParsedPipeline;
  readonly spec: PipelineSpec;
  /** Every task of the run, or what a lean read brought. */
  readonly tasks: TaskIndex;
  /** Present when a parent id was given. Unless `complete`, it may be without outputs and other inputs than `resolves` asks for. */
  readonly parent: PipelineTask | undefined;
  /** Present when an own id was given. */
  readonly own: PipelineTask | undefined;
  /** True when `tasks` was the whole run at the time of the read. */
  readonly complete: boolean;
  /** Reads rows that `tasks` lacks. */
  readonly reader: TaskReader;
}

/** For propagateStatus, propagateOutputs and their kin. */
export interface PropagationOptions {
  readonly runId: string;
  readonly spec: PipelineSpec;
  /** The run was not read whole. */
  readonly isLargeRun: boolean;
  readonly tasks: TaskIndex;
}

/**
 * Reads a run.
 *
 * @throws {ApiError} When a call fails, or API_REJECTED with status NOT_FOUND when parent or own task do not exist.
 * @throws {SpecError} SPEC_INVALID when the run has no pipeline spec or one that cannot be read.
 */
export async function readRun(deps: ReadRunDeps, options: ReadRunOptions): Promise<RunSnapshot> {
  const { api } = deps;
  const { runId, parentTaskId } = options;
  if (parentTaskId === undefined || !isLikelyLarge(options)) return readWhole(deps, options);
  const run = await api.getRun(runId, "DEFAULT");
  const json = specOf(run);
  const { taskCountHint = 0 } = options;
  if (Math.max(run.taskCount, taskCountHint) <= WHOLE_RUN_LIMIT || json === undefined) return readWhole(deps, options);

  const pipeline = parseSpec(json, deps);
  const { spec } = pipeline;
  const { ownTaskId } = options;
  const [parent, own] = await Promise.all([
    requireTask(api, runId, parentTaskId, leanParent(spec, options)),
    ownTaskId === undefined ? undefined : requireTask(api, runId, ownTaskId),
  ]);
  const siblings = await readProducers(api, options, options.producers?.(spec, parent) ?? [], parentTaskId);
  const rows = [parent, ...siblings, ...(own === undefined ? [] : [own])];
  const tasks = new TaskIndex(rows, { completeParents: [] });
  return { runId, run, pipeline, spec, tasks, parent, own, complete: false, reader: taskReader(api, runId) };
}

/** What is needed of the parent's row. */
function leanParent(spec: PipelineSpec, { resolves, iterationIndex }: ReadRunOptions): LeanRows {
  if (resolves === undefined) return {};
  const keys = [...inputsTakenFromParent(spec, resolves.taskKey), ...(resolves.moreInputs ?? [])];
  const isIteration = iterationIndex !== undefined && iterationIndex >= 0;
  return { inputs: { keys, ...(isIteration ? { iteration: iterationIndex } : {}) } };
}

/** What a propagation of states or outputs needs to know of the run that was read. */
export function propagationOptions({ runId, spec, complete, tasks }: RunSnapshot): PropagationOptions {
  return { runId, spec, isLargeRun: !complete, tasks };
}

function isLikelyLarge({ iterationIndex, taskCountHint }: ReadRunOptions): boolean {
  if (taskCountHint !== undefined) return taskCountHint > WHOLE_RUN_LIMIT;
  return iterationIndex !== undefined && iterationIndex >= 0;
}

async function readWhole(deps: ReadRunDeps, { runId, parentTaskId, ownTaskId }: ReadRunOptions): Promise<RunSnapshot> {
  const { api } = deps;
  const run = await api.getRun(runId, "FULL");
  const pipeline = parseSpec(specOf(run) ?? (await specOfVersion(api, run)), deps);
  let tasks = new TaskIndex(run.tasks);
  const missing = [parentTaskId, ownTaskId].filter((id) => id !== undefined && tasks.get(id) === undefined) as string[];
  if (missing.length > 0) tasks = tasks.withRows(await Promise.all(missing.map((id) => requireTask(api, runId, id))));
  const rowOf = (id: string | undefined) => (id === undefined ? undefined : tasks.get(id));
  const { spec } = pipeline;
  const [parent, own] = [rowOf(parentTaskId), rowOf(ownTaskId)];
  return { runId, run, pipeline, spec, tasks, parent, own, complete: true, reader: taskReader(api, runId) };
}

async function requireTask(api: KfpApi, runId: string, taskId: string, lean?: LeanRows): Promise<PipelineTask> {
  const task = await findTask(api, runId, taskId, lean);
  if (task !== undefined) return task;
  throw new ApiError("API_REJECTED", `Run "${runId}" has no task "${taskId}"`, {
    details: { status: "NOT_FOUND", method: "GetTask" },
  });
}

async function readProducers(
  api: KfpApi,
  { runId, iterationIndex }: ReadRunOptions,
  names: readonly string[],
  parentId: string,
): Promise<PipelineTask[]> {
  if (names.length === 0) return [];
  const distinct = [...new Set(names)].toSorted();
  const list = { parentId, names: distinct };
  if (iterationIndex === undefined || iterationIndex < 0) return listAllTasks(api, runId, list);
  return listAllTasks(api, runId, { ...list, orderBy: "create_time desc", iteration: iterationIndex }, (tasks) =>
    distinct.every((name) => tasks.some((task) => task.name === name && iterationOf(task) === iterationIndex)),
  );
}

function parseSpec(json: JsonObject, { logger }: ReadRunDeps): ParsedPipeline {
  const pipeline = parsePipelineSpec(json);
  warnOfUnknownFields(logger, "the pipeline spec", pipeline.unknownFields);
  return pipeline;
}

/** The spec that the run itself carries. */
function specOf({ pipelineSource }: Run): JsonObject | undefined {
  return pipelineSource.case === "pipelineSpec" ? pipelineSource.value : undefined;
}

async function specOfVersion(api: KfpApi, run: Run): Promise<JsonObject> {
  const reference = run.pipelineSource.case === "pipelineVersionReference" ? run.pipelineSource.value : run.pipelineReference;
  if (reference !== undefined && reference.pipelineVersionId !== "") {
    const version = await api.getPipelineVersion(reference.pipelineId, reference.pipelineVersionId);
    if (version.pipelineSpec !== undefined) return version.pipelineSpec;
  }
  throw new SpecError("SPEC_INVALID", `Cannot read the pipeline of run "${run.runId}": pipeline spec is not set`);
}
