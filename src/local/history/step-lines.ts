/**
 * What steps of a stored run printed: from the journal of the run, or from the log that the launcher published.
 *
 * @module
 */
import { open } from "node:fs/promises";
import { isLocalUri } from "../../core/executor/artifact-uri.ts";
import { EXECUTOR_LOGS_KEY } from "../../core/executor/executor-input.ts";
import { runFolder } from "../run/local-run.ts";
import { ExecutorRoutine, LineSink, LogTail } from "../steps/step-output.ts";
import { JournalReader, journalPath } from "../steps/step-journal.ts";
import type { HomeHistory } from "./open-history.ts";
import type { HistoryRun, HistoryTask } from "./stored-run.ts";

/** Lines kept of each step for the message of its failure. */
const TAIL_LINES = 80;
/** Bytes read of the end of a published log. */
const TAIL_BYTES = 64 * 1024;
const CHUNK_BYTES = 256 * 1024;

/** A line of a published log. */
export interface LoggedLine {
  readonly text: string;
  readonly isRoutine: boolean;
}

/** Where the logs of a task's attempts lie, first attempt first. */
export function publishedLogs({ result }: HistoryTask): string[] {
  return (result.outputs.artifacts[EXECUTOR_LOGS_KEY] ?? []).map(({ uri }) => uri).filter((uri) => uri !== "");
}

/** Whether this machine can read a log where it lies. */
export function isReadableLog(uri: string): boolean {
  return isLocalUri(uri);
}

/** Lines of a log on this machine; nothing when it is not there any more. */
export async function* readPublishedLog(path: string): AsyncGenerator<LoggedLine> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return;
  const routine = new ExecutorRoutine();
  let lines: LoggedLine[] = [];
  const sink = new LineSink((text) => lines.push({ text, isRoutine: routine.accepts(text) }));
  const buffer = Buffer.alloc(CHUNK_BYTES);
  try {
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES);
      if (bytesRead === 0) break;
      sink.write(buffer.subarray(0, bytesRead));
      yield* lines;
      lines = [];
    }
    sink.end();
    yield* lines;
  } finally {
    await file.close();
  }
}

/** The last lines of some tasks, by task id, without those of the SDK's executor. */
export async function lastLines(
  { home }: HomeHistory,
  { runId }: HistoryRun,
  tasks: readonly HistoryTask[],
): Promise<Map<string, readonly string[]>> {
  const tails = new Map(tasks.map(({ label }) => [label, new LogTail(TAIL_LINES)]));
  for await (const record of new JournalReader(journalPath(runFolder(home, runId))).read()) {
    if (!("full" in record) && record.routine !== true) tails.get(record.task)?.add(record.text);
  }
  const found = new Map<string, readonly string[]>();
  for (const task of tasks) {
    const lines = tails.get(task.label)?.lines() ?? [];
    found.set(task.row.taskId, lines.length > 0 ? lines : await endOfLog(task));
  }
  return found;
}

async function endOfLog(task: HistoryTask): Promise<readonly string[]> {
  const uri = publishedLogs(task).at(-1);
  if (uri === undefined || !isReadableLog(uri)) return [];
  const file = await open(uri, "r").catch(() => undefined);
  if (file === undefined) return [];
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - TAIL_BYTES);
    const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, start);
    const tail = new LogTail(TAIL_LINES);
    const routine = new ExecutorRoutine();
    const sink = new LineSink((text) => {
      if (!routine.accepts(text)) tail.add(text);
    });
    sink.write(buffer.subarray(0, bytesRead));
    sink.end();
    return tail.lines();
  } finally {
    await file.close();
  }
}
