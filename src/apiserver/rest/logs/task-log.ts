/**
 * The log of a task: what the launcher published under `executor-logs`, attempt after attempt, as it is or as it grows; and while the
 * step runs what it prints, where somebody on this machine knows.
 *
 * Source: docs/spec/api-server.md#decision-logs.
 *
 * @module
 */
import { fromBinary } from "@bufbuild/protobuf";
import { EXECUTOR_LOGS_KEY } from "../../../core/executor/executor-input.ts";
import { ArtifactSchema, PipelineTaskSchema, TaskState } from "../../../core/kfp-types.ts";
import type { ChangeFeed } from "../../changes/change-feed.ts";
import { ServiceError } from "../../service-error.ts";
import type { Store } from "../../store.ts";
import { secondsOfTimestamp } from "../../timestamps.ts";
import type { ArtifactFiles } from "../artifacts/artifact-files.ts";

/** What reading logs takes. */
export interface TaskLogDeps {
  readonly store: Pick<Store, "tasks" | "links">;
  readonly files: ArtifactFiles;
  readonly feed: ChangeFeed;
  /** Absent: nobody knows what steps print before they have ended. */
  readonly live?: LiveLogs;
}

/** What steps print while they run. */
export interface LiveLogs {
  /** @returns Undefined where nothing is known of the task. */
  reader(runId: string, taskId: string): LiveLog | undefined;
}

/** One step's lines. */
export interface LiveLog {
  /** Those that were added since the last call, of all attempts; lines with their ends. */
  read(): AsyncIterable<string>;
}

const NUMBERED = new Intl.Collator("en", { numeric: true });

/** How long a file is let grow before it is looked at again. */
const LOOK_MS = 500;

const FINAL: ReadonlySet<TaskState> = new Set([TaskState.SUCCEEDED, TaskState.FAILED, TaskState.SKIPPED, TaskState.CACHED]);

/** The task of a run with this id, or with a pod or a name like that, as the UI and people name it; the newest of several. */
export function findTask({ tasks }: Pick<Store, "tasks">, runId: string, node: string): string | undefined {
  if (tasks.find(node)?.runId === runId) return node;
  const found = tasks.ofRun(runId).filter(({ body, name }) => {
    return name === node || fromBinary(PipelineTaskSchema, body).pods.some((pod) => pod.name === node);
  });
  return found.at(-1)?.taskId;
}

/** Where the logs of a task's attempts lie, oldest first. */
export function logUris({ links }: Pick<Store, "links">, taskId: string): string[] {
  return (
    links
      .ofTasks([taskId])
      .filter(({ key }) => key === EXECUTOR_LOGS_KEY)
      .map((row) => fromBinary(ArtifactSchema, row.artifact))
      .map(({ uri = "", createdAt }) => ({ uri, seconds: secondsOfTimestamp(createdAt) }))
      // Attempts of one second: their launchers number the logs.
      .toSorted((left, right) => left.seconds - right.seconds || NUMBERED.compare(left.uri, right.uri))
      .map(({ uri }) => uri)
      .filter((uri) => uri !== "")
  );
}

/** A task of a run. */
export interface LoggedTask {
  readonly runId: string;
  readonly taskId: string;
}

/** Every byte that is there: of a step that runs what it has printed, of one that has ended its logs. */
export async function* readLog(task: LoggedTask, deps: TaskLogDeps): AsyncGenerator<Uint8Array | string> {
  const live = hasEnded(deps.store, task.taskId) ? undefined : deps.live?.reader(task.runId, task.taskId);
  let isEmpty = true;
  for await (const lines of live?.read() ?? []) {
    isEmpty = false;
    yield lines;
  }
  if (isEmpty) yield* newBytes(task, new Map(), deps);
}

/**
 * Every byte that is there and that comes, until the task has ended or is gone.
 *
 * Lines of the step and its published log say the same, so only one of them is followed: the one that says something first.
 */
export async function* followLog(task: LoggedTask, deps: TaskLogDeps, signal: AbortSignal): AsyncGenerator<Uint8Array | string> {
  const offsets = new Map<string, number>();
  const live = hasEnded(deps.store, task.taskId) ? undefined : deps.live?.reader(task.runId, task.taskId);
  let source: "live" | "published" | undefined = live === undefined ? "published" : undefined;
  let endedLooks = 0;
  while (!signal.aborted) {
    // The state is read before the bytes: once it is final, everything has been written.
    if (hasEnded(deps.store, task.taskId)) endedLooks += 1;
    if (source !== "published") {
      for await (const lines of live?.read() ?? []) {
        source = "live";
        yield lines;
      }
    }
    if (source !== "live") {
      for await (const bytes of newBytes(task, offsets, deps)) {
        source = "published";
        yield bytes;
      }
    }
    // The last lines of a launcher that is a program come through a pipe, beside its last call.
    if (endedLooks > (source === "live" ? 1 : 0)) return;
    await changeOf(task.runId, deps.feed, signal, endedLooks > 0);
  }
}

function hasEnded({ tasks }: Pick<Store, "tasks">, taskId: string): boolean {
  const stored = tasks.find(taskId);
  return stored === undefined || FINAL.has(fromBinary(PipelineTaskSchema, stored.body).state);
}

async function* newBytes(
  { runId, taskId }: LoggedTask,
  offsets: Map<string, number>,
  { store, files }: TaskLogDeps,
): AsyncGenerator<Uint8Array> {
  for (const uri of logUris(store, taskId)) {
    const file = await files.open(uri, [runId]).catch((error: unknown) => {
      // A log that is registered and not there is one that was removed; the others are still worth reading.
      if (error instanceof ServiceError && error.status === "NOT_FOUND") return undefined;
      throw error;
    });
    if (file === undefined) continue;
    try {
      let offset = offsets.get(uri) ?? 0;
      for await (const piece of file.read(offset, file.size)) {
        offset += piece.length;
        offsets.set(uri, offset);
        yield piece;
      }
    } finally {
      await file.close();
    }
  }
}

/** Waits for a change of the run, or a moment. @param onlyMoment Changes do not count. */
async function changeOf(runId: string, feed: ChangeFeed, signal: AbortSignal, onlyMoment: boolean): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      unsubscribe();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, LOOK_MS);
    const unsubscribe = onlyMoment ? () => undefined : feed.subscribe(runId, done);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
