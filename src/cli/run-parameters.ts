/**
 * Parameters of a run from the command line: a file of values, single values read by their declared type.
 *
 * @module
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { UsageError } from "../core/errors.ts";
import { parseJsonText } from "../core/json-text.ts";
import { ParameterType, type PipelineSpec } from "../core/kfp-types.ts";
import { checkRuntimeParameters } from "../core/runtime-parameters.ts";

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
  return parseJsonText(text);
}

function typeName(type: ParameterType | undefined): string {
  return type === undefined ? "unknown" : (ParameterType[type] ?? String(type));
}
