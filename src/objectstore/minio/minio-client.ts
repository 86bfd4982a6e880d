/**
 * minio:// and other stores with an address of their own: the AWS SDK's signer signs, requests, timeouts and status codes are ours.
 *
 * Over plain HTTP the digest of a body is signed, over TLS, which protects it, it is not. Loaded with a dynamic import; never together
 * with s3-client.ts on one path (docs/spec/portable-launcher.md#libraries-under-esbuild).
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { BlobBody, StoredTag } from "../bucket.ts";
import { StoreFailure } from "../store-failure.ts";
import type { ClientSettings, CredentialSource } from "../client-settings.ts";
import { BRIEF_REQUESTS, SMALLEST_DIRECT_BYTES } from "../http/direct-connections.ts";
import { getDirectly, sendBriefly, sendRequest } from "../http/send-request.ts";
import type { ContentAnswer } from "../http/store-http.ts";
import { completeMultipartXml, parseListObjects } from "../s3/list-objects-xml.ts";
import { createRequestSigner } from "../s3/request-signer.ts";
import { answerFacts, storedTag, stripQuotes, toBlobBody, toPartEntry } from "../s3/response-headers.ts";
import { strictEncode } from "../s3/strict-encode.ts";
import type { S3Requests, UploadBody } from "../s3/s3-requests.ts";
import { readXml } from "../s3/xml-document.ts";
import { systemFailure } from "../store-errors.ts";
import { streamContent } from "../transfer/read-batches.ts";
import { readText } from "../transfer/read-body.ts";
import { bucketAddress } from "./bucket-address.ts";

/** Settings of the client for stores with an address of their own. */
export interface MinioSettings extends ClientSettings {
  /** `http(s)://host[:port]`. */
  readonly endpoint: string;
  readonly credentials: CredentialSource;
}

interface MinioCall {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Record<string, string>;
  readonly body?: UploadBody;
  readonly expected?: readonly number[];
  /** Whether hundreds like it are sent; where absent, its body tells. */
  readonly isOneOfMany?: boolean;
}

const WITH_CHECKSUMS = { "x-amz-checksum-mode": "ENABLED" };
const USER_AGENT = "kfp-runtime";
const NO_BODY: UploadBody = { bytes: Buffer.alloc(0), sha256: sha256(Buffer.alloc(0)) };

/** Sends nothing yet. */
export function createMinioClient(settings: MinioSettings): S3Requests {
  const { protocol, hostname, port, host, basePath } = bucketAddress(settings);
  const isTls = protocol === "https:";
  const sign = createRequestSigner(settings);
  const place = { protocol, hostname, port };

  const prepare = async (what: MinioCall, signal: AbortSignal): Promise<{ path: string; signed: Record<string, string> }> => {
    signal.throwIfAborted();
    const { method, key, query = {}, body = NO_BODY } = what;
    const path = `${basePath}${key === "" ? "" : `/${key.split("/").map(strictEncode).join("/")}`}` || "/";
    const headers: Record<string, string> = { ...what.headers, host, "user-agent": USER_AGENT };
    if (method !== "GET" && method !== "HEAD") headers["content-length"] = String(body.bytes.length);
    headers["x-amz-content-sha256"] = isTls ? "UNSIGNED-PAYLOAD" : (body.sha256 ?? sha256(body.bytes));
    const signed = await sign({ method, path, query }, headers);
    signal.throwIfAborted();
    const pairs = Object.entries(query).map(([name, value]) => `${strictEncode(name)}=${strictEncode(value)}`);
    return { path: pairs.length === 0 ? path : `${path}?${pairs.join("&")}`, signed };
  };

  const call = async (what: MinioCall, signal: AbortSignal): Promise<ContentAnswer> => {
    const { path, signed } = await prepare(what, signal);
    const { method, body = NO_BODY, isOneOfMany = body.isOneOfMany === true } = what;
    const request = { url: { ...place, path }, headers: signed };
    if ((method === "PUT" || method === "GET") && isOneOfMany) {
      const answer = await sendBriefly(settings, { ...request, method, body: body.bytes }, signal);
      if (answer !== undefined) return answer;
    }
    const pieces = body.bytes.length === 0 ? [] : [body.bytes];
    const response = await sendRequest(settings, { ...request, method, body: pieces }, signal);
    return { status: response.statusCode ?? 0, headers: response.headers, content: streamContent(response) };
  };

  /** Fails with what the store says, unless the status is an expected one. */
  const callExpecting = async (what: MinioCall, signal: AbortSignal): Promise<ContentAnswer> => {
    const answer = await call(what, signal);
    if ((what.expected ?? [200]).includes(answer.status)) return answer;
    throw await refusal(answer, what.method === "HEAD");
  };
  const sendFor = async (what: MinioCall, signal: AbortSignal): Promise<{ text: string; headers: IncomingHttpHeaders }> => {
    const { headers, content } = await callExpecting(what, signal);
    return { text: await readText(content), headers };
  };
  const putBody = async (what: MinioCall, signal: AbortSignal): Promise<StoredTag> => {
    const { headers } = await sendFor(what, signal);
    return storedTag(headers);
  };

  return {
    signsBodies: !isTls,
    ...(settings.agents.brief === undefined ? {} : { smallAtOnce: BRIEF_REQUESTS.mostConnections }),

    put: (key, body, contentType, signal) =>
      putBody({ method: "PUT", key, headers: { "content-type": contentType }, body }, signal),

    async startMultipart(key, contentType, signal) {
      const { text } = await sendFor(
        { method: "POST", key, query: { uploads: "" }, headers: { "content-type": contentType } },
        signal,
      );
      const uploadId = readXml(text)?.text("UploadId");
      if (uploadId === undefined || uploadId === "") throw new StoreFailure("the store answered no upload id");
      return uploadId;
    },

    putPart: (key, uploadId, partNumber, body, signal) =>
      putBody({ method: "PUT", key, query: { partNumber: String(partNumber), uploadId }, body }, signal),

    async completeMultipart(key, uploadId, parts, signal) {
      const body = { bytes: Buffer.from(completeMultipartXml(parts)) };
      const headers = { "content-type": "application/xml" };
      const query = { uploadId };
      const { text, headers: answered } = await sendFor({ method: "POST", key, query, headers, body }, signal);
      // The answer may start as 200 and turn into an error while the parts are joined.
      const answer = readXml(text);
      if (answer === undefined ? text !== "" : answer.name === "Error") {
        const reason = answer?.text("Code") ?? "InternalError";
        throw new StoreFailure("the store could not join the parts", { status: 500, reason });
      }
      return { ...storedTag(answered), etag: stripQuotes(answer?.text("ETag") ?? "") };
    },

    async abortMultipart(key, uploadId, signal) {
      await sendFor({ method: "DELETE", key, query: { uploadId }, expected: [204, 200] }, signal);
    },

    async get(key, range, signal): Promise<BlobBody> {
      const end = range.lengthBytes === undefined ? "" : String(range.offset + range.lengthBytes - 1);
      const headers = {
        ...WITH_CHECKSUMS,
        ...(range.offset > 0 || range.lengthBytes !== undefined ? { range: `bytes=${range.offset}-${end}` } : {}),
        ...(range.etag === undefined ? {} : { "if-match": `"${range.etag}"` }),
      };
      const what = { method: "GET", key, headers, expected: [200, 206], isOneOfMany: range.isOneOfMany === true } as const;
      if ((range.lengthBytes ?? 0) >= SMALLEST_DIRECT_BYTES) {
        const { path, signed } = await prepare(what, signal);
        const answer = await getDirectly(settings, { url: { ...place, path }, headers: signed }, signal);
        if (answer !== undefined) return toBlobBody(answer.content, answer.headers, { status: answer.status, range });
      }
      const { content, headers: answered, status } = await callExpecting(what, signal);
      return toBlobBody(content, answered, { status, range });
    },

    async stat(key, signal) {
      const { headers } = await sendFor({ method: "HEAD", key, headers: WITH_CHECKSUMS }, signal);
      const tag = storedTag(headers);
      return { key, sizeBytes: Number(headers["content-length"] ?? "0"), etag: tag.etag, tag };
    },

    async statPart(key, partNumber, signal) {
      const query = { partNumber: String(partNumber) };
      const { headers } = await sendFor({ method: "HEAD", key, query, expected: [200, 206] }, signal);
      return toPartEntry(headers);
    },

    async list(prefix, token, signal) {
      const query = {
        ...(token === undefined ? {} : { "continuation-token": token }),
        "encoding-type": "url",
        "list-type": "2",
        prefix,
      };
      const { text } = await sendFor({ method: "GET", key: "", query }, signal);
      return parseListObjects(text);
    },

    async delete(key, signal) {
      await sendFor({ method: "DELETE", key, expected: [204, 200] }, signal);
    },

    close() {},
  };
}

/** What a store says that does not do what it was asked for. */
async function refusal({ status, headers, content }: ContentAnswer, isHead: boolean): Promise<StoreFailure> {
  try {
    const document = readXml(await readText(content));
    const reason = document?.text("Code") ?? (status === 404 && isHead ? "NoSuchKey" : undefined);
    const said = answerFacts(headers, document?.text("Region"));
    return new StoreFailure(`HTTP ${status}`, { status, ...(reason === undefined ? {} : { reason }), ...said });
  } catch (error) {
    return systemFailure(error);
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
