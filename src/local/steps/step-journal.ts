/**
 * What the steps of a run print, line by line in the order of their arrival: one file of a run, for whoever looks at it later or
 * meanwhile from another process.
 *
 * One JSON object a line. It is a convenience beside the logs that the launcher publishes: a disk that does not take it costs the
 * journal, never the step, and a run that prints without end fills it up to a limit only.
 *
 * @module
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { taskLabel } from "../engine/task-label.ts";
import type { StepLine } from "./local-step-runtime.ts";

/** A line as it is kept. */
export interface JournalLine {
  /** UTC, ISO 8601. */
  readonly time: string;
  /** Label of the task (task-label.ts). */
  readonly task: string;
  readonly stream: "stdout" | "stderr";
  readonly text: string;
  /** The SDK's executor says it in every Python step. */
  readonly routine?: true;
}

/** The last record of a journal that has reached its limit. */
export interface JournalEnd {
  readonly full: true;
}

/** Bytes of a journal at most. */
export const JOURNAL_LIMIT_BYTES = 128 * 1024 * 1024;
/** Bytes that wait for the next turn of the event loop; more are written at once. */
const BUFFER_BYTES = 256 * 1024;
/** Bytes read at a time. */
const CHUNK_BYTES = 256 * 1024;

/** The journal in the folder of a run. */
export function journalPath(runFolder: string): string {
  return join(runFolder, "steps.jsonl");
}

/** Appends lines. Nothing throws. */
export class StepJournal {
  readonly #path: string;
  readonly #now: () => Date;
  readonly #limitBytes: number;
  #file: number | undefined;
  #usable = true;
  #writtenBytes = 0;
  #waiting = "";
  #scheduled = false;

  constructor(path: string, now: () => Date, limitBytes: number = JOURNAL_LIMIT_BYTES) {
    this.#path = path;
    this.#now = now;
    this.#limitBytes = limitBytes;
  }

  add({ place, stream, text, isRoutine }: StepLine): void {
    if (!this.#usable) return;
    const line: JournalLine = {
      ...{ time: this.#now().toISOString(), task: taskLabel(place), stream, text },
      ...(isRoutine ? { routine: true } : {}),
    };
    this.#waiting += `${JSON.stringify(line)}\n`;
    // The first line of a burst is written at once: what a person has seen is there, even if the process is killed then.
    if (!this.#scheduled || this.#waiting.length >= BUFFER_BYTES) this.#write();
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#write();
    });
  }

  /** Writes what waits. Lines that come later are kept as well. */
  close(): void {
    this.#write();
    this.#closeFile();
  }

  #write(): void {
    const text = this.#waiting;
    this.#waiting = "";
    if (text === "" || !this.#usable) return;
    try {
      this.#file ??= openSync(this.#path, "a");
      this.#writtenBytes += writeSync(this.#file, text);
      if (this.#writtenBytes < this.#limitBytes) return;
      writeSync(this.#file, `${JSON.stringify({ full: true } satisfies JournalEnd)}\n`);
    } catch {
      // A full disk, or a folder that was removed: the run says so itself when it matters.
    }
    this.#usable = false;
    this.#closeFile();
  }

  #closeFile(): void {
    if (this.#file === undefined) return;
    try {
      closeSync(this.#file);
    } catch {
      // Nothing is to be had from a file that cannot be closed.
    }
    this.#file = undefined;
  }
}

/** Reads a journal, again and again while it grows. */
export class JournalReader {
  readonly #path: string;
  readonly #decoder = new TextDecoder("utf-8");
  #offset = 0;
  #rest = "";

  /** @param path A file that does not exist yet has no lines. */
  constructor(path: string) {
    this.#path = path;
  }

  /** What was added since the last call. A record that is not one, as after a crash, is left out. */
  async *read(): AsyncGenerator<JournalLine | JournalEnd> {
    for await (const text of this.texts()) {
      const record = parseRecord(text);
      if (record !== undefined) yield record;
    }
  }

  /** The same as text: whole lines without their end. */
  async *texts(): AsyncGenerator<string> {
    const file = await open(this.#path, "r").catch(() => undefined);
    if (file === undefined) return;
    const buffer = Buffer.alloc(CHUNK_BYTES);
    try {
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, this.#offset);
        if (bytesRead === 0) return;
        this.#offset += bytesRead;
        const parts = (this.#rest + this.#decoder.decode(buffer.subarray(0, bytesRead), { stream: true })).split("\n");
        this.#rest = parts.pop() ?? "";
        yield* parts;
      }
    } finally {
      await file.close();
    }
  }
}

function parseRecord(text: string): JournalLine | JournalEnd | undefined {
  try {
    const value = JSON.parse(text) as Partial<Record<keyof JournalLine | keyof JournalEnd, unknown>>;
    if (value.full === true) return { full: true };
    const { time, task, stream, text: line, routine } = value;
    if (typeof time !== "string" || typeof task !== "string" || typeof line !== "string") return undefined;
    if (stream !== "stdout" && stream !== "stderr") return undefined;
    return { time, task, stream, text: line, ...(routine === true ? { routine } : {}) };
  } catch {
    return undefined;
  }
}
