import { create } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import type { DagSpec, PipelineTaskSpec } from "../../../src/core/kfp-types.ts";
import {
  DagSpecSchema,
  PipelineTaskSpec_TriggerPolicy_TriggerStrategy as TriggerStrategy,
} from "../../../src/gen/ml_pipelines/pipeline_spec_pb.js";
import { dagOutcome, dependenciesOf, mayStart, type TaskOutcome } from "../../../src/local/engine/dag-order.ts";

const dag = (tasks: object): DagSpec => create(DagSpecSchema, { tasks } as never);

describe("dependenciesOf()", () => {
  test("names what is declared and what is only implied by inputs, once", ({ expect }) => {
    const spec = dag({
      a: {},
      b: {},
      c: {},
      d: {},
      z: {
        dependentTasks: ["b", "a"],
        inputs: {
          parameters: {
            p: { kind: { case: "taskOutputParameter", value: { producerTask: "b" } } },
            s: { kind: { case: "taskFinalStatus", value: { producerTask: "d" } } },
            c: { kind: { case: "componentInputParameter", value: "x" } },
          },
          artifacts: { m: { kind: { case: "taskOutputArtifact", value: { producerTask: "c" } } } },
        },
      },
    });
    expect(dependenciesOf(spec, "z")).toEqual(["a", "b", "c", "d"]);
    expect(dependenciesOf(spec, "a")).toEqual([]);
  });

  test("refuses a task that is not there", ({ expect }) => {
    expect(() => dependenciesOf(dag({ a: { dependentTasks: ["nope"] } }), "a")).toThrow('Task "a" depends on task "nope"');
  });
});

describe("mayStart()", () => {
  const plain = dag({ t: {} }).tasks["t"] as PipelineTaskSpec;
  const completed = dag({ t: { triggerPolicy: { strategy: TriggerStrategy.ALL_UPSTREAM_TASKS_COMPLETED } } }).tasks["t"] as never;
  test.for<[TaskOutcome[], boolean, boolean]>([
    [[], true, true],
    [["succeeded"], true, true],
    [["succeeded", "failed"], false, true],
    [["skipped"], false, true],
    [["omitted"], false, false],
    [["succeeded", "omitted"], false, false],
  ])("after %j: all succeeded %s, all completed %s", ([upstream, afterSuccess, afterCompletion], { expect }) => {
    expect(mayStart(plain, upstream)).toBe(afterSuccess);
    expect(mayStart(completed, upstream)).toBe(afterCompletion);
  });
});

describe("dagOutcome()", () => {
  test.for<[TaskOutcome[], string]>([
    [[], "succeeded"],
    [["succeeded", "skipped", "omitted"], "succeeded"],
    [["succeeded", "failed"], "failed"],
    [["failed", "succeeded"], "failed"],
  ])("%j: %s", ([tasks, outcome], { expect }) => {
    expect(dagOutcome(tasks)).toBe(outcome);
  });
});
