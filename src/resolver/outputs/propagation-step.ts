/**
 * Output propagation across one level: which outputs of a parent a child feeds, and under which type and producer.
 *
 * Pure. The walk over the levels is propagate-outputs.ts.
 *
 * Source: docs/spec/output-propagation.md#which-parent-keys-match, #type-and-producer-at-each-level, #at-a-loop-boundary,
 * #propagation-by-the-driver, #drv-13, #propagation-in-later-upstream.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { ListValueSchema, ValueSchema } from "@bufbuild/protobuf/wkt";
import { ResolveError } from "../../core/errors.ts";
import type { ComponentSpec, IoParameter, PipelineTask } from "../../core/kfp-types.ts";
import { IoType, ParameterType, TaskType } from "../../core/kfp-types.ts";
import { ioParameter, iterationOfEntry, producerMessage } from "../run/io-entries.ts";
import type { LinkInit, Producer } from "../run/io-entries.ts";
import { artifactKeysFedBy, lookup, parameterKeysFedBy } from "../run/spec-lookup.ts";
import { isDagTask, iterationOf, taskKeyOf } from "../run/task-index.ts";

/** One artifact as an output of one level. */
export interface OutputArtifact {
  readonly key: string;
  readonly artifactId: string;
  readonly type: IoType;
  readonly producer: Producer;
}

/** Outputs of one task, as far as they travel up. */
export interface LevelOutputs {
  readonly parameters: readonly IoParameter[];
  readonly artifacts: readonly OutputArtifact[];
}

/** One step up: from a task to the DAG around it. */
export interface PropagationStep {
  /** The lower task. Its `iteration_index` is what a LOOP above stamps. */
  readonly child: PipelineTask;
  /** What leaves the child: {@link leavingOutputs}. */
  readonly outputs: LevelOutputs;
  readonly parent: PipelineTask;
  readonly parentComponent: ComponentSpec;
}

/** What a step gives to the parent, and what goes on from there. */
export interface StepResult {
  readonly links: LinkInit[];
  /** Every parameter entry the parent should have, whether or not it has it. */
  readonly parameters: IoParameter[];
  readonly carried: LevelOutputs;
}

/** All outputs of a row as they were read. */
export function outputsOf(task: PipelineTask): LevelOutputs {
  return {
    parameters: task.outputs?.parameters ?? [],
    artifacts: (task.outputs?.artifacts ?? []).flatMap((entry) => {
      const producer = { taskName: entry.producer?.taskName ?? taskKeyOf(task), iteration: iterationOfEntry(entry) };
      return entry.artifacts.map(({ artifactId }) => ({
        key: entry.artifactKey,
        artifactId,
        type: entry.type,
        producer,
      }));
    }),
  };
}

/** Whether nothing climbs any further. */
export function isEmptyLevel({ parameters, artifacts }: LevelOutputs): boolean {
  return parameters.length === 0 && artifacts.length === 0;
}

/**
 * The outputs of a task as its parent sees them.
 *
 * A LOOP inside a loop hands on one list per changed parameter, all of its entries in iteration order, so that the outer loop
 * collects lists of lists; its artifacts pass one by one. Every other task hands on what it has.
 *
 * @param changed The entries of this walk; the list is made of all entries of their keys.
 * @param entries All current output parameters of the task, `changed` included.
 * @throws {ResolveError} VALUE_INVALID when an entry of such a list has no iteration.
 */
export function leavingOutputs(task: PipelineTask, changed: LevelOutputs, entries: readonly IoParameter[]): LevelOutputs {
  if (!leavesAsList(task)) return changed;
  const keys = [...new Set(changed.parameters.map(({ parameterKey }) => parameterKey))].toSorted();
  return { parameters: keys.map((key) => gatheredList(task, key, entries)), artifacts: changed.artifacts };
}

/** Whether a task is a loop inside a loop. */
export function leavesAsList(task: PipelineTask): boolean {
  return task.type === TaskType.LOOP && iterationOf(task) !== undefined;
}

function gatheredList(loop: PipelineTask, key: string, entries: readonly IoParameter[]): IoParameter {
  const items = entries
    .filter(({ parameterKey }) => parameterKey === key)
    .map((entry) => {
      const iteration = iterationOfEntry(entry);
      if (iteration === undefined) {
        throw new ResolveError("VALUE_INVALID", `nested loop output "${key}" of "${loop.scopePath}" has no iteration index`);
      }
      return { iteration, value: entry.value ?? create(ValueSchema) };
    })
    .toSorted((a, b) => a.iteration - b.iteration);
  const values = create(ListValueSchema, { values: items.map(({ value }) => value) });
  const list = create(ValueSchema, { kind: { case: "listValue", value: values } });
  return ioParameter(key, list, IoType.OUTPUT, { taskName: taskKeyOf(loop), iteration: iterationOf(loop) });
}

/** Which outputs of the parent the child's outputs feed; empty when none. */
export function propagateOneLevel({ child, outputs, parent, parentComponent }: PropagationStep): StepResult {
  const childKey = taskKeyOf(child);
  const definitions = parentComponent.outputDefinitions;
  const producerOf = (type: IoType, iteration: number | undefined): Producer => ({
    taskName: childKey,
    iteration: type === IoType.ITERATOR_OUTPUT ? iterationAt(parent, child, iteration) : undefined,
  });

  const parameters: IoParameter[] = [];
  for (const entry of outputs.parameters) {
    for (const key of parameterKeysFedBy(parentComponent, { producerSubtask: childKey, outputKey: entry.parameterKey })) {
      const isList = lookup(definitions?.parameters, key)?.parameterType === ParameterType.LIST;
      const type = typeAt(parent, child, { own: entry.type, isList });
      parameters.push(ioParameter(key, entry.value, type, producerOf(type, iterationOfEntry(entry))));
    }
  }

  const artifacts: OutputArtifact[] = [];
  for (const entry of outputs.artifacts) {
    for (const key of artifactKeysFedBy(parentComponent, { producerSubtask: childKey, outputKey: entry.key })) {
      const isList = lookup(definitions?.artifacts, key)?.isArtifactList ?? false;
      const type = typeAt(parent, child, { own: entry.type, isList });
      artifacts.push({ key, artifactId: entry.artifactId, type, producer: producerOf(type, entry.producer.iteration) });
    }
  }

  const links = artifacts.map(({ key, artifactId, type, producer }): LinkInit => ({
    artifactId,
    taskId: parent.taskId,
    runId: parent.runId,
    key,
    type,
    producer: producerMessage(producer),
  }));
  return { links, parameters, carried: { parameters, artifacts } };
}

/**
 * Type of an output at a parent (docs/spec/output-propagation.md#type-and-producer-at-each-level). The first level is the one
 * above the task that made the value.
 */
function typeAt(parent: PipelineTask, child: PipelineTask, { own, isList }: { own: IoType; isList: boolean }): IoType {
  if (parent.type === TaskType.LOOP) return IoType.ITERATOR_OUTPUT;
  if (parent.type === TaskType.CONDITION_BRANCH && !isList) return IoType.ONE_OF_OUTPUT;
  return isDagTask(child) ? own : IoType.OUTPUT;
}

/** A LOOP stamps the index of the task directly below it; what passes any other task keeps the index it has. */
function iterationAt(parent: PipelineTask, child: PipelineTask, own: number | undefined): number | undefined {
  return parent.type === TaskType.LOOP ? (iterationOf(child) ?? own) : own;
}
