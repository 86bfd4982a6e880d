import { describe, expect, test } from "vitest";
import type { JsonValue } from "../../../src/core/values/value.ts";
import { parametersOf, resolve } from "../resolving.ts";
import { TaskState, TaskType, row } from "../rows.ts";

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

  // The stored state of a DAG is what the last roll-up wrote, the states of its leaves are facts.
  const body = {
    tasks: { prep: { componentRef: { name: "prep" } } },
    components: {
      prep: { dag: { tasks: { g1: { componentRef: { name: "inner" } }, g2: { componentRef: { name: "inner" } } } } },
      inner: { dag: { tasks: { s: { componentRef: { name: "leaf" } } } } },
    },
  };
  const { SUCCEEDED, FAILED, RUNNING, CACHED, SKIPPED } = TaskState;
  test.for<{ prep: TaskState; inner: TaskState; leaves: TaskState[]; told: string }>([
    { prep: RUNNING, inner: SUCCEEDED, leaves: [SUCCEEDED, SUCCEEDED], told: "SUCCEEDED" },
    { prep: RUNNING, inner: RUNNING, leaves: [SUCCEEDED, SUCCEEDED], told: "SUCCEEDED" },
    { prep: RUNNING, inner: RUNNING, leaves: [SUCCEEDED, FAILED], told: "FAILED" },
    { prep: SUCCEEDED, inner: SUCCEEDED, leaves: [SUCCEEDED, FAILED], told: "FAILED" },
    { prep: FAILED, inner: FAILED, leaves: [CACHED, SUCCEEDED], told: "SUCCEEDED" },
    { prep: FAILED, inner: CACHED, leaves: [CACHED, CACHED], told: "CACHED" },
    { prep: RUNNING, inner: SKIPPED, leaves: [], told: "SKIPPED" },
    { prep: RUNNING, inner: RUNNING, leaves: [SUCCEEDED, RUNNING], told: "RUNNING" },
    { prep: RUNNING, inner: RUNNING, leaves: [SUCCEEDED], told: "RUNNING" },
    { prep: FAILED, inner: RUNNING, leaves: [SUCCEEDED], told: "FAILED" },
  ])("tells $told of a DAG whose row says $prep and whose leaves are $leaves", async ({ prep, inner, leaves, told }) => {
    const rows = (root: ReturnType<typeof row>) => {
      const dag = row("prep", { parent: root, type: TaskType.DAG, state: prep });
      const inners = ["g1", "g2"].map((name) => row(name, { parent: dag, type: TaskType.DAG, state: inner }));
      return [dag, ...inners, ...leaves.map((state, index) => row("s", { parent: inners[index] as typeof dag, state }))];
    };
    const [text] = await parametersOf({ ...given({}), ...body, rows });
    expect(text).toContain(`"state":"${told}"`);
    expect(text?.includes('"code":2')).toBe(told === "FAILED");
  });

  test("reads the children of the DAG in a large run, and takes their word", async () => {
    const read: string[] = [];
    const dag = row("prep", { parent: "root", type: TaskType.DAG, state: RUNNING, path: "root.prep", id: "prep" });
    const children = ["g1", "g2"].map((name) => row(name, { parent: dag, type: TaskType.DAG, state: SUCCEEDED }));
    const reader = {
      task: () => Promise.resolve(undefined),
      childrenOf: (id: string) => {
        read.push(id);
        return Promise.resolve(children);
      },
    };
    const [text] = await parametersOf({ ...given({}), ...body, rows: () => [dag], lean: ["prep"], reader });
    expect(text).toContain('"state":"SUCCEEDED"');
    expect(read).toEqual(["prep"]);
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
