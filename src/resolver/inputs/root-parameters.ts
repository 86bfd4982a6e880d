/**
 * Input parameters of the root: what the run was given, and defaults of the pipeline with their placeholders resolved.
 *
 * The compiler of a workflow puts defaults and given values into one map, so a default is recognised by being equal to it. Everything
 * else is data of the person who started the run and is never read for placeholders. Resolved here, a default is the same for all tasks
 * and part of their fingerprints.
 *
 * Source: docs/spec/driver-flows.md#root_dag, docs/spec/placeholders.md#decision-placeholders-in-defaults,
 * docs/spec/json-and-rest.md#decision-big-integers.
 *
 * @module
 */
import { ResolveError } from "../../core/errors.ts";
import { jsonPathText, type JsonPath } from "../../core/values/json-text.ts";
import { ParameterType, type PipelineSpec } from "../../core/kfp-types.ts";
import { jobPlaceholderValue, replacePlaceholders } from "../../core/placeholders/placeholders.ts";
import {
  isUnsafeInteger,
  jsonToValue,
  UNSAFE_INTEGER,
  valuesEqual,
  valueToJson,
  type JsonValue,
  type Value,
} from "../../core/values/value.ts";
import type { RunFacts } from "../../core/placeholders/placeholders.ts";
import { lookup } from "../run/spec-lookup.ts";

/** The parameters a run was started with. */
export interface GivenRootParameters {
  readonly spec: Pick<PipelineSpec, "root">;
  readonly values: Readonly<Record<string, Value>>;
  /** Where the text of the values has integers that a double rounds, from the parameter's name on. */
  readonly roundedIntegers: readonly JsonPath[];
  readonly job: RunFacts;
}

/**
 * The root's parameters, sorted by name, so that two runs store the same.
 *
 * Placeholders for facts of the run are resolved; those for a task, of which there is none here, stay.
 *
 * @throws {ResolveError} VALUE_INVALID for an integer that cannot be carried exactly.
 */
export function rootParameters({ spec, values, roundedIntegers, job }: GivenRootParameters): [string, Value][] {
  const declared = spec.root?.inputDefinitions?.parameters;
  return Object.entries(values)
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, value]) => {
      const definition = lookup(declared, name);
      const rounded = roundedIntegers.find(([first]) => first === name)?.slice(1);
      assertExact(name, { value, type: definition?.parameterType, rounded });
      const template = definition?.defaultValue;
      const isDefault = template !== undefined && valuesEqual(value, template);
      return [name, isDefault ? resolveDefault(value, job) : value];
    });
}

interface GivenNumber {
  readonly value: Value;
  readonly type: ParameterType | undefined;
  readonly rounded: JsonPath | undefined;
}

function assertExact(name: string, { value, type, rounded }: GivenNumber): void {
  const isUnsafe =
    type === ParameterType.NUMBER_INTEGER && value.kind.case === "numberValue" && isUnsafeInteger(value.kind.value);
  const isMember = rounded !== undefined && rounded.length > 0;
  if (!isUnsafe && !isMember) return;
  const subject = isMember ? `member ${jsonPathText(rounded)} of parameter "${name}"` : `parameter "${name}"`;
  throw new ResolveError("VALUE_INVALID", `Cannot start the run: ${subject} is ${UNSAFE_INTEGER}`);
}

function resolveDefault(value: Value, job: RunFacts): Value {
  const resolveText = (text: string): string =>
    replacePlaceholders(text, ({ reference }) =>
      reference.kind === "context" && !isOfTask(reference.name)
        ? jobPlaceholderValue(reference.name, { ...job, taskName: "", taskId: "" })
        : undefined,
    );
  const resolve = (json: JsonValue): JsonValue => {
    if (typeof json === "string") return resolveText(json);
    if (Array.isArray(json)) return json.map(resolve);
    if (typeof json !== "object" || json === null) return json;
    return Object.fromEntries(Object.entries(json).map(([key, member]) => [key, resolve(member)]));
  };
  return jsonToValue(resolve(valueToJson(value)));
}

function isOfTask(name: string): boolean {
  return name === "pipeline_task_name" || name === "pipeline_task_uuid";
}
