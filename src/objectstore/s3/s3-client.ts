/**
 * s3:// through @aws-sdk/client-s3, only the commands that are used.
 *
 * Everything the SDK would look up in the environment of the process is given explicitly, so that tasks with different
 * environments can share a process. Its retries and checksums are off: retry.ts retries, put-file.ts verifies. Loaded with a dynamic
 * import; never together with minio-client.ts on one path (docs/spec/portable-launcher.md#libraries-under-esbuild).
 *
 * Source: docs/spec/object-stores.md#clients, #later-upstream.
 *
 * @module
 */
import type { IncomingHttpHeaders } from "node:http";
import { Readable } from "node:stream";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import type { S3ClientConfig, ServerSideEncryption } from "@aws-sdk/client-s3";
import { KfpError } from "../../core/errors.ts";
import type { BlobBody, StoredTag } from "../bucket.ts";
import { StoreFailure } from "../store-failure.ts";
import type { ClientSettings, CredentialSource } from "../client-settings.ts";
import { streamContent } from "../transfer/read-batches.ts";
import { readDocument } from "../transfer/read-body.ts";
import { readDirectly } from "./direct-reads.ts";
import { readListing } from "./read-listing.ts";
import { answerFacts, storedTag, toBlobBody } from "./response-headers.ts";
import type { S3Requests, UploadBody } from "./s3-requests.ts";
import { systemFailure } from "../store-errors.ts";

/** Settings of the client for AWS and for what only AWS has. */
export interface S3Settings extends ClientSettings {
  /** Absent: the endpoint of the region at AWS. */
  readonly endpoint?: string;
  readonly credentials: CredentialSource;
  readonly isDualStack: boolean;
  readonly isFips: boolean;
  readonly isAccelerated: boolean;
  /** Server-side encryption of uploads. */
  readonly sseType?: string;
  readonly kmsKeyId?: string;
}

/** Requests through the AWS SDK. Sends nothing yet. */
export function createS3Client(settings: S3Settings): S3Requests {
  const { bucket: Bucket } = settings;
  const client = new S3Client(clientConfig(settings));
  askForChecksums(client);
  const directContentOf = readDirectly(client, settings);
  const encryption = {
    // The service judges the word; the SDK's type lists those it knew when it was made.
    ...(settings.sseType === undefined ? {} : { ServerSideEncryption: settings.sseType as ServerSideEncryption }),
    ...(settings.kmsKeyId === undefined ? {} : { SSEKMSKeyId: settings.kmsKeyId }),
  };

  const signsBodies = settings.endpoint?.toLowerCase().startsWith("http:") ?? false;
  const declareDigest = declaredDigests(client, signsBodies);

  return {
    signsBodies,

    async put(key, body, contentType, signal) {
      const command = new PutObjectCommand({
        Bucket,
        Key: key,
        Body: body.bytes,
        ContentLength: body.bytes.length,
        ContentType: contentType,
        ...encryption,
      });
      declareDigest(body);
      return tagOf(await ask(() => client.send(command, { abortSignal: signal })));
    },

    async startMultipart(key, contentType, signal) {
      const command = new CreateMultipartUploadCommand({ Bucket, Key: key, ContentType: contentType, ...encryption });
      const { UploadId } = await ask(() => client.send(command, { abortSignal: signal }));
      if (UploadId === undefined || UploadId === "") throw new StoreFailure("the store answered no upload id");
      return UploadId;
    },

    async putPart(key, uploadId, partNumber, body, signal) {
      const { bytes: Body } = body;
      const part = { Bucket, Key: key, UploadId: uploadId, PartNumber: partNumber, Body, ContentLength: Body.length };
      const command = new UploadPartCommand(part);
      declareDigest(body);
      return tagOf(await ask(() => client.send(command, { abortSignal: signal })));
    },

    async completeMultipart(key, uploadId, parts, signal) {
      const Parts = parts.map((part) => ({ PartNumber: part.partNumber, ETag: `"${part.etag}"` }));
      const command = new CompleteMultipartUploadCommand({ Bucket, Key: key, UploadId: uploadId, MultipartUpload: { Parts } });
      return tagOf(await ask(() => client.send(command, { abortSignal: signal })));
    },

    async abortMultipart(key, uploadId, signal) {
      const command = new AbortMultipartUploadCommand({ Bucket, Key: key, UploadId: uploadId });
      await ask(() => client.send(command, { abortSignal: signal }));
    },

    async get(key, range, signal): Promise<BlobBody> {
      const end = range.lengthBytes === undefined ? "" : String(range.offset + range.lengthBytes - 1);
      const command = new GetObjectCommand({
        Bucket,
        Key: key,
        ...(range.offset > 0 || range.lengthBytes !== undefined ? { Range: `bytes=${range.offset}-${end}` } : {}),
        ...(range.etag === undefined ? {} : { IfMatch: `"${range.etag}"` }),
      });
      const answer = await ask(() => client.send(command, { abortSignal: signal }));
      if (!(answer.Body instanceof Readable))
        throw new StoreFailure("the store answered no content", { reason: "UNEXPECTED_EOF" });
      const headers = {
        ...tagHeaders(answer),
        ...(answer.ContentRange === undefined ? {} : { "content-range": answer.ContentRange }),
      };
      const status = answer.$metadata.httpStatusCode ?? 200;
      const content = directContentOf(answer.Body) ?? streamContent(answer.Body);
      return toBlobBody(content, headers, { status, range });
    },

    async stat(key, signal) {
      const command = new HeadObjectCommand({ Bucket, Key: key });
      const answer = await ask(() => client.send(command, { abortSignal: signal }));
      const tag = tagOf(answer);
      return { key, sizeBytes: answer.ContentLength ?? 0, etag: tag.etag, tag };
    },

    async statPart(key, partNumber, signal) {
      const command = new HeadObjectCommand({ Bucket, Key: key, PartNumber: partNumber });
      const { ContentLength = 0, PartsCount } = await ask(() => client.send(command, { abortSignal: signal }));
      return { sizeBytes: ContentLength, ...(PartsCount === undefined ? {} : { parts: PartsCount }) };
    },

    async list(prefix, token, signal) {
      const command = new ListObjectsV2Command({
        Bucket,
        Prefix: prefix,
        EncodingType: "url",
        ...(token === undefined ? {} : { ContinuationToken: token }),
      });
      const listing = readListing(command);
      await ask(() => client.send(command, { abortSignal: signal }));
      return listing();
    },

    async delete(key, signal) {
      const command = new DeleteObjectCommand({ Bucket, Key: key });
      await ask(() => client.send(command, { abortSignal: signal }));
    },

    close: () => client.destroy(),
  };
}

function clientConfig(settings: S3Settings): S3ClientConfig {
  // Each value that is missing here would be read from the environment of the process or from the home folder, which a container
  // with an unknown user does not have (docs/spec/portable-launcher.md#pitfalls (pitfall 1)).
  const explicit = {
    region: settings.region,
    forcePathStyle: settings.isPathStyle,
    useDualstackEndpoint: settings.isDualStack,
    useFipsEndpoint: settings.isFips,
    useAccelerateEndpoint: settings.isAccelerated,
    ignoreConfiguredEndpointUrls: true,
    followRegionRedirects: true,
    maxAttempts: 1,
    retryMode: "standard",
    defaultsMode: "standard" as const,
    requestChecksumCalculation: "WHEN_REQUIRED" as const,
    responseChecksumValidation: "WHEN_REQUIRED" as const,
    expectContinueHeader: false,
    authSchemePreference: ["aws.auth#sigv4"],
    sigv4aSigningRegionSet: [settings.region],
    disableS3ExpressSessionAuth: false,
    useArnRegion: true,
    disableMultiregionAccessPoints: false,
    disableClockSkewCorrection: false,
    userAgentAppId: "kfp-runtime",
    // Of documents, not of objects; the SDK's own collects without a limit.
    streamCollector: (stream: Readable) => readDocument(stream),
    requestHandler: {
      httpAgent: settings.agents.http,
      httpsAgent: settings.agents.https,
      connectionTimeout: settings.connectTimeoutMs,
      socketTimeout: settings.idleTimeoutMs,
      // The SDK warns on the console when many requests wait for a socket; here that is intended.
      socketAcquisitionWarningTimeout: 2 ** 31 - 1,
    },
  };
  return {
    ...explicit,
    ...(settings.endpoint === undefined ? {} : { endpoint: settings.endpoint }),
    credentials: sdkCredentials(settings.credentials),
  };
}

/** Without an expiration the SDK would ask once and keep the answer for the life of the client. */
function sdkCredentials(source: CredentialSource): NonNullable<S3ClientConfig["credentials"]> {
  return async () => ({ ...(await source()) });
}

/** What the SDK does not have to compute itself, while every other request waits: over TLS nothing, else what the caller knows already. */
function declaredDigests({ middlewareStack }: S3Client, signsBodies: boolean): (body: UploadBody) => void {
  const known = new WeakMap<Buffer, string>();
  middlewareStack.add(
    (next) => (args) => {
      const { input, request } = args as { input: { Body?: unknown }; request?: { headers?: Record<string, string> } };
      const digest = Buffer.isBuffer(input.Body) ? known.get(input.Body) : undefined;
      if (request?.headers !== undefined && digest !== undefined) request.headers["x-amz-content-sha256"] = digest;
      return next(args);
    },
    { step: "build", name: "declareDigest" },
  );
  return ({ bytes, sha256 }) => {
    const digest = signsBodies ? sha256 : "UNSIGNED-PAYLOAD";
    if (digest !== undefined) known.set(bytes, digest);
  };
}

interface TaggedAnswer {
  readonly ETag?: string | undefined;
  readonly ServerSideEncryption?: string | undefined;
  readonly SSECustomerAlgorithm?: string | undefined;
  readonly ChecksumCRC32?: string | undefined;
  readonly ChecksumCRC32C?: string | undefined;
  readonly ChecksumCRC64NVME?: string | undefined;
  readonly ChecksumSHA1?: string | undefined;
  readonly ChecksumSHA256?: string | undefined;
}

/**
 * Sent as a bare header: told through its own parameter the SDK would verify whole answers itself, in other words than ours, and
 * could not go on where an answer was cut.
 */
function askForChecksums({ middlewareStack }: S3Client): void {
  middlewareStack.add(
    (next, { commandName }) =>
      (args) => {
        const { request } = args as { request?: { headers?: Record<string, string> } };
        if (request?.headers !== undefined && (commandName === "GetObjectCommand" || commandName === "HeadObjectCommand")) {
          request.headers["x-amz-checksum-mode"] = "ENABLED";
        }
        return next(args);
      },
    { step: "build", name: "askForChecksums" },
  );
}

function tagHeaders(answer: TaggedAnswer): IncomingHttpHeaders {
  const checksums = [
    ["crc32", answer.ChecksumCRC32],
    ["crc32c", answer.ChecksumCRC32C],
    ["crc64nvme", answer.ChecksumCRC64NVME],
    ["sha1", answer.ChecksumSHA1],
    ["sha256", answer.ChecksumSHA256],
  ] as const;
  return {
    etag: answer.ETag ?? "",
    ...Object.fromEntries(checksums.flatMap(([name, value]) => (value === undefined ? [] : [[`x-amz-checksum-${name}`, value]]))),
    ...(answer.ServerSideEncryption === undefined ? {} : { "x-amz-server-side-encryption": answer.ServerSideEncryption }),
    ...(answer.SSECustomerAlgorithm === undefined
      ? {}
      : { "x-amz-server-side-encryption-customer-algorithm": answer.SSECustomerAlgorithm }),
  };
}

function tagOf(answer: TaggedAnswer): StoredTag {
  return storedTag(tagHeaders(answer));
}

async function ask<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    throw toFailure(error);
  }
}

function toFailure(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof StoreFailure || error instanceof KfpError) return error;
  if (error instanceof S3ServiceException) {
    const status = error.$metadata.httpStatusCode;
    // A refusal without a body is named after its status by the SDK ("NotFound", "403", "UnknownError").
    const reason = error.name === "NotFound" ? "NoSuchKey" : error.name;
    const named = "Region" in error && typeof error.Region === "string" ? error.Region : undefined;
    const said = answerFacts(error.$response?.headers ?? {}, named);
    return new StoreFailure(error.name, { ...(status === undefined ? {} : { status }), reason, ...said, cause: error });
  }
  const failure = systemFailure(error);
  const status = metadataStatus(error);
  if (status === undefined) return failure;
  return new StoreFailure(failure.message, {
    status,
    ...(failure.reason === undefined ? {} : { reason: failure.reason }),
    cause: error,
  });
}

/** An answer that is not an S3 document at all (a proxy's page) fails while it is read, but its status is kept. */
function metadataStatus(error: Error): number | undefined {
  if (!("$metadata" in error) || typeof error.$metadata !== "object" || error.$metadata === null) return undefined;
  return "httpStatusCode" in error.$metadata && typeof error.$metadata.httpStatusCode === "number"
    ? error.$metadata.httpStatusCode
    : undefined;
}
