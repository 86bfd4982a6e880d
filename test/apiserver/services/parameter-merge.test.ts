import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { ValueSchema } from "@bufbuild/protobuf/wkt";
import * as fc from "fast-check";
import { describe, test } from "vitest";
import { mergeParameters, parameterIdentity } from "../../../src/apiserver/services/parameter-merge.ts";
import { IoParameterSchema, IoType, type IoParameter } from "../../../src/core/kfp-types.ts";

type ValueInit = MessageInitShape<typeof ValueSchema>;

const num = (value: number): ValueInit => ({ kind: { case: "numberValue", value } });

function parameter(type: IoType, key: string, value: ValueInit, taskName?: string, iteration?: number): IoParameter {
  const producer = { taskName: taskName ?? "", ...(iteration === undefined ? {} : { iteration: BigInt(iteration) }) };
  return create(IoParameterSchema, { type, parameterKey: key, value, ...(taskName === undefined ? {} : { producer }) });
}

const struct = (fields: Record<string, number>): ValueInit => ({
  kind: {
    case: "structValue",
    value: { fields: Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, num(value)])) },
  },
});

const { OUTPUT, ITERATOR_OUTPUT, COMPONENT_INPUT, TASK_OUTPUT_INPUT, COLLECTED_INPUTS } = IoType;

// The table of docs/spec/api-server.md#parameter-merge.
describe("mergeParameters()", () => {
  test.for([
    {
      name: "a later value of one producer replaces the earlier",
      stored: [parameter(OUTPUT, "acc", num(1), "train")],
      incoming: [parameter(OUTPUT, "acc", num(2), "train")],
      values: [2],
    },
    {
      name: "two producers stand side by side",
      stored: [parameter(OUTPUT, "acc", num(1), "train")],
      incoming: [parameter(OUTPUT, "acc", num(2), "eval")],
      values: [1, 2],
    },
    {
      name: "no producer is not the same as one",
      stored: [parameter(OUTPUT, "acc", num(1))],
      incoming: [parameter(OUTPUT, "acc", num(2), "train")],
      values: [1, 2],
    },
    {
      name: "distinct iterations coexist",
      stored: [parameter(ITERATOR_OUTPUT, "x", num(1), "a", 0)],
      incoming: [parameter(ITERATOR_OUTPUT, "x", num(1), "a", 1)],
      values: [1, 1],
    },
    {
      name: "one iteration is replaced",
      stored: [parameter(ITERATOR_OUTPUT, "x", num(1), "a", 0)],
      incoming: [parameter(ITERATOR_OUTPUT, "x", num(9), "a", 0)],
      values: [9],
    },
    {
      name: "no iteration is not iteration 0",
      stored: [parameter(OUTPUT, "x", num(1), "a")],
      incoming: [parameter(OUTPUT, "x", num(2), "a", 0)],
      values: [1, 2],
    },
    {
      name: "iterator values without iteration are told apart by value",
      stored: [parameter(ITERATOR_OUTPUT, "x", num(1), "a")],
      incoming: [parameter(ITERATOR_OUTPUT, "x", num(2), "a")],
      values: [1, 2],
    },
    {
      name: "equal iterator values without iteration collapse",
      stored: [parameter(ITERATOR_OUTPUT, "x", num(1), "a")],
      incoming: [parameter(ITERATOR_OUTPUT, "x", num(1), "a")],
      values: [1],
    },
    {
      name: "types differ",
      stored: [parameter(COMPONENT_INPUT, "n", num(1), "ROOT")],
      incoming: [parameter(TASK_OUTPUT_INPUT, "n", num(1), "ROOT")],
      values: [1, 1],
    },
    {
      name: "the later of two equal keys in one request wins",
      stored: [],
      incoming: [parameter(OUTPUT, "acc", num(1), "a"), parameter(OUTPUT, "acc", num(2), "a")],
      values: [2],
    },
    {
      name: "an empty request changes nothing",
      stored: [parameter(OUTPUT, "a", num(1)), parameter(OUTPUT, "a", num(2))],
      incoming: [],
      values: [1, 2],
    },
    {
      name: "a replaced entry keeps its place, a new one goes to the end",
      stored: [parameter(OUTPUT, "a", num(1)), parameter(OUTPUT, "b", num(2))],
      incoming: [parameter(OUTPUT, "c", num(3)), parameter(OUTPUT, "a", num(4))],
      values: [4, 2, 3],
    },
    {
      name: "keys that only look alike when joined are two",
      stored: [parameter(OUTPUT, "a-b", num(1), "c")],
      incoming: [parameter(OUTPUT, "a", num(2), "b-c")],
      values: [1, 2],
    },
  ])("$name", ({ stored, incoming, values }, { expect }) => {
    expect(mergeParameters(stored, incoming).map((entry) => entry.value?.kind.value)).toEqual(values);
  });

  test("does not look at the order of struct members", ({ expect }) => {
    const left = parameter(COLLECTED_INPUTS, "x", struct({ a: 1, b: 2 }));
    expect(parameterIdentity(left)).toBe(parameterIdentity(parameter(COLLECTED_INPUTS, "x", struct({ b: 2, a: 1 }))));
    expect(parameterIdentity(left)).not.toBe(parameterIdentity(parameter(COLLECTED_INPUTS, "x", struct({ a: 1, b: 3 }))));
  });

  const anyParameter = fc
    .record({
      type: fc.constantFrom(OUTPUT, ITERATOR_OUTPUT, COMPONENT_INPUT, COLLECTED_INPUTS),
      key: fc.constantFrom("a", "b"),
      value: fc.integer({ min: 0, max: 2 }),
      producer: fc.option(fc.constantFrom("t", "u"), { nil: undefined }),
      iteration: fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined }),
    })
    .map((one) => parameter(one.type, one.key, num(one.value), one.producer, one.iteration));
  const anyList = fc.array(anyParameter, { maxLength: 8 });

  test("API-7: holds every key of both lists once, the incoming value winning", ({ expect }) => {
    fc.assert(
      fc.property(anyList, anyList, (first, incoming) => {
        const stored = mergeParameters([], first);
        const merged = mergeParameters(stored, incoming);
        const expected = new Map([...stored, ...incoming].map((entry) => [parameterIdentity(entry), entry]));
        expect(new Map(merged.map((entry) => [parameterIdentity(entry), entry]))).toEqual(expected);
        expect(merged).toHaveLength(expected.size);
      }),
      { numRuns: 200 },
    );
  });

  test("can be repeated, and updates of disjoint keys commute", ({ expect }) => {
    fc.assert(
      fc.property(anyList, anyList, anyList, (first, left, right) => {
        const stored = mergeParameters([], first);
        const once = mergeParameters(stored, left);
        expect(mergeParameters(once, left)).toEqual(once);
        const keys = new Set(left.map(parameterIdentity));
        const disjoint = right.filter((entry) => !keys.has(parameterIdentity(entry)));
        const sorted = (list: IoParameter[]) =>
          list.toSorted((one, two) => (parameterIdentity(one) < parameterIdentity(two) ? -1 : 1));
        expect(sorted(mergeParameters(mergeParameters(stored, disjoint), left))).toEqual(sorted(mergeParameters(once, disjoint)));
      }),
      { numRuns: 100 },
    );
  });
});
