import { describe, expect, test } from "vitest";
import { linkIdentity, linkStateOn, parameterMergeKey, sameParameter } from "../../../src/resolver/run/io-entries.ts";
import { IoType, artifact, parameter, row } from "../rows.ts";

const { ITERATOR_OUTPUT, OUTPUT, COMPONENT_INPUT, TASK_OUTPUT_INPUT } = IoType;

describe("linkStateOn()", () => {
  const outputArtifacts = [artifact("m", "A1", ITERATOR_OUTPUT, "a#0"), artifact("m", "A2", ITERATOR_OUTPUT, "a")];
  const loop = row("l", { parent: "root", id: "l", outputArtifacts });
  const link = (artifactId: string, iteration?: bigint, key = "m") => ({
    artifactId,
    taskId: "l",
    runId: "run-1",
    key,
    type: ITERATOR_OUTPUT,
    producer: { taskName: "a", ...(iteration === undefined ? {} : { iteration }) },
  });

  test.for([
    { name: "the same link", made: link("A1", 0n), state: "present" },
    { name: "another iteration", made: link("A1", 1n), state: "absent" },
    { name: "another artifact", made: link("A3", 0n), state: "absent" },
    { name: "another key", made: link("A1", 0n, "other"), state: "absent" },
    { name: "another type", made: { ...link("A1", 0n), type: OUTPUT }, state: "absent" },
    { name: "an artifact whose iteration the row hides", made: link("A2", 1n), state: "unknown" },
    { name: "no iteration on both sides", made: link("A2"), state: "present" },
  ])("says of $name: $state", ({ made, state }) => {
    expect(linkStateOn(loop, made)).toBe(state);
  });

  test("goes by what linkIdentity() tells apart: no iteration is not iteration 0, the producer's name does not count", () => {
    expect(linkIdentity(link("A1"))).not.toBe(linkIdentity(link("A1", 0n)));
    expect(linkIdentity({ ...link("A1"), producer: { taskName: "other" } })).toBe(linkIdentity(link("A1")));
  });
});

describe("parameterMergeKey()", () => {
  // docs/spec/api-server.md#parameter-merge
  test.for([
    { a: parameter("acc", 1, OUTPUT, "train"), b: parameter("acc", 2, OUTPUT, "train"), same: true },
    { a: parameter("acc", 1, OUTPUT, "train"), b: parameter("acc", 1, OUTPUT, "eval"), same: false },
    { a: parameter("x", 1, ITERATOR_OUTPUT, "a#0"), b: parameter("x", 1, ITERATOR_OUTPUT, "a#1"), same: false },
    { a: parameter("x", 1, ITERATOR_OUTPUT, "a#0"), b: parameter("x", 9, ITERATOR_OUTPUT, "a#0"), same: true },
    { a: parameter("x", 1, ITERATOR_OUTPUT, "a"), b: parameter("x", 2, ITERATOR_OUTPUT, "a"), same: false },
    { a: parameter("x", 1, ITERATOR_OUTPUT, "a"), b: parameter("x", 1, ITERATOR_OUTPUT, "a"), same: true },
    { a: parameter("n", 1, COMPONENT_INPUT), b: parameter("n", 1, TASK_OUTPUT_INPUT), same: false },
  ])("of $a.parameterKey: case %#", ({ a, b, same }) => {
    expect(parameterMergeKey(a) === parameterMergeKey(b)).toBe(same);
  });

  test("leaves the value to sameParameter()", () => {
    const entry = (value: number): ReturnType<typeof parameter> => parameter("acc", value, OUTPUT, "train");
    expect(sameParameter(entry(1), entry(1))).toBe(true);
    expect(sameParameter(entry(1), entry(2))).toBe(false);
  });
});
