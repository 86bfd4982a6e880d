import { expect, test } from "vitest";
import { quantityValue } from "../../../src/local/pods/quantity-value.ts";

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
