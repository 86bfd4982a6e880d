import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { encodeHydratedTask, groupLinks, type HydrationRow } from "../../src/apiserver/hydration.ts";
import { ArtifactSchema, ArtifactType, IoType, PipelineTaskSchema } from "../../src/core/kfp-types.ts";

const { OUTPUT, TASK_OUTPUT_INPUT, ITERATOR_OUTPUT, COLLECTED_INPUTS } = IoType;

interface RowInit {
  readonly artifactType?: ArtifactType;
  readonly producer?: string | undefined;
  readonly iteration?: number;
}

function row(key: string, type: IoType, artifactId: string, init: RowInit = {}): HydrationRow {
  const artifactType = init.artifactType ?? ArtifactType.Model;
  return {
    taskId: "t",
    type,
    key,
    producerTaskName: "producer" in init ? init.producer : "p",
    iteration: init.iteration,
    artifactId,
    artifactType,
    artifact: toBinary(ArtifactSchema, create(ArtifactSchema, { artifactId, type: artifactType })),
  };
}

const METRIC = { artifactType: ArtifactType.Metric };
const print = (rows: HydrationRow[], side: "inputs" | "outputs" = "outputs") =>
  groupLinks(rows)[side].map(({ first, artifacts }) => {
    const iteration = first.iteration === undefined ? "" : `[${first.iteration}]`;
    return `${first.key}${iteration}: ${artifacts.map((one) => one.artifactId).join(",")}`;
  });

// docs/spec/api-server.md#hydration
describe("groupLinks()", () => {
  test("sends every type to its side", ({ expect }) => {
    const types = Object.values(IoType).filter((type) => typeof type === "number" && type !== IoType.UNSPECIFIED) as IoType[];
    const rows = types.map((type) => row(`k${type}`, type, "a"));
    const { inputs, outputs } = groupLinks(rows);
    expect(inputs.map(({ first }) => first.type)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(outputs.map(({ first }) => first.type).toSorted((left, right) => left - right)).toEqual([8, 9, 10, 11]);
  });

  test.for([IoType.UNSPECIFIED, 12 as unknown as IoType])("fails on the unknown type %i", (type, { expect }) => {
    expect(() => groupLinks([row("k", type, "a")])).toThrow(/unknown type/);
  });

  test.for([
    {
      name: "artifacts of one group stand alone",
      rows: [row("m", OUTPUT, "A2"), row("m", OUTPUT, "A1")],
      groups: ["m: A1", "m: A2"],
    },
    {
      name: "metrics of one group stand together",
      rows: [row("m", OUTPUT, "M2", METRIC), row("m", OUTPUT, "M1", METRIC)],
      groups: ["m: M1,M2"],
    },
    {
      name: "a metric among others stands alone",
      rows: [row("m", OUTPUT, "M1", METRIC), row("m", OUTPUT, "A1")],
      groups: ["m: A1", "m: M1"],
    },
    {
      name: "metrics of different producers stay apart",
      rows: [row("m", OUTPUT, "M1", { ...METRIC, producer: "q" }), row("m", OUTPUT, "M2", METRIC)],
      groups: ["m: M2", "m: M1"],
    },
    {
      name: "iterations come in numeric order after none, metrics of different iterations stay apart",
      rows: [
        row("m", ITERATOR_OUTPUT, "A", { ...METRIC, iteration: 10 }),
        row("m", ITERATOR_OUTPUT, "B", { ...METRIC, iteration: 2 }),
        row("m", ITERATOR_OUTPUT, "C", METRIC),
        row("m", ITERATOR_OUTPUT, "D", { ...METRIC, iteration: 2 }),
      ],
      groups: ["m: C", "m[2]: B,D", "m[10]: A"],
    },
    {
      name: "keys sort before types, types before producers",
      rows: [
        row("b", ITERATOR_OUTPUT, "1"),
        row("a", OUTPUT, "2", { producer: "z" }),
        row("a", OUTPUT, "3", { producer: "y" }),
        row("a", ITERATOR_OUTPUT, "4", { producer: "z" }),
        row("a", OUTPUT, "5", { producer: undefined }),
      ],
      groups: ["a: 4", "a: 5", "a: 3", "a: 2", "b: 1"],
    },
  ])("$name", ({ rows, groups }, { expect }) => {
    expect(print(rows)).toEqual(groups);
  });
});

describe("encodeHydratedTask()", () => {
  const stored = create(PipelineTaskSchema, {
    taskId: "t",
    inputs: { parameters: [{ parameterKey: "p" }] },
    outputs: { parameters: [{ parameterKey: "q" }] },
  });
  const body = toBinary(PipelineTaskSchema, stored);

  test("answers the specification's example", ({ expect }) => {
    const train = { producer: "train" };
    const rows = [
      row("model", OUTPUT, "A1", train),
      row("m", OUTPUT, "M2", { ...train, ...METRIC }),
      row("m", OUTPUT, "M1", { ...train, ...METRIC }),
      row("ds", TASK_OUTPUT_INPUT, "D1", { producer: "prep" }),
      row("ds", TASK_OUTPUT_INPUT, "D2", { producer: "prep" }),
    ];
    const task = fromBinary(PipelineTaskSchema, encodeHydratedTask(body, { links: rows }));
    expect(task.inputs?.parameters).toMatchObject([{ parameterKey: "p" }]);
    expect(task.outputs?.parameters).toMatchObject([{ parameterKey: "q" }]);
    expect(task.inputs?.artifacts).toMatchObject([
      { artifacts: [{ artifactId: "D1" }], type: TASK_OUTPUT_INPUT, artifactKey: "ds", producer: { taskName: "prep" } },
      { artifacts: [{ artifactId: "D2" }], type: TASK_OUTPUT_INPUT, artifactKey: "ds", producer: { taskName: "prep" } },
    ]);
    expect(task.outputs?.artifacts).toMatchObject([
      { artifacts: [{ artifactId: "M1" }, { artifactId: "M2" }], artifactKey: "m", producer: { taskName: "train" } },
      { artifacts: [{ artifactId: "A1" }], artifactKey: "model", producer: { taskName: "train" } },
    ]);
  });

  test("API-1: keeps iteration 0, an absent iteration and an absent producer apart", ({ expect }) => {
    const rows = [
      row("k", COLLECTED_INPUTS, "A", { iteration: 0 }),
      row("k", COLLECTED_INPUTS, "B"),
      row("k", COLLECTED_INPUTS, "C", { producer: undefined }),
    ];
    const task = fromBinary(PipelineTaskSchema, encodeHydratedTask(body, { links: rows }));
    expect(task.inputs?.artifacts.map(({ producer }) => producer?.iteration)).toEqual([undefined, undefined, 0n]);
    expect(task.inputs?.artifacts.map(({ producer }) => producer?.taskName)).toEqual([undefined, "p", "p"]);
  });

  test("adds the children in their given order", ({ expect }) => {
    const children = [
      { parentTaskId: "t", taskId: "2", name: "b" },
      { parentTaskId: "t", taskId: "1", name: "a" },
    ];
    expect(fromBinary(PipelineTaskSchema, encodeHydratedTask(body, { children })).childTasks).toMatchObject([
      { taskId: "2", name: "b" },
      { taskId: "1", name: "a" },
    ]);
  });
});
