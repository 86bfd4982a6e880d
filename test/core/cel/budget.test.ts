import { create } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { evaluateCondition, evaluateSelector } from "../../../src/core/cel/evaluate.ts";
import { ExecutorInputSchema } from "../../../src/core/kfp-types.ts";
import { jsonToValue } from "../../../src/core/values/value.ts";
import type { JsonObject } from "../../../src/core/values/value.ts";

const list = (length: number): number[] => Array.from({ length }, (_, index) => index);
const PARAMETERS: JsonObject = {
  hundred: list(100),
  thousand: list(1000),
  many: list(100_000),
  text: "x".repeat(1_000_000),
  deep: JSON.parse(`${"[".repeat(30)}1${"]".repeat(30)}`) as number[],
};
const INPUT = create(ExecutorInputSchema, {
  inputs: { parameterValues: Object.fromEntries(Object.entries(PARAMETERS).map(([key, json]) => [key, jsonToValue(json)])) },
});

/** `$name` stands for the parameter of that name. */
function condition(text: string): Promise<boolean> {
  const spelled = text.replaceAll(/\$(\w+)/g, (_, name: string) => `inputs.parameter_values['${name}']`);
  return evaluateCondition(spelled, INPUT, { optionalInputs: new Set() });
}

const nested = (macro: string, levels: number, body: string): string =>
  levels === 0 ? body : `$hundred.${macro}(v${levels}, ${nested(macro, levels - 1, body)})`;
/** Doubles a value with every level. */
const doubled = (levels: number, seed: string): string =>
  levels === 0 ? seed : `[${doubled(levels - 1, seed)}].map(v${levels}, v${levels} + v${levels})[0]`;
const doubledList = (levels: number): string =>
  levels === 0 ? "[1]" : `[${doubledList(levels - 1)}].map(v${levels}, [v${levels}, v${levels}])[0]`;

describe("the budget of an evaluation", () => {
  test.for([
    ["macros in macros", nested("all", 5, "v1 >= 0")],
    ["exists in exists", nested("exists", 4, "v1 < 0")],
    ["maps of maps", `size(${nested("map", 4, "v1")}) > 0`],
    ["filters of filters", nested("exists_one", 4, "v1 == 1")],
    ["a macro whose errors are absorbed", nested("all", 4, "v1 / 0 == 1 || true")],
    ["the same beside what is true anyway", `${nested("all", 4, "v1 >= 0")} || true`],
    ["a text that doubles forty times", `${doubled(40, "'xx'")} == 'y'`],
    ["bytes that double forty times", `size(${doubled(40, "b'xx'")}) > 0`],
    ["a list that doubles forty times", `size(${doubled(40, "[1]")}) > 0`],
    ["lists of lists that are the same", `${doubledList(40)} == ${doubledList(40)}`],
    ["membership, again and again", "$many.all(a, a in $many)"],
    ["searching a long text, again and again", "$thousand.all(a, $text.contains('y') == false)"],
    ["comparing a long text, again and again", "$thousand.all(a, $text == $text)"],
    ["reading a long text, again and again", "$thousand.all(a, size($text) > 1)"],
    ["a pattern on a long text", "$text.matches('((x+)*)*y{900}')"],
    ["a pattern as a function", "matches($text, '(x*){900}y')"],
  ] as const)("stops %s", { timeout: 120_000 }, async ([, text], { expect }) => {
    await expect(condition(text)).rejects.toMatchObject({
      code: "CONDITION_INVALID",
      message: expect.stringMatching(/^Cannot evaluate condition .*: it takes more than 1,000,000 steps; .*/) as string,
    });
  });

  test.for([
    ["two macros over a hundred", nested("all", 2, "v1 >= 0"), true],
    ["a thousand members", "$thousand.all(a, a >= 0 && a < 1000)", true],
    ["a map of a thousand members", "size($thousand.map(a, a + 1.0)) == 1000", true],
    ["membership in a long list", "99999.0 in $many", true],
    ["a long text", "$text.endsWith('x') && $text != 'y' && size($text) == 1000000", true],
    ["a pattern that backtracking would not survive", "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'.matches('^(a+)+$')", false],
    [
      "a hundred conditions in a row",
      list(100)
        .map((item) => `$hundred[${item}] == ${item}`)
        .join(" && "),
      true,
    ],
    ["deep values", "$deep == $deep", true],
  ] as const)("allows %s", async ([, text, value], { expect }) => {
    expect(await condition(text)).toBe(value);
  });

  test("is the same for selectors", async ({ expect }) => {
    const value = jsonToValue(list(1000));
    const selector = "list_value.all(a, list_value.all(b, a + b >= 0.0))";
    await expect(evaluateSelector(selector, value)).rejects.toMatchObject({
      code: "EXPRESSION_FAILED",
      message: expect.stringContaining("it takes more than 1,000,000 steps") as string,
    });
    expect(await evaluateSelector("list_value.all(a, a >= 0.0)", value)).toEqual(jsonToValue(true));
  });

  test.for([
    ["too long", `'${"x".repeat(70_000)}' == 'y'`, "it has 70009 characters, the limit is 65536"],
    ["too deep", `${"(".repeat(20_000)}true${")".repeat(20_000)}`, "nested too deeply"],
    ["too deep in calls", `${"!(".repeat(10_000)}true${")".repeat(10_000)}`, "nested too deeply"],
  ] as const)("an expression that is %s is refused", async ([, text, reason], { expect }) => {
    await expect(condition(text)).rejects.toMatchObject({
      code: "CONDITION_INVALID",
      message: expect.stringContaining(reason) as string,
    });
  });

  test("the message shows the beginning of a long expression", async ({ expect }) => {
    const error = await condition(`'${"x".repeat(1000)}'`).catch((reason: unknown) => reason as Error);
    expect((error as Error).message).toMatch(/^Cannot evaluate condition "'x{398}…": the result is not a boolean$/);
  });
});
