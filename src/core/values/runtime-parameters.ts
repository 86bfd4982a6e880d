/**
 * Do the parameters given to a run fit the root component of its pipeline?
 *
 * The same rules for CreateRun and for the command line. Values never appear in the messages. Defaults are not merged here: the root
 * driver applies them. Pure.
 *
 * Source: docs/spec/api-server.md#createrun, #api-22 (an integer is a whole number).
 *
 * @module
 */
import { toJson, type JsonValue } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import type { ComponentInputsSpec_ParameterSpec } from "../../gen/ml_pipelines/pipeline_spec_pb.js";
import { ParameterType, type PipelineSpec } from "../kfp-types.ts";
import { isUnsafeInteger, UNSAFE_INTEGER, valueProblem as problemOfValue } from "./value.ts";
import { isJsonObject } from "./json-object.ts";

/** What is wrong with a parameter of a run. */
export type ParameterProblemKind = "missing" | "unknown" | "type" | "value" | "literal" | "not-settable";

/** A parameter of a run that its pipeline cannot take. */
export interface ParameterProblem {
  readonly kind: ParameterProblemKind;
  readonly name: string;
  /** One sentence that names the parameter and says what to do. */
  readonly message: string;
}

/**
 * Checks the arguments of a run.
 *
 * @param spec Only the input definitions of its root are read.
 * @param values Arguments by parameter name, as JSON.
 * @returns Every problem found, unknown names first, then in order of declaration; empty when the run may start.
 */
export function checkRuntimeParameters(
  spec: Pick<PipelineSpec, "root">,
  values: Readonly<Record<string, JsonValue>>,
): ParameterProblem[] {
  const declared = spec.root?.inputDefinitions?.parameters ?? {};
  const names = Object.keys(declared).toSorted();
  const problems: ParameterProblem[] = [];
  for (const name of Object.keys(values)) {
    if (Object.hasOwn(declared, name)) continue;
    const known = names.length === 0 ? "the pipeline has none" : `known are ${names.join(", ")}`;
    problems.push({ kind: "unknown", name, message: `Parameter "${name}" is not declared by the pipeline: ${known}` });
  }
  for (const name of names) {
    const definition = declared[name];
    if (definition === undefined) continue;
    const problem = Object.hasOwn(values, name)
      ? valueProblem(name, definition, values[name] ?? null)
      : absenceProblem(name, definition);
    if (problem !== undefined) problems.push(problem);
  }
  return problems;
}

function absenceProblem(name: string, definition: ComponentInputsSpec_ParameterSpec): ParameterProblem | undefined {
  if (definition.defaultValue !== undefined || definition.isOptional) return undefined;
  const type = ParameterType[definition.parameterType];
  return { kind: "missing", name, message: `Parameter "${name}" (${type}) is required: give it a value` };
}

function valueProblem(
  name: string,
  definition: ComponentInputsSpec_ParameterSpec,
  value: JsonValue,
): ParameterProblem | undefined {
  const expected = expectedJson(definition.parameterType);
  const type = ParameterType[definition.parameterType] ?? String(definition.parameterType);
  if (expected === undefined) {
    return { kind: "not-settable", name, message: `Parameter "${name}" (${type}) cannot be given by the caller` };
  }
  if (!expected.accepts(value)) {
    const message = `Parameter "${name}" (${type}) needs ${expected.words}, not ${describe(value)}`;
    return { kind: "type", name, message };
  }
  const problem = problemOfValue(value) ?? unsafeInteger(definition.parameterType, value);
  if (problem !== undefined) {
    return { kind: "value", name, message: `Parameter "${name}" (${type}) cannot be used: ${problem}` };
  }
  const literals = definition.literals.map((literal) => toJson(ValueSchema, literal));
  if (literals.length > 0 && !literals.some((literal) => sameJson(literal, value))) {
    const allowed = literals.map((literal) => JSON.stringify(literal)).join(", ");
    return { kind: "literal", name, message: `Parameter "${name}" (${type}) must be one of ${allowed}` };
  }
  return undefined;
}

/** A whole number that was rounded when its text was read, or would be by the next reader. */
function unsafeInteger(type: ParameterType, value: JsonValue): string | undefined {
  const isUnsafe = type === ParameterType.NUMBER_INTEGER && typeof value === "number" && isUnsafeInteger(value);
  return isUnsafe ? `it is ${UNSAFE_INTEGER}` : undefined;
}

interface ExpectedJson {
  readonly words: string;
  accepts(value: JsonValue): boolean;
}

function expectedJson(type: ParameterType): ExpectedJson | undefined {
  switch (type) {
    case ParameterType.STRING:
      return { words: "a string", accepts: (value) => typeof value === "string" };
    case ParameterType.NUMBER_INTEGER:
      return { words: "a whole number", accepts: (value) => Number.isInteger(value) };
    case ParameterType.NUMBER_DOUBLE:
      return { words: "a number", accepts: (value) => typeof value === "number" };
    case ParameterType.BOOLEAN:
      return { words: "true or false", accepts: (value) => typeof value === "boolean" };
    case ParameterType.LIST:
      return { words: "a list", accepts: (value) => Array.isArray(value) };
    case ParameterType.STRUCT:
      return { words: "an object", accepts: isJsonObject };
    case ParameterType.PARAMETER_TYPE_ENUM_UNSPECIFIED:
    case ParameterType.TASK_FINAL_STATUS:
    case ParameterType.TASK_CONFIG:
    default:
      return undefined;
  }
}

function describe(value: JsonValue): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  if (typeof value === "number") return Number.isInteger(value) ? "a number" : "a number with a fraction";
  return typeof value === "boolean" ? "a boolean" : "a string";
}

/** Equal JSON, whatever the order of members. */
function sameJson(left: JsonValue, right: JsonValue): boolean {
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((item, index) => sameJson(item, right[index] ?? null));
  }
  if (typeof left === "object" && left !== null && typeof right === "object" && right !== null) {
    if (Array.isArray(left) || Array.isArray(right)) return false;
    const keys = Object.keys(left);
    return (
      keys.length === Object.keys(right).length &&
      keys.every((key) => Object.hasOwn(right, key) && sameJson(left[key] ?? null, right[key] ?? null))
    );
  }
  return left === right;
}
