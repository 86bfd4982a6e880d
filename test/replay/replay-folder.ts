/**
 * Replays every recording of a folder and says what differs.
 *
 * @module
 */
import path from "node:path";
import { fileURLToPath } from "node:url";
import { explainDifference, readDeviations } from "../conformance/deviations.ts";
import { startFakeCluster, type FakeCluster } from "./fake-cluster.ts";
import { RECORDING_FAULTS } from "./recording-faults.ts";
import { findPipelineFile, listRecordings, readRecording } from "./recording.ts";
import { replayRecording, type ReplayedDifference, type ReplayOptions } from "./replay.ts";

/** Recordings and compiled pipelines that lie in this repository. */
export const RECORDINGS = fileURLToPath(new URL("../fixtures/replay", import.meta.url));

/** A difference, and the ids of the deviations that explain it; none: one of the two programs is wrong. */
export interface ExplainedDifference extends ReplayedDifference {
  readonly deviations: readonly string[];
}

/** @throws {Error} when there is no such recording, no compiled pipeline for it, or it cannot be replayed. */
export async function replayFile(
  cluster: FakeCluster,
  folder: string,
  name: string,
  options: ReplayOptions = {},
): Promise<ExplainedDifference[]> {
  const recording = readRecording(folder, name);
  const file = findPipelineFile(recording.pipeline, pipelineFolders(folder));
  const deviations = [...readDeviations(), ...RECORDING_FAULTS];
  return (await replayRecording(cluster, recording, file, options)).map((difference) => ({
    ...difference,
    deviations: explainDifference(deviations, difference).map(({ id }) => id),
  }));
}

/** Where the compiled pipelines of a folder of recordings may lie. */
function pipelineFolders(folder: string): string[] {
  return [".", "pipelines", "../pipelines", "../corpus/pipelines", `${RECORDINGS}/pipelines`].map((at) =>
    path.resolve(folder, at),
  );
}

export interface ReplayFolderOptions {
  /** Names of the recordings to replay; absent: each. */
  readonly only?: RegExp;
  /** Whether differences that a deviation explains are printed, too. */
  readonly showsExplained: boolean;
  readonly print: (line: string) => void;
}

/** @returns How many recordings agreed and how many differed; one that cannot be replayed differs. */
export async function replayFolder(folder: string, options: ReplayFolderOptions): Promise<{ agreed: number; differed: number }> {
  const { only, showsExplained, print } = options;
  const counts = { agreed: 0, differed: 0 };
  const cluster = await startFakeCluster();
  try {
    for (const name of listRecordings(folder).filter((recording) => only?.test(recording) ?? true)) {
      try {
        const differences = await replayFile(cluster, folder, name);
        const faults = differences.filter(({ deviations }) => deviations.length === 0);
        for (const difference of showsExplained ? differences : faults) print(describeDifference(difference));
        counts[faults.length === 0 ? "agreed" : "differed"] += 1;
      } catch (error) {
        print(`${name}: cannot be replayed: ${error instanceof Error ? error.message : String(error)}`);
        counts.differed += 1;
      }
    }
  } finally {
    await cluster.close();
  }
  return counts;
}

/** Characters of a value that are shown. */
const SHOWN = 400;

export function describeDifference(difference: ExplainedDifference): string {
  const { pipeline, program, task, field, theirs, ours, deviations, log } = difference;
  const text = (value: unknown): string => {
    const json = value === undefined ? "nothing" : JSON.stringify(value);
    return json.length > SHOWN ? `${json.slice(0, SHOWN)}… (${json.length} characters)` : json;
  };
  return [
    `${pipeline}: ${program} ${task}: ${field}`,
    `  recorded: ${text(theirs)}`,
    `  ours:     ${text(ours)}`,
    ...(deviations.length > 0 ? [`  explained by ${deviations.join(", ")}`] : log.map((line) => `  ours said: ${line}`)),
  ].join("\n");
}
