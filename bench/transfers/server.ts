/**
 * An S3 server that costs as little as possible, so that a benchmark measures the clients: a program of its own that answers to HTTP/1.1
 * on raw sockets, drains the bodies of uploads into one buffer, checks their lengths, and sends known content (known-content.ts). No
 * signature is checked and nothing is stored but sizes.
 *
 * Objects whose key ends in `-crc32` have such a checksum, as if it had been sent with them.
 *
 * Prints its port. `--latency N` answers each request N ms after its last byte. A line `used` on standard input makes it print its CPU
 * time so far in microseconds.
 */
import { createServer, type Socket } from "node:net";
import { parseArgs } from "node:util";
import { BLOCK, BLOCK_BYTES, contentCrc32, contentMd5, contentTag } from "./known-content.ts";

const { values: options } = parseArgs({ options: { latency: { type: "string", default: "0" } } });
const latencyMs = Number(options.latency);

interface StoredObject {
  readonly parts: readonly number[];
  readonly isMultipart: boolean;
}

interface Request {
  readonly method: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: ReadonlyMap<string, string>;
  /** Of the content, without the frames of `aws-chunked`. */
  readonly sizeBytes: number;
}

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly text?: string;
  /** Content of an object from here on, so long. */
  readonly content?: { readonly offset: number; readonly sizeBytes: number };
}

const objects = new Map<string, StoredObject>();
const uploads = new Map<string, Map<number, number>>();
let uploadCount = 0;

const sizeOf = ({ parts }: StoredObject): number => parts.reduce((sum, part) => sum + part, 0);

function answer(request: Request): Answer {
  const { method, key, query } = request;
  const uploadId = query.get("uploadId");
  if (key === "") return { status: 200, text: listing(query) };
  if (method === "POST" && query.has("uploads")) {
    const id = `upload-${String(++uploadCount)}`;
    uploads.set(id, new Map());
    return {
      status: 200,
      text: `<InitiateMultipartUploadResult><Bucket>bucket</Bucket><Key>${key}</Key><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
    };
  }
  if (uploadId !== null) return answerUpload(request, uploadId);
  if (method === "PUT") {
    objects.set(key, { parts: [request.sizeBytes], isMultipart: false });
    return { status: 200, headers: { etag: `"${contentMd5(request.sizeBytes)}"` } };
  }
  if (method === "DELETE") {
    objects.delete(key);
    return { status: 204 };
  }
  const found = objects.get(key);
  return found === undefined ? { status: 404, text: "<Error><Code>NoSuchKey</Code></Error>" } : answerObject(request, found);
}

function answerUpload({ method, key, query, sizeBytes }: Request, uploadId: string): Answer {
  const parts = uploads.get(uploadId);
  if (parts === undefined) return { status: 404, text: "<Error><Code>NoSuchUpload</Code></Error>" };
  if (method === "PUT") {
    parts.set(Number(query.get("partNumber")), sizeBytes);
    return { status: 200, headers: { etag: `"${contentMd5(sizeBytes)}"` } };
  }
  // What minio asks before it uploads: which parts are there.
  if (method === "GET") return { status: 200, text: "<ListPartsResult><IsTruncated>false</IsTruncated></ListPartsResult>" };
  uploads.delete(uploadId);
  if (method === "DELETE") return { status: 204 };
  const stored = { parts: [...parts].toSorted(([a], [b]) => a - b).map(([, part]) => part), isMultipart: true };
  objects.set(key, stored);
  const tag = contentTag(stored.parts, true);
  return {
    status: 200,
    text: `<CompleteMultipartUploadResult><Location>x</Location><Bucket>bucket</Bucket><Key>${key}</Key><ETag>&quot;${tag}&quot;</ETag></CompleteMultipartUploadResult>`,
  };
}

function answerObject({ method, key, query, headers }: Request, stored: StoredObject): Answer {
  const sizeBytes = sizeOf(stored);
  const checksum = key.endsWith("-crc32") ? { "x-amz-checksum-crc32": contentCrc32(sizeBytes) } : {};
  const tagged = {
    ...checksum,
    etag: `"${contentTag(stored.parts, stored.isMultipart)}"`,
    "last-modified": "Sun, 29 Nov 2026 00:00:00 GMT",
    "accept-ranges": "bytes",
  };
  const partNumber = Number(query.get("partNumber") ?? "0");
  if (method === "HEAD") {
    const ofPart = {
      "content-length": String(stored.parts[partNumber - 1]),
      "x-amz-mp-parts-count": String(stored.parts.length),
    };
    if (partNumber > 0 && stored.isMultipart) return { status: 206, headers: { ...tagged, ...ofPart } };
    return { status: 200, headers: { ...tagged, "content-length": String(sizeBytes) } };
  }
  const [, first, last = ""] = /^bytes=(\d+)-(\d*)$/.exec(headers.get("range") ?? "") ?? [];
  if (first === undefined) return { status: 200, headers: tagged, content: { offset: 0, sizeBytes } };
  const offset = Number(first);
  const end = last === "" ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  const range = { "content-range": `bytes ${String(offset)}-${String(end - 1)}/${String(sizeBytes)}` };
  return { status: 206, headers: { ...tagged, ...range }, content: { offset, sizeBytes: end - offset } };
}

let sorted: string[] = [];

function listing(query: URLSearchParams): string {
  if (query.has("location")) return "<LocationConstraint></LocationConstraint>";
  if (query.has("uploads")) return "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>";
  const prefix = query.get("prefix") ?? "";
  const after = query.get("continuation-token") ?? query.get("start-after") ?? "";
  if (sorted.length !== objects.size) sorted = [...objects.keys()].toSorted();
  const keys = sorted.filter((key) => key.startsWith(prefix) && key > after);
  const page = keys.slice(0, 1000);
  const contents = page.map((key) => {
    const stored = objects.get(key) ?? { parts: [], isMultipart: false };
    const tag = contentTag(stored.parts, stored.isMultipart);
    return `<Contents><Key>${key}</Key><LastModified>2026-11-29T00:00:00.000Z</LastModified><ETag>&quot;${tag}&quot;</ETag><Size>${String(sizeOf(stored))}</Size><StorageClass>STANDARD</StorageClass></Contents>`;
  });
  const isTruncated = page.length < keys.length;
  const next = isTruncated ? `<NextContinuationToken>${page.at(-1) ?? ""}</NextContinuationToken>` : "";
  return `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name><Prefix>${prefix}</Prefix><KeyCount>${String(page.length)}</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>${String(isTruncated)}</IsTruncated>${next}${contents.join("")}</ListBucketResult>`;
}

async function send(socket: Socket, { status, headers = {}, text = "", content }: Answer, isHead: boolean): Promise<void> {
  const lengthBytes = content?.sizeBytes ?? Buffer.byteLength(text);
  const all: Record<string, string> = { "content-length": String(lengthBytes), "x-amz-request-id": "1", ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `HTTP/1.1 ${String(status)} OK\r\n${lines.join("")}\r\n`;
  if (isHead || content === undefined) return void socket.write(isHead ? head : head + text);
  socket.cork();
  socket.write(head);
  process.nextTick(() => {
    socket.uncork();
  });
  for (let at = content.offset, end = at + content.sizeBytes; at < end && !socket.destroyed;) {
    const start = at % BLOCK_BYTES;
    const piece = BLOCK.subarray(start, Math.min(BLOCK_BYTES, start + end - at));
    at += piece.length;
    if (!socket.write(piece)) await new Promise((resolve) => socket.once("drain", resolve).once("close", resolve));
  }
}

function serve(socket: Socket, onBytes: (handler: (bytes: Buffer) => void) => void): void {
  let head = Buffer.alloc(0);
  let current: Request | undefined;
  let leftBytes = 0;
  const finish = (request: Request): void => {
    current = undefined;
    const reply = (): void => void send(socket, answer(request), request.method === "HEAD");
    if (latencyMs === 0) reply();
    else setTimeout(reply, latencyMs);
  };
  onBytes((bytes) => {
    let rest = bytes;
    while (rest.length > 0) {
      if (current === undefined) {
        head = Buffer.concat([head, rest]);
        const end = head.indexOf("\r\n\r\n");
        if (end === -1) return;
        rest = head.subarray(end + 4);
        const parsed = parseHead(head.toString("latin1", 0, end));
        head = Buffer.alloc(0);
        if (parsed.request.headers.has("expect")) socket.write("HTTP/1.1 100 Continue\r\n\r\n");
        current = parsed.request;
        leftBytes = parsed.bodyBytes;
      }
      const taken = Math.min(leftBytes, rest.length);
      leftBytes -= taken;
      rest = rest.subarray(taken);
      if (leftBytes === 0 && current !== undefined) finish(current);
    }
  });
}

function parseHead(text: string): { request: Request; bodyBytes: number } {
  const [first = "", ...lines] = text.split("\r\n");
  const [method = "", target = ""] = first.split(" ");
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  const [path = "", query = ""] = target.split("?");
  const key = decodeURIComponent(path).replace(/^\/bucket\/?/, "");
  if (headers.has("transfer-encoding")) throw new Error("this server wants a content-length");
  const bodyBytes = Number(headers.get("content-length") ?? "0");
  const sizeBytes = Number(headers.get("x-amz-decoded-content-length") ?? bodyBytes);
  return { request: { method, key, query: new URLSearchParams(query), headers, sizeBytes }, bodyBytes };
}

const server = createServer({ noDelay: true, highWaterMark: 512 * 1024 }, (socket) => {
  socket.on("error", () => socket.destroy());
  serve(socket, (handler) => socket.on("data", handler));
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  console.log(typeof address === "object" ? address?.port : "");
});
process.stdin.setEncoding("utf8").on("data", () => {
  const { user, system } = process.cpuUsage();
  console.log(user + system);
});
process.stdin.on("end", () => process.exit(0));
