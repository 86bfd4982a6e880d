/**
 * Which declared types and which constants can reach an input, as the drivers convert: only STRING takes every kind.
 *
 * Source: docs/spec/resolver.md#type-normalisation-and-literals.
 *
 * @module
 */
import { errorMessage, KfpError } from "../errors.ts";
import { ParameterType, type DagSpec, type PipelineTaskSpec } from "../kfp-types.ts";
import { assertLiteral, coerceToParameterType, type Value } from "../values/value.ts";
import { calleeOf, own, type PipelineGraph, type ReachedComponent } from "./pipeline-graph.ts";

type OutputSource = NonNullable<DagSpec["outputs"]>["parameters"][string]["kind"];

/** What a JSON value is, as far as parameter types tell kinds apart. */
export type Kind = "number" | "string" | "boolean" | "list" | "struct";

const KINDS: ReadonlyMap<ParameterType, Kind> = new Map<ParameterType, Kind>([
  [ParameterType.STRING, "string"],
  [ParameterType.NUMBER_INTEGER, "number"],
  [ParameterType.NUMBER_DOUBLE, "number"],
  [ParameterType.BOOLEAN, "boolean"],
  [ParameterType.LIST, "list"],
  [ParameterType.STRUCT, "struct"],
  [ParameterType.TASK_FINAL_STATUS, "struct"],
  [ParameterType.TASK_CONFIG, "struct"],
]);

/** `undefined` for a type that no value fits. */
export function kindOfType(type: ParameterType): Kind | undefined {
  return KINDS.get(type);
}

/** Name of a parameter type as the compiled pipeline writes it. */
export function typeName(type: ParameterType): string {
  return ParameterType[type] ?? String(type);
}

/** Why a value of one kind never becomes one of a type; `undefined` when it may. */
export function kindMismatch(kind: Kind, type: ParameterType): string | undefined {
  const wanted = kindOfType(type);
  if (wanted === undefined) return `it declares no usable parameter type (${typeName(type)})`;
  if (wanted === "string" || wanted === kind) return undefined;
  return `it gets a ${kind}, but ${typeName(type)} needs a ${wanted}`;
}

/** Why a value does not fit; `undefined` when it does. Never holds the value. */
export function valueMismatch(value: Value, type: ParameterType, literals: readonly Value[]): string | undefined {
  try {
    assertLiteral(coerceToParameterType(value, type, "it"), literals, "it");
    return undefined;
  } catch (error) {
    if (!(error instanceof KfpError)) throw error;
    return errorMessage(error).replace(/^validating parameter: /, "");
  }
}

/**
 * What kind an output parameter of a task surely is, followed down to the program that writes it; `undefined` where it depends.
 *
 * What the components in between declare is of no account: drivers hand outputs up as they are, and loops make lists of them.
 */
export function kindOfOutput(graph: PipelineGraph, task: PipelineTaskSpec, key: string): Kind | undefined {
  const visited = new Set<ReachedComponent>();
  let current: { readonly task: PipelineTaskSpec; readonly key: string } | undefined = { task, key };
  while (current !== undefined) {
    if (current.task.iterator.case !== undefined) return "list";
    const callee = calleeOf(graph, current.task);
    if (callee === undefined || visited.has(callee)) return undefined;
    visited.add(callee);
    if (callee.dag === undefined) {
      const definition = own(callee.component.outputDefinitions?.parameters, current.key);
      return definition === undefined ? undefined : kindOfType(definition.parameterType);
    }
    const kind: OutputSource | undefined = own(callee.dag.outputs?.parameters, current.key)?.kind;
    if (kind?.case !== "valueFromParameter") return undefined;
    const inner: PipelineTaskSpec | undefined = own(callee.dag.tasks, kind.value.producerSubtask);
    current = inner === undefined ? undefined : { task: inner, key: kind.value.outputParameterKey };
  }
  return undefined;
}
