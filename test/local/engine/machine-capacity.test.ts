import { expect, test } from "vitest";
import { chooseCapacity } from "../../../src/local/engine/machine-capacity.ts";

const machine = { cpu: 2, memory: 8e9 };

test.for([
  [undefined, machine],
  ["none", undefined],
  ["cpu=8", { cpu: 8, memory: 8e9 }],
  ["memory=16Gi, cpu=500m,nvidia.com/gpu=1", { cpu: 0.5, memory: 16 * 2 ** 30, "nvidia.com/gpu": 1 }],
] as const)("a capacity of %j on two processors and 8 GB is %j", ([text, capacity]) => {
  expect(chooseCapacity(text, machine)).toEqual(capacity);
});

test.for(["", "8", "cpu", "cpu=", "cpu=0", "cpu=-1", "cpu=x", "=1", "cpu=1,", "none,cpu=1"])("rejects %j", (text) => {
  expect(() => chooseCapacity(text, machine)).toThrow(`Cannot read option --capacity: "${text}" is not none, nor amounts`);
});
