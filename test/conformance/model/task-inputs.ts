/**
 * The inputs of one task in the model.
 *
 * @module
 */
import type { JsonValue } from "../../../src/core/values/value.ts";
import { member } from "../../support/pipeline-model.ts";
import { inOrder, type Dag, type ModelFacts, type ModelInput, type ModelRow, type Plain } from "./rows.ts";
import { asDeclared, selected, wholeInput, withoutPlaceholders } from "./values.ts";

/** Where a task is about to run. */
export interface Place {
  readonly dag: Dag;
  readonly iteration: number | undefined;
  /** Tasks before it in the same DAG and iteration; without a row where something before them failed. */
  readonly siblings: ReadonlyMap<string, ModelRow | undefined>;
}

/** The inputs of one task, from its spec, its DAG's inputs and its siblings' outputs. */
export class TaskInputs {
  readonly #place: Place;
  readonly #task: Plain;
  readonly #component: Plain;
  readonly #facts: ModelFacts;
  readonly #key: string;
  readonly #resolved = new Map<string, ModelInput[]>();
  readonly #artifacts = new Map<string, string[]>();

  constructor(place: Place, step: { key: string; task: Plain; component: Plain }, facts: ModelFacts) {
    this.#place = place;
    this.#key = step.key;
    this.#task = step.task;
    this.#component = step.component;
    this.#facts = facts;
  }

  resolve(): Map<string, ModelInput[]> {
    const given = member(this.#task, "inputs", "parameters");
    const declared = member(this.#component, "inputDefinitions", "parameters");
    const itemInput = member(this.#task, "parameterIterator")["itemInput"];
    for (const key of Object.keys(given)) {
      const { parameterType } = member(declared, key);
      if (parameterType === "TASK_CONFIG") continue;
      const found = this.#find(key) ?? this.#default(key);
      if (found === undefined) continue;
      const [type, value] = found;
      this.#resolved.set(key, [[type, parameterType === undefined ? value : asDeclared(value, parameterType)]]);
    }
    for (const [key, definition] of Object.entries(declared)) {
      if (given[key] !== undefined || key === itemInput || member(definition)["parameterType"] === "TASK_CONFIG") continue;
      const found = this.#default(key);
      if (found !== undefined) this.#resolved.set(key, [found]);
    }
    return this.#resolved;
  }

  artifacts(): Map<string, string[]> {
    for (const [key, input] of Object.entries(member(this.#task, "inputs", "artifacts"))) {
      const { componentInputArtifact, taskOutputArtifact } = member(input);
      const found =
        typeof componentInputArtifact === "string"
          ? this.#parentArtifacts(componentInputArtifact)
          : this.#siblingArtifacts(member(taskOutputArtifact));
      if (found !== undefined) this.#artifacts.set(key, found);
    }
    return this.#artifacts;
  }

  /** The items of a loop, as inputs of its row. @returns Their number; `undefined` for what is no loop. */
  addItems(row: ModelRow): number | undefined {
    const { parameterIterator, artifactIterator } = this.#task;
    if (parameterIterator !== undefined) {
      const { items, itemInput } = member(parameterIterator);
      const { raw, inputParameter } = member(items);
      const source = typeof raw === "string" ? raw : this.#resolved.get(String(inputParameter))?.[0]?.[1];
      const list = (typeof source === "string" ? JSON.parse(source) : source) as JsonValue[];
      row.inputs.set(String(itemInput), [
        ...(row.inputs.get(String(itemInput)) ?? []),
        ...list.map((item, index): ModelInput => ["ITERATOR_INPUT", item, index]),
      ]);
      return list.length;
    }
    if (artifactIterator === undefined) return undefined;
    const { items, itemInput } = member(artifactIterator);
    const list = this.#artifacts.get(String(member(items)["inputArtifact"])) ?? [];
    row.inputArtifacts.set(String(itemInput), list);
    return list.length;
  }

  #find(key: string): ModelInput | undefined {
    const input = member(this.#task, "inputs", "parameters", key);
    const { componentInputParameter, taskOutputParameter, runtimeValue, taskFinalStatus, parameterExpressionSelector } = input;
    const found =
      typeof componentInputParameter === "string"
        ? this.#fromParent(componentInputParameter)
        : taskOutputParameter !== undefined
          ? this.#fromSibling(member(taskOutputParameter))
          : taskFinalStatus !== undefined
            ? this.#finalStatus(String(member(taskFinalStatus)["producerTask"]))
            : this.#constant(member(runtimeValue)["constant"] as JsonValue);
    if (found === undefined) return undefined;
    return [found[0], selected(found[1], parameterExpressionSelector)];
  }

  #fromParent(key: string): ModelInput | undefined {
    const { dag, iteration } = this.#place;
    const entries = dag.row.inputs.get(key) ?? [];
    const entry = entries.find(([type, , index]) => type === "ITERATOR_INPUT" && index === iteration) ?? entries[0];
    return entry === undefined || entry[1] === null ? undefined : ["COMPONENT_INPUT", entry[1]];
  }

  #fromSibling({ producerTask, outputParameterKey }: Plain): ModelInput | undefined {
    const producer = this.#place.siblings.get(String(producerTask));
    const entries = producer?.outputs.get(String(outputParameterKey)) ?? [];
    if (producer?.iterationCount !== undefined || entries.some(([index]) => index !== undefined)) {
      return ["COLLECTED_INPUTS", inOrder(entries).map(([, value]) => value)];
    }
    const [entry] = entries;
    return entry === undefined ? undefined : ["TASK_OUTPUT_INPUT", entry[1]];
  }

  #finalStatus(producerTask: string): ModelInput {
    const state = this.#place.siblings.get(producerTask)?.state ?? "";
    return ["TASK_FINAL_STATUS_OUTPUT", { pipelineTaskName: producerTask, state }];
  }

  #constant(constant: JsonValue): ModelInput | undefined {
    const whole = wholeInput(constant);
    if (whole !== undefined) return this.#input(whole);
    const value = withoutPlaceholders(constant, {
      input: (name) => this.#input(name)?.[1],
      fact: (name) => this.#fact(name),
    });
    return ["RUNTIME_VALUE_INPUT", value];
  }

  #fact(name: string): string | undefined {
    if (name === "pipeline_task_name") return this.#key;
    // The task has no id yet.
    return name === "pipeline_task_uuid" ? this.#facts.taskId(this.#place.dag.row.label) : this.#facts.facts[name];
  }

  /** Another input of the task, as a placeholder refers to it. */
  #input(key: string): ModelInput | undefined {
    return member(this.#task, "inputs", "parameters")[key] === undefined ? this.#default(key) : this.#find(key);
  }

  #default(key: string): ModelInput | undefined {
    const { defaultValue } = member(this.#component, "inputDefinitions", "parameters", key);
    if (defaultValue === undefined) return undefined;
    const found = this.#constant(defaultValue as JsonValue);
    return found === undefined ? undefined : ["COMPONENT_DEFAULT_INPUT", found[1]];
  }

  #parentArtifacts(key: string): string[] | undefined {
    const { dag, iteration } = this.#place;
    const all = dag.row.inputArtifacts.get(key);
    return dag.artifactItem === key && iteration !== undefined ? all?.slice(iteration, iteration + 1) : all;
  }

  #siblingArtifacts({ producerTask, outputArtifactKey }: Plain): string[] | undefined {
    const producer = this.#place.siblings.get(String(producerTask));
    const entries = producer?.outputArtifacts.get(String(outputArtifactKey));
    if (entries === undefined) return producer?.iterationCount === undefined ? undefined : [];
    return inOrder(entries).map(([, artifact]) => artifact);
  }
}
