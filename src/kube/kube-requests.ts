/**
 * Requests to the Kubernetes API with their repeats, and what their answers mean.
 *
 * Repeated are a broken connection, conflicts, and the statuses of a server that is busy or on its way down; a server that says when to
 * come again is believed. Every request of ours may be repeated: a claim created twice is there once, and one deleted twice is gone.
 *
 * Source: docs/spec/persistent-volume-claims.md#http-calls; docs/spec/connections.md#kubernetes-client-configuration.
 *
 * @module
 */
import { backoffMs } from "../core/backoff.ts";
import { errorMessage, KubeError } from "../core/errors.ts";
import type { Clock } from "../ports/clock.ts";
import { memberOf } from "./kube-config.ts";
import type { Exchange, OpenConnection, RawAnswer } from "./kube-connection.ts";

/** A request with its tries. */
export interface KubeRequest extends Exchange {
  /** For messages, such as `Secret ns/name`. */
  readonly what: string;
  /** Tries in all, where the server does not say when to come again. */
  readonly attempts: number;
}

/** A request without what the adapter decides. */
export type KubeQuestion = Omit<KubeRequest, "timeoutMs" | "attempts"> & { readonly attempts?: number };

/** An answer that ends the tries, a refusal included. */
export interface KubeAnswer {
  readonly status: number;
  /** Parsed; `undefined` when it is not JSON. */
  readonly body: unknown;
}

const PAUSE_MS = 500;
/** As the Go client library does it. */
const ATTEMPTS_AS_TOLD = 10;
/** A server that asks for more than this is waited for this long, and asked again. */
const LONGEST_TOLD_PAUSE_MS = 30_000;

/**
 * @returns Any answer that is not worth a repeat, refusals included.
 * @throws {KubeError} KUBE_UNAVAILABLE when there is no answer in all attempts.
 */
export async function askKube(clock: Clock, connection: OpenConnection, request: KubeRequest): Promise<KubeAnswer> {
  let tokenRefused = false;
  for (let attempt = 1; ; attempt++) {
    let answer: RawAnswer;
    try {
      answer = await connection.exchange(request);
    } catch (error) {
      if (error instanceof KubeError) throw error;
      if (attempt >= request.attempts) throw unreachable(connection, request, error);
      await clock.sleep(pauseMs(attempt));
      continue;
    }
    const staleToken = answer.status === 401 && connection.tokenRotates && !tokenRefused;
    if (staleToken) tokenRefused = true;
    const said = { status: answer.status, body: parsed(answer.text) };
    if (!staleToken && !isWorthRepeating(said, attempt, mayTry(answer, request))) return said;
    const toldMs = answer.retryAfterSeconds === undefined ? undefined : answer.retryAfterSeconds * 1000;
    await clock.sleep(toldMs === undefined ? pauseMs(attempt) : Math.min(toldMs, LONGEST_TOLD_PAUSE_MS));
  }
}

function pauseMs(attempt: number): number {
  return backoffMs({ firstMs: PAUSE_MS }, attempt - 1);
}

function mayTry({ retryAfterSeconds }: RawAnswer, { attempts }: KubeRequest): number {
  return retryAfterSeconds === undefined ? attempts : ATTEMPTS_AS_TOLD;
}

/** A conflict on something new is one of the namespace's quota, which many requests change at the same time. */
function isWorthRepeating(answer: KubeAnswer, attempt: number, attempts: number): boolean {
  const isConflict = answer.status === 409 && reasonOf(answer) === "Conflict";
  return attempt < attempts && (answer.status === 429 || answer.status >= 500 || isConflict);
}

function unreachable({ server }: OpenConnection, request: KubeRequest, error: unknown): KubeError {
  const verb = { GET: "read", POST: "create", PUT: "replace", PATCH: "change", DELETE: "delete" }[request.method];
  return new KubeError("KUBE_UNAVAILABLE", `Cannot ${verb} ${request.what} at ${server}: ${errorMessage(error)}`, {
    cause: error,
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // A proxy's page; the status says enough.
    return undefined;
  }
}

/** Whether the server did what it was asked for. */
export function isSuccess({ status }: KubeAnswer): boolean {
  return status >= 200 && status < 300;
}

/** Why the server refuses, as its Status object says; the empty text where it does not. */
export function reasonOf({ body }: KubeAnswer): string {
  const reason = memberOf(body, "reason");
  return typeof reason === "string" && memberOf(body, "kind") === "Status" ? reason : "";
}

/** The server's own words; the empty text where it has none. */
export function messageOf({ body }: KubeAnswer): string {
  const message = memberOf(body, "message");
  return typeof message === "string" ? message : "";
}

/** The server's own message names the account and the missing right. */
export function rejectionError(answer: KubeAnswer, what: string): KubeError {
  const message = messageOf(answer);
  return new KubeError(
    "KUBE_REJECTED",
    `Kubernetes answered ${answer.status} for ${what}${message === "" ? "" : `: ${message}`}`,
    { details: { status: answer.status } },
  );
}

/** Path of an object of the core group, or of the collection where no name is given. */
export function objectPath(namespace: string, collection: string, name?: string): string {
  return resourcePath({ group: "", version: "v1", plural: collection }, namespace, name);
}

/** Path of an object of a namespace, or of a collection; of all namespaces where that is empty. */
export function resourcePath(
  { group, version, plural }: { readonly group: string; readonly version: string; readonly plural: string },
  namespace: string,
  name?: string,
): string {
  const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  const scope = namespace === "" ? "" : `/namespaces/${encodeURIComponent(namespace)}`;
  const path = `${root}${scope}/${plural}`;
  return name === undefined ? path : `${path}/${encodeURIComponent(name)}`;
}
