/**
 * Outputs of a producer, with what a run retry took from it.
 *
 * A retry empties DAGs above a failed task, and the drivers of DAGs that had succeeded do not run again; so a consumer that finds
 * a DAG without its outputs, or a loop with fewer than its iterations, looks at the preserved children that feed them.
 *
 * Source: docs/spec/output-propagation.md#drv-15, docs/spec/resolver.md#drv-25, #task-output-parameter.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { KfpError } from "../../core/errors.ts";
import type { Artifact, IoArtifact, IoParameter, PipelineSpec, PipelineTask } from "../../core/kfp-types.ts";
import { IoArtifactSchema, IoType, TaskState } from "../../core/kfp-types.ts";
import type { Value } from "../../core/values/value.ts";
import { outputArtifactsOf, outputParametersOf, producerMessage } from "../run/io-entries.ts";
import { planPropagation } from "../outputs/propagate-outputs.ts";
import { PropagationPlan } from "../outputs/propagation-plan.ts";
import type { LevelOutputs } from "../outputs/propagation-step.ts";
import type { ResolveContext } from "./resolve-context.ts";
import { artifactSources, dagOf, parameterSources } from "../run/spec-lookup.ts";
import { isDagTask, isPreserved, iterationCountOf } from "../run/task-index.ts";
import type { TaskRows } from "../run/task-rows.ts";

/** The two kinds of outputs, as far as looking for them goes. */
type OutputKind = "parameter" | "artifact";

/** The producer's output parameters of one key, republished ones included. */
export async function producedParameters(context: ResolveContext, producer: PipelineTask, key: string): Promise<IoParameter[]> {
  const stored = outputParametersOf(producer, key);
  const recovered = await recover(context, { producer, kind: "parameter", key });
  const entries = recovered?.level.parameters.filter(({ parameterKey }) => parameterKey === key) ?? [];
  if (recovered === undefined || weightOf(entries) <= weightOf(stored)) return stored;
  await republish(context, recovered.sources);
  return entries;
}

/** The producer's output artifacts of one key, republished ones included. */
export async function producedArtifacts(context: ResolveContext, producer: PipelineTask, key: string): Promise<IoArtifact[]> {
  const stored = outputArtifactsOf(producer, key);
  const recovered = await recover(context, { producer, kind: "artifact", key });
  const entries = recovered?.level.artifacts.filter((entry) => entry.key === key) ?? [];
  if (recovered === undefined || entries.length <= stored.flatMap(({ artifacts }) => artifacts).length) return stored;
  await republish(context, recovered.sources);
  const artifacts = new Map(recovered.sources.flatMap(artifactsOf).map((artifact) => [artifact.artifactId, artifact]));
  return entries.map(({ artifactId, type, producer: { taskName, iteration } }) => {
    const artifact = artifacts.get(artifactId);
    return create(IoArtifactSchema, {
      artifactKey: key,
      type,
      producer: producerMessage({ taskName, iteration }),
      artifacts: artifact === undefined ? [] : [artifact],
    });
  });
}

function artifactsOf(task: PipelineTask): Artifact[] {
  return (task.outputs?.artifacts ?? []).flatMap(({ artifacts }) => artifacts);
}

interface WantedOutput {
  readonly producer: PipelineTask;
  readonly kind: OutputKind;
  readonly key: string;
}

async function recover(
  { spec, rows }: ResolveContext,
  wanted: WantedOutput,
): Promise<{ level: LevelOutputs; sources: PipelineTask[] } | undefined> {
  const { producer } = wanted;
  if (!isDagTask(producer) || producer.state === TaskState.SKIPPED || isWhole(rows, wanted)) return undefined;
  const sources = await feedingTasks(spec, rows, wanted);
  if (sources.length === 0) return undefined;
  const plan = new PropagationPlan();
  try {
    for (const task of sources) {
      await planPropagation({ spec, task, readTask: (taskId) => rows.task(taskId), upTo: producer.taskId }, plan);
    }
  } catch (error) {
    // Rows that another launcher wrote may not follow our rules; what it published itself is then the best there is.
    if (error instanceof KfpError && (error.code === "VALUE_INVALID" || error.code === "INVARIANT_BROKEN")) return undefined;
    throw error;
  }
  return { level: plan.reachedAt(producer.taskId), sources };
}

async function republish({ spec, rows, republish: plan }: ResolveContext, sources: readonly PipelineTask[]): Promise<void> {
  for (const task of sources) {
    await planPropagation({ spec, task, readTask: (taskId) => rows.task(taskId) }, plan);
  }
}

/**
 * Whether a task's row can be trusted to hold all of an output.
 *
 * With a snapshot at hand nothing needs trust, looking is free. Rows that would have to be read are read only for an output that
 * is not there, a loop with fewer entries than iterations, or a collection in a row that was reset.
 */
function isWhole(rows: TaskRows, { producer, kind, key }: WantedOutput): boolean {
  if (rows.index.isComplete) return false;
  const entries = kind === "parameter" ? outputParametersOf(producer, key) : outputArtifactsOf(producer, key);
  if (entries.length === 0) return iterationCountOf(producer) === 0;
  const count = iterationCountOf(producer);
  if (count !== undefined) return entries.length >= count;
  return !wasReset(producer) || entries.every(({ type }) => type !== IoType.ITERATOR_OUTPUT);
}

/** Whether the state history shows a run retry: RUNNING after anything else. */
function wasReset({ stateHistory }: PipelineTask): boolean {
  const first = stateHistory.findIndex(({ state }) => state !== TaskState.RUNNING);
  return first >= 0 && stateHistory.slice(first).some(({ state }) => state === TaskState.RUNNING);
}

/** The lowest tasks that ended well and feed an output of a DAG. */
async function feedingTasks(spec: PipelineSpec, rows: TaskRows, { producer, kind, key }: WantedOutput): Promise<PipelineTask[]> {
  const { component } = dagOf(spec, producer);
  const sources = kind === "parameter" ? parameterSources(component, key) : artifactSources(component, key);
  const feeding: PipelineTask[] = [];
  for (const { producerSubtask, outputKey } of sources) {
    for (const child of await rows.childrenNamed(producer, producerSubtask)) {
      if (child.state === TaskState.SKIPPED && isDagTask(child)) continue;
      const wanted = { producer: child, kind, key: outputKey };
      const deeper = isDagTask(child) && !isWhole(rows, wanted) ? await feedingTasks(spec, rows, wanted) : [];
      if (deeper.length > 0) feeding.push(...deeper);
      else if (isPreserved(child) && hasOutput(wanted)) feeding.push(child);
    }
  }
  return feeding;
}

function hasOutput({ producer, kind, key }: WantedOutput): boolean {
  return (kind === "parameter" ? outputParametersOf(producer, key) : outputArtifactsOf(producer, key)).length > 0;
}

/** Entries, and the elements of lists in them: more of either is more of the collection. */
function weightOf(entries: readonly IoParameter[]): number {
  return entries.reduce((sum, { value }) => sum + 1 + listWeight(value), 0);
}

function listWeight(value: Value | undefined): number {
  if (value?.kind.case !== "listValue") return 0;
  return value.kind.value.values.reduce((sum, item) => sum + 1 + listWeight(item), 0);
}

/** Whether an output of a DAG comes from a loop that had no iterations, which publishes nothing anywhere. */
export async function comesFromEmptyLoop(
  { spec, rows }: Pick<ResolveContext, "spec" | "rows">,
  { producer, kind, key }: WantedOutput,
): Promise<boolean> {
  if (!isDagTask(producer)) return false;
  if (iterationCountOf(producer) === 0) return true;
  const { component } = dagOf(spec, producer);
  const sources = kind === "parameter" ? parameterSources(component, key) : artifactSources(component, key);
  for (const { producerSubtask, outputKey } of sources) {
    for (const child of await rows.childrenNamed(producer, producerSubtask)) {
      if (await comesFromEmptyLoop({ spec, rows }, { producer: child, kind, key: outputKey })) return true;
    }
  }
  return false;
}
