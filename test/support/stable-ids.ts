/**
 * Names for the random ids of a server, so that two executions of one model can be compared.
 *
 * @module
 */
import type { PipelineTask } from "../../src/core/kfp-types.ts";

export class StableIds {
  readonly #nameOfId = new Map<string, string>();
  readonly #idOfName = new Map<string, string>();

  /** A task goes by its place in the run. Nothing happens to one that has a name. */
  nameTask({ taskId, runId, parentTaskId = "", name, typeAttributes }: PipelineTask): void {
    if (this.#nameOfId.has(taskId)) return;
    const iteration = typeAttributes?.iterationIndex;
    const above = parentTaskId === "" ? runId : (this.#nameOfId.get(parentTaskId) ?? parentTaskId);
    this.name(taskId, `${above}/${name}${iteration === undefined ? "" : String(iteration)}`);
  }

  /** Where a name is taken, a number follows: that there are two may be the fault a model looks for. */
  name(id: string, wanted: string): void {
    let name = wanted;
    for (let number = 2; this.#idOfName.has(name); number += 1) name = `${wanted} (${String(number)})`;
    this.#nameOfId.set(id, name);
    this.#idOfName.set(name, id);
  }

  /** Ids become names, in the value itself. */
  named<Value>(value: Value): Value {
    return replaced(value, this.#nameOfId);
  }

  /** Names become ids, in the value itself. */
  identified<Value>(value: Value): Value {
    return replaced(value, this.#idOfName);
  }
}

function replaced<Value>(value: Value, texts: ReadonlyMap<string, string>): Value {
  if (typeof value === "string") return (texts.get(value) ?? value) as Value;
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  const members = value as Record<string, unknown>;
  for (const [key, member] of Object.entries(members)) {
    // The spec of a run: no id is in it.
    if (key === "pipelineSource") continue;
    const changed = replaced(member, texts);
    if (changed !== member) members[key] = changed;
  }
  return value;
}
