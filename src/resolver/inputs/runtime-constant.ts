/**
 * Constants of the task spec, defaults of components, and the placeholders in them.
 *
 * These are the texts an author writes, and here, where they stand, is the only place that reads them for placeholders: what comes out
 * is data, for every task it is handed to. A constant that is exactly one placeholder becomes what it stands for, type and producer
 * included; inside a longer text, a list or a struct, placeholders are replaced by their text form. A placeholder that neither the run
 * nor the task can answer stays as it is.
 *
 * Source: docs/spec/resolver.md#runtime-constants, #drv-19, #drv-31,
 * docs/spec/placeholders.md#decision-placeholders-in-constants, #decision-placeholders-in-defaults.
 *
 * @module
 */
import { SpecError } from "../../core/errors.ts";
import { IoType } from "../../core/kfp-types.ts";
import {
  findPlaceholders,
  jobPlaceholderValue,
  replacePlaceholders,
  wholePlaceholder,
} from "../../core/placeholders/placeholders.ts";
import type { Placeholder } from "../../core/placeholders/placeholders.ts";
import { jsonToValue, textOfValue, valueToJson } from "../../core/values/value.ts";
import type { JsonObject, JsonValue, Value } from "../../core/values/value.ts";
import type { Producer } from "../run/io-entries.ts";
import { describeInput, parentProducer } from "./resolve-context.ts";
import type { ResolveContext } from "./resolve-context.ts";

/** A value found for an input, before its type is looked at. The value is absent when the source holds none. */
export interface FoundParameter {
  readonly value: Value | undefined;
  readonly type: IoType;
  readonly producer: Producer;
}

/** A constant of the pipeline in which placeholders may stand. */
export interface ConstantRequest {
  /** Input the constant is given to. */
  readonly key: string;
  readonly constant: Value;
  /** Inputs that are being resolved for the sake of this one, outermost first. */
  readonly trail: readonly string[];
  /** Whether the task has another input of that name, given or by default. */
  readonly hasInput: (key: string) => boolean;
  /** Resolves another input of the same task. @throws {ResolveError} When the task does not have it. */
  readonly findParameter: (key: string, trail: readonly string[]) => Promise<FoundParameter | undefined>;
}

const CHANNEL_PREFIX = "pipelinechannel--";

/**
 * The value a constant stands for.
 *
 * @returns `undefined` when it is exactly one input and that has nothing to give.
 * @throws {SpecError} PLACEHOLDER_INVALID when inputs refer to each other in a circle, or two keys of a struct become the same.
 * @throws {ResolveError} when an input that the constant refers to cannot be resolved.
 */
export async function resolveConstant(context: ResolveContext, request: ConstantRequest): Promise<FoundParameter | undefined> {
  const { constant } = request;
  if (constant.kind.case !== "stringValue") return runtimeValue(context, await resolveMembers(context, request));
  const text = constant.kind.value;
  const whole = wholePlaceholder(text);
  const input = whole === undefined ? undefined : inputOf(request, whole);
  if (input !== undefined) return findInput(context, request, input);
  if (whole !== undefined) return runtimeValue(context, jsonToValue(contextText(context, whole) ?? text));
  return runtimeValue(context, jsonToValue(await resolveText(context, request, text)));
}

/** Lists and structs, leaf by leaf: their shape cannot be changed by what is inserted. */
async function resolveMembers(context: ResolveContext, request: ConstantRequest): Promise<Value> {
  const { case: kind } = request.constant.kind;
  if (kind !== "listValue" && kind !== "structValue") return request.constant;
  const resolve = async (json: JsonValue): Promise<JsonValue> => {
    if (typeof json === "string") return resolveText(context, request, json);
    if (Array.isArray(json)) return resolveInOrder(json, resolve);
    return typeof json === "object" && json !== null ? resolveObject(json) : json;
  };
  const resolveObject = async (object: JsonObject): Promise<JsonObject> => {
    const members = await resolveInOrder(Object.entries(object), async ([key, member]) => {
      return [await resolveText(context, request, key), await resolve(member)] as const;
    });
    const keys = members.map(([key]) => key);
    if (new Set(keys).size < keys.length) {
      const what = describeInput(context, request.key);
      throw new SpecError("PLACEHOLDER_INVALID", `Cannot resolve ${what}: two keys of one struct become the same text`);
    }
    return Object.fromEntries(members);
  };
  return jsonToValue(await resolve(valueToJson(request.constant)));
}

/** One after the other: each may read rows of the run. */
async function resolveInOrder<T, R>(items: readonly T[], resolve: (item: T) => Promise<R>): Promise<R[]> {
  const resolved: R[] = [];
  for (const item of items) resolved.push(await resolve(item));
  return resolved;
}

async function resolveText(context: ResolveContext, request: ConstantRequest, text: string): Promise<string> {
  const inputs = await inputTexts(context, request, text);
  return replacePlaceholders(text, (placeholder) => {
    const name = inputOf(request, placeholder);
    if (name !== undefined) return inputs.get(name);
    // Only a constant that is the root, and nothing else, is resolved here (docs/spec/resolver.md#drv-31).
    return isPipelineRoot(placeholder) ? undefined : contextText(context, placeholder);
  });
}

function runtimeValue(context: ResolveContext, value: Value): FoundParameter {
  return { value, type: IoType.RUNTIME_VALUE_INPUT, producer: parentProducer(context) };
}

/** The input of this task a placeholder refers to. The compiler makes channels, so one that the task lacks is a mistake and no text. */
function inputOf({ hasInput }: ConstantRequest, { reference }: Placeholder): string | undefined {
  if (reference.kind !== "input-parameter") return undefined;
  return reference.name.startsWith(CHANNEL_PREFIX) || hasInput(reference.name) ? reference.name : undefined;
}

function isPipelineRoot({ reference }: Placeholder): boolean {
  return reference.kind === "context" && reference.name === "pipeline_root";
}

function contextText({ job, taskKey, parent, pipelineRoot }: ResolveContext, { reference }: Placeholder): string | undefined {
  if (reference.kind !== "context") return undefined;
  // The task has no id yet; the reference gives its parent's, and it is part of fingerprints.
  return jobPlaceholderValue(reference.name, { ...job, taskName: taskKey, taskId: parent.taskId, pipelineRoot });
}

async function inputTexts(context: ResolveContext, request: ConstantRequest, text: string): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const placeholder of findPlaceholders(text)) {
    const name = inputOf(request, placeholder);
    if (name === undefined || texts.has(name)) continue;
    const found = await findInput(context, request, name);
    texts.set(name, found?.value === undefined ? "" : textOfValue(found.value));
  }
  return texts;
}

function findInput(
  context: ResolveContext,
  { key, trail, findParameter }: ConstantRequest,
  name: string,
): Promise<FoundParameter | undefined> {
  const path = [...trail, key];
  if (path.includes(name)) {
    const circle = [...path, name].map((input) => `"${input}"`).join(" -> ");
    throw new SpecError(
      "PLACEHOLDER_INVALID",
      `Cannot resolve ${describeInput(context, key)}: inputs refer in a circle: ${circle}`,
    );
  }
  return findParameter(name, path);
}
