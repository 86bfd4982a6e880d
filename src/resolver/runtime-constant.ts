/**
 * Constants of the task spec and the placeholders in them.
 *
 * A constant that is exactly one placeholder becomes what it stands for, type and producer included; placeholders inside a longer
 * text are replaced in place by their text form. What neither the run nor the task spec can answer stays for the launcher.
 *
 * Source: contract/driver.md 4.5, DB-19, DB-31.
 *
 * @module
 */
import { SpecError } from "../core/errors.ts";
import { IoType } from "../core/kfp-types.ts";
import { findPlaceholders, jobPlaceholderValue, replacePlaceholders, wholePlaceholder } from "../core/placeholder.ts";
import type { Placeholder } from "../core/placeholder.ts";
import { jsonToValue, textOfValue } from "../core/value.ts";
import type { Value } from "../core/value.ts";
import type { Producer } from "./io-entries.ts";
import { describeInput, parentProducer } from "./resolve-context.ts";
import type { ResolveContext } from "./resolve-context.ts";

/** A value found for an input, before its type is looked at. The value is absent when the source holds none. */
export interface FoundParameter {
  readonly value: Value | undefined;
  readonly type: IoType;
  readonly producer: Producer;
}

export interface ConstantRequest {
  /** Input the constant is given to. */
  readonly key: string;
  readonly constant: Value;
  /** Inputs that are being resolved for the sake of this one, outermost first. */
  readonly trail: readonly string[];
  /** Resolves another input of the same task. */
  readonly findParameter: (key: string, trail: readonly string[]) => Promise<FoundParameter | undefined>;
}

const CHANNEL_PREFIX = "pipelinechannel--";

/**
 * The value a constant stands for.
 *
 * @returns `undefined` when it is exactly one pipeline channel and that has nothing to give.
 * @throws {SpecError} PLACEHOLDER_INVALID when inputs refer to each other in a circle.
 * @throws {ResolveError} when an input that the constant refers to cannot be resolved.
 */
export async function resolveConstant(context: ResolveContext, request: ConstantRequest): Promise<FoundParameter | undefined> {
  const { constant } = request;
  if (constant.kind.case !== "stringValue") return runtimeValue(context, constant);
  const text = constant.kind.value;
  const whole = wholePlaceholder(text);
  const channel = whole === undefined ? undefined : channelOf(whole);
  if (channel !== undefined) return findChannel(context, request, channel);
  if (whole !== undefined) return runtimeValue(context, jsonToValue(contextText(context, whole) ?? text));

  const channels = await channelTexts(context, request, text);
  const resolved = replacePlaceholders(text, (placeholder) => {
    const name = channelOf(placeholder);
    if (name !== undefined) return channels.get(name);
    // Only a constant that is the root, and nothing else, is resolved here (DB-31).
    return isPipelineRoot(placeholder) ? undefined : contextText(context, placeholder);
  });
  return runtimeValue(context, jsonToValue(resolved));
}

function runtimeValue(context: ResolveContext, value: Value): FoundParameter {
  return { value, type: IoType.RUNTIME_VALUE_INPUT, producer: parentProducer(context) };
}

function channelOf({ reference }: Placeholder): string | undefined {
  return reference.kind === "input-parameter" && reference.name.startsWith(CHANNEL_PREFIX) ? reference.name : undefined;
}

function isPipelineRoot({ reference }: Placeholder): boolean {
  return reference.kind === "context" && reference.name === "pipeline_root";
}

function contextText({ job, taskKey, parent, pipelineRoot }: ResolveContext, { reference }: Placeholder): string | undefined {
  if (reference.kind !== "context") return undefined;
  // The task has no id yet; the reference gives its parent's, and it is part of fingerprints.
  return jobPlaceholderValue(reference.name, { ...job, taskName: taskKey, taskId: parent.taskId, pipelineRoot });
}

async function channelTexts(context: ResolveContext, request: ConstantRequest, text: string): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const placeholder of findPlaceholders(text)) {
    const name = channelOf(placeholder);
    if (name === undefined || texts.has(name)) continue;
    const found = await findChannel(context, request, name);
    texts.set(name, found?.value === undefined ? "" : textOfValue(found.value));
  }
  return texts;
}

function findChannel(
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
