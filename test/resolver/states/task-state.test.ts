import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  countStates,
  expectedChildCount,
  moveChild,
  parentState,
  rollUpCounts,
  rollUpState,
} from "../../../src/resolver/states/task-state.ts";
import { TaskState, TaskType, row, specOf } from "../rows.ts";

const { SUCCEEDED, FAILED, RUNNING, CACHED, SKIPPED, RUNTIME_STATE_UNSPECIFIED: UNSPECIFIED } = TaskState;
const anyState = fc.constantFrom(SUCCEEDED, FAILED, RUNNING, CACHED, SKIPPED, UNSPECIFIED);

describe("rollUpState()", () => {
  test.for([
    { name: "no children", states: [], state: undefined },
    { name: "one failed", states: [SUCCEEDED, FAILED, SKIPPED], state: FAILED },
    { name: "all cached", states: [CACHED, CACHED], state: CACHED },
    { name: "all skipped", states: [SKIPPED, SKIPPED], state: SKIPPED },
    { name: "cached and skipped", states: [CACHED, SKIPPED], state: SUCCEEDED },
    { name: "cached and succeeded", states: [CACHED, SUCCEEDED], state: SUCCEEDED },
    { name: "unspecified", states: [UNSPECIFIED], state: SUCCEEDED },
    { name: "running, of a task without parent", states: [RUNNING, SUCCEEDED], state: SUCCEEDED },
  ])("gives the state of: $name", ({ states, state }) => {
    expect(rollUpState(states)).toBe(state);
  });

  test("does not depend on the order of the children", () => {
    fc.assert(
      fc.property(fc.array(anyState), (states) => {
        expect(rollUpState(states.toSorted((a, b) => a - b))).toBe(rollUpState(states));
        expect(rollUpState(states.toReversed())).toBe(rollUpState(states));
      }),
    );
  });
});

describe("parentState()", () => {
  test.for([
    { states: [SUCCEEDED, RUNNING], expected: 2, state: undefined },
    { states: [FAILED, RUNNING], expected: 2, state: FAILED },
    { states: [FAILED], expected: 2, state: FAILED },
    { states: [SUCCEEDED], expected: 2, state: undefined },
    { states: [SUCCEEDED, SUCCEEDED, SUCCEEDED], expected: 2, state: SUCCEEDED },
    { states: [SUCCEEDED, SKIPPED], expected: 2, state: SUCCEEDED },
    { states: [], expected: 0, state: undefined },
  ])("of $states with $expected expected children is $state", ({ states, expected, state }) => {
    expect(parentState(countStates(states), expected)).toBe(state);
  });
});

describe("moveChild()", () => {
  test("gives the counts of the changed children", () => {
    fc.assert(
      fc.property(fc.array(anyState, { minLength: 1 }), anyState, (states, to) => {
        const [from = UNSPECIFIED, ...rest] = states;
        expect(moveChild(countStates(states), from, to)).toEqual(countStates([to, ...rest]));
        expect(rollUpCounts(countStates(states))).toBe(rollUpState(states));
      }),
    );
  });
});

describe("expectedChildCount()", () => {
  const { root } = specOf({ root: { dag: { tasks: { p: {}, q: {} } } } });
  const leaf = specOf({ root: { executorLabel: "x" } }).root;

  test("is the number of tasks, times the iterations of a loop", () => {
    expect(expectedChildCount(root!, row("root"))).toBe(2);
    expect(expectedChildCount(root!, row("l", { parent: "r", type: TaskType.LOOP, count: 3 }))).toBe(6);
    expect(expectedChildCount(root!, row("l", { parent: "r", type: TaskType.LOOP, count: 0 }))).toBe(0);
    expect(expectedChildCount(root!, row("l", { parent: "r", type: TaskType.CONDITION_BRANCH }))).toBe(2);
  });

  test("refuses a loop without count, and a component without tasks", () => {
    expect(() => expectedChildCount(root!, row("l", { parent: "r", type: TaskType.LOOP }))).toThrow(/has no iteration count/);
    expect(() => expectedChildCount(leaf!, row("root"))).toThrow(/is not a DAG/);
  });
});
