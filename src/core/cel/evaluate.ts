/**
 * Trigger conditions and parameter selectors, CEL expressions over resolved inputs.
 *
 * The engine is a chunk of its own and takes longer to load than most steps need for everything else, so it is loaded only for
 * tasks that have such an expression.
 *
 * Source: docs/spec/expressions.md.
 *
 * @module
 */
import { ResolveError } from "../errors.ts";
import { jsonPathText, parseJsonText, type ParsedJson } from "../values/json-text.ts";
import type { ExecutorInput } from "../kfp-types.ts";
import { isNullValue, jsonToValue, textOfValue, UNSAFE_INTEGER, valueProblem } from "../values/value.ts";
import type { Value } from "../values/value.ts";

/** What the component says about the inputs of a condition. */
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
 * reason, in one line and without values. Over the budget of expression-budget.ts counts as a failure.
 */
export async function evaluateCondition(
  condition: string,
  executorInput: ExecutorInput,
  options: ConditionOptions,
): Promise<boolean> {
  const engine = await import("./cel-engine.ts");
  return engine.evaluateCondition(condition, executorInput, options.optionalInputs);
}

/**
 * What a selector picks from a resolved value.
 *
 * @throws {ResolveError} EXPRESSION_FAILED when it does not compile, fails, or gives what no value can hold: null, or a list or map
 * made in the expression. VALUE_INVALID when the value itself has no kind, or what is picked from a text is an integer beyond 2^53.
 */
export async function evaluateSelector(selector: string, value: Value): Promise<Value> {
  const picked = pickByKey(selector, value);
  if (picked !== undefined) return picked;
  const engine = await import("./cel-engine.ts");
  return engine.evaluateSelector(selector, value);
}

/** Input parameters of a task by name, with the kind of their values where it is certain. */
export type InputKinds = ReadonlyMap<string, "number" | "string" | "boolean" | "list" | "struct" | undefined>;

/** What can be said about a condition without its inputs. */
export interface ConditionReport {
  /** Why it can never be evaluated. */
  readonly invalid?: string;
  /** Inputs it takes without the task having them, sorted; none whose presence it asks for. */
  readonly unknownInputs: readonly string[];
  /** Why it fails unless `&&`, `||` or a macro goes around the operand. */
  readonly doubtful?: string;
}

/** What can be known to be wrong with a trigger condition before a run. Never throws. */
export async function checkConditionText(condition: string, inputs: InputKinds): Promise<ConditionReport> {
  const engine = await import("./static-check.ts");
  return engine.checkConditionText(condition, inputs);
}

/** Why a selector can never be evaluated. Never throws. */
export async function checkSelectorText(selector: string): Promise<string | undefined> {
  if (KEY_SELECTOR.test(selector)) return undefined;
  const engine = await import("./static-check.ts");
  return engine.checkSelectorText(selector);
}

const KEY_SELECTOR = /^parseJson\(string_value\)\["([\w-]*)"\]$/;

/** The one form that compilers emit, where it succeeds; everything else, failures included, is the engine's. */
function pickByKey(selector: string, value: Value): Value | undefined {
  const key = KEY_SELECTOR.exec(selector)?.[1];
  if (key === undefined || isNullValue(value)) return undefined;
  let parsed: ParsedJson;
  try {
    parsed = parseJsonText(textOfValue(value), { repeatedKeys: "keep-last" });
  } catch {
    return undefined;
  }
  // What is not right with the text the engine says.
  if ("problem" in parsed || valueProblem(parsed.value) !== undefined) return undefined;
  const { value: json, roundedIntegers } = parsed;
  if (typeof json !== "object" || json === null || Array.isArray(json) || !Object.hasOwn(json, key)) return undefined;
  // A number that is rounded elsewhere in the text is nobody's business.
  const rounded = roundedIntegers.find(([name]) => name === key);
  if (rounded !== undefined) throw new ResolveError("VALUE_INVALID", `member ${jsonPathText(rounded)} is ${UNSAFE_INTEGER}`);
  const member = json[key] ?? null;
  return member === null ? undefined : jsonToValue(member);
}
