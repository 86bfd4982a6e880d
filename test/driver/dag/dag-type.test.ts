import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { TaskState, TaskType } from "../../../src/core/kfp-types.ts";
import { PipelineTaskSpecSchema } from "../../../src/gen/ml_pipelines/pipeline_spec_pb.js";
import { dagTaskType, dagTypeAttributes, terminalDagState } from "../../../src/driver/dag/dag-type.ts";
import { specOf } from "../../resolver/rows.ts";

const iterator = { iterator: { case: "parameterIterator", value: { itemInput: "item" } } } as const;
const artifactIterator = { iterator: { case: "artifactIterator", value: { itemInput: "item" } } } as const;
const condition = { triggerPolicy: { condition: "true" } };
const taskInfo = { name: "Mine" };

describe("dagTaskType()", () => {
  test.for([
    { key: "for-loop-1", spec: iterator, type: "LOOP", displayName: "Loop" },
    { key: "for-loop-1", spec: artifactIterator, type: "LOOP", displayName: "Loop" },
    { key: "for-loop-1", spec: { ...iterator, ...condition }, type: "LOOP", displayName: "Loop" },
    { key: "condition-2", spec: condition, type: "CONDITION_BRANCH", displayName: "Condition Branch" },
    { key: "anything", spec: condition, type: "CONDITION_BRANCH", displayName: "Condition Branch" },
    { key: "condition-1", spec: {}, type: "CONDITION", displayName: "Condition" },
    { key: "condition-branches-1", spec: {}, type: "DAG", displayName: "Mine" },
    { key: "conditional-notification", spec: {}, type: "DAG", displayName: "Mine" },
    { key: "condition-1b", spec: {}, type: "DAG", displayName: "Mine" },
    { key: "exit-handler-1", spec: { triggerPolicy: { condition: "" } }, type: "DAG", displayName: "Mine" },
  ] as const)("types $key as $type ($displayName)", ({ key, spec, type, displayName }) => {
    const taskSpec = create(PipelineTaskSpecSchema, { taskInfo, ...spec });
    expect(dagTaskType(key, taskSpec)).toEqual({ type: TaskType[type], displayName });
  });
});

describe("dagTypeAttributes()", () => {
  test("carries the outer index and the own count; 0 is not absent", () => {
    expect(dagTypeAttributes({})).toEqual({});
    expect(dagTypeAttributes({ iterationIndex: 0, iterationCount: 0 })).toEqual({
      typeAttributes: { iterationIndex: 0n, iterationCount: 0n },
    });
  });
});

describe("terminalDagState()", () => {
  const empty = specOf({ root: { dag: { tasks: {} } } }).root!;
  const full = specOf({ root: { dag: { tasks: { a: {} } } } }).root!;

  test.for([
    { name: "a false condition", outlook: { component: full, condition: false }, state: TaskState.SKIPPED },
    { name: "a false condition on an empty DAG", outlook: { component: empty, condition: false }, state: TaskState.SKIPPED },
    {
      name: "a false condition on a loop",
      outlook: { component: full, condition: false, iterationCount: 3 },
      state: TaskState.SKIPPED,
    },
    { name: "no iterations", outlook: { component: full, condition: true, iterationCount: 0 }, state: TaskState.SKIPPED },
    { name: "no tasks", outlook: { component: empty }, state: TaskState.SUCCEEDED },
    { name: "tasks to run", outlook: { component: full, condition: true, iterationCount: 1 }, state: undefined },
  ])("of $name", ({ outlook, state }) => {
    expect(terminalDagState(outlook)).toBe(state);
  });
});
