/**
 * The URIs an importer may import, as far as the pipeline and the parameters of the run say: constants, defaults, given parameters and
 * raw items of loops, followed through the DAGs they are handed down by. What a step makes is known only when it has run.
 *
 * @module
 */
import { toJson, type JsonValue } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { parseJsonText } from "../../core/values/json-text.ts";
import type { DagSpec, ImporterSpec, PipelineTaskSpec } from "../../core/kfp-types.ts";
import type { ParsedPipeline } from "../../core/spec/pipeline-spec.ts";
import { wholePlaceholder } from "../../core/placeholders/placeholders.ts";
import { calleeOf, own, pipelineGraph, type PipelineGraph, type ReachedComponent } from "../../core/spec-check/pipeline-graph.ts";

/** Where one task stands. */
interface TaskInDag {
  readonly caller: ReachedComponent;
  readonly task: PipelineTaskSpec;
}

/** Follows the URI of an importer through the pipeline to constants, defaults and parameters of the run. */
export class ImportedUris {
  readonly #graph: PipelineGraph;
  readonly #given: Readonly<Record<string, JsonValue>>;
  readonly #owners: ReadonlyMap<DagSpec, ReachedComponent>;
  readonly #known = new Map<ReachedComponent, Map<string, readonly JsonValue[]>>();

  /** @param given Parameters of the run; what it does not name has its default. */
  constructor(pipeline: ParsedPipeline, given: Readonly<Record<string, JsonValue>>) {
    this.#graph = pipelineGraph(pipeline);
    this.#given = given;
    this.#owners = new Map(this.#graph.reached.flatMap((reached) => (reached.dag === undefined ? [] : [[reached.dag, reached]])));
  }

  /** Texts that may become the URI of an importer, by this task of this DAG. */
  of({ artifactUri }: ImporterSpec, task: PipelineTaskSpec, dag: DagSpec): string[] {
    const source = artifactUri?.value;
    const caller = this.#owners.get(dag);
    const values =
      source?.case === "constant"
        ? [toJson(ValueSchema, source.value)]
        : source?.case === "runtimeParameter" && caller !== undefined
          ? this.#ofInput({ caller, task }, source.value)
          : [];
    return [...new Set(values.filter((value) => typeof value === "string"))];
  }

  /** Values one input of a task may get. */
  #ofInput(place: TaskInDag, input: string): readonly JsonValue[] {
    const { caller, task } = place;
    const source = own(task.inputs?.parameters, input);
    if (source === undefined) return this.#withoutSource(place, input);
    if (source.parameterExpressionSelector !== "") return [];
    switch (source.kind.case) {
      case "componentInputParameter":
        return this.#ofComponent(caller, source.kind.value);
      case "runtimeValue": {
        const { value } = source.kind.value;
        if (value.case !== "constant") return [];
        const constant = toJson(ValueSchema, value.value);
        const whole = typeof constant === "string" ? wholePlaceholder(constant)?.reference : undefined;
        const refersToItself = whole?.kind === "input-parameter" && whole.name === input;
        return whole?.kind === "input-parameter" && !refersToItself ? this.#ofInput(place, whole.name) : [constant];
      }
      default:
        return [];
    }
  }

  #withoutSource(place: TaskInDag, input: string): readonly JsonValue[] {
    const { iterator } = place.task;
    if (iterator.case === "parameterIterator" && iterator.value.itemInput === input) {
      const items = iterator.value.items?.kind;
      if (items?.case === "raw") return itemsOf(items.value);
      return items?.case === "inputParameter" ? this.#ofInput(place, items.value).flatMap(itemsOf) : [];
    }
    const definition = own(calleeOf(this.#graph, place.task)?.component.inputDefinitions?.parameters, input);
    return definition?.defaultValue === undefined ? [] : [toJson(ValueSchema, definition.defaultValue)];
  }

  /** Values one input of a component may get, from whoever calls it. */
  #ofComponent(reached: ReachedComponent, input: string): readonly JsonValue[] {
    const known = this.#known.get(reached) ?? new Map<string, readonly JsonValue[]>();
    this.#known.set(reached, known);
    const values = known.get(input);
    if (values !== undefined) return values;
    // Nothing, for whoever comes here again on the way.
    known.set(input, []);
    const found = reached.name === undefined ? this.#ofPipeline(reached, input) : this.#ofCalls(reached, input);
    const distinct = [...new Map(found.map((value) => [JSON.stringify(value), value])).values()];
    known.set(input, distinct);
    return distinct;
  }

  #ofCalls({ calls }: ReachedComponent, input: string): JsonValue[] {
    return calls.flatMap(({ caller, task }) => this.#ofInput({ caller, task }, input));
  }

  #ofPipeline({ component }: ReachedComponent, input: string): JsonValue[] {
    const given = own(this.#given, input);
    if (given !== undefined) return [given];
    const definition = own(component.inputDefinitions?.parameters, input);
    return definition?.defaultValue === undefined ? [] : [toJson(ValueSchema, definition.defaultValue)];
  }
}

/** The items of a list, or of the JSON text of one. */
function itemsOf(items: JsonValue): readonly JsonValue[] {
  if (Array.isArray(items)) return items;
  const parsed = typeof items === "string" ? parseJsonText(items) : undefined;
  return parsed !== undefined && "value" in parsed && Array.isArray(parsed.value) ? parsed.value : [];
}
