/**
 * Names for the ids that differ from run to run: tasks by their place in the run, artifacts by their producer.
 *
 * @module
 */
import { toJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { PipelineTaskSchema, TaskType, type PipelineTask } from "../../src/core/kfp-types.ts";
import { isObject, sortedText, textOf } from "./compare.ts";

/** Id to label. */
export type Labels = ReadonlyMap<string, string>;

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const TIMES = new Set(["createTime", "endTime", "updateTime", "createdAt", "startTime", "finishedAt"]);

/**
 * Labels of every task and artifact of a run; `known` ones are kept.
 *
 * @param renamed Labels that the recording has in the place of others.
 */
export function labelRows(rows: readonly PipelineTask[], known: Labels, renamed: Labels): Map<string, string> {
  const labels = new Map(known);
  const byId = new Map(rows.map((row) => [row.taskId, row]));
  const used = new Set(labels.values());
  const give = (id: string, label: string, between: string): string => {
    let free = label;
    for (let count = 2; used.has(`<${free}>`); count += 1) free = `${label}${between}${count}`;
    used.add(`<${free}>`);
    labels.set(id, renamed.get(`<${free}>`) ?? `<${free}>`);
    return free;
  };
  const nameTask = (row: PipelineTask): string => {
    const given = labels.get(row.taskId);
    if (given !== undefined) return given.slice(1, -1);
    const parent = row.parentTaskId === undefined ? undefined : byId.get(row.parentTaskId);
    return give(row.taskId, parent === undefined ? row.name : `${nameTask(parent)}/${row.name}${iterationOf(row)}`, "#");
  };
  for (const row of rows) nameTask(row);
  for (const row of rows) {
    if (row.type !== TaskType.RUNTIME && row.type !== TaskType.IMPORTER) continue;
    for (const { artifactKey, artifacts } of row.outputs?.artifacts ?? []) {
      for (const { artifactId } of artifacts) {
        if (!labels.has(artifactId)) give(artifactId, `artifact ${nameTask(row)}:${artifactKey}`, ".");
      }
    }
  }
  return labels;
}

function iterationOf({ typeAttributes }: PipelineTask): string {
  return typeAttributes?.iterationIndex === undefined ? "" : `[${typeAttributes.iterationIndex}]`;
}

/** Ids to labels, other UUIDs to UUID, times to TIME: what the recordings were made with. */
export function normalise(value: JsonValue, labels: Labels): JsonValue {
  if (typeof value === "string") {
    const whole = labels.get(value);
    if (whole !== undefined) return whole;
    return value.replaceAll(UUID, (id) => labels.get(id) ?? "UUID");
  }
  if (Array.isArray(value)) return value.map((member) => normalise(member, labels));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      normalise(key, labels) as string,
      TIMES.has(key) && typeof member === "string" ? "TIME" : normalise(member, labels),
    ]),
  );
}

/** Rows by label, without what is random: the order of parameters, artifacts and children. */
export function normaliseRows(rows: readonly PipelineTask[], labels: Labels): Record<string, JsonObject> {
  return Object.fromEntries(
    rows.map((row) => {
      const json = normalise(toJson(PipelineTaskSchema, row), labels) as JsonObject;
      return [(labels.get(row.taskId) ?? "<>").slice(1, -1), stableRow(json)];
    }),
  );
}

export function stableRow(row: JsonObject): JsonObject {
  const { inputs, outputs, childTasks, ...rest } = row;
  return {
    ...rest,
    inputs: sortedEntries(inputs),
    outputs: sortedEntries(outputs),
    childTasks: sorted(childTasks),
  };
}

/** Parameters and artifacts by key, producer and iteration, so that a difference names the entry. */
function sortedEntries(value: JsonValue | undefined): JsonObject {
  if (!isObject(value)) return {};
  const table: Record<string, JsonObject> = {};
  for (const [kind, entries] of Object.entries(value)) {
    if (!Array.isArray(entries) || entries.length === 0) continue;
    const byName = (table[kind] = {}) as Record<string, JsonValue>;
    for (const entry of entries.toSorted((a, b) => (sortedText(a) < sortedText(b) ? -1 : 1))) {
      if (!isObject(entry)) continue;
      const { producer, parameterKey, artifactKey } = entry;
      const { taskName = "", iteration } = isObject(producer) ? producer : {};
      const base = `${textOf(parameterKey ?? artifactKey)}@${textOf(taskName)}${iteration === undefined ? "" : `[${textOf(iteration)}]`}`;
      let name = base;
      for (let count = 2; Object.hasOwn(byName, name); count += 1) name = `${base}#${count}`;
      byName[name] = entry;
    }
  }
  return table;
}

function sorted(value: JsonValue | undefined): JsonValue {
  return Array.isArray(value) ? value.toSorted((a, b) => (sortedText(a) < sortedText(b) ? -1 : 1)) : [];
}
