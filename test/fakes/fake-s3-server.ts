/**
 * A tiny S3 server in memory, in this process, that fails on demand.
 *
 * Path-style addressing only; it checks the access key and the announced payload digest, not the signature. Real servers cover
 * the rest (test/support/s3-server.ts).
 *
 * @module
 */
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";

export interface FakeS3Request {
  readonly method: string;
  readonly bucket: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
}

export type Fault =
  | {
      readonly kind: "status";
      readonly status: number;
      readonly code: string;
      readonly headers?: Record<string, string>;
      /** Further elements of the answer's document. */
      readonly elements?: string;
    }
  | { readonly kind: "reset" }
  /** The answer's body ends after so many bytes, then the connection breaks. */
  | { readonly kind: "truncate"; readonly afterBytes: number }
  /** Nothing follows these bytes of the answer's body. */
  | { readonly kind: "stall"; readonly afterBytes: number }
  /** Answered with 200 and this text by somebody on the way. */
  | { readonly kind: "page"; readonly text: string }
  /** The answer carries this tag instead of the right one. */
  | { readonly kind: "etag"; readonly etag: string }
  /** The byte at this position of the object arrives flipped. */
  | { readonly kind: "flip"; readonly at: number }
  /** The request is carried out, the answer is lost. */
  | { readonly kind: "lose-answer" }
  /** Never answered. */
  | { readonly kind: "hang" }
  /** The bodies of uploads and downloads pass a few bytes at a time, for as long as anybody waits. */
  | { readonly kind: "drip" };

export interface FakeS3Options {
  readonly accessKeyId?: string;
  /** Keys per listing page. */
  readonly pageSize?: number;
  /** PEM texts; absent: plain HTTP. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** A server that ignores byte ranges. */
  readonly ignoresRanges?: boolean;
  /** A server that answers a HEAD of a part for the whole object. */
  readonly knowsNoParts?: boolean;
  /** A server that sends the checksum of each range. */
  readonly checksumsOfRanges?: boolean;
}

export interface FakeS3Object {
  readonly body: Buffer;
  readonly contentType: string;
  readonly etag: string;
  /** `x-amz-checksum-*` headers, sent to whoever asks for them. */
  readonly checksums?: Record<string, string>;
  /** Of an object that was uploaded in parts. */
  readonly partBytes?: readonly number[];
}

export interface FakeS3Server {
  readonly endpoint: string;
  readonly requests: FakeS3Request[];
  /** Objects of a bucket by key. */
  readonly buckets: Map<string, Map<string, FakeS3Object>>;
  readonly uploads: Map<string, Map<number, Buffer>>;
  /** Asked for every request; answer `undefined` for normal service. */
  fault: (request: FakeS3Request, count: number) => Fault | undefined;
  close(): Promise<void>;
}

export async function startFakeS3Server(options: FakeS3Options = {}): Promise<FakeS3Server> {
  const accessKeyId = options.accessKeyId ?? "test-key";
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    void serve(request, response);
  };
  const server = options.tls === undefined ? createServer(onRequest) : createTlsServer(options.tls, onRequest);

  const fake: FakeS3Server = {
    endpoint: "",
    requests: [],
    buckets: new Map(),
    uploads: new Map(),
    fault: () => undefined,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://fake");
    const [rawPath = ""] = (request.url ?? "/").split("?");
    const [, bucket = "", ...rest] = rawPath.split("/");
    const what: FakeS3Request = {
      method: request.method ?? "GET",
      bucket: decodeURIComponent(bucket),
      key: decodeURIComponent(rest.join("/")),
      query: url.searchParams,
      headers: request.headers,
    };
    fake.requests.push(what);
    const fault = fake.fault(what, fake.requests.length);
    if (fault?.kind === "reset") return void request.socket.destroy();
    if (fault?.kind === "hang") return;
    if (fault?.kind === "drip" && what.method === "PUT") return dripIn(request);
    const body = await readAll(request).catch(() => undefined);
    if (body === undefined) return;
    if (fault?.kind === "page") return void response.writeHead(200, { "content-type": "text/html" }).end(fault.text);
    if (fault?.kind === "status") return sendError(what, response, fault.status, fault.code, fault);
    if (!(request.headers.authorization ?? "").includes(`Credential=${accessKeyId}/`)) {
      return sendError(what, response, 403, "InvalidAccessKeyId");
    }
    const digest = request.headers["x-amz-content-sha256"];
    if (typeof digest === "string" && digest.length === 64 && digest !== createHash("sha256").update(body).digest("hex")) {
      return sendError(what, response, 400, "XAmzContentSHA256Mismatch");
    }
    if (what.key === "" && what.method === "PUT") {
      fake.buckets.set(what.bucket, new Map());
      return void response.writeHead(200).end();
    }
    const objects = fake.buckets.get(what.bucket);
    if (objects === undefined) return sendError(what, response, 404, "NoSuchBucket");
    answer(what, response, { objects, body, fault });
  }

  interface Work {
    readonly objects: Map<string, FakeS3Object>;
    readonly body: Buffer;
    readonly fault: Fault | undefined;
  }

  function answer(what: FakeS3Request, response: ServerResponse, { objects, body, fault }: Work): void {
    const reply = (status: number, headers: Record<string, string>, content: Buffer | string = ""): void => {
      if (fault?.kind === "lose-answer") return void response.socket?.destroy();
      const tagged = fault?.kind === "etag" ? { ...headers, etag: fault.etag } : headers;
      const bytes = Buffer.from(content);
      const length = what.method === "HEAD" ? {} : { "content-length": String(bytes.length) };
      response.writeHead(status, { ...length, ...tagged });
      if (fault?.kind === "drip") return dripOut(response, bytes);
      if (fault?.kind === "stall") return void response.write(bytes.subarray(0, fault.afterBytes));
      if (fault?.kind !== "truncate") return void response.end(what.method === "HEAD" ? undefined : bytes);
      response.write(bytes.subarray(0, fault.afterBytes), () => response.socket?.destroy());
    };
    const uploadId = what.query.get("uploadId");
    if (what.key === "") return reply(200, { "content-type": "application/xml" }, listing(what, objects));
    if (what.method === "POST" && what.query.has("uploads")) {
      const id = `upload/${fake.uploads.size + 1}+x`;
      fake.uploads.set(id, new Map());
      return reply(200, {}, `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
    }
    if (uploadId !== null) {
      const parts = fake.uploads.get(uploadId);
      if (parts === undefined) return sendError(what, response, 404, "NoSuchUpload");
      if (what.method === "PUT") {
        parts.set(Number(what.query.get("partNumber")), body);
        return reply(200, { etag: `"${md5(body)}"` });
      }
      fake.uploads.delete(uploadId);
      if (what.method === "DELETE") return reply(204, {});
      const ordered = [...parts].sort(([a], [b]) => a - b).map(([, part]) => part);
      const etag = `${md5(Buffer.concat(ordered.map((part) => Buffer.from(md5(part), "hex"))))}-${ordered.length}`;
      const partBytes = ordered.map(({ length }) => length);
      objects.set(what.key, { body: Buffer.concat(ordered), contentType: "", etag, partBytes });
      return reply(200, {}, `<CompleteMultipartUploadResult><ETag>&quot;${etag}&quot;</ETag></CompleteMultipartUploadResult>`);
    }
    if (what.method === "PUT") {
      const etag = md5(body);
      objects.set(what.key, { body, contentType: what.headers["content-type"] ?? "", etag });
      return reply(200, { etag: `"${etag}"` });
    }
    if (what.method === "DELETE") {
      objects.delete(what.key);
      return reply(204, {});
    }
    const object = objects.get(what.key);
    if (object === undefined) return sendError(what, response, 404, "NoSuchKey");
    const wantsChecksums = what.headers["x-amz-checksum-mode"] === "ENABLED";
    const headers = { etag: `"${object.etag}"`, "content-type": object.contentType };
    const checksums = wantsChecksums ? (object.checksums ?? {}) : {};
    const partNumber = Number(what.query.get("partNumber") ?? "0");
    if (what.method === "HEAD" && partNumber > 0 && options.knowsNoParts !== true && object.partBytes !== undefined) {
      const partHeaders = { "x-amz-mp-parts-count": String(object.partBytes.length) };
      return reply(206, { ...headers, ...partHeaders, "content-length": String(object.partBytes[partNumber - 1]) });
    }
    if (what.method === "HEAD") return reply(200, { ...headers, ...checksums, "content-length": String(object.body.length) });
    const wanted = what.headers["if-match"];
    if (wanted !== undefined && wanted !== headers.etag) return sendError(what, response, 412, "PreconditionFailed");
    const range = /^bytes=(\d+)-(\d*)$/.exec(what.headers.range ?? "");
    if (range === null || options.ignoresRanges === true)
      return reply(200, { ...headers, ...checksums }, flipped(object.body, 0, fault));
    const start = Number(range[1]);
    const end = Math.min(range[2] === "" ? Number.POSITIVE_INFINITY : Number(range[2]), object.body.length - 1);
    const contentRange = { "content-range": `bytes ${start}-${end}/${object.body.length}` };
    const part = object.body.subarray(start, end + 1);
    const ofPart = options.checksumsOfRanges === true ? { "x-amz-checksum-sha256": sha256(part) } : {};
    reply(206, { ...headers, ...ofPart, ...contentRange }, flipped(part, start, fault));
  }

  function listing(what: FakeS3Request, objects: ReadonlyMap<string, { body: Buffer; etag: string }>): string {
    const prefix = what.query.get("prefix") ?? "";
    const after = what.query.get("continuation-token") ?? "";
    const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    const page = keys.slice(0, options.pageSize ?? 1000);
    const contents = page.map((key) => {
      const object = objects.get(key);
      return `<Contents><Key>${encodeURIComponent(key)}</Key><ETag>&quot;${object?.etag}&quot;</ETag><Size>${object?.body.length}</Size></Contents>`;
    });
    const isTruncated = page.length < keys.length;
    const next = isTruncated ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : "";
    return `<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Prefix>${encodeURIComponent(prefix)}</Prefix><EncodingType>url</EncodingType><IsTruncated>${isTruncated}</IsTruncated>${next}${contents.join("")}</ListBucketResult>`;
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the fake S3 server has no port");
  return Object.assign(fake, { endpoint: `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${address.port}` });
}

function sendError(
  what: FakeS3Request,
  response: ServerResponse,
  status: number,
  code: string,
  { headers = {}, elements = "" }: { headers?: Record<string, string>; elements?: string } = {},
): void {
  const text = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>said by the server</Message>${elements}</Error>`;
  response.writeHead(status, { "content-type": "application/xml", ...headers }).end(what.method === "HEAD" ? undefined : text);
}

const DRIP_MS = 50;

function dripIn(request: IncomingMessage): void {
  request.on("error", () => undefined);
  request.on("data", () => {
    request.pause();
    setTimeout(() => request.resume(), DRIP_MS).unref();
  });
}

function dripOut(response: ServerResponse, bytes: Buffer): void {
  let at = 0;
  const timer = setInterval(() => {
    response.write(bytes.subarray(at, at + 1));
    at += 1;
    if (at >= bytes.length) response.end();
  }, DRIP_MS);
  response.on("error", () => undefined);
  response.on("close", () => clearInterval(timer));
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** `body` begins at `offset` of the object. */
function flipped(body: Buffer, offset: number, fault: Fault | undefined): Buffer {
  if (fault?.kind !== "flip" || fault.at < offset || fault.at >= offset + body.length) return body;
  const copy = Buffer.from(body);
  copy.writeUInt8(copy.readUInt8(fault.at - offset) ^ 1, fault.at - offset);
  return copy;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("base64");
}

function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}
