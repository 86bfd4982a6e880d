/**
 * From a failed request to "try again?" and to the error a person reads.
 *
 * Pure. Messages are built from the URI, the HTTP status and the store's error code only: texts of stores and libraries may echo
 * key ids or signed headers.
 *
 * Source: docs/spec/outputs.md#upload-and-registration (which errors are transient), docs/spec/object-stores.md#clients.
 *
 * @module
 */
import { errorMessage, KfpError, StorageError } from "../core/errors.ts";
import { StoreFailure } from "./store-failure.ts";
import { BAD_CHECKSUMS, EXPIRED_CREDENTIALS, explainFailure } from "./store-advice.ts";

const RETRYABLE_STATUS = new Set([408, 425, 429, 499, 500, 502, 503, 504, 509, 520, 521, 522, 523, 524]);

const RETRYABLE_REASONS = new Set([
  "InternalError",
  "ServiceUnavailable",
  "SlowDown",
  "SlowDownRead",
  "SlowDownWrite",
  "XMinioServerNotInitialized",
  "Throttling",
  "ThrottlingException",
  "ThrottledException",
  "RequestThrottled",
  "RequestThrottledException",
  "TooManyRequests",
  "TooManyRequestsException",
  "RequestLimitExceeded",
  "BandwidthLimitExceeded",
  "RequestTimeout",
  "RequestTimeoutException",
  "RequestTimeTooSkewed",
  "OperationAborted",
  ...["rateLimitExceeded", "userRateLimitExceeded", "backendError", "internalError"],
  // Nothing was stored, and the bytes are still at hand.
  ...BAD_CHECKSUMS,
]);

/** Operating system and transport level: nothing arrived, or not all of it. */
const NETWORK_REASONS = new Set([
  "ECONNRESET",
  "ECONNREFUSED",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "ENETDOWN",
  "ENETUNREACH",
  "EHOSTUNREACH",
  "EAI_AGAIN",
  "ERR_STREAM_PREMATURE_CLOSE",
  "ERR_PROXY_TUNNEL",
  "HPE_INVALID_EOF_STATE",
  "UNEXPECTED_EOF",
  "TIMEOUT",
]);

/** Whether the same request may be sent again after a pause. */
export function isRetryable(failure: StoreFailure): boolean {
  if (failure.reason !== undefined && (RETRYABLE_REASONS.has(failure.reason) || NETWORK_REASONS.has(failure.reason))) return true;
  return failure.status !== undefined && RETRYABLE_STATUS.has(failure.status);
}

/**
 * Whether the whole transfer is worth one more try with fresh clients and credentials
 * (docs/spec/outputs.md#upload-and-registration).
 */
function isTransient(failure: StoreFailure): boolean {
  const { reason } = failure;
  return reason !== undefined && (NETWORK_REASONS.has(reason) || EXPIRED_CREDENTIALS.has(reason));
}

/** What was being done when the error happened. */
export interface StoreAction {
  readonly action: "upload to" | "download" | "list";
  /** URI without query string. */
  readonly uri: string;
  readonly provider: string;
  readonly bucket: string;
  readonly key: string;
  readonly endpoint: string;
  /** Requests were signed for it. */
  readonly region: string;
  /** Now, in ms since 1970. */
  readonly nowMs: number;
}

/** The StorageError for anything thrown during a transfer; errors of ours pass unchanged. */
export function toStorageError(error: unknown, where: StoreAction): Error {
  if (error instanceof KfpError) return error;
  const failure = error instanceof StoreFailure ? error : systemFailure(error);
  const details = {
    provider: where.provider,
    bucket: where.bucket,
    key: where.key,
    status: failure.status,
    reason: failure.reason,
    transient: isTransient(failure),
  };
  const { code, text } = explainFailure(failure, where, describe(failure));
  return new StorageError(code, `Cannot ${where.action} ${where.uri}${text}`, { details, cause: error });
}

function describe({ message, status, reason, tries }: StoreFailure): string {
  const answer = status === undefined ? message : `HTTP ${status}${reason === undefined ? "" : ` ${reason}`}`;
  return tries === 1 ? answer : `${answer} (${tries} tries)`;
}

/** Errors of the local file system and of sockets carry their code as `code`; the AWS SDK's timeouts, also of bodies, only a name. */
export function systemFailure(error: unknown): StoreFailure {
  if (error instanceof StoreFailure) return error;
  const code = errorCode(error) ?? (error instanceof Error && error.name === "TimeoutError" ? "TIMEOUT" : undefined);
  return new StoreFailure(errorMessage(error), { ...(code === undefined ? {} : { reason: code }), cause: error });
}

/** `code` of the error, of its cause, or of the first error it collects (several addresses of one host). */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ("code" in error && typeof error.code === "string") return error.code;
  if (error instanceof AggregateError && error.errors.length > 0) return errorCode(error.errors[0]);
  return error.cause === undefined ? undefined : errorCode(error.cause);
}
