/**
 * A tiny Google Cloud Storage in memory, in this process, that checks access tokens and checksums and fails on demand.
 *
 * The JSON interface only, as far as it is used. Emulators of others cover the rest (test/support/gcs-server.ts).
 *
 * @module
 */
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createCrc } from "../../src/objectstore/digests/crc.ts";

export interface FakeGcsRequest {
  readonly method: string;
  readonly bucket: string;
  /** "" for the bucket itself. */
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  /** Whether it belongs to a session that was started before. */
  readonly isSession: boolean;
}

export type GcsFault =
  | { readonly kind: "status"; readonly status: number; readonly reason: string; readonly message?: string }
  | { readonly kind: "reset" }
  /** The answer's body ends after so many bytes, then the connection breaks. */
  | { readonly kind: "truncate"; readonly afterBytes: number }
  /** So many bytes of the request's body are taken, then the connection breaks. */
  | { readonly kind: "take"; readonly bytes: number }
  /** The byte at this position of the object arrives flipped. */
  | { readonly kind: "flip"; readonly at: number }
  /** The first byte that is uploaded arrives flipped. */
  | { readonly kind: "damage" }
  /** The request is carried out, the answer is lost. */
  | { readonly kind: "lose-answer" }
  /** The session is forgotten. */
  | { readonly kind: "lose-session" }
  /** Never answered. */
  | { readonly kind: "hang" };

export interface FakeGcsOptions {
  /** Whether a token is good. Absent: no token is asked for. */
  readonly isAllowed?: (token: string) => boolean;
  /** Objects per listing page. */
  readonly pageSize?: number;
  /** PEM texts; absent: plain HTTP. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** A server that ignores byte ranges. */
  readonly ignoresRanges?: boolean;
  /** A server that keeps whatever arrives. */
  readonly ignoresChecksums?: boolean;
}

export interface FakeGcsObject {
  readonly body: Buffer;
  readonly contentType: string;
  readonly generation: string;
}

/** Chunks but the last are multiples of it, and so is what counts of a chunk that breaks off. */
const CHUNK_UNIT_BYTES = 256 * 1024;

interface Session {
  readonly bucket: string;
  readonly key: string;
  readonly contentType: string;
  readonly crc32c: string | undefined;
  received: Buffer[];
  stored?: FakeGcsObject;
}

export interface FakeGcsServer {
  readonly endpoint: string;
  readonly requests: FakeGcsRequest[];
  readonly buckets: Map<string, Map<string, FakeGcsObject>>;
  /** Uploads that have been started and neither completed nor cancelled. */
  readonly sessions: Map<string, Session>;
  /** Asked for every request; answer `undefined` for normal service. */
  fault: (request: FakeGcsRequest, count: number) => GcsFault | undefined;
  put(bucket: string, key: string, body: Buffer | string): void;
  close(): Promise<void>;
}

export async function startFakeGcsServer(options: FakeGcsOptions = {}): Promise<FakeGcsServer> {
  let generations = 1_700_000_000_000_000;
  const completed = new Map<string, Session>();
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => void serve(request, response);
  const server = options.tls === undefined ? createServer(onRequest) : createTlsServer(options.tls, onRequest);
  const fake: FakeGcsServer = {
    endpoint: "",
    requests: [],
    buckets: new Map(),
    sessions: new Map(),
    fault: () => undefined,
    put(bucket, key, body) {
      const objects = fake.buckets.get(bucket) ?? new Map<string, FakeGcsObject>();
      objects.set(key, { body: Buffer.from(body), contentType: "", generation: String(++generations) });
      fake.buckets.set(bucket, objects);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://fake");
    const sessionId = url.searchParams.get("upload_id") ?? "";
    const session = fake.sessions.get(sessionId) ?? completed.get(sessionId);
    const [, isUpload, bucket = "", rest = ""] = /^(\/upload)?\/storage\/v1\/b\/([^/]+)\/o(?:\/(.*))?$/.exec(url.pathname) ?? [];
    const named = isUpload === undefined ? decodeURIComponent(rest) : (url.searchParams.get("name") ?? "");
    const what: FakeGcsRequest = {
      method: request.method ?? "GET",
      bucket: decodeURIComponent(bucket),
      key: session?.key ?? named,
      query: url.searchParams,
      headers: request.headers,
      isSession: sessionId !== "",
    };
    fake.requests.push(what);
    const fault = fake.fault(what, fake.requests.length);
    if (fault?.kind === "reset") return void request.socket.destroy();
    if (fault?.kind === "hang") return;
    if (fault?.kind === "take" && session !== undefined) return await takeSome(request, session, fault.bytes);
    const body = await readAll(request).catch(() => undefined);
    if (body === undefined) return;
    if (fault?.kind === "status") return sendError(response, fault.status, fault.reason, fault.message);
    const token = (request.headers.authorization ?? "").replace(/^Bearer /, "");
    if (options.isAllowed !== undefined && !options.isAllowed(token)) return sendError(response, 401, "authError");
    const objects = fake.buckets.get(what.bucket);
    if (objects === undefined) return sendError(response, 404, "notFound", "The specified bucket does not exist.");
    if (fault?.kind === "lose-session") fake.sessions.delete(sessionId);
    if (sessionId !== "") return onSession(what, response, { sessionId, body, fault, objects });
    if (isUpload !== undefined) return onUpload(what, response, { body, fault, objects });
    onObject(what, response, { fault, objects });
  }

  /** What was sent before a connection broke counts. */
  async function takeSome(request: IncomingMessage, session: Session, bytes: number): Promise<void> {
    const { socket } = request;
    let left = bytes - (bytes % CHUNK_UNIT_BYTES);
    for await (const chunk of request as AsyncIterable<Buffer>) {
      session.received.push(chunk.subarray(0, left));
      left -= Math.min(left, chunk.length);
      if (left === 0) break;
    }
    socket.destroy();
  }

  interface Work {
    readonly body: Buffer;
    readonly fault: GcsFault | undefined;
    readonly objects: Map<string, FakeGcsObject>;
  }

  function reply(
    response: ServerResponse,
    fault: GcsFault | undefined,
    status: number,
    headers: Record<string, string>,
    content: Buffer | string = "",
  ): void {
    if (fault?.kind === "lose-answer") return void response.socket?.destroy();
    const bytes = Buffer.from(content);
    response.writeHead(status, { "content-length": String(bytes.length), ...headers });
    if (fault?.kind !== "truncate") return void response.end(bytes);
    response.write(bytes.subarray(0, fault.afterBytes), () => response.socket?.destroy());
  }

  function onUpload(what: FakeGcsRequest, response: ServerResponse, { body, fault, objects }: Work): void {
    if (what.query.get("uploadType") === "resumable") {
      const metadata = JSON.parse(body.toString()) as { crc32c?: string; contentType?: string };
      const id = `session-${fake.requests.length}`;
      const { contentType = "", crc32c } = metadata;
      fake.sessions.set(id, { bucket: what.bucket, key: what.key, contentType, crc32c, received: [] });
      const location = `${fake.endpoint}/upload/storage/v1/b/${what.bucket}/o?uploadType=resumable&upload_id=${id}`;
      return reply(response, fault, 200, { location });
    }
    const { metadata, content, contentType } = splitMultipart(what.headers["content-type"] ?? "", body);
    const object = store(objects, what.key, { content, contentType, crc32c: metadata.crc32c, fault });
    if (object === undefined) return sendError(response, 400, "invalid", "Provided CRC32C does not match calculated CRC32C.");
    reply(response, fault, 200, {}, JSON.stringify(resource(what.key, object)));
  }

  function onSession(what: FakeGcsRequest, response: ServerResponse, work: Work & { readonly sessionId: string }): void {
    const { sessionId, body, fault, objects } = work;
    const session = fake.sessions.get(sessionId);
    const done = completed.get(sessionId)?.stored;
    if (done !== undefined && what.method === "PUT")
      return reply(response, fault, 200, {}, JSON.stringify(resource(what.key, done)));
    if (session === undefined) return sendError(response, 404, "notFound");
    if (what.method === "DELETE") {
      fake.sessions.delete(sessionId);
      return reply(response, fault, 499, {});
    }
    const size = session.received.reduce((sum, { length }) => sum + length, 0);
    const range = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+)$/.exec(what.headers["content-range"] ?? "");
    if (range === null) return sendError(response, 400, "invalid");
    if (range[1] !== undefined) {
      if (Number(range[1]) !== size) return sendError(response, 503, "backendError");
      if (Number(range[2]) - Number(range[1]) + 1 !== body.length) return sendError(response, 400, "invalid");
      const isLast = Number(range[2]) + 1 === Number(range[3]);
      if (!isLast && body.length % CHUNK_UNIT_BYTES !== 0) return sendError(response, 400, "invalid");
      session.received.push(body);
    }
    const received = Buffer.concat(session.received);
    session.received = [received];
    if (received.length < Number(range[3])) {
      return reply(response, fault, 308, received.length === 0 ? {} : { range: `bytes=0-${received.length - 1}` });
    }
    fake.sessions.delete(sessionId);
    const { contentType, crc32c } = session;
    const object = store(objects, session.key, { content: received, contentType, crc32c, fault });
    if (object === undefined) return sendError(response, 400, "invalid", "Provided CRC32C does not match calculated CRC32C.");
    completed.set(sessionId, { ...session, stored: object });
    reply(response, fault, 200, {}, JSON.stringify(resource(session.key, object)));
  }

  interface Arrival {
    readonly content: Buffer;
    readonly contentType: string;
    readonly crc32c: string | undefined;
    readonly fault: GcsFault | undefined;
  }

  /** @returns nothing when other bytes arrived than were announced. */
  function store(objects: Map<string, FakeGcsObject>, key: string, arrival: Arrival): FakeGcsObject | undefined {
    const body = Buffer.from(arrival.content);
    if (arrival.fault?.kind === "damage") body.writeUInt8(body.readUInt8(0) ^ 1, 0);
    const isRight = arrival.crc32c === undefined || arrival.crc32c === crc32cOf(body);
    if (!isRight && options.ignoresChecksums !== true) return undefined;
    const object = { body, contentType: arrival.contentType, generation: String(++generations) };
    objects.set(key, object);
    return object;
  }

  function onObject(what: FakeGcsRequest, response: ServerResponse, { fault, objects }: Omit<Work, "body">): void {
    if (what.key === "") return reply(response, fault, 200, {}, JSON.stringify(listing(what.query, objects)));
    const object = objects.get(what.key);
    if (object === undefined) return sendError(response, 404, "notFound", "No such object.");
    const wanted = what.query.get("ifGenerationMatch");
    if (wanted !== null && wanted !== object.generation) return sendError(response, 412, "conditionNotMet");
    if (what.method === "DELETE") {
      objects.delete(what.key);
      return reply(response, fault, 204, {});
    }
    if (what.query.get("alt") !== "media") return reply(response, fault, 200, {}, JSON.stringify(resource(what.key, object)));
    const headers = { "x-goog-hash": `crc32c=${crc32cOf(object.body)},md5=AAAA`, "x-goog-generation": object.generation };
    const range = /^bytes=(\d+)-(\d*)$/.exec(what.headers.range ?? "");
    if (range === null || options.ignoresRanges === true)
      return reply(response, fault, 200, headers, flipped(object.body, 0, fault));
    const start = Number(range[1]);
    const end = Math.min(range[2] === "" ? Number.POSITIVE_INFINITY : Number(range[2]), object.body.length - 1);
    const contentRange = { "content-range": `bytes ${start}-${end}/${object.body.length}` };
    reply(response, fault, 206, { ...headers, ...contentRange }, flipped(object.body.subarray(start, end + 1), start, fault));
  }

  function listing(query: URLSearchParams, objects: ReadonlyMap<string, FakeGcsObject>): unknown {
    const prefix = query.get("prefix") ?? "";
    const after = Buffer.from(query.get("pageToken") ?? "", "base64").toString();
    const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    const page = keys.slice(0, options.pageSize ?? 1000);
    const items = page.flatMap((key) => {
      const object = objects.get(key);
      return object === undefined ? [] : [resource(key, object)];
    });
    const next = page.length < keys.length ? { nextPageToken: Buffer.from(page.at(-1) ?? "").toString("base64") } : {};
    return { kind: "storage#objects", ...(items.length === 0 ? {} : { items }), ...next };
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the fake GCS server has no port");
  return Object.assign(fake, { endpoint: `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${address.port}` });
}

function resource(name: string, { body, contentType, generation }: FakeGcsObject): unknown {
  return { kind: "storage#object", name, size: String(body.length), generation, contentType, crc32c: crc32cOf(body) };
}

function sendError(response: ServerResponse, status: number, reason: string, message = "said by the server"): void {
  const error = { code: status, message, errors: [{ domain: "global", reason, message }] };
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ error }));
}

interface Multipart {
  readonly metadata: { readonly crc32c?: string };
  readonly content: Buffer;
  readonly contentType: string;
}

function splitMultipart(header: string, body: Buffer): Multipart {
  const boundary = `--${/boundary=(\S+)/.exec(header)?.[1] ?? ""}`;
  const blank = "\r\n\r\n";
  const metadataAt = body.indexOf(blank) + blank.length;
  const secondAt = body.indexOf(`\r\n${boundary}\r\n`, metadataAt);
  const contentAt = body.indexOf(blank, secondAt) + blank.length;
  const contentType = /content-type: (.*)/.exec(body.subarray(secondAt, contentAt).toString())?.[1]?.trim() ?? "";
  const metadata = JSON.parse(body.subarray(metadataAt, secondAt).toString()) as Multipart["metadata"];
  return { metadata, content: body.subarray(contentAt, body.lastIndexOf(`\r\n${boundary}--`)), contentType };
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** `body` begins at `offset` of the object. */
function flipped(body: Buffer, offset: number, fault: GcsFault | undefined): Buffer {
  if (fault?.kind !== "flip" || fault.at < offset || fault.at >= offset + body.length) return body;
  const copy = Buffer.from(body);
  copy.writeUInt8(copy.readUInt8(fault.at - offset) ^ 1, fault.at - offset);
  return copy;
}

function crc32cOf(body: Uint8Array): string {
  const crc = createCrc("crc32c");
  crc.update(body);
  return crc.digest().toString("base64");
}
