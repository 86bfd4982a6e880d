/**
 * Replays a recording: every program of it as ours, each against a server as the reference had left it, and compares what it wrote, what
 * it asked the cluster for and the rows it left with what the reference did.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { parsePipelineSpec, type ParsedPipeline } from "../../src/core/spec/pipeline-spec.ts";
import { readDocuments } from "../../src/local/pipeline/pipeline-file.ts";
import type { RecordedDifference } from "../conformance/deviations.ts";
import { compareJson, isObject, type Difference } from "./compare.ts";
import { comparableFiles, requestTable, unrepeatableFingerprint } from "./comparable.ts";
import type { FakeCluster } from "./fake-cluster.ts";
import { normalise, normaliseRows, stableRow, type Labels } from "./labels.ts";
import { openRecordedState, type RecordedState } from "./recorded-state.ts";
import { PORT, replayProgram, type ProgramOutcome } from "./replay-program.ts";
import type { KubernetesRequest, RecordedProgram, Recording } from "./recording.ts";

/** One difference, and what our program said. */
export interface ReplayedDifference extends RecordedDifference {
  /** Position of the program in the recording; that of the last one and one more for the rows at the end. */
  readonly index: number;
  readonly log: readonly string[];
}

/** How our programs are run. */
export interface ReplayOptions {
  /** See ReplayProgramDeps. */
  readonly driver?: string;
}

/** @throws {Error} when the recording or the pipeline is none. Faults of our programs are differences. */
export async function replayRecording(
  cluster: FakeCluster,
  recording: Recording,
  pipelineFile: string,
  options: ReplayOptions = {},
): Promise<ReplayedDifference[]> {
  const source = await readSource(pipelineFile);
  const pipeline = parsePipelineSpec(source);
  const state = await openRecordedState(recording, source);
  const differences: ReplayedDifference[] = [];
  const note = (place: Pick<ReplayedDifference, "program" | "task" | "index" | "log">, found: readonly Difference[]): void => {
    for (const difference of found) differences.push({ pipeline: recording.pipeline, ...place, ...difference });
  };
  try {
    for (const [index, program] of recording.programs.entries()) {
      const ours = await replayOne({ cluster, state, pipeline, ...options }, program);
      await state.apply(program);
      const theirs = normaliseRows(await state.rows(), state.labels);
      const { log } = ours.outcome;
      note({ program: program.program === "driver" ? "driver" : "launcher", task: program.task, index, log }, [
        ...compareProgram(program, ours.outcome, ours.labels),
        ...compareJson("rows", theirs, ours.rows),
      ]);
    }
    // What the recorded calls lead to is what the recording says about its end.
    state.finish();
    const end = Object.fromEntries(Object.entries(recording.tasks).map(([label, row]) => [label, stableRow(row)]));
    const found = compareJson("tasks", end, normaliseRows(await state.rows(), state.labels));
    note({ program: "driver", task: "end", index: recording.programs.length, log: [] }, found);
  } finally {
    await state.close();
  }
  return differences;
}

interface World extends ReplayOptions {
  readonly cluster: FakeCluster;
  readonly state: RecordedState;
  readonly pipeline: ParsedPipeline;
}

interface Replayed {
  readonly outcome: ProgramOutcome;
  readonly rows: Record<string, JsonObject>;
  readonly labels: Labels;
}

/** Our program, against a server of its own in the state before the recorded one. */
async function replayOne({ cluster, state, pipeline, driver }: World, program: RecordedProgram): Promise<Replayed> {
  const fork = await state.fork();
  try {
    cluster.set(state);
    const rowsBefore = await state.rows();
    const withIds = (value: JsonValue): JsonValue => state.withIds(value);
    const outcome = await replayProgram({ cluster, state: fork, pipeline, rows: rowsBefore, withIds, driver }, program);
    const rows = await fork.rows();
    const theirs = unrepeatableFingerprint(program);
    const ours = rows.find((row) => !state.labels.has(row.taskId) && row.cacheFingerprint !== "")?.cacheFingerprint;
    // Known already: two tasks had the same one, and ours must be the same, too.
    if (theirs !== undefined && ours !== undefined && state.withIds(theirs) === theirs) state.learn(theirs, ours);
    const labels = state.labelsOf(rows);
    return { outcome, rows: normaliseRows(rows, labels), labels };
  } finally {
    await fork.close();
  }
}

async function readSource(file: string): Promise<JsonObject> {
  const [spec, platformSpec] = await readDocuments(readFileSync(file, "utf8"), file);
  if (!isObject(spec)) throw new Error(`${file} is no compiled pipeline`);
  return platformSpec === undefined ? spec : { pipeline_spec: spec, platform_spec: platformSpec };
}

function compareProgram(program: RecordedProgram, outcome: ProgramOutcome, labels: Labels): Difference[] {
  const theirFiles = comparableFiles(program.outputFiles);
  const ourFiles = comparableFiles(normalise(outcome.outputFiles, new Map([...labels, [PORT, "PORT"]])) as JsonObject);
  const ourRequests = normalise(outcome.kubernetesRequests as unknown as JsonValue, labels);
  return [
    ...compareJson("exit", program.exit, outcome.exit),
    ...compareJson("outputFiles", theirFiles, ourFiles),
    ...compareJson(
      "kubernetesRequests",
      requestTable(program.kubernetesRequests ?? []),
      requestTable(ourRequests as unknown as KubernetesRequest[]),
    ),
  ];
}
