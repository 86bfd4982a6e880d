/**
 * Trigger conditions and parameter selectors, CEL expressions over resolved inputs.
 *
 * The engine is a chunk of its own and takes longer to load than most steps need for everything else, so it is loaded only for
 * tasks that have such an expression.
 *
 * Source: contract/driver.md 5.
 *
 * @module
 */
import type { ExecutorInput } from "./kfp-types.ts";
import { isNullValue, jsonToValue, textOfValue } from "./value.ts";
import type { JsonValue, Value } from "./value.ts";

export interface ConditionOptions {
  /** Inputs that the component declares as optional: omitted, they read as null when indexed, but are absent for `in` and `has()`. */
  readonly optionalInputs: ReadonlySet<string>;
}

/**
 * Whether a task with this trigger condition is to run.
 *
 * @param condition Not empty; an empty one means "always" and is not for evaluation.
 * @param executorInput With resolved inputs; outputs are usually still empty.
 * @throws {SpecError} CONDITION_INVALID when it does not compile, fails or gives no boolean. The message holds the condition and the
 * reason, in one line and without values.
 */
export async function evaluateCondition(
  condition: string,
  executorInput: ExecutorInput,
  options: ConditionOptions,
): Promise<boolean> {
  const engine = await import("./expression-cel.ts");
  return engine.evaluateCondition(condition, executorInput, options.optionalInputs);
}

/**
 * What a selector picks from a resolved value.
 *
 * @throws {ResolveError} EXPRESSION_FAILED when it does not compile, fails, or gives what no value can hold: null, or a list or map
 * made in the expression. VALUE_INVALID when the value itself has no kind.
 */
export async function evaluateSelector(selector: string, value: Value): Promise<Value> {
  const picked = pickByKey(selector, value);
  if (picked !== undefined) return picked;
  const engine = await import("./expression-cel.ts");
  return engine.evaluateSelector(selector, value);
}

/** The one form that compilers emit, where it succeeds; everything else, failures included, is the engine's. */
function pickByKey(selector: string, value: Value): Value | undefined {
  const key = /^parseJson\(string_value\)\["([\w-]*)"\]$/.exec(selector)?.[1];
  if (key === undefined || isNullValue(value)) return undefined;
  try {
    const json = JSON.parse(textOfValue(value)) as JsonValue;
    if (typeof json !== "object" || json === null || Array.isArray(json) || !Object.hasOwn(json, key)) return undefined;
    // Converted as a whole, since a number out of range anywhere in the text is an error.
    const { kind } = jsonToValue(json);
    const member = kind.case === "structValue" ? kind.value.fields[key] : undefined;
    return member === undefined || isNullValue(member) ? undefined : member;
  } catch {
    return undefined;
  }
}
