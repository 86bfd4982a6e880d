import { create } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { IoArtifactSchema, IoType } from "../../src/core/kfp-types.ts";
import { artifactLinks } from "../../src/tasks/artifact-links.ts";

const target = { runId: "r", taskId: "t" };

function entry(artifactIds: string[], iteration?: number) {
  return create(IoArtifactSchema, {
    artifactKey: "models",
    type: IoType.COLLECTED_INPUTS,
    producer: { taskName: "for-loop-1", ...(iteration === undefined ? {} : { iteration: BigInt(iteration) }) },
    artifacts: artifactIds.map((artifactId) => ({ artifactId })),
  });
}

describe("artifactLinks()", () => {
  test("makes one link per artifact", ({ expect }) => {
    expect(artifactLinks(target, [entry(["a", "b"])])).toMatchObject([
      {
        artifactId: "a",
        taskId: "t",
        runId: "r",
        key: "models",
        type: IoType.COLLECTED_INPUTS,
        producer: { taskName: "for-loop-1" },
      },
      { artifactId: "b" },
    ]);
  });

  test("an artifact that a collected list holds twice is linked once (DRV-18)", ({ expect }) => {
    expect(artifactLinks(target, [entry(["a"]), entry(["a"]), entry(["a", "a"])])).toHaveLength(1);
    expect(artifactLinks(target, [entry(["a"], 0), entry(["a"], 1)])).toHaveLength(2);
  });

  test("refuses what the server would refuse", ({ expect }) => {
    expect(() => artifactLinks(target, [entry([""])])).toThrow(/"models" to task "t": it has no id/);
    const orphan = create(IoArtifactSchema, { artifactKey: "m", artifacts: [{ artifactId: "a" }] });
    expect(() => artifactLinks(target, [orphan])).toThrow(/has no producer/);
  });
});
