import { describe, test } from "vitest";
import { parsePipelineSpec } from "../../../src/core/spec/pipeline-spec.ts";
import type { JsonObject } from "../../../src/core/values/value.ts";
import { inputsTakenFromParent } from "../../../src/resolver/inputs/taken-inputs.ts";

const task = (inputs: JsonObject, more: JsonObject = {}): JsonObject => ({ componentRef: { name: "leaf" }, inputs, ...more });
const constant = { runtimeValue: { constant: "c" } };
const spec = parsePipelineSpec({
  pipelineInfo: { name: "p" },
  schemaVersion: "2.1.0",
  root: {
    dag: {
      tasks: {
        step: task({ parameters: { x: { componentInputParameter: "b" }, y: constant } }),
        loop: task(
          { artifacts: { list: { taskOutputArtifact: { producerTask: "step", outputArtifactKey: "o" } } } },
          { componentRef: { name: "sub" }, artifactIterator: { itemInput: "item", items: { inputArtifact: "list" } } },
        ),
        other: task({ parameters: { x: { componentInputParameter: "z" } } }),
      },
    },
  },
  components: {
    sub: { dag: { tasks: { step: task({ artifacts: { a: { componentInputArtifact: "item" } } }), toString: task({}) } } },
    leaf: { executorLabel: "exec" },
  },
  deploymentSpec: { executors: { exec: { container: { image: "i" } } } },
}).spec;

describe("inputsTakenFromParent()", () => {
  test("gathers over every DAG that has such a task, with the list that items come from", ({ expect }) => {
    expect(inputsTakenFromParent(spec, "step")).toEqual(["b", "item", "list"]);
  });

  test.for(["loop", "toString", "valueOf", "absent"])("is empty for %s", (key, { expect }) => {
    expect(inputsTakenFromParent(spec, key)).toEqual([]);
  });
});
