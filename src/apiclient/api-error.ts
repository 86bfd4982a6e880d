/**
 * Foreign errors become ApiError here and nowhere else.
 *
 * `details.status` is the gRPC status name, `details.method` the RPC, `details.ambiguous` is true when the server may have done the
 * work although the call failed.
 *
 * @module
 */
import { ApiError, errorMessage } from "../core/errors.ts";
import { grpcStatusName, type CallFailure } from "../wire/grpc-status.ts";
import { unsupportedMessage } from "./package-choice.ts";
import { isAmbiguous, isRetryable, type Repeatability } from "./retry.ts";
import { oneLine } from "../core/one-line.ts";

/** What a failed call was, for the message and the details of its error. */
export interface CallContext {
  /** Name of the RPC, such as `GetRun`. */
  readonly method: string;
  /** `host:port`. */
  readonly endpoint: string;
  readonly repeatability: Repeatability;
  /** Tries made, the first one included. */
  readonly attempts: number;
  readonly elapsedMs: number;
}

/** grpc-js ends the text of a lost connection with a heading under which it mostly has nothing to say. */
const EMPTY_NOTE = /\s*Resolution note:\s*$/;

/**
 * Status and text of what a client call threw. nice-grpc's ClientError has a numeric `code` and `details`; anything else, such as a
 * message that cannot be serialised, is INTERNAL: it never was an answer of the server.
 */
export function callFailure(error: unknown): CallFailure {
  if (error instanceof Error && "code" in error && typeof error.code === "number") {
    const details = "details" in error && typeof error.details === "string" ? error.details : error.message;
    return { status: grpcStatusName(error.code), details: oneLine(details.replace(EMPTY_NOTE, "")) };
  }
  return { status: "INTERNAL", details: oneLine(errorMessage(error)) };
}

/** The ApiError of a call that is given up. */
export function toApiError(failure: CallFailure, context: CallContext, cause: unknown): ApiError {
  const { method, endpoint } = context;
  const details = {
    status: failure.status,
    method,
    ...(context.repeatability === "once" && isAmbiguous(failure) ? { ambiguous: true } : {}),
  };
  const text = failure.details === "" ? "no details" : failure.details;
  if (isRetryable(failure, "idempotent")) {
    const effort = context.attempts === 1 ? "" : ` after ${context.attempts} tries in ${Math.round(context.elapsedMs / 1000)} s`;
    const message = `API server ${endpoint} is not available: ${method} ended with ${failure.status}${effort}: ${text}`;
    return new ApiError("API_UNAVAILABLE", message, { details, cause });
  }
  const message = `API server ${endpoint} rejected ${method} with ${failure.status}: ${text}`;
  return new ApiError("API_REJECTED", message, { details, cause });
}

/** The ApiError of a server that knows the method under no name. */
export function unsupportedError(context: CallContext, cause: unknown): ApiError {
  return new ApiError("API_UNSUPPORTED", unsupportedMessage(context.endpoint, context.method), {
    details: { status: "UNIMPLEMENTED", method: context.method },
    cause,
  });
}

/** The ApiError of an answer that is not as specified. */
export function invalidResponseError(method: string, endpoint: string, reason: string, cause?: unknown): ApiError {
  return new ApiError("API_RESPONSE_INVALID", `API server ${endpoint} sent an invalid answer to ${method}: ${reason}`, {
    details: { method },
    cause,
  });
}
