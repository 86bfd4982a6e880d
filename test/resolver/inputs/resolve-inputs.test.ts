import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { PipelineTaskSpecSchema } from "../../../src/gen/ml_pipelines/pipeline_spec_pb.js";
import { producersOf } from "../../../src/resolver/inputs/resolve-inputs.ts";
import { IoType, parameter, row } from "../rows.ts";
import { constant, resolve } from "../resolving.ts";

describe("resolveInputs()", () => {
  test("gives parameters, then defaults, each sorted by key, then items", async () => {
    const { parameters, iterationCount } = await resolve({
      task: {
        inputs: { parameters: { z: constant(1), b: constant(2) } },
        parameterIterator: { items: { raw: "[7,8]" }, itemInput: "a" },
      },
      component: { inputDefinitions: { parameters: { y: { defaultValue: 3 }, c: { defaultValue: 4 } } } },
    });
    expect(parameters.map(({ parameterKey }) => parameterKey)).toEqual(["b", "z", "c", "y", "a", "a"]);
    expect(iterationCount).toBe(2);
  });

  test("has no iteration count without an iterator", async () => {
    expect(await resolve({})).toMatchObject({ parameters: [], artifacts: [] });
    expect("iterationCount" in (await resolve({}))).toBe(false);
  });

  test("never mistakes properties of every object for inputs", async () => {
    const task = { inputs: { parameters: { n: { componentInputParameter: "constructor" } } } };
    await expect(resolve({ task })).rejects.toThrow(/the resolved input is null/);
    const named = { inputs: { parameters: { toString: constant("x") } } };
    expect((await resolve({ task: named })).parameters).toHaveLength(1);
  });

  test("does not need the producers it was not told to read", async () => {
    const task = { inputs: { parameters: { n: { taskOutputParameter: { producerTask: "prep", outputParameterKey: "x" } } } } };
    const rows = (root: ReturnType<typeof row>): ReturnType<typeof row>[] => [
      row("prep", { parent: root, id: "prep", outputs: [parameter("x", 1, IoType.OUTPUT, "prep")] }),
    ];
    const given = { task, tasks: { prep: { componentRef: { name: "leaf" } } }, rows, lean: ["prep"] };
    expect((await resolve(given)).parameters).toHaveLength(1);
  });
});

describe("producersOf()", () => {
  test("names each sibling once, sorted", () => {
    const taskSpec = create(PipelineTaskSpecSchema, {
      inputs: {
        parameters: {
          a: { kind: { case: "taskOutputParameter", value: { producerTask: "z", outputParameterKey: "x" } } },
          b: { kind: { case: "taskFinalStatus", value: { producerTask: "exit-handler-1" } } },
          c: { kind: { case: "componentInputParameter", value: "p" } },
        },
        artifacts: {
          d: { kind: { case: "taskOutputArtifact", value: { producerTask: "z", outputArtifactKey: "m" } } },
          e: { kind: { case: "taskOutputArtifact", value: { producerTask: "a", outputArtifactKey: "m" } } },
          f: { kind: { case: "componentInputArtifact", value: "q" } },
        },
      },
    });
    expect(producersOf(taskSpec)).toEqual(["a", "exit-handler-1", "z"]);
    expect(producersOf(create(PipelineTaskSpecSchema))).toEqual([]);
  });
});
