import { describe, expect, test } from "vitest";
import type { JsonValue } from "../../src/core/value.ts";
import { parametersOf, resolve } from "./resolving.ts";
import { TaskState, TaskType, row } from "./rows.ts";

describe("resolveInputs() of a final status", () => {
  const given = (status: object, dependentTasks = ["prep"]): object => ({
    task: { dependentTasks, inputs: { parameters: { n: { taskFinalStatus: { producerTask: "prep" } } } } },
    component: { inputDefinitions: { parameters: { n: { parameterType: "TASK_FINAL_STATUS" } } } },
    rows: (root: ReturnType<typeof row>) => [row("prep", { parent: root, type: TaskType.DAG, ...status })],
  });
  const withMessage = { statusMetadata: { $typeName: "x", message: "boom", customProperties: {} } };

  test.for([
    { name: "a success", status: { state: TaskState.SUCCEEDED }, state: "SUCCEEDED", error: {} },
    { name: "a running task", status: { state: TaskState.RUNNING }, state: "RUNNING", error: {} },
    { name: "no state", status: { state: TaskState.RUNTIME_STATE_UNSPECIFIED }, state: "RUNTIME_STATE_UNSPECIFIED", error: {} },
    {
      name: "a failure",
      status: { state: TaskState.FAILED, extra: withMessage },
      state: "FAILED",
      error: { code: 2, message: "boom" },
    },
    { name: "a failure without message", status: { state: TaskState.FAILED }, state: "FAILED", error: { code: 2 } },
    {
      name: "a success with a message",
      status: { state: TaskState.CACHED, extra: withMessage },
      state: "CACHED",
      error: { message: "boom" },
    },
  ])("tells $name", async ({ status, state, error }) => {
    const value: JsonValue = { state, pipelineTaskName: "prep", pipelineJobResourceName: "argo-abc", error };
    expect(await parametersOf(given(status))).toEqual([`n=${JSON.stringify(value)} TASK_FINAL_STATUS_OUTPUT ROOT`]);
  });

  test("leaves an empty run name out", async () => {
    const { parameters } = await resolve({ ...given({}), job: { runName: "" } });
    expect(Object.keys(parameters[0]?.value?.kind.value as object)).toContain("fields");
    expect(JSON.stringify(parameters[0]?.value?.kind.value)).not.toContain("pipelineJobResourceName");
  });

  test("needs a dependency and a producer", async () => {
    await expect(resolve(given({}, []))).rejects.toThrow(/depends on no other task/);
    await expect(resolve({ ...given({}), rows: () => [] })).rejects.toThrow(/task "prep" not found/);
  });
});
