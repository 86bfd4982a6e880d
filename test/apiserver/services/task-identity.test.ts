import { create } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { describe, test } from "vitest";
import { taskIdentity } from "../../../src/apiserver/services/task-identity.ts";
import { PipelineTaskSchema, TaskState, TaskType, type TaskInit } from "../../../src/core/kfp-types.ts";

const BASE = { runId: "r", parentTaskId: "p", scopePath: "root.a", name: "a", type: TaskType.RUNTIME };
const identityOf = (init: TaskInit) => taskIdentity(create(PipelineTaskSchema, init));

// docs/spec/api-server.md#logical-identity
describe("taskIdentity()", () => {
  test.for<{ name: string; change: TaskInit }>([
    { name: "state", change: { state: TaskState.FAILED } },
    { name: "display name", change: { displayName: "x" } },
    { name: "pods", change: { pods: [{ name: "pod" }] } },
    { name: "inputs", change: { inputs: { parameters: [{ parameterKey: "x" }] } } },
    { name: "iteration count", change: { typeAttributes: { iterationCount: 3n } } },
  ])("ignores the $name", ({ change }, { expect }) => {
    expect(identityOf({ ...BASE, ...change })).toBe(identityOf(BASE));
  });

  test.for<{ name: string; change: TaskInit }>([
    { name: "run", change: { runId: "other" } },
    { name: "parent", change: { parentTaskId: "other" } },
    { name: "no parent", change: { parentTaskId: "" } },
    { name: "scope path", change: { scopePath: "root.b" } },
    { name: "name", change: { name: "b" } },
    { name: "type", change: { type: TaskType.DAG } },
    { name: "iteration 0", change: { typeAttributes: { iterationIndex: 0n } } },
    { name: "iteration 1", change: { typeAttributes: { iterationIndex: 1n } } },
  ])("differs by $name", ({ change }, { expect }) => {
    expect(identityOf({ ...BASE, ...change })).not.toBe(identityOf(BASE));
  });

  test("treats an absent and an empty parent alike", ({ expect }) => {
    const { parentTaskId: _, ...withoutParent } = BASE;
    expect(identityOf(withoutParent)).toBe(identityOf({ ...BASE, parentTaskId: "" }));
  });

  test.for(["runId", "scopePath", "name"] as const)("is absent without %s", (key, { expect }) => {
    expect(identityOf({ ...BASE, [key]: "" })).toBeUndefined();
  });

  test("is absent without type", ({ expect }) => {
    expect(identityOf({ ...BASE, type: TaskType.TASK_TYPE_UNSPECIFIED })).toBeUndefined();
  });

  test("does not confuse neighbouring parts", ({ expect }) => {
    const word = fc.string({ minLength: 1, maxLength: 4, unit: fc.constantFrom("a", ":", "1") });
    fc.assert(
      fc.property(fc.tuple(word, word, word), fc.tuple(word, word, word), (left, right) => {
        const of = ([parentTaskId, scopePath, name]: [string, string, string]) =>
          identityOf({ ...BASE, parentTaskId, scopePath, name });
        expect(of(left) === of(right)).toBe(left.join("|") === right.join("|"));
      }),
      { numRuns: 300 },
    );
  });
});
