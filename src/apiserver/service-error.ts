/**
 * Errors as the API answers them: a gRPC code, a chain of context for operators, one short text for people.
 *
 * Adding context keeps the code, so a NotFound inside "Failed to get a task" stays NotFound. Everything that is not a ServiceError is
 * internal; its text is passed on without a stack.
 *
 * Source: docs/spec/api-server.md#errors, docs/spec/json-and-rest.md#error-shapes.
 *
 * @module
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { errorMessage } from "../core/errors.ts";
import { StatusSchema } from "../gen/google/rpc/status_pb.js";
import { grpcStatusCode, type GrpcStatus } from "../wire/grpc-status.ts";

/** An error with a code of its own. `message` is the chain, outermost context first; `shortMessage` its innermost part. */
export class ServiceError extends Error {
  readonly status: GrpcStatus;
  readonly shortMessage: string;

  constructor(status: GrpcStatus, shortMessage: string, context = "", cause?: unknown) {
    super(context === "" ? shortMessage : `${context}: ${shortMessage}`, cause === undefined ? undefined : { cause });
    this.name = "ServiceError";
    this.status = status;
    this.shortMessage = shortMessage;
  }
}

/** The request itself is wrong. */
export function invalidArgument(message: string): ServiceError {
  return new ServiceError("INVALID_ARGUMENT", message, "Invalid input error");
}

/** `notFound("Run", "4711")`: "Run 4711 not found". */
export function notFound(type: string, name: string): ServiceError {
  return new ServiceError("NOT_FOUND", `${type} ${name} not found`);
}

/** An id in use. */
export function alreadyExists(message: string): ServiceError {
  return new ServiceError("ALREADY_EXISTS", message);
}

/** Right as such, but not in the state that things are in. */
export function failedPrecondition(message: string): ServiceError {
  return new ServiceError("FAILED_PRECONDITION", message);
}

/** Impossible in the state that things are in; the reference's "bad request", which clients see as 409. */
export function aborted(message: string): ServiceError {
  return new ServiceError("ABORTED", message);
}

/** A method or an option that this server does not have. */
export function unimplemented(message: string): ServiceError {
  return new ServiceError("UNIMPLEMENTED", message);
}

/** Adds context to anything thrown. */
export function withContext(error: unknown, context: string): ServiceError {
  if (!(error instanceof ServiceError)) {
    return new ServiceError("INTERNAL", "Internal Server Error", `${context}: ${errorMessage(error)}`, error);
  }
  const inner = error.message.slice(0, error.message.length - error.shortMessage.length).replace(/: $/, "");
  return new ServiceError(error.status, error.shortMessage, inner === "" ? context : `${context}: ${inner}`, error.cause);
}

/** A failed call as gRPC sends it. */
export interface StatusOnTheWire {
  /** Number of the gRPC code. */
  readonly code: number;
  readonly message: string;
  /** Bytes of the trailer `grpc-status-details-bin`. */
  readonly details: Uint8Array;
}

/** Status texts travel in HTTP/2 headers, which peers limit to 8 or 16 KiB together. */
const MAX_MESSAGE_LENGTH = 2048;

/** The status of an error, details included. */
export function toGrpcStatus(error: unknown): StatusOnTheWire {
  const known = error instanceof ServiceError ? error : withContext(error, "Failed to handle the call");
  const code = grpcStatusCode(known.status);
  const message = limitText(known.message);
  // What nobody classified is told as UNKNOWN to who reads details (docs/spec/api-server.md#kinds-of-errors).
  const isForeign = known.cause !== undefined && !(known.cause instanceof ServiceError);
  const detail = create(StatusSchema, {
    code: isForeign ? grpcStatusCode("UNKNOWN") : code,
    message: limitText(known.shortMessage),
  });
  const status = create(StatusSchema, { code, message, details: [anyPack(StatusSchema, detail)] });
  return { code, message, details: toBinary(StatusSchema, status) };
}

function limitText(text: string): string {
  return text.length <= MAX_MESSAGE_LENGTH ? text : `${text.slice(0, MAX_MESSAGE_LENGTH - 3)}...`;
}
