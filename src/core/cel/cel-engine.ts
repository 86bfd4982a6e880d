/**
 * Expressions evaluated by @bufbuild/cel. The only module that loads it; reached through expression.ts.
 *
 * Where the engine differs from cel-go in what pipelines can see, it is corrected here: conversions from text are as strict as Go's,
 * strings order by bytes, a null member of a map is present, and names and literals are checked before evaluation.
 *
 * Source: docs/spec/expressions.md, #decision-omitted-optional-input.
 *
 * @module
 */
import {
  celEnv,
  celError,
  celFunc,
  CelScalar,
  celUint,
  isCelError,
  isCelUint,
  listType,
  mapType,
  parse,
  plan,
} from "@bufbuild/cel";
import type { CelError, CelInput, CelList, CelMap } from "@bufbuild/cel";
import { create } from "@bufbuild/protobuf";
import { base64Encode } from "@bufbuild/protobuf/wire";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { errorMessage, ResolveError, SpecError } from "../errors.ts";
import { EVALUATION_STEPS, EvaluationBudget, meterEnvironment, meterMacros } from "./budget.ts";
import { scopeOfMessage } from "./check.ts";
import type { Scope } from "./check.ts";
import { compileExpression, describeProblem } from "./compile.ts";
import { celListOf, celOfJson, celOfMessage, celOfValues, jsonOfCel } from "./cel-values.ts";
import { generalDecimal, parseGoFloat } from "../go/float.ts";
import { parseDecimalInteger, parseGoBool } from "../go/number.ts";
import { ExecutorInput_InputsSchema, ExecutorInput_OutputsSchema } from "../../gen/ml_pipelines/pipeline_spec_pb.js";
import { ExecutorInputSchema } from "../kfp-types.ts";
import type { ExecutorInput } from "../kfp-types.ts";
import { compareUtf8 } from "../go/unicode.ts";
import { jsonToValue, textOfValue, valueToJson } from "../values/value.ts";
import type { JsonValue, Value } from "../values/value.ts";
import { oneLine } from "../one-line.ts";

const { BOOL, DOUBLE, DYN, INT, STRING, UINT } = CelScalar;

function readInteger(text: string): bigint {
  const integer = parseDecimalInteger(text);
  if (typeof integer === "string") throw new Error(`text is not a decimal integer (${integer})`);
  return integer;
}

function readUnsigned(text: string): CelInput<typeof UINT> {
  if (!/^[0-9]+$/.test(text) || BigInt(text) >= 2n ** 64n) throw new Error("text is not an unsigned decimal integer");
  return celUint(BigInt(text));
}

function readDouble(text: string): number {
  const number = parseGoFloat(text);
  if (typeof number === "string") throw new Error(number);
  return number;
}

function readBool(text: string): boolean {
  const flag = parseGoBool(text);
  if (flag === undefined) throw new Error("text is neither true nor false");
  return flag;
}

function parseJson(text: string): CelInput {
  let json: JsonValue;
  try {
    json = JSON.parse(text) as JsonValue;
    // Refuses numbers that do not fit into a double, as Go does.
    jsonToValue(json);
  } catch {
    throw new Error("failed to unmarshal JSON: the text is not valid JSON");
  }
  return celOfJson(json);
}

// The engine has matches() as a method only; cel-go has both forms.
const matchesMethod = plan(celEnv(), parse("text.matches(pattern)"));

function matches(text: string, pattern: string): boolean {
  const result = matchesMethod({ text, pattern });
  if (isCelError(result)) throw result;
  return result === true;
}

// The engine asks a map's has(), which is false for null members of maps that an expression makes itself.
function isKeyOf(key: unknown, map: CelMap): boolean {
  if (Object.hasOwn(map, "has")) return map.has(key as string);
  return map.get(key as string) !== undefined;
}

const MAP = mapType(DYN, DYN);
const LIST = listType(DYN);

// The engine's is a chain of lists, which takes longer to walk with every link: map() and filter() make one link an item.
function concatenate(left: CelList, right: CelList): CelList {
  return celListOf([...left, ...right]);
}

const environment = celEnv({
  funcs: [
    celFunc("parseJson", [STRING], DYN, parseJson),
    celFunc("int", [STRING], INT, readInteger),
    celFunc("uint", [STRING], UINT, readUnsigned),
    celFunc("double", [STRING], DOUBLE, readDouble),
    celFunc("bool", [STRING], BOOL, readBool),
    celFunc("string", [DOUBLE], STRING, generalDecimal),
    celFunc("matches", [STRING, STRING], BOOL, matches),
    ...[STRING, DOUBLE, INT, BOOL, UINT].map((key) => celFunc("@in", [key, MAP], BOOL, isKeyOf)),
    // Whatever cannot be a key is in no map.
    celFunc("@in", [DYN, MAP], BOOL, () => false),
    celFunc("_+_", [LIST, LIST], LIST, concatenate),
    celFunc("_<_", [STRING, STRING], BOOL, (left, right) => compareUtf8(left, right) < 0),
    celFunc("_<=_", [STRING, STRING], BOOL, (left, right) => compareUtf8(left, right) <= 0),
    celFunc("_>_", [STRING, STRING], BOOL, (left, right) => compareUtf8(left, right) > 0),
    celFunc("_>=_", [STRING, STRING], BOOL, (left, right) => compareUtf8(left, right) >= 0),
  ],
});

const CONDITION_SCOPE = scopeOfMessage(ExecutorInputSchema);
const SELECTOR_SCOPE = scopeOfMessage(ValueSchema);

/** As in expression.ts. */
export function evaluateCondition(condition: string, executorInput: ExecutorInput, optionalInputs: ReadonlySet<string>): boolean {
  const fail = (reason: string): SpecError => {
    return new SpecError("CONDITION_INVALID", `Cannot evaluate condition "${shorten(condition)}": ${oneLine(reason)}`);
  };
  // Both variables are always defined: an absent message counts as an empty one.
  const inputs = executorInput.inputs ?? create(ExecutorInput_InputsSchema);
  const outputs = executorInput.outputs ?? create(ExecutorInput_OutputsSchema);
  const variables = {
    inputs: celOfMessage(ExecutorInput_InputsSchema, inputs, {
      parameter_values: celOfValues(inputs.parameterValues, optionalInputs),
    }),
    outputs: celOfMessage(ExecutorInput_OutputsSchema, outputs),
  };
  const result = evaluate(condition, CONDITION_SCOPE, variables, fail);
  if (typeof result !== "boolean") throw fail("the result is not a boolean");
  return result;
}

/** As in expression.ts. */
export function evaluateSelector(selector: string, value: Value): Value {
  const fail = (reason: string): ResolveError => {
    return new ResolveError("EXPRESSION_FAILED", `Cannot evaluate selector "${shorten(selector)}": ${oneLine(reason)}`);
  };
  const variables: Variables = { string_value: textOfValue(value) };
  for (const name of Object.values(PROTO_NAMES)) variables[name] = celError(`no such attribute: the value has no ${name}`);
  const field = value.kind.case;
  if (field !== undefined && field !== "stringValue") variables[PROTO_NAMES[field]] = celOfJson(valueToJson(value));
  const result = evaluate(selector, SELECTOR_SCOPE, variables, fail);
  const json = jsonOfResult(result);
  if (json === undefined) throw fail("the result cannot be converted to a parameter value");
  return jsonToValue(json);
}

const PROTO_NAMES = {
  nullValue: "null_value",
  numberValue: "number_value",
  boolValue: "bool_value",
  structValue: "struct_value",
  listValue: "list_value",
} as const;

type Variables = Record<string, CelInput | CelError>;

function evaluate(expression: string, scope: Scope, variables: Variables, fail: (reason: string) => Error): unknown {
  const budget = new EvaluationBudget();
  let run: ReturnType<typeof plan>;
  try {
    const { parsed, expr } = compileExpression(expression, scope);
    meterMacros(expr);
    run = plan(meterEnvironment(environment, budget), parsed);
  } catch (error) {
    throw fail(describeProblem(errorMessage(error)));
  }
  // The engine takes errors as values of variables, its types do not say so.
  const result = run(variables as Record<string, CelInput>);
  if (budget.exceeded) {
    throw fail(`it takes more than ${EVALUATION_STEPS.toLocaleString("en")} steps; loop over shorter lists, or decide in a step`);
  }
  if (isCelError(result)) throw fail(describeProblem(result.message));
  return result;
}

/** Enough of an expression to find it in the pipeline. */
function shorten(expression: string): string {
  const line = oneLine(expression);
  return line.length <= SHOWN_CHARACTERS ? line : `${line.slice(0, SHOWN_CHARACTERS - 1)}…`;
}

const SHOWN_CHARACTERS = 400;

/** JSON of a result, or `undefined` where a value cannot hold it: null, and what the expression itself put together. */
function jsonOfResult(result: unknown): JsonValue | undefined {
  if (typeof result === "string" || typeof result === "boolean") return result;
  if (typeof result === "number") return Number.isFinite(result) ? result : undefined;
  if (typeof result === "bigint") return Number(result);
  if (result instanceof Uint8Array) return base64Encode(result);
  if (typeof result !== "object" || result === null) return undefined;
  return isCelUint(result) ? Number(result.value) : jsonOfCel(result);
}
