/**
 * Recordings of the reference's driver and launcher: their format, and reading a folder of them.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

/** A gRPC call of the program; `code` and `error` when the server refused it. */
export interface RecordedCall {
  readonly method: string;
  readonly request: JsonObject;
  readonly response?: JsonObject;
  readonly code?: string;
  readonly error?: string;
}

export interface KubernetesRequest {
  readonly method: string;
  readonly path: string;
  readonly body?: JsonValue;
  readonly status?: number;
}

export interface RecordedProgram {
  readonly program: "driver" | "launcher-v2";
  /** Type, label of the parent and key, iteration index: "CONTAINER ROOT/say -1". */
  readonly task: string;
  /** Flag to value; a flag that ends with "=" was given as one word. */
  readonly argv: Readonly<Record<string, JsonValue>>;
  /** What followed "--"; arguments that hold JSON are parsed. */
  readonly userCommand?: readonly JsonValue[];
  readonly env: Readonly<Record<string, string>>;
  readonly exit: number;
  /** By flag, without dashes. */
  readonly outputFiles: JsonObject;
  readonly calls: readonly RecordedCall[];
  readonly kubernetesRequests?: readonly KubernetesRequest[];
  readonly log: readonly string[];
}

export interface Recording {
  readonly pipeline: string;
  readonly parameters: JsonObject;
  readonly result: string;
  /** In order of start; one at a time. */
  readonly programs: readonly RecordedProgram[];
  /** Rows at the end, by label. */
  readonly tasks: Readonly<Record<string, JsonObject>>;
}

/** Names of the recordings in a folder, sorted. */
export function listRecordings(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => /\.json(\.gz)?$/.test(name))
    .toSorted();
}

/** @throws {Error} naming the file when it holds no recording. */
export function readRecording(folder: string, name: string): Recording {
  const file = path.join(folder, name);
  const bytes = readFileSync(file);
  let content: Partial<Recording>;
  try {
    content = JSON.parse((name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8")) as Partial<Recording>;
  } catch (error) {
    throw new Error(`Cannot read the recording ${file}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  const { pipeline, programs, tasks } = content;
  if (typeof pipeline !== "string" || !Array.isArray(programs) || typeof tasks !== "object") {
    throw new Error(`${file} is no recording: it needs "pipeline", "programs" and "tasks"`);
  }
  return content as Recording;
}

/**
 * The compiled pipeline of a recording: beside the recordings, or in a folder of compiled pipelines.
 *
 * @throws {Error} naming the places that were looked at.
 */
export function findPipelineFile(pipeline: string, folders: readonly string[]): string {
  const candidates = folders.flatMap((folder) => [".yaml", ".json"].map((end) => path.join(folder, `${pipeline}${end}`)));
  // A recording has the name of its pipeline: only YAML counts where the recordings themselves lie.
  const found = candidates.find((file) => existsSync(file) && !isRecording(file));
  if (found !== undefined) return found;
  throw new Error(`The compiled pipeline ${pipeline}.yaml is in none of ${folders.join(", ")}`);
}

function isRecording(file: string): boolean {
  return file.endsWith(".json") && readFileSync(file, "utf8").includes('"programs"');
}
