/**
 * What `--dry-run` prints: the task tree with types, conditions, loops and parallelism. Nothing is resolved: that is the drivers' work.
 *
 * @module
 */
import type { JsonValue } from "@bufbuild/protobuf";
import { PipelineTaskSpec_TriggerPolicy_TriggerStrategy as TriggerStrategy } from "../../gen/ml_pipelines/pipeline_spec_pb.js";
import type { ParsedPipeline } from "../../core/spec/pipeline-spec.ts";
import { dependenciesOf } from "../../local/engine/dag-order.ts";
import type { LoadedPipeline } from "../../local/pipeline/pipeline-file.ts";
import { placeTasks, type PlacedTask } from "../../local/pipeline/pipeline-tasks.ts";
import { rootParameters } from "../../local/executors/root-parameters.ts";
import { fitColumns, say, type TerminalText } from "./terminal-text.ts";

const LONGEST_VALUE = 200;

/** A task as `--dry-run` tells of it. */
export interface PlannedTask {
  readonly name: string;
  /** As the pipeline calls it for people; absent where that is its name. */
  readonly displayName?: string;
  readonly scopePath: string;
  readonly kind: "step" | "importer" | "dag" | "loop";
  readonly after: readonly string[];
  readonly condition?: string;
  /** Runs whatever became of the tasks before it. */
  readonly always?: true;
  readonly loop?: { readonly items: string; readonly parallelism?: number };
  readonly cached: boolean;
  readonly retries?: number;
  readonly tasks: readonly PlannedTask[];
}

/** What a run would do. */
export interface Plan {
  readonly pipeline: string;
  readonly parameters: Readonly<Record<string, JsonValue>>;
  readonly tasks: readonly PlannedTask[];
}

/** The plan for `--output json`: parameters with their defaults, every task in the order of the pipeline. */
export function planJson(pipeline: LoadedPipeline, given: Readonly<Record<string, JsonValue>>): Plan {
  return {
    pipeline: pipeline.name,
    parameters: rootParameters(pipeline.parsed.spec, given),
    tasks: plannedTasks(pipeline.parsed),
  };
}

/**
 * Every task in the order of the pipeline, loops not unrolled.
 *
 * @throws {SpecError} for a pipeline that has not passed the static check.
 */
export function plannedTasks(pipeline: ParsedPipeline): PlannedTask[] {
  return placeTasks(pipeline).map(planned);
}

/** @param columns Width; Infinity where nothing is to be cut. */
export function planLines(pipeline: LoadedPipeline, given: Readonly<Record<string, JsonValue>>, columns: number): TerminalText[] {
  const plan = planJson(pipeline, given);
  const lines = [say`Pipeline ${plan.pipeline}`];
  for (const [name, value] of Object.entries(plan.parameters)) {
    lines.push(say`  parameter ${name} = ${fitColumns(JSON.stringify(value), LONGEST_VALUE)}`);
  }
  const visit = (task: PlannedTask, indent: string): void => {
    const displayName = task.displayName === undefined ? "" : ` "${task.displayName}"`;
    lines.push(say`${indent}${task.name}${displayName} (${describe(task).join("; ")})`);
    for (const child of task.tasks) visit(child, `${indent}  `);
  };
  for (const task of plan.tasks) visit(task, "  ");
  return lines.map((line) => fitColumns(line, columns));
}

function describe({ kind, after, condition, always, loop, cached, retries }: PlannedTask): string[] {
  return [
    kind,
    ...(after.length === 0 ? [] : [`after ${after.join(", ")}`]),
    ...(always === true ? ["whatever becomes of them"] : []),
    ...(condition === undefined ? [] : [`if ${condition}`]),
    ...(loop === undefined ? [] : [`for each of ${loop.items}`]),
    ...(loop?.parallelism === undefined ? [] : [`${loop.parallelism} at a time`]),
    ...(retries === undefined ? [] : [`up to ${retries} retries`]),
    ...(kind === "step" && !cached ? ["caching off"] : []),
  ];
}

function planned(placed: PlacedTask): PlannedTask {
  const { key, scopePath, task, component, executor, parent, children } = placed;
  const isDag = component.implementation.case === "dag";
  const kind = isDag
    ? task.iterator.case === undefined
      ? "dag"
      : "loop"
    : executor?.spec.case === "importer"
      ? "importer"
      : "step";
  const condition = task.triggerPolicy?.condition ?? "";
  const retries = task.retryPolicy?.maxRetryCount;
  const displayName = task.taskInfo?.name ?? "";
  return {
    name: key,
    ...(displayName === "" || displayName === key ? {} : { displayName }),
    scopePath,
    kind,
    after: dependenciesOf(parent, key),
    ...(condition === "" ? {} : { condition: condition.replaceAll(/\s+/g, " ") }),
    ...(task.triggerPolicy?.strategy === TriggerStrategy.ALL_UPSTREAM_TASKS_COMPLETED ? { always: true as const } : {}),
    ...loopOf(task),
    cached: task.cachingOptions?.enableCache === true,
    ...(retries === undefined ? {} : { retries }),
    tasks: children.map(planned),
  };
}

function loopOf({ iterator, iteratorPolicy }: PlacedTask["task"]): { loop?: NonNullable<PlannedTask["loop"]> } {
  if (iterator.case === undefined) return {};
  const limit = iteratorPolicy?.parallelismLimit ?? 0;
  const parallelism = limit > 0 ? { parallelism: limit } : {};
  if (iterator.case === "artifactIterator") {
    return { loop: { items: `artifact ${iterator.value.items?.inputArtifact ?? ""}`, ...parallelism } };
  }
  const kind = iterator.value.items?.kind;
  const items = kind?.case === "inputParameter" ? `parameter ${kind.value}` : (kind?.value ?? "");
  return { loop: { items, ...parallelism } };
}
