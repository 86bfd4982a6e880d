import { expect, test } from "vitest";
import { resourceLimits } from "../../../src/local/containers/resource-limits.ts";

test.for([
  { limits: {}, expected: {} },
  { limits: { cpu: "250m", memory: "64Mi" }, expected: { cpus: 0.25, memoryBytes: 67_108_864 } },
  { limits: { cpu: "4" }, expected: {} },
  { limits: { cpu: "0", memory: "0" }, expected: {} },
  { limits: { "nvidia.com/gpu": "1" }, expected: {} },
])("$limits on two processors are $expected", ({ limits, expected }) => {
  expect(resourceLimits({ limits }, 2)).toEqual(expected);
});
