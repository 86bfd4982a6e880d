import { describe, test } from "vitest";
import { declaredOutputs } from "../../../src/driver/outputs/declared-outputs.ts";
import type { DriverOptions } from "../../../src/driver/options.ts";
import { planOutputFiles } from "../../../src/driver/outputs/output-files.ts";

const CONTAINER = {
  type: "CONTAINER",
  conditionPath: "condition",
  cachedDecisionPath: "cached-decision",
  podSpecPatchPath: "pod-spec-patch",
} as DriverOptions;
const DECLARED = [
  { name: "pod-spec-patch", default: "" },
  { name: "cached-decision", default: "false" },
  { name: "condition", default: "true" },
];

// docs/spec/resident-driver.md#ten-traps-details-below (1)
describe("declaredOutputs()", () => {
  test("has every output of a step that runs", ({ expect }) => {
    const said = planOutputFiles(CONTAINER, {
      taskId: "t",
      cached: false,
      podSpecPatch: { containers: [{ name: "main", command: [], env: [], resources: {} }] },
    });
    expect(declaredOutputs(said, DECLARED)).toEqual([
      { name: "pod-spec-patch", value: '{"containers":[{"name":"main","command":[],"env":[],"resources":{}}]}' },
      { name: "cached-decision", value: "false" },
      { name: "condition", value: "nil" },
    ]);
  });

  test("has the defaults of what a cached or skipped step does not say", ({ expect }) => {
    const cached = planOutputFiles(CONTAINER, { taskId: "t", cached: true });
    expect(declaredOutputs(cached, DECLARED)[0]).toEqual({ name: "pod-spec-patch", value: "" });
    const operation = planOutputFiles(CONTAINER, { taskId: "t", condition: false });
    expect(declaredOutputs(operation, DECLARED)).toEqual([
      { name: "pod-spec-patch", value: "" },
      { name: "cached-decision", value: "false" },
      { name: "condition", value: "false" },
    ]);
  });

  test("takes an empty text for a value", ({ expect }) => {
    expect(declaredOutputs([{ path: "a", text: "" }], [{ name: "a", default: "x" }])).toEqual([{ name: "a", value: "" }]);
  });

  test("leaves out what nobody declares", ({ expect }) => {
    expect(declaredOutputs([{ path: "a", text: "1" }], [])).toEqual([]);
  });

  test("rejects an output that nobody can give", ({ expect }) => {
    expect(() => declaredOutputs([], [{ name: "new-output" }])).toThrow(
      'Output parameter "new-output" of the driver template has no default',
    );
  });
});
