import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { taskFilterText } from "../../src/apiclient/task-filter.ts";
import { TaskState } from "../../src/core/kfp-types.ts";

describe("taskFilterText()", () => {
  test.each([
    { name: "nothing", filter: {}, text: "" },
    {
      name: "names",
      filter: { names: ["a", "b"] },
      text: '{"predicates":[{"operation":"IN","key":"name","string_values":{"values":["a","b"]}}]}',
    },
    {
      name: "states, as numbers",
      filter: { states: [TaskState.RUNNING, TaskState.FAILED] },
      text: `{"predicates":[{"operation":"IN","key":"status","int_values":{"values":[${TaskState.RUNNING},${TaskState.FAILED}]}}]}`,
    },
    {
      name: "both: two conditions",
      filter: { names: ["a"], states: [TaskState.FAILED] },
      text: `{"predicates":[{"operation":"IN","key":"name","string_values":{"values":["a"]}},{"operation":"IN","key":"status","int_values":{"values":[${TaskState.FAILED}]}}]}`,
    },
  ])("writes $name", ({ filter, text }) => {
    expect(taskFilterText(filter)).toBe(text);
  });

  test("any name survives being decoded as a part of a URL, as the reference does", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (name) => {
        const decoded = decodeURIComponent(taskFilterText({ names: [name] }).replaceAll("+", " "));
        expect(JSON.parse(decoded)).toEqual({
          predicates: [{ operation: "IN", key: "name", string_values: { values: [name] } }],
        });
      }),
    );
  });
});
