/**
 * Following objects: a list in pages, then a watch from where the list ended, again and again.
 *
 * A watch ends by itself every few minutes and is begun again where it was. When the server has forgotten that place (410 Gone), or sends
 * what cannot be read, everything is listed anew, and what is not there any more is told as gone. While the server does not answer it is
 * asked at growing intervals.
 *
 * Standard: Kubernetes API concepts, "Efficient detection of changes" and "Retrieving large results sets in chunks".
 *
 * @module
 */
import { backoffMs } from "../core/backoff.ts";
import { errorMessage, KubeError } from "../core/errors.ts";
import { isJsonObject } from "../core/values/json-object.ts";
import type { JsonObject, JsonValue } from "../core/values/value.ts";
import type { Clock } from "../ports/clock.ts";
import type { ObjectName, ObjectObserver, WatchedObjects } from "../ports/kube-objects.ts";
import type { OpenConnection } from "./kube-connection.ts";
import { askKube, isSuccess, rejectionError, resourcePath } from "./kube-requests.ts";

/** What following takes. */
export interface WatchDeps {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly connection: () => Promise<OpenConnection>;
}

/** Objects of a page: forty of the largest that etcd takes fit into an answer of this size. */
const PAGE_SIZE = 40;
const LARGEST_PAGE_BYTES = 64 * 1024 * 1024;
const PAGE_TIMEOUT_MS = 60_000;
const PAGE_ATTEMPTS = 3;
/** A watch that a silent network has cut off is noticed after this long at the latest. */
const WATCH_SECONDS = { least: 120, spread: 120 };
/** For the server to end the watch itself. */
const WATCH_GRACE_MS = 30_000;
/** Whoever ends watches at once shall not be asked without a pause. */
const SHORTEST_WATCH_MS = 1000;
const PAUSE = { firstMs: 500, longestMs: 30_000 };

/** Where a server has forgotten what happened since. */
class PlaceForgotten extends Error {}

/** As ports/kube-objects.ts says of `watchObjects`. */
export async function watchObjects(
  deps: WatchDeps,
  watched: WatchedObjects,
  observer: ObjectObserver,
  signal: AbortSignal,
): Promise<void> {
  const known = new Map<string, ObjectName>();
  let version: string | undefined;
  let failures = 0;
  while (!signal.aborted) {
    const beganAtMs = deps.clock.monotonicMs();
    try {
      version ??= await listAll(deps, watched, observer, known, signal);
      for await (const seen of changes(deps, watched, version, signal)) {
        if (seen.type === "begun") {
          observer.following();
          continue;
        }
        failures = 0;
        version = seen.version;
        tell(seen, observer, known);
      }
      if (deps.clock.monotonicMs() - beganAtMs < SHORTEST_WATCH_MS) throw new Error("the watch ended as soon as it had begun");
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      const isForgotten = error instanceof PlaceForgotten;
      if (isForgotten) version = undefined;
      const pauseMs = backoffMs(PAUSE, failures);
      failures += 1;
      // It happens to whoever was away for a while: the first time, the list is made anew at once.
      if (isForgotten && failures === 1) continue;
      observer.lost(errorMessage(error));
      await deps.clock.sleep(pauseMs / 2 + (deps.random() * pauseMs) / 2, signal).catch(() => undefined);
    }
  }
}

/** @returns The version to watch from. */
async function listAll(
  deps: WatchDeps,
  watched: WatchedObjects,
  observer: ObjectObserver,
  known: Map<string, ObjectName>,
  signal: AbortSignal,
): Promise<string> {
  const what = `the ${watched.resource.plural} of ${watched.namespace === "" ? "all namespaces" : watched.namespace}`;
  const listed = new Set<string>();
  for (let next = ""; ;) {
    const path = pathOf(watched, { limit: String(PAGE_SIZE), ...(next === "" ? {} : { continue: next }) });
    const answer = await askKube(deps.clock, await deps.connection(), {
      ...{ method: "GET", path, what, attempts: PAGE_ATTEMPTS, timeoutMs: PAGE_TIMEOUT_MS },
      largestAnswerBytes: LARGEST_PAGE_BYTES,
    });
    if (signal.aborted) throw signal.reason;
    // A list that took too long: its pages are not of one moment any more.
    if (answer.status === 410) throw new PlaceForgotten(`the list of ${what} took too long`);
    if (!isSuccess(answer)) throw rejectionError(answer, what);
    const body = answer.body as JsonValue | undefined;
    const items = isJsonObject(body) ? body["items"] : undefined;
    const metadata = isJsonObject(body) ? body["metadata"] : undefined;
    if (!Array.isArray(items) || !isJsonObject(metadata))
      throw new Error(`Kubernetes answered something for ${what} that is not a list`);
    for (const object of items.filter(isJsonObject)) {
      const place = placeOf(object);
      if (place === undefined) continue;
      listed.add(keyOf(place));
      known.set(keyOf(place), place);
      observer.present(object);
    }
    const { continue: more, resourceVersion } = metadata;
    if (typeof more === "string" && more !== "") {
      next = more;
      continue;
    }
    for (const [key, place] of known) {
      if (listed.has(key)) continue;
      known.delete(key);
      observer.gone(place);
    }
    observer.synced();
    return typeof resourceVersion === "string" ? resourceVersion : "0";
  }
}

interface Change {
  readonly type: "present" | "gone" | "bookmark";
  readonly object: JsonObject;
  readonly version: string;
}

/** Ends when the server ends the watch. */
async function* changes(
  { connection, random }: WatchDeps,
  watched: WatchedObjects,
  resourceVersion: string,
  signal: AbortSignal,
): AsyncGenerator<Change | { readonly type: "begun" }> {
  const seconds = Math.round(WATCH_SECONDS.least + random() * WATCH_SECONDS.spread);
  const query = { watch: "true", allowWatchBookmarks: "true", timeoutSeconds: String(seconds), resourceVersion };
  const stream = await (
    await connection()
  ).stream({ path: pathOf(watched, query), timeoutMs: seconds * 1000 + WATCH_GRACE_MS }, signal);
  if (stream.status === 410) throw new PlaceForgotten("410 Gone");
  if (stream.status !== 200) {
    const [text = ""] = await firstLines(stream.lines);
    throw new KubeError(
      "KUBE_REJECTED",
      `Kubernetes answered ${stream.status} for a watch of ${watched.resource.plural}: ${text.slice(0, 500)}`,
      {
        details: { status: stream.status },
      },
    );
  }
  yield { type: "begun" };
  for await (const line of stream.lines) {
    if (line === "") continue;
    const event = JSON.parse(line) as JsonValue;
    const object = isJsonObject(event) ? event["object"] : undefined;
    if (!isJsonObject(event) || !isJsonObject(object)) throw new PlaceForgotten("an event is not an object");
    const { type } = event;
    if (type === "ERROR") {
      if (object["code"] === 410) throw new PlaceForgotten("410 Gone");
      throw new Error(`the watch of ${watched.resource.plural} ended with ${JSON.stringify(object["message"] ?? "an error")}`);
    }
    const version = memberText(object["metadata"], "resourceVersion") ?? resourceVersion;
    if (type === "BOOKMARK") yield { type: "bookmark", object, version };
    else yield { type: type === "DELETED" ? "gone" : "present", object, version };
  }
}

async function firstLines(lines: AsyncIterable<string>): Promise<string[]> {
  for await (const line of lines) return [line];
  return [];
}

function tell({ type, object }: Change, observer: ObjectObserver, known: Map<string, ObjectName>): void {
  const place = placeOf(object);
  if (type === "bookmark" || place === undefined) return;
  if (type === "gone") {
    known.delete(keyOf(place));
    observer.gone(place);
    return;
  }
  known.set(keyOf(place), place);
  observer.present(object);
}

function pathOf({ resource, namespace, labelSelector }: WatchedObjects, query: Readonly<Record<string, string>>): string {
  const parameters = new URLSearchParams({ ...(labelSelector === "" ? {} : { labelSelector }), ...query });
  return `${resourcePath(resource, namespace)}?${parameters.toString()}`;
}

function placeOf(object: JsonObject): ObjectName | undefined {
  const { metadata } = object;
  const name = memberText(metadata, "name");
  return name === undefined ? undefined : { namespace: memberText(metadata, "namespace") ?? "", name };
}

function keyOf({ namespace, name }: ObjectName): string {
  return `${namespace}/${name}`;
}

function memberText(json: JsonValue | undefined, name: string): string | undefined {
  const text = isJsonObject(json) ? json[name] : undefined;
  return typeof text === "string" ? text : undefined;
}
