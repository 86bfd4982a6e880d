/**
 * minio:// through the `minio` package, which signs; requests, timeouts and status codes are ours.
 *
 * The package's own retry writes to the console and loses the answer, so it is switched off and its transport replaced by one that
 * turns retryable answers into failures of ours. Loaded with a dynamic import; never together with s3-client.ts on one path
 * (docs/spec/portable-launcher.md#libraries-under-esbuild).
 *
 * @module
 */
import { request as httpRequest } from "node:http";
import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { Client } from "minio";
import { KfpError } from "../../core/errors.ts";
import type { BlobBody, StoredTag } from "../bucket.ts";
import { StoreFailure } from "../store-failure.ts";
import type { ClientSettings, CredentialSource } from "../client-settings.ts";
import { completeMultipartXml, parseListObjects } from "../s3/list-objects-xml.ts";
import { answerFacts, storedTag, stripQuotes, toBlobBody, toPartEntry } from "../s3/response-headers.ts";
import type { S3Requests } from "../s3/s3-requests.ts";
import { readXml } from "../s3/xml-document.ts";
import { systemFailure } from "../store-errors.ts";
import { readBody } from "../transfer/read-body.ts";

/** Settings of the client for stores with an address of their own. */
export interface MinioSettings extends ClientSettings {
  /** `http(s)://host[:port]`. */
  readonly endpoint: string;
  readonly credentials: CredentialSource;
}

type MinioOptions = ConstructorParameters<typeof Client>[0];

interface MinioCall {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  readonly key: string;
  readonly query?: string;
  readonly headers?: Record<string, string>;
  readonly body?: Buffer;
  readonly expected?: readonly number[];
}

const WITH_CHECKSUMS = { "x-amz-checksum-mode": "ENABLED" };

/** Requests through the `minio` package. Sends nothing yet. */
export function createMinioClient(settings: MinioSettings): S3Requests {
  const url = new URL(settings.endpoint);
  const isHttps = url.protocol === "https:";
  const transport = {
    request: (options: RequestOptions, onResponse: (response: IncomingMessage) => void) =>
      requestWithFailures(isHttps ? httpsRequest : httpRequest, options, { onResponse, settings }),
  };
  const client = new Client({
    endPoint: url.hostname.replace(/^\[|\]$/g, ""),
    ...(url.port === "" ? {} : { port: Number(url.port) }),
    useSSL: isHttps,
    region: settings.region,
    pathStyle: settings.isPathStyle,
    // The package's types want a subclass and whole modules here; it only ever calls these methods.
    credentialsProvider: handedCredentials(settings.credentials) as unknown as NonNullable<MinioOptions["credentialsProvider"]>,
    transport: transport as unknown as NonNullable<MinioOptions["transport"]>,
    transportAgent: isHttps ? settings.agents.https : settings.agents.http,
    retryOptions: { disableRetry: true },
  });

  const call = async (what: MinioCall, signal: AbortSignal): Promise<IncomingMessage> => {
    signal.throwIfAborted();
    try {
      const response = await client.makeRequestAsync(
        {
          method: what.method,
          bucketName: settings.bucket,
          ...(what.key === "" ? {} : { objectName: what.key }),
          headers: what.headers ?? {},
          query: what.query ?? "",
        },
        what.body ?? "",
        [...(what.expected ?? [200])],
        settings.region,
      );
      abortWith(signal, response);
      return response;
    } catch (error) {
      throw toFailure(error);
    }
  };
  const send = async (what: MinioCall, signal: AbortSignal): Promise<{ text: string; response: IncomingMessage }> => {
    const response = await call(what, signal);
    return { text: await readBody(response), response };
  };
  const putBody = async (what: MinioCall & { body: Buffer }, signal: AbortSignal): Promise<StoredTag> => {
    const headers = { ...what.headers, "content-length": String(what.body.length) };
    const { response } = await send({ ...what, headers }, signal);
    return storedTag(response.headers);
  };

  return {
    put: (key, body, contentType, signal) =>
      putBody({ method: "PUT", key, headers: { "content-type": contentType }, body }, signal),

    async startMultipart(key, contentType, signal) {
      const { text } = await send({ method: "POST", key, query: "uploads", headers: { "content-type": contentType } }, signal);
      const uploadId = readXml(text)?.text("UploadId");
      if (uploadId === undefined || uploadId === "") throw new StoreFailure("the store answered no upload id");
      return uploadId;
    },

    putPart: (key, uploadId, partNumber, body, signal) =>
      putBody({ method: "PUT", key, query: `partNumber=${partNumber}&uploadId=${encodeURIComponent(uploadId)}`, body }, signal),

    async completeMultipart(key, uploadId, parts, signal) {
      const body = Buffer.from(completeMultipartXml(parts));
      const headers = { "content-type": "application/xml", "content-length": String(body.length) };
      const query = `uploadId=${encodeURIComponent(uploadId)}`;
      const { text, response } = await send({ method: "POST", key, query, headers, body }, signal);
      // The answer may start as 200 and turn into an error while the parts are joined.
      const answer = readXml(text);
      if (answer === undefined ? text !== "" : answer.name === "Error") {
        const reason = answer?.text("Code") ?? "InternalError";
        throw new StoreFailure("the store could not join the parts", { status: 500, reason });
      }
      return { ...storedTag(response.headers), etag: stripQuotes(answer?.text("ETag") ?? "") };
    },

    async abortMultipart(key, uploadId, signal) {
      await send({ method: "DELETE", key, query: `uploadId=${encodeURIComponent(uploadId)}`, expected: [204, 200] }, signal);
    },

    async get(key, range, signal): Promise<BlobBody> {
      const end = range.lengthBytes === undefined ? "" : String(range.offset + range.lengthBytes - 1);
      const headers = {
        ...WITH_CHECKSUMS,
        ...(range.offset > 0 || range.lengthBytes !== undefined ? { range: `bytes=${range.offset}-${end}` } : {}),
        ...(range.etag === undefined ? {} : { "if-match": `"${range.etag}"` }),
      };
      const response = await call({ method: "GET", key, headers, expected: [200, 206] }, signal);
      return toBlobBody(response, response.headers, { status: response.statusCode ?? 200, range });
    },

    async stat(key, signal) {
      const { response } = await send({ method: "HEAD", key, headers: WITH_CHECKSUMS }, signal);
      const tag = storedTag(response.headers);
      return { key, sizeBytes: Number(response.headers["content-length"] ?? "0"), etag: tag.etag, tag };
    },

    async statPart(key, partNumber, signal) {
      const query = `partNumber=${partNumber}`;
      const { response } = await send({ method: "HEAD", key, query, expected: [200, 206] }, signal);
      return toPartEntry(response.headers);
    },

    async list(prefix, token, signal) {
      const pairs = [
        ...(token === undefined ? [] : [`continuation-token=${strictEncode(token)}`]),
        "encoding-type=url",
        "list-type=2",
        `prefix=${strictEncode(prefix)}`,
      ];
      const { text } = await send({ method: "GET", key: "", query: pairs.join("&") }, signal);
      return parseListObjects(text);
    },

    async delete(key, signal) {
      await send({ method: "DELETE", key, expected: [204, 200] }, signal);
    },

    close() {},
  };
}

/** The package asks before every request, so that rotated credentials are used as soon as they are known. */
function handedCredentials(source: CredentialSource): { getCredentials(): Promise<unknown> } {
  return {
    async getCredentials() {
      const { accessKeyId, secretAccessKey, sessionToken } = await source();
      return {
        getAccessKey: () => accessKeyId,
        getSecretKey: () => secretAccessKey,
        getSessionToken: () => sessionToken,
      };
    },
  };
}

interface WatchedRequest {
  readonly onResponse: (response: IncomingMessage) => void;
  readonly settings: ClientSettings;
}

/** A request with an idle limit whose retryable answers become errors that carry status and reason. */
function requestWithFailures(send: typeof httpRequest, options: RequestOptions, watched: WatchedRequest): ClientRequest {
  const request = send(options, (response) => {
    const status = response.statusCode ?? 0;
    if (status < 300) return watched.onResponse(response);
    readBody(response).then(
      (text) => {
        const document = readXml(text);
        const reason = document?.text("Code") ?? (status === 404 && request.method === "HEAD" ? "NoSuchKey" : undefined);
        const said = answerFacts(response.headers, document?.text("Region"));
        request.emit(
          "error",
          new StoreFailure(`HTTP ${status}`, { status, ...(reason === undefined ? {} : { reason }), ...said }),
        );
      },
      (error: unknown) => request.emit("error", systemFailure(error)),
    );
  });
  request.setTimeout(watched.settings.idleTimeoutMs, () => request.destroy(idleFailure(watched.settings.idleTimeoutMs)));
  return request;
}

function idleFailure(idleTimeoutMs: number): StoreFailure {
  return new StoreFailure(`no byte moved for ${idleTimeoutMs / 1000} s`, { reason: "TIMEOUT" });
}

function abortWith(signal: AbortSignal, response: IncomingMessage): void {
  const abort = (): void => {
    response.destroy(new StoreFailure("the store was closed"));
  };
  signal.addEventListener("abort", abort, { once: true });
  response.once("close", () => signal.removeEventListener("abort", abort));
}

function toFailure(error: unknown): Error {
  if (error instanceof StoreFailure) return error;
  // The package wraps what the credential source throws.
  if (error instanceof Error && error.cause instanceof KfpError) return error.cause;
  return systemFailure(error);
}

/** The signature needs every reserved character encoded, also those that encodeURIComponent leaves. */
function strictEncode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
