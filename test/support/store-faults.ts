/**
 * What a store must survive, for every kind of store alike: kinds of fault, and an operation that meets one of them at one of its
 * requests. Whatever happens, an operation that succeeds has moved the right bytes, and one that fails has left neither half an object
 * nor half a file.
 *
 * @module
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorMessage } from "../../src/core/errors.ts";
import { PART_BYTES } from "../../src/objectstore/s3/put-file.ts";
import { RANGE_BYTES } from "../../src/objectstore/transfer/download.ts";
import { BUFFER_BYTES } from "../../src/objectstore/transfer/file-body.ts";
import type { ObjectStore } from "../../src/ports/object-store.ts";
import type { FaultProxy, ProxiedRequest, ProxyFault } from "./fault-proxy.ts";
import { patternBytes } from "./store-bench.ts";

/** How a fault ends. */
export interface FaultKind {
  readonly name: string;
  readonly fault: ProxyFault;
  /** Requests that it can hit; default all. */
  readonly on?: "content up" | "content down" | "listing";
  /** What comes of it when it happens once; the other ends are errors with a clear message. Default: the operation goes through. */
  readonly once?: "goes through" | "fails";
}

const status = (code: number, reason = "", headers: Readonly<Record<string, string>> = {}): ProxyFault => ({
  kind: "status",
  status: code,
  headers: { ...headers, ...(reason === "" ? {} : { "x-ms-error-code": reason }) },
  body: reason === "" ? "" : `<?xml version="1.0"?><Error><Code>${reason}</Code><Message>said by the server</Message></Error>`,
});

export const FAULT_KINDS: readonly FaultKind[] = [
  { name: "400 RequestTimeout", fault: status(400, "RequestTimeout") },
  { name: "408", fault: status(408) },
  { name: "429", fault: status(429) },
  { name: "429 with Retry-After", fault: status(429, "", { "retry-after": "1" }) },
  { name: "500 InternalError", fault: status(500, "InternalError") },
  { name: "502 without body", fault: status(502) },
  { name: "503 SlowDown", fault: status(503, "SlowDown") },
  { name: "503 ServerBusy with Retry-After", fault: status(503, "ServerBusy", { "retry-after": "2" }) },
  { name: "504", fault: status(504) },
  { name: "a gateway's own page with 502", fault: { kind: "foreign-page", status: 502 } },
  { name: "a captive portal's page with 200 for a listing", fault: { kind: "foreign-page", status: 200 }, on: "listing" },
  { name: "a reset before the request is read", fault: { kind: "reset" } },
  { name: "an orderly end before the request is read", fault: { kind: "close" } },
  { name: "a reset after the first bytes of the body", fault: { kind: "take", bytes: 1 }, on: "content up" },
  { name: "a reset in the middle of the body", fault: { kind: "take", bytes: 60_000 }, on: "content up" },
  { name: "a lost answer", fault: { kind: "lose-answer" } },
  { name: "an answer that breaks off in its headers' wake", fault: { kind: "truncate", afterBytes: 0 }, on: "content down" },
  { name: "an answer that breaks off in the middle", fault: { kind: "truncate", afterBytes: 30_000 }, on: "content down" },
  { name: "a listing that breaks off", fault: { kind: "truncate", afterBytes: 40 }, on: "listing" },
  {
    name: "an answer that is short and says it is whole",
    fault: { kind: "truncate-politely", afterBytes: 30_000 },
    on: "content down",
  },
  { name: "a listing that is short and says it is whole", fault: { kind: "truncate-politely", afterBytes: 60 }, on: "listing" },
  {
    name: "an answer that is longer than the object",
    fault: { kind: "too-long", extraBytes: 5 },
    on: "content down",
    once: "fails",
  },
  { name: "no answer", fault: { kind: "hang" } },
  { name: "an answer that stalls", fault: { kind: "stall", afterBytes: 30_000 }, on: "content down" },
  { name: "a byte that flips on its way up", fault: { kind: "damage-request" }, on: "content up" },
  { name: "a byte that flips on its way down", fault: { kind: "damage-answer" }, on: "content down" },
  { name: "something that is not HTTP", fault: { kind: "garbage" }, once: "fails" },
  { name: "403", fault: status(403, "AccessDenied"), once: "fails" },
  { name: "a redirect to another host", fault: status(302, "", { location: "http://127.0.0.1:9/elsewhere" }), once: "fails" },
  { name: "405", fault: status(405, "MethodNotAllowed"), once: "fails" },
  // Some signatures cover it.
  { name: "a range that gets lost", fault: { kind: "ignore-range" }, on: "content down", once: "fails" },
  { name: "an answer about another range", fault: { kind: "wrong-range" }, on: "content down" },
];

/** What is different between kinds of stores: how requests are told apart, and what a server never answers. */
export interface RequestKinds {
  readonly isListing: (request: ProxiedRequest) => boolean;
  readonly isContentUp: (request: ProxiedRequest) => boolean;
  readonly isContentDown: (request: ProxiedRequest) => boolean;
  /** Names of {@link FAULT_KINDS}. Default: none. */
  readonly unheardOf?: readonly string[];
}

/** A store behind the proxy. */
export interface FaultWorld {
  readonly proxy: FaultProxy;
  readonly store: ObjectStore;
  /** Below which the operations have their objects. */
  readonly uri: string;
  /** Has the files of {@link FILES}, and folders of the operations. */
  readonly folder: string;
  readonly kinds: RequestKinds;
  /** Numbers of requests, as they have been counted so far. */
  readonly counts: Map<string, number>;
}

/** Beyond the first part or range: every case moves all of an object, and a third part would meet nothing new. */
const LITTLE_MORE = 300_000;
const FILES = {
  small: patternBytes(100_000),
  parts: patternBytes(Math.max(PART_BYTES, BUFFER_BYTES) + LITTLE_MORE, "parts"),
  ranges: patternBytes(RANGE_BYTES + LITTLE_MORE, "ranges"),
} as const;
type FileName = keyof typeof FILES;

const OPERATIONS = ["upload small", "upload parts", "download small", "download ranges"] as const;
export type Operation = (typeof OPERATIONS)[number];

/** The operations in which the fault can happen. */
export function operationsOf({ on }: FaultKind): readonly Operation[] {
  return OPERATIONS.filter((name) => {
    if (on === undefined) return true;
    return name.startsWith("upload") ? on === "content up" : on !== "content up";
  });
}

/** Puts the objects there that downloads ask for. @returns the folder with the files to upload, which is the caller's to remove. */
export async function prepareFaultWorld({ store, uri, proxy }: Pick<FaultWorld, "store" | "uri" | "proxy">): Promise<string> {
  proxy.reset();
  const folder = await mkdtemp(join(tmpdir(), "kfp-faults-"));
  for (const [name, bytes] of Object.entries(FILES)) {
    await writeFile(join(folder, name), bytes);
    await store.upload(join(folder, name), `${uri}/there/${name}`);
  }
  return folder;
}

/**
 * Runs an operation once without a fault to count the requests that the fault can hit, then again with it at the chosen ones.
 *
 * @param choose Which of so many requests to hit.
 * @returns What is wrong, one line each.
 */
export async function meetFault(
  world: FaultWorld,
  kind: FaultKind,
  operation: Operation,
  choose: (count: number) => readonly number[],
): Promise<string[]> {
  const count = await countTargets(world, kind, operation);
  if (count === 0) return [`${operation}: no request that the fault can hit`];
  const problems: string[] = [];
  for (const index of choose(count)) {
    const problem = await hitOnce(world, kind, { operation, index });
    if (problem !== undefined) problems.push(`${operation}, request ${index + 1} of ${count}: ${problem}`);
  }
  return problems;
}

async function countTargets({ proxy, ...world }: FaultWorld, kind: FaultKind, operation: Operation): Promise<number> {
  const id = `${operation}, ${kind.on ?? "all"}`;
  const known = world.counts.get(id);
  if (known !== undefined) return known;
  proxy.reset();
  const { problem, error } = await operate({ proxy, ...world }, operation);
  if (problem !== undefined || error !== undefined) {
    throw new Error(`${operation} fails without a fault: ${problem ?? String(error)}`);
  }
  // On a busy machine a request may be given up and sent again without any fault.
  const targets = proxy.requests.filter((request) => isTarget(world.kinds, kind, request));
  const rangeOf = ({ headers }: ProxiedRequest): unknown => headers.range ?? headers["x-ms-range"] ?? headers["content-range"];
  const found = new Set(targets.map((request) => `${request.method} ${request.target} ${String(rangeOf(request))}`)).size;
  world.counts.set(id, found);
  return found;
}

function isTarget({ isListing, isContentUp, isContentDown }: RequestKinds, { on }: FaultKind, request: ProxiedRequest): boolean {
  if (on === "listing") return isListing(request);
  if (on === "content up") return isContentUp(request);
  return on === undefined || isContentDown(request);
}

async function hitOnce(
  world: FaultWorld,
  kind: FaultKind,
  { operation, index }: { readonly operation: Operation; readonly index: number },
): Promise<string | undefined> {
  const { proxy, kinds } = world;
  proxy.reset();
  let seen = 0;
  let hits = 0;
  proxy.fault = (request) => {
    if (!isTarget(kinds, kind, request) || seen++ !== index) return undefined;
    hits += 1;
    return kind.fault;
  };
  const { problem, error } = await operate(world, operation);
  proxy.reset();
  if (problem !== undefined) return problem;
  if (hits !== 1) return `the fault happened ${hits} times`;
  if (error === undefined || kind.once === "fails") return undefined;
  return `it failed: ${errorMessage(error)}`;
}

interface Outcome {
  /** What must not be. */
  readonly problem?: string;
  readonly error?: unknown;
}

let count = 0;

async function operate(world: FaultWorld, operation: Operation): Promise<Outcome> {
  const folder = await mkdtemp(join(world.folder, "operation-"));
  const [direction, name] = operation.split(" ") as ["upload" | "download", FileName];
  try {
    return direction === "upload" ? await upload(world, folder, name) : await download(world, folder, name);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function upload({ store, proxy, ...world }: FaultWorld, folder: string, name: FileName): Promise<Outcome> {
  const target = `${world.uri}/up-${(count += 1)}`;
  const error: unknown = await store.upload(join(world.folder, name), target).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  const { fault } = proxy;
  const requests = [...proxy.requests];
  proxy.fault = () => undefined;
  const { objects } = await store.download(target, join(folder, "out"));
  Object.assign(proxy, { fault });
  proxy.requests.splice(0, proxy.requests.length, ...requests);
  if (objects > 0 && !(await hasBytes(join(folder, "out"), name))) return { problem: "the object has wrong bytes" };
  if (error === undefined) return objects === 1 ? {} : { problem: "it succeeded and left no object" };
  return messageProblem(error);
}

async function download({ store, uri }: FaultWorld, folder: string, name: FileName): Promise<Outcome> {
  try {
    const { objects } = await store.download(`${uri}/there/${name}`, join(folder, "out"));
    if (objects !== 1) return { problem: `it succeeded with ${objects} objects` };
    return (await hasBytes(join(folder, "out"), name)) ? {} : { problem: "the file has wrong bytes" };
  } catch (error) {
    const left = await readdir(folder);
    return left.length > 0 ? { problem: `it failed and left ${left.join(", ")}` } : messageProblem(error);
  }
}

async function hasBytes(path: string, name: FileName): Promise<boolean> {
  return FILES[name].equals(await readFile(path));
}

function messageProblem(error: unknown): Outcome {
  const text = String(error);
  if (!/^StorageError: Cannot (upload to|download|list) \S+/.test(text)) return { problem: `an unclear error: ${text}` };
  return /said by the server|Welcome/.test(text) ? { problem: `the server's text in the error: ${text}` } : { error };
}
