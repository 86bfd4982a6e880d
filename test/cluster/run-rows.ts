/**
 * Rows of a run, told in a way that does not depend on where and when it ran: ids are labels, times and names of pods are left out.
 *
 * @module
 */
import { toJson } from "@bufbuild/protobuf";
import { connectKfpApi } from "../../src/apiclient/kfp-api-grpc.ts";
import { PipelineTaskSchema, type PipelineTask } from "../../src/core/kfp-types.ts";
import type { JsonObject, JsonValue } from "../../src/core/values/value.ts";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";
import { systemClock } from "../../src/node/system-clock.ts";
import { RecordingLogger } from "../fakes/recording-logger.ts";
import { taskLabels } from "../support/task-labels.ts";

/** Row by label, `ROOT/for-loop-1/say[2]`. */
export type RunRows = Readonly<Record<string, JsonObject>>;

/** What differs from run to run, and what a local run has no pods for. */
const LEFT_OUT = new Set(["createTime", "endTime", "startTime", "createdAt", "updateTime", "pods", "childTasks"]);
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** All tasks of a run, with their inputs and outputs. */
export async function readTasks(
  server: { readonly host: string; readonly port: number },
  runId: string,
): Promise<PipelineTask[]> {
  const { host, port } = server;
  const api = await connectKfpApi(
    { clock: systemClock, logger: new RecordingLogger(), fileSystem: nodeFileSystem },
    {
      settings: {
        ...{ host, port, tls: undefined, reconnect: undefined, proxy: undefined },
        ...{ forcedPackage: undefined, forcedLayout: undefined },
      },
    },
  );
  try {
    return (await api.getRun(runId, "FULL")).tasks;
  } finally {
    api.close();
  }
}

/** @param facts.texts What stands for itself under another name: the pipeline root, names of the run. */
export function runRows(
  tasks: readonly PipelineTask[],
  facts: { readonly runId: string; readonly texts: Readonly<Record<string, string>> },
): RunRows {
  const labels = taskLabels(tasks);
  const names = new Map([...labels].map(([id, label]) => [id, `<${label}>`]));
  names.set(facts.runId, "<RUN_ID>");
  const texts = Object.entries(facts.texts).toSorted(([a], [b]) => b.length - a.length);
  const shown = (text: string): string => {
    let changed = text;
    for (const [from, to] of texts) changed = changed.replaceAll(from, to);
    return changed.replaceAll(UUID, (id) => names.get(id) ?? "<UUID>");
  };
  return Object.fromEntries(
    tasks
      .map((task) => [labels.get(task.taskId) ?? "", rowOf(task)] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([label, row]) => [label, normalised(row, shown) as JsonObject]),
  );
}

/** A fingerprint holds the ids of input artifacts, which are new in every run. */
function rowOf(task: PipelineTask): JsonObject {
  const row = toJson(PipelineTaskSchema, task) as JsonObject;
  const isOfArtifacts = task.cacheFingerprint !== "" && (task.inputs?.artifacts ?? []).length > 0;
  return isOfArtifacts ? { ...row, cacheFingerprint: "<of artifact ids>" } : row;
}

/** One line per member that is not the same: `label path: left | right`. */
export function differences(left: RunRows, right: RunRows): string[] {
  const flat = (rows: RunRows): Map<string, string> =>
    new Map(Object.entries(rows).flatMap(([label, row]) => leaves(row, `${label} `)));
  const [ours, theirs] = [flat(left), flat(right)];
  return [...new Set([...ours.keys(), ...theirs.keys()])]
    .filter((key) => ours.get(key) !== theirs.get(key))
    .toSorted()
    .map((key) => `${key}: ${ours.get(key) ?? "absent"} | ${theirs.get(key) ?? "absent"}`);
}

function leaves(value: JsonValue, path: string): [string, string][] {
  if (typeof value !== "object" || value === null) return [[path, JSON.stringify(value)]];
  const members = Object.entries(value);
  if (members.length === 0) return [[path, JSON.stringify(value)]];
  return members.flatMap(([name, member]) => leaves(member ?? null, `${path}${path.endsWith(" ") ? "" : "."}${name}`));
}

function normalised(value: JsonValue, shown: (text: string) => string): JsonValue {
  if (typeof value === "string") return shown(value);
  if (Array.isArray(value)) return inOrder(value.map((item) => normalised(item, shown)));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !LEFT_OUT.has(key))
      .map(([key, item]) => [shown(key), key === "stateHistory" ? states(item) : normalised(item, shown)]),
  );
}

/** Entries of inputs and outputs stand in the order in which they came, which iterations of a loop do not agree on. */
function inOrder(values: JsonValue[]): JsonValue[] {
  const isEntry = (value: JsonValue): boolean =>
    typeof value === "object" && value !== null && ("parameterKey" in value || "artifactKey" in value);
  if (!values.every(isEntry)) return values;
  return values
    .map((value) => [JSON.stringify(value), value] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, value]) => value);
}

/** Without times, and each state once in a row: how often a state is told depends on how fast others are. */
function states(history: JsonValue): JsonValue {
  const all = (Array.isArray(history) ? history : []).map((entry) => (entry as JsonObject)["state"] ?? null);
  return all.filter((state, index) => state !== all[index - 1]);
}
