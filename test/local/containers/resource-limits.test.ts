import { expect, test } from "vitest";
import { quantityValue, resourceLimits } from "../../../src/local/containers/resource-limits.ts";

test.for([
  ["1", 1],
  ["500m", 0.5],
  ["1.5", 1.5],
  ["1Gi", 1024 ** 3],
  ["2G", 2e9],
  ["1e3", 1000],
  ["128Ki", 131072],
  ["", undefined],
  ["x", undefined],
  ["1Zi", undefined],
  ["toString", undefined],
] as const)("quantityValue(%j) is %s", ([text, value]) => {
  expect(quantityValue(text)).toBe(value);
});

test.for([
  { limits: {}, expected: {} },
  { limits: { cpu: "250m", memory: "64Mi" }, expected: { cpus: 0.25, memoryBytes: 67_108_864 } },
  { limits: { cpu: "4" }, expected: {} },
  { limits: { cpu: "0", memory: "0" }, expected: {} },
  { limits: { "nvidia.com/gpu": "1" }, expected: {} },
])("$limits on two processors are $expected", ({ limits, expected }) => {
  expect(resourceLimits({ limits }, 2)).toEqual(expected);
});
