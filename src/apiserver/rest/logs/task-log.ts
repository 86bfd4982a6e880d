/**
 * The log of a task: what the launcher published under `executor-logs`, attempt after attempt, as it is or as it grows.
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

/** Every byte that is there. */
export async function* readLog(taskId: string, deps: TaskLogDeps): AsyncGenerator<Uint8Array> {
  yield* newBytes(taskId, new Map(), deps);
}

/** Every byte that is there and that comes, until the task has ended or is gone. */
export async function* followLog(
  { runId, taskId }: { readonly runId: string; readonly taskId: string },
  deps: TaskLogDeps,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const offsets = new Map<string, number>();
  while (!signal.aborted) {
    // The state is read before the bytes: once it is final, everything has been written.
    const isOver = hasEnded(deps.store, taskId);
    yield* newBytes(taskId, offsets, deps);
    if (isOver) return;
    await changeOf(runId, deps.feed, signal);
  }
}

function hasEnded({ tasks }: Pick<Store, "tasks">, taskId: string): boolean {
  const stored = tasks.find(taskId);
  return stored === undefined || FINAL.has(fromBinary(PipelineTaskSchema, stored.body).state);
}

async function* newBytes(
  taskId: string,
  offsets: Map<string, number>,
  { store, files }: TaskLogDeps,
): AsyncGenerator<Uint8Array> {
  for (const uri of logUris(store, taskId)) {
    const file = await files.open(uri).catch((error: unknown) => {
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

/** Waits for a change of the run, or a moment. */
async function changeOf(runId: string, feed: ChangeFeed, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      unsubscribe();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, LOOK_MS);
    const unsubscribe = feed.subscribe(runId, done);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
