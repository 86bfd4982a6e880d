/**
 * Constants and defaults: they fit the type of their parameter, and the pipeline channels in them are inputs of the same task.
 *
 * Source: docs/spec/resolver.md#runtime-constants, #type-normalisation-and-literals, #component-defaults.
 *
 * @module
 */
import { ParameterType, type ComponentSpec, type PipelineTaskSpec } from "../kfp-types.ts";
import { findPlaceholders, wholePlaceholder, type Placeholder } from "../placeholders/text.ts";
import { isNullValue, type Value } from "../values/value.ts";
import { namesText, quote, type SpecProblem } from "./problem.ts";
import { own, sortedEntries, type PipelineGraph } from "./pipeline-graph.ts";
import { valueMismatch } from "./value-types.ts";

type ParameterDefinition = NonNullable<ComponentSpec["inputDefinitions"]>["parameters"][string];

/** A constant of the pipeline and the input it is given to. */
export interface ConstantPlace {
  readonly task: PipelineTaskSpec;
  readonly input: string;
  readonly definition: ParameterDefinition;
  readonly constant: Value;
  readonly at: Pick<SpecProblem, "severity" | "taskPath" | "component">;
}

/** Inputs whose names the SDK makes, from the output or the parameter they stand for. */
export const CHANNEL_PREFIX = "pipelinechannel--";

/** Finds references to inputs the task lacks, and constants that do not fit the type of their input. */
export function checkConstant({ task, input, definition, constant, at }: ConstantPlace): SpecProblem[] {
  const texts = stringsOf(constant);
  const unknown = new Set(
    texts.flatMap(findPlaceholders).flatMap((placeholder) => {
      const name = channelOf(placeholder);
      return name === undefined || own(task.inputs?.parameters, name) !== undefined ? [] : [name];
    }),
  );
  if (unknown.size > 0) {
    return [...unknown].toSorted().map((name) => ({
      ...{ rule: "placeholder-unknown", ...at, input },
      reason: `its constant names input ${quote(name)}, which the task does not have`,
      remedy: namesText(Object.keys(task.inputs?.parameters ?? {}), "parameters"),
    }));
  }
  const circle = circleFrom(task, input);
  if (circle !== undefined) {
    const reason = `its constant refers to itself: ${circle.map(quote).join(" -> ")}`;
    return [{ rule: "placeholder-unknown", ...at, input, reason, remedy: "take one of these references away" }];
  }
  // What a placeholder stands for is known only to the run.
  const isTemplate = constant.kind.case === "stringValue" && findPlaceholders(constant.kind.value).length > 0;
  if (isTemplate && (definition.literals.length > 0 || wholePlaceholder(texts[0] ?? "") !== undefined)) return [];
  const reason = valueMismatch(constant, definition.parameterType, definition.literals);
  if (reason === undefined || (isNullValue(constant) && definition.isOptional)) return [];
  return [{ rule: "parameter-type", ...at, input, reason, remedy: "give it a value of its type" }];
}

/** Inputs that a constant leads to and that lead back to it. */
function circleFrom(task: PipelineTaskSpec, start: string): string[] | undefined {
  const path = [start];
  const visited = new Set(path);
  for (;;) {
    const next = channelsOf(task, path.at(-1) ?? "");
    if (next.includes(start)) return [...path, start];
    const unvisited = next.find((name) => !visited.has(name));
    if (unvisited === undefined) return undefined;
    visited.add(unvisited);
    path.push(unvisited);
  }
}

function channelsOf(task: PipelineTaskSpec, input: string): string[] {
  const kind = own(task.inputs?.parameters, input)?.kind;
  if (kind?.case !== "runtimeValue" || kind.value.value.case !== "constant") return [];
  return stringsOf(kind.value.value.value)
    .flatMap(findPlaceholders)
    .flatMap((placeholder) => channelOf(placeholder) ?? []);
}

function channelOf({ reference }: Placeholder): string | undefined {
  return reference.kind === "input-parameter" && reference.name.startsWith(CHANNEL_PREFIX) ? reference.name : undefined;
}

function stringsOf({ kind }: Value): string[] {
  switch (kind.case) {
    case "stringValue":
      return [kind.value];
    case "listValue":
      return kind.value.values.flatMap(stringsOf);
    case "structValue":
      return Object.values(kind.value.fields).flatMap(stringsOf);
    default:
      return [];
  }
}

/** Defaults of the inputs of every component, the root's included. */
export function checkDefaults(graph: PipelineGraph): SpecProblem[] {
  return graph.reached.flatMap(({ component, name, path }) =>
    sortedEntries(component.inputDefinitions?.parameters).flatMap(([input, definition]): SpecProblem[] => {
      const { defaultValue, isOptional, literals, parameterType } = definition;
      if (defaultValue === undefined || (isNullValue(defaultValue) && isOptional)) return [];
      const isTemplate = defaultValue.kind.case === "stringValue" && findPlaceholders(defaultValue.kind.value).length > 0;
      const reason = isTemplate ? undefined : (valueMismatch(defaultValue, parameterType, literals) ?? fraction(definition));
      if (reason === undefined) return [];
      const place = { severity: "error", taskPath: path, ...(name === undefined ? {} : { component: name }) } as const;
      const remedy = "give the parameter a default of its type";
      return [{ rule: "default-type", ...place, input, reason: `its default does not fit: ${reason}`, remedy }];
    }),
  );
}

function fraction({ defaultValue, parameterType }: ParameterDefinition): string | undefined {
  const kind = defaultValue?.kind;
  if (parameterType !== ParameterType.NUMBER_INTEGER || kind?.case !== "numberValue") return undefined;
  return Number.isInteger(kind.value) ? undefined : "it has a fraction, but NUMBER_INTEGER is a whole number";
}
