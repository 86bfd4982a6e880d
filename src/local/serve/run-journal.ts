/**
 * What happens in a run, line by line, for a terminal that shows a run which another process of this machine executes.
 *
 * ```
 * HOME/runs/RUN_ID/progress.jsonl   one JSON object a line; the terminal makes it empty before it creates the run
 * ```
 *
 * The server appends to a journal that is there and never makes one: without a terminal nobody would read it. The last line of an
 * execution says how it ended, so that the reader need not ask anybody.
 *
 * @module
 */
import { appendFileSync, existsSync, statSync } from "node:fs";
import { open, rm, writeFile, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder } from "../../node/files/make-folder.ts";
import type { EngineEvent } from "../engine/engine-event.ts";
import type { RunResult, StepFailure } from "../results/run-result.ts";
import type { FinishedPipeline } from "../run/execution.ts";
import type { StepLine } from "../steps/local-step-runtime.ts";

/** One thing that happened. */
export type JournalEntry =
  | { readonly kind: "event"; readonly event: EngineEvent }
  | { readonly kind: "line"; readonly line: StepLine }
  | { readonly kind: "notice"; readonly text: string }
  /** The run is over. */
  | { readonly kind: "finished"; readonly finished: JournaledRun }
  /** The run is over before anything of it ran, or is gone. */
  | { readonly kind: "refused"; readonly message: string; readonly why: Refusal }
  /** The server ends; the run goes on with the next one. */
  | { readonly kind: "left" };

/** `pipeline`: it cannot be run like that. `cancelled`: before its turn. `trouble`: everything else. */
export type Refusal = "pipeline" | "cancelled" | "trouble";

/** A finished run as JSON takes it. */
export interface JournaledRun {
  readonly result: RunResult;
  readonly failures: readonly (readonly [taskId: string, failure: StepFailure])[];
  readonly cancelled: boolean;
  readonly logPath: string;
}

/** Takes entries. Never throws: a terminal that misses something costs no run. */
export interface RunJournal {
  append(entry: JournalEntry): void;
}

/** Beyond it the output of steps is left out; how the run goes on and ends is not. */
const LARGEST_JOURNAL_BYTES = 256 * 1024 * 1024;
/** Read at once. */
const CHUNK_BYTES = 1024 * 1024;

/** Where the journal of a run is. */
export function journalPath(runFolder: string): string {
  return join(runFolder, "progress.jsonl");
}

/** Asks for a journal, before the run is created. */
export async function startJournal(runFolder: string): Promise<void> {
  await makeFolder(runFolder);
  await writeFile(journalPath(runFolder), "", { mode: 0o600 });
}

/** Nobody reads it any more. */
export async function removeJournal(runFolder: string): Promise<void> {
  await rm(journalPath(runFolder), { force: true });
}

/** @param limitBytes For tests. */
export function openJournal(runFolder: string, limitBytes = LARGEST_JOURNAL_BYTES): RunJournal {
  const path = journalPath(runFolder);
  if (!existsSync(path)) return { append: () => undefined };
  let bytes = sizeOf(path);
  let isFull = bytes >= limitBytes;
  // A server that was killed may have left half a line.
  let lead = bytes === 0 ? "" : "\n";
  const write = (entry: JournalEntry): void => {
    const line = `${lead}${JSON.stringify(entry)}\n`;
    lead = "";
    bytes += Buffer.byteLength(line);
    try {
      // The terminal that asked for it may have removed it: it must not come back.
      if (existsSync(path)) appendFileSync(path, line);
    } catch {
      // A full disk shows in the run itself.
    }
  };
  return {
    append(entry) {
      if (entry.kind === "line" && isFull) return;
      write(entry);
      if (isFull || bytes < limitBytes) return;
      isFull = true;
      write({ kind: "notice", text: "the steps have printed too much to show: their output is in their logs from here on" });
    },
  };
}

/** A finished run for the journal. */
export function journaledRun({ result, failures, cancelled, logPath }: FinishedPipeline): JournaledRun {
  return { result, failures: [...failures], cancelled, logPath };
}

/** And back. */
export function finishedPipeline({ result, failures, cancelled, logPath }: JournaledRun): FinishedPipeline {
  return { result, failures: new Map(failures), cancelled, isLeft: false, logPath };
}

/** Reads a journal while it grows. */
export class JournalReader {
  readonly #path: string;
  #file: FileHandle | undefined;
  #rest = Buffer.alloc(0);
  #offset = 0;

  constructor(runFolder: string) {
    this.#path = journalPath(runFolder);
  }

  /** The entries that were added since the last call; an unfinished line waits for its end. */
  async next(): Promise<JournalEntry[]> {
    this.#file ??= await open(this.#path, "r");
    const { bytesRead, buffer } = await this.#file.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES, this.#offset);
    if (bytesRead === 0) return [];
    this.#offset += bytesRead;
    const bytes = Buffer.concat([this.#rest, buffer.subarray(0, bytesRead)]);
    const end = bytes.lastIndexOf(0x0a) + 1;
    this.#rest = Buffer.from(bytes.subarray(end));
    return bytes.subarray(0, end).toString("utf8").split("\n").flatMap(entryOf);
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }
}

/** Half a line of a server that was killed says nothing. */
function entryOf(line: string): JournalEntry[] {
  try {
    return line === "" ? [] : [JSON.parse(line) as JournalEntry];
  } catch {
    return [];
  }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}
