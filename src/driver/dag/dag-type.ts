/**
 * Type, display name, attributes and first state of the row a DAG driver makes.
 *
 * The type is part of a row's logical identity, so it comes from the spec alone, before anything is resolved: a retry finds the
 * same row.
 *
 * Source: docs/spec/driver-flows.md#dag (typing, terminal states), #drv-7, #dag-and-root-drivers-of-later-upstream,
 * docs/spec/resolver.md#decision-artifact-iterators.
 *
 * @module
 */
import type { ComponentSpec, PipelineTaskSpec, TaskInit } from "../../core/kfp-types.ts";
import { TaskState, TaskType } from "../../core/kfp-types.ts";

/** What kind of row a DAG gets, and how it is called in the user interface. */
export interface DagTaskType {
  readonly type: TaskType;
  readonly displayName: string;
}

/** Keys the SDK gives to `dsl.If` groups. A user's `conditional-notification` is not one of them. */
const CONDITION_KEY = /^condition-\d+$/;

/** First match wins: iterator, trigger condition, condition key, plain DAG. */
export function dagTaskType(taskKey: string, taskSpec: PipelineTaskSpec): DagTaskType {
  if (taskSpec.iterator.case !== undefined) return { type: TaskType.LOOP, displayName: "Loop" };
  if ((taskSpec.triggerPolicy?.condition ?? "") !== "") {
    return { type: TaskType.CONDITION_BRANCH, displayName: "Condition Branch" };
  }
  if (CONDITION_KEY.test(taskKey)) return { type: TaskType.CONDITION, displayName: "Condition" };
  return { type: TaskType.DAG, displayName: taskSpec.taskInfo?.name ?? "" };
}

/** Places in loops. */
export interface DagIterations {
  /** Of the loop the DAG runs in. */
  readonly iterationIndex?: number | undefined;
  /** Of the DAG's own iterator; 0 is a count. */
  readonly iterationCount?: number | undefined;
}

/** `type_attributes` of a DAG row, absent when there is nothing to say; every DAG type in an iteration has its index, loops included. */
export function dagTypeAttributes({ iterationIndex, iterationCount }: DagIterations): Pick<TaskInit, "typeAttributes"> {
  if (iterationIndex === undefined && iterationCount === undefined) return {};
  return {
    typeAttributes: {
      ...(iterationIndex === undefined ? {} : { iterationIndex: BigInt(iterationIndex) }),
      ...(iterationCount === undefined ? {} : { iterationCount: BigInt(iterationCount) }),
    },
  };
}

/** What decides whether a DAG will have children. */
export interface DagOutlook {
  readonly component: ComponentSpec;
  /** Result of the trigger condition; absent without one. */
  readonly condition?: boolean | undefined;
  readonly iterationCount?: number | undefined;
}

/** The state a DAG that will have no children is created in; `undefined` when it will have some and is RUNNING. */
export function terminalDagState({ component, condition, iterationCount }: DagOutlook): TaskState | undefined {
  if (condition === false || iterationCount === 0) return TaskState.SKIPPED;
  const { implementation } = component;
  if (implementation.case === "dag" && Object.keys(implementation.value.tasks).length === 0) return TaskState.SUCCEEDED;
  return undefined;
}
