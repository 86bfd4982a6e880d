/**
 * The items of a loop: how many iterations there are, and what each of them gets.
 *
 * Source: docs/spec/resolver.md#parameter-iterator, #artifact-iterator, #drv-20.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { IoArtifactSchema, IoType } from "../../core/kfp-types.ts";
import type { IoArtifact, IoParameter } from "../../core/kfp-types.ts";
import { jsonPathText, parseJsonText } from "../../core/values/json-text.ts";
import { jsonToValue, UNSAFE_INTEGER, VALUE_TOO_DEEP, valueKind, valueProblem } from "../../core/values/value.ts";
import type { Value } from "../../core/values/value.ts";
import { singleArtifacts } from "./artifacts.ts";
import type { FoundArtifacts } from "./artifacts.ts";
import { ioParameter, producerMessage } from "../run/io-entries.ts";
import { cannotResolve, parentProducer } from "./resolve-context.ts";
import type { ResolveContext } from "./resolve-context.ts";

/** One entry per item, in order. */
export interface IteratorItems {
  readonly parameters: readonly IoParameter[];
  readonly artifacts: readonly IoArtifact[];
  /** May be 0. */
  readonly count: number;
}

/** Inputs of the task itself, as resolved before. */
export interface ResolvedSources {
  readonly parameters: readonly IoParameter[];
  readonly artifacts: readonly FoundArtifacts[];
}

/**
 * The items of the task's iterator; `undefined` when it has none.
 *
 * @throws {ResolveError} ITEMS_NOT_A_LIST when there is nothing to iterate over.
 */
export function resolveIterator(context: ResolveContext, sources: ResolvedSources): IteratorItems | undefined {
  const { iterator } = context.taskSpec;
  if (iterator.case === undefined) return undefined;
  const { itemInput } = iterator.value;
  if (iterator.case === "artifactIterator") {
    const source = iterator.value.items?.inputArtifact ?? "";
    const groups = sources.artifacts.find(({ key }) => key === source)?.groups;
    if (groups === undefined) throw notResolved(context, itemInput, source);
    const artifacts = groups.flatMap(singleArtifacts).map((group, iteration) =>
      create(IoArtifactSchema, {
        artifactKey: itemInput,
        type: IoType.ITERATOR_INPUT,
        producer: producerMessage({ ...parentProducer(context), iteration }),
        artifacts: [...group.artifacts],
      }),
    );
    return { parameters: [], artifacts, count: artifacts.length };
  }
  const items = parameterItems(context, itemInput, sources.parameters);
  const parameters = items.map((item, iteration) =>
    ioParameter(itemInput, item, IoType.ITERATOR_INPUT, { taskName: context.taskKey, iteration }),
  );
  return { parameters, artifacts: [], count: parameters.length };
}

function parameterItems(context: ResolveContext, itemInput: string, parameters: readonly IoParameter[]): Value[] {
  const { iterator } = context.taskSpec;
  const kind = iterator.case === "parameterIterator" ? iterator.value.items?.kind : undefined;
  switch (kind?.case) {
    case "raw":
      return parsedItems(context, itemInput, kind.value);
    case "inputParameter": {
      const source = parameters.find(({ parameterKey }) => parameterKey === kind.value)?.value;
      if (source === undefined) throw notResolved(context, itemInput, kind.value);
      return itemsOf(context, itemInput, source);
    }
    default:
      throw cannotResolve(context, itemInput, "ITEMS_NOT_A_LIST", "its iterator has no items");
  }
}

function itemsOf(context: ResolveContext, itemInput: string, source: Value): Value[] {
  if (source.kind.case === "listValue") return source.kind.value.values;
  if (source.kind.case === "stringValue") return parsedItems(context, itemInput, source.kind.value);
  throw cannotResolve(context, itemInput, "ITEMS_NOT_A_LIST", `a ${valueKind(source) ?? "missing value"} cannot be iterated`);
}

function parsedItems(context: ResolveContext, itemInput: string, text: string): Value[] {
  const parsed = parseJsonText(text, { tooDeep: VALUE_TOO_DEEP });
  if ("problem" in parsed) {
    throw cannotResolve(context, itemInput, "ITEMS_NOT_A_LIST", `the text of its items cannot be iterated: ${parsed.problem}`);
  }
  const [rounded] = parsed.roundedIntegers;
  const problem = valueProblem(parsed.value) ?? (rounded && `item ${jsonPathText(rounded)} in their text is ${UNSAFE_INTEGER}`);
  if (problem !== undefined) throw cannotResolve(context, itemInput, "VALUE_INVALID", problem);
  const source = jsonToValue(parsed.value);
  if (source.kind.case === "listValue") return source.kind.value.values;
  // The reference takes any other JSON for zero items and skips the loop without a word.
  const kind = valueKind(source) ?? "value";
  throw cannotResolve(
    context,
    itemInput,
    "ITEMS_NOT_A_LIST",
    `text that holds a JSON ${kind} cannot be iterated; a list is needed`,
  );
}

function notResolved(context: ResolveContext, itemInput: string, source: string): Error {
  return cannotResolve(context, itemInput, "ITEMS_NOT_A_LIST", `its items are input "${source}", which has no value`);
}
