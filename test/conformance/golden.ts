/**
 * A simulation as readable JSON that is the same each time: ids are labels, times are left out, texts of programs are cut.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { toJson } from "@bufbuild/protobuf";
import { PipelineTaskSchema, type PipelineTask } from "../../src/core/kfp-types.ts";
import type { JsonObject, JsonValue } from "../../src/core/values/value.ts";
import { executorInputOf, type Simulation } from "./simulate.ts";
import { taskLabels } from "../support/task-labels.ts";

/** Longer texts of several lines are programs: they stand in the pipeline already. */
const LONGEST_TEXT = 200;
const TIMES = new Set(["createTime", "endTime", "startTime", "createdAt", "updateTime", "lastUpdateTime", "stateHistory"]);
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

export function goldenText(simulation: Simulation): string {
  const { runId, parameters, outcome, drivers, launchers, tasks, objects, claims } = simulation;
  const labels = taskLabels(tasks);
  const names = new Map([[runId, "RUN_ID"], ...labels, ...artifactLabels(tasks, labels)]);
  const golden = {
    parameters,
    outcome,
    drivers: drivers
      .map(({ task, type, result, error }) => ({
        task,
        type,
        ...(error === undefined ? {} : { error }),
        ...(result === undefined ? {} : driverResult(result)),
      }))
      .toSorted(byTask),
    launchers: launchers
      .map(({ task, command, exitCode }) => ({ task, ...(command === undefined ? {} : { command }), exitCode }))
      .toSorted(byTask),
    tasks: Object.fromEntries(
      tasks.map((task) => [labels.get(task.taskId) ?? "", taskJson(task)] as const).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    ),
    objects,
    ...(claims.length === 0 ? {} : { claims }),
  };
  return `${JSON.stringify(normalised(golden as unknown as JsonValue, names), undefined, 2)}\n`;
}

function byTask(a: { readonly task: string }, b: { readonly task: string }): number {
  if (a.task === b.task) return 0;
  return a.task < b.task ? -1 : 1;
}

function driverResult({
  taskId,
  condition,
  iterationCount,
  cached,
  podSpecPatch,
}: NonNullable<Simulation["drivers"][number]["result"]>) {
  return JSON.parse(
    JSON.stringify({
      taskId,
      condition,
      iterationCount,
      cached,
      ...(podSpecPatch === undefined
        ? {}
        : { executorInput: JSON.parse(executorInputOf(podSpecPatch) ?? "null") as JsonValue, podSpecPatch }),
    }),
  ) as JsonObject;
}

/** An artifact is called after the first task, from the leaves up, that has it as an output. */
function artifactLabels(tasks: readonly PipelineTask[], labels: ReadonlyMap<string, string>): Map<string, string> {
  const found = new Map<string, string>();
  const deepestFirst = tasks
    .map((task) => ({ task, label: labels.get(task.taskId) ?? "" }))
    .toSorted((a, b) => b.label.split("/").length - a.label.split("/").length || (a.label < b.label ? -1 : 1));
  for (const { task, label } of deepestFirst) {
    for (const { artifactKey, artifacts } of task.outputs?.artifacts ?? []) {
      for (const [index, { artifactId }] of artifacts.entries()) {
        if (!found.has(artifactId)) found.set(artifactId, `artifact ${label}:${artifactKey}${index === 0 ? "" : `.${index}`}`);
      }
    }
  }
  return found;
}

function taskJson(task: PipelineTask): JsonObject {
  const json = toJson(PipelineTaskSchema, task) as JsonObject;
  // In order of creation, which the labels do not have.
  const { childTasks: _children, pods, ...rest } = json;
  const types = Array.isArray(pods) ? pods.map((pod) => (pod as JsonObject)["type"] ?? null) : [];
  return { ...rest, pods: types };
}

function normalised(value: JsonValue, names: ReadonlyMap<string, string>): JsonValue {
  if (typeof value === "string") return shownText(value, names);
  if (Array.isArray(value)) return value.map((item) => normalised(item, names));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !TIMES.has(key))
      .map(([key, item]) => [shownText(key, names), normalised(item, names)]),
  );
}

function shownText(text: string, names: ReadonlyMap<string, string>): string {
  if (isExecutorInput(text)) return "<executor input>";
  const named = text.replaceAll(UUID, (id) => (names.has(id) ? `<${names.get(id) ?? ""}>` : "<UUID>"));
  if (named.length <= LONGEST_TEXT || !named.includes("\n")) return named;
  const hash = createHash("sha256").update(named).digest("hex").slice(0, 8);
  return `<program of ${named.split("\n").length} lines, ${hash}>`;
}

/** It stands beside the patch, as JSON. */
function isExecutorInput(text: string): boolean {
  return text.startsWith("{") && text.includes('"outputFile"') && text.includes('"outputs"');
}
