import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { PipelineTaskSchema, TaskState, TaskType } from "../../src/core/kfp-types.ts";
import { differences, runRows } from "./run-rows.ts";

const task = (shape: MessageInitShape<typeof PipelineTaskSchema>) => create(PipelineTaskSchema, shape);
const id = (index: number): string => `00000000-0000-4000-8000-00000000000${String(index)}`;

const tasks = (first: number, root: string) => [
  task({ taskId: id(first), name: "ROOT", runId: "run", type: TaskType.ROOT, scopePath: "root" }),
  task({
    ...{ taskId: id(first + 1), name: "say", runId: "run", parentTaskId: id(first), scopePath: "root.say" },
    ...{ typeAttributes: { iterationIndex: 2n }, state: TaskState.SUCCEEDED },
    statusMetadata: { message: `${root}/a/${id(first)} of ${id(9)}` },
    pods: [{ name: "pod", uid: "uid" }],
  }),
];

describe("runRows()", () => {
  test("are the same wherever a run was", ({ expect }) => {
    const here = runRows(tasks(1, "/home/a"), { runId: "run", texts: { "/home/a": "<ROOT>" } });
    const there = runRows(tasks(5, "s3://b"), { runId: "run", texts: { "s3://b": "<ROOT>" } });
    expect(here).toEqual(there);
    expect(differences(here, there)).toEqual([]);
    expect(here["ROOT/say[2]"]).toMatchObject({
      parentTaskId: "<ROOT>",
      statusMetadata: { message: "<ROOT>/a/<ROOT> of <UUID>" },
    });
    expect(here["ROOT/say[2]"]).not.toHaveProperty("pods");
  });

  test("do not depend on which iteration was first, but on the order of a list", ({ expect }) => {
    const entry = (iteration: number, value: string) => ({
      ...{ parameterKey: "number", producer: { taskName: "make", iteration: BigInt(iteration) } },
      value: { kind: { case: "stringValue" as const, value } },
    });
    const rows = (...parameters: ReturnType<typeof entry>[]) =>
      runRows([task({ taskId: id(1), name: "ROOT", outputs: { parameters } })], { runId: "run", texts: {} });
    expect(differences(rows(entry(0, "a"), entry(1, "b")), rows(entry(1, "b"), entry(0, "a")))).toEqual([]);
    expect(differences(rows(entry(0, "a"), entry(1, "b")), rows(entry(1, "a"), entry(0, "b")))).not.toEqual([]);
  });

  test("differ where a state does, and where a row is missing", ({ expect }) => {
    const facts = { runId: "run", texts: {} };
    const [root, say] = tasks(1, "x");
    const failed = { ...say!, state: TaskState.FAILED };
    expect(differences(runRows([root!, say!], facts), runRows([root!, failed], facts))).toEqual([
      'ROOT/say[2] state: "SUCCEEDED" | "FAILED"',
    ]);
    const missing = differences(runRows([root!], facts), runRows([root!, say!], facts));
    expect(missing).toContain('ROOT/say[2] name: absent | "say"');
  });
});
