/**
 * Parameters of a run from the command line: a file of values, single values read by their declared type.
 *
 * @module
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { UsageError } from "../../core/errors.ts";
import { jsonPathText, parseJsonText } from "../../core/values/json-text.ts";
import { ParameterType, type PipelineSpec } from "../../core/kfp-types.ts";
import { checkRuntimeParameters } from "../../core/values/runtime-parameters.ts";
import { UNSAFE_INTEGER, VALUE_TOO_DEEP } from "../../core/values/value.ts";

/** What a person gives as parameters of a run. */
export interface GivenParameters {
  /** `name=value`, in the order given. */
  readonly params: readonly string[];
  /** Contents of the file of `--params`. */
  readonly file?: JsonObject;
}

/**
 * Reads and checks all of them.
 *
 * @throws {UsageError} PARAMETER_INVALID with one line per problem, all problems at once. No line holds a value.
 */
export function readRunParameters(spec: PipelineSpec, { params, file = {} }: GivenParameters): Record<string, JsonValue> {
  const declared = spec.root?.inputDefinitions?.parameters ?? {};
  const values = new Map<string, JsonValue>(Object.entries(file));
  const problems = new Map<string, string>();
  for (const text of params) {
    const equals = text.indexOf("=");
    const name = equals < 0 ? text : text.slice(0, equals);
    if (equals <= 0) {
      problems.set(text, `Cannot read --param "${name}": it has to be name=value`);
      continue;
    }
    const type = Object.hasOwn(declared, name) ? declared[name]?.parameterType : undefined;
    const parsed = parseValue(text.slice(equals + 1), type);
    problems.delete(name);
    if ("problem" in parsed) problems.set(name, `Cannot read parameter "${name}" (${typeName(type)}): ${parsed.problem}`);
    else values.set(name, parsed.value);
  }
  const checked = checkRuntimeParameters(spec, Object.fromEntries(values)).filter(({ name }) => !problems.has(name));
  const lines = [...problems.values(), ...checked.map(({ message }) => message)];
  if (lines.length > 0) throw new UsageError("PARAMETER_INVALID", lines.join("\n"));
  return Object.fromEntries(values);
}

/** STRING as it is, everything else as JSON. The type of an unknown parameter does not matter: its name is the problem. */
function parseValue(text: string, type: ParameterType | undefined): { value: JsonValue } | { problem: string } {
  if (type === undefined || type === ParameterType.STRING) return { value: text };
  const parsed = parseJsonText(text, { tooDeep: VALUE_TOO_DEEP });
  if ("problem" in parsed) return { problem: parsed.problem + hint(text, type) };
  // A rounded number in a list or struct is not seen in its value; one that is the whole parameter is (core/values/runtime-parameters.ts).
  const rounded = parsed.roundedIntegers.find((path) => path.length > 0);
  return rounded === undefined ? parsed : { problem: `member ${jsonPathText(rounded)} is ${UNSAFE_INTEGER}` };
}

/** What somebody who thinks in Python, or whose shell took the quotes, wanted to write. */
function hint(text: string, type: ParameterType): string {
  const word = text.trim();
  if (type === ParameterType.BOOLEAN) {
    const flag = /^(?:true|yes|on|1)$/i.test(word) ? "true" : /^(?:false|no|off|0)$/i.test(word) ? "false" : undefined;
    return flag === undefined ? "; write true or false" : `; write ${flag}, without quotes and in lower case`;
  }
  if (type !== ParameterType.LIST && type !== ParameterType.STRUCT) return "";
  if (/\b(?:True|False|None)\b/.test(word)) return "; JSON writes true, false and null where Python writes True, False and None";
  if (/^[[{]\s*'/.test(word)) return "; JSON quotes texts and keys with \", not with '";
  if (/^[[{]\s*[A-Za-z_]/.test(word))
    return "; texts and keys need double quotes, which the shell takes away unless the whole value is in single quotes";
  return "";
}

function typeName(type: ParameterType | undefined): string {
  return type === undefined ? "unknown" : (ParameterType[type] ?? String(type));
}
