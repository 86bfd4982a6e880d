import { describe, test } from "vitest";
import { conditionHolds } from "./conditions.ts";

const inputs = new Map<string, string | number | boolean>([
  ["pipelinechannel--mode", "a"],
  ["pipelinechannel--n", 3],
  ["pipelinechannel--flag", true],
]);
const mode = "inputs.parameter_values['pipelinechannel--mode']";
const n = "int(inputs.parameter_values['pipelinechannel--n'])";

describe("conditionHolds()", () => {
  test.for<[string, boolean]>([
    [`${mode} == 'a'`, true],
    [`${mode} != 'a'`, false],
    [`!(${mode} == 'a') && ${n} > 2`, false],
    [`!(${mode} == 'b') && !(${n} > 3)`, true],
    [`${n} <= -3 || ${n} >= 3`, true],
    [`inputs.parameter_values['pipelinechannel--flag'] == true`, true],
    [`inputs.parameter_values['pipelinechannel--n'] < 2.5`, false],
  ])("%s", ([condition, expected], { expect }) => {
    expect(conditionHolds(condition, inputs)).toBe(expected);
  });

  test.for([`${mode} ==`, `${mode} in ['a']`, "size('a') == 1", "inputs.parameter_values['x'] == 1", "1 2", "3"])(
    "refuses %s",
    (condition, { expect }) => {
      expect(() => conditionHolds(condition, inputs)).toThrow();
    },
  );
});
