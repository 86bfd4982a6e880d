/**
 * The events of a run, as server-sent events: what there is, then what changes, until the client goes.
 *
 * A row is read when its event is sent, so a client that is slow, or comes back, gets the newest state and no state twice in vain. At
 * least once, never lost: reading begins after listening.
 *
 * Source: docs/spec/api-server.md#decision-events.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Change, ChangeFeed } from "../../changes/change-feed.ts";
import { PendingChanges } from "./pending-changes.ts";
import type { RunReader } from "./run-reader.ts";

/** What events are made from. */
export interface RunEventsDeps {
  readonly feed: ChangeFeed;
  readonly reader: RunReader;
  /** Default 15 s. */
  readonly heartbeatMs?: number;
}

const DEFAULT_HEARTBEAT_MS = 15_000;
/** Writes that come together are told of together. */
const GATHER_MS = 25;
/** How long a client waits before it comes back. */
const RETRY_MS = 1_000;

/**
 * Texts to send.
 *
 * @param lastEventId Where the client left off; anything unknown counts as "at the beginning".
 */
export async function* runEvents(
  runId: string,
  lastEventId: string | undefined,
  { feed, reader, heartbeatMs = DEFAULT_HEARTBEAT_MS }: RunEventsDeps,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const pending = new PendingChanges();
  let wake = (): void => {};
  const unsubscribe = feed.subscribe(runId, (change) => {
    pending.add(change);
    wake();
  });
  const onAbort = (): void => wake();
  signal.addEventListener("abort", onAbort);
  try {
    yield `retry: ${RETRY_MS}\n\n`;
    const missed = missedChanges(runId, lastEventId, feed);
    let isComplete = missed !== undefined;
    let isAgain = lastEventId !== undefined;
    for (const change of missed ?? []) pending.add(change);
    while (!signal.aborted) {
      if (!isComplete) {
        for await (const event of wholeRun(runId, isAgain, { feed, reader })) {
          yield event;
          if (isLast(event)) return;
        }
        isComplete = true;
        isAgain = true;
      }
      if (pending.isEmpty) {
        const woken = await new Promise<boolean>((resolve) => {
          const timer = setTimeout(() => resolve(false), heartbeatMs);
          wake = () => {
            clearTimeout(timer);
            resolve(true);
          };
        });
        if (!woken) yield ": still here\n\n";
        else await sleep(GATHER_MS);
        continue;
      }
      const changes = pending.take();
      isComplete = changes !== undefined;
      for (const change of changes ?? []) {
        const event = await eventOf(runId, change, { feed, reader });
        if (event === undefined) continue;
        yield event;
        if (isLast(event)) return;
      }
    }
  } finally {
    unsubscribe();
    signal.removeEventListener("abort", onAbort);
  }
}

/** `undefined` when the client has to begin anew: it is new, comes from another process, or was away for too long. */
function missedChanges(runId: string, lastEventId: string | undefined, feed: ChangeFeed): Change[] | undefined {
  const [, epoch, sequence] = /^([\w-]+)\.(\d{1,15})$/.exec(lastEventId ?? "") ?? [];
  return epoch === feed.epoch ? feed.since(runId, Number(sequence)) : undefined;
}

type Sources = Pick<RunEventsDeps, "feed" | "reader">;

/** Everything there is; only its end has an id, so that a client which loses the connection before begins anew. */
async function* wholeRun(runId: string, isAgain: boolean, { feed, reader }: Sources): AsyncGenerator<string> {
  const position = feed.position;
  if (isAgain) yield eventText("reset", "{}");
  const run = await reader.run(runId);
  if (run === undefined) {
    yield eventText("deleted", "{}");
    return;
  }
  yield eventText("run", run);
  for await (const task of reader.tasks(runId)) yield eventText("task", task);
  for await (const artifact of reader.artifacts(runId)) yield eventText("artifact", artifact);
  yield eventText("ready", "{}", `${feed.epoch}.${position}`);
}

async function eventOf(runId: string, { thing, sequence }: Change, { feed, reader }: Sources): Promise<string | undefined> {
  const id = `${feed.epoch}.${sequence}`;
  switch (thing.kind) {
    case "run": {
      const run = await reader.run(runId);
      return run === undefined ? eventText("deleted", "{}", id) : eventText("run", run, id);
    }
    case "task": {
      const task = await reader.task(runId, thing.taskId);
      return task === undefined ? undefined : eventText("task", task, id);
    }
    case "artifact": {
      const artifact = reader.artifact(thing.link);
      return artifact === undefined ? undefined : eventText("artifact", artifact, id);
    }
  }
}

/** Of a run that is gone there is nothing more to tell. */
function isLast(event: string): boolean {
  return event.startsWith("event: deleted\n");
}

/** JSON has no line ends but escaped ones. */
function eventText(name: string, json: string, id?: string): string {
  return `event: ${name}\n${id === undefined ? "" : `id: ${id}\n`}data: ${json}\n\n`;
}
