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

/** Numbers of the gRPC codes this server uses. */
export const GRPC_CODE = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

export type GrpcCodeName = keyof typeof GRPC_CODE;

/** An error with a code of its own. `message` is the chain, outermost context first; `shortMessage` its innermost part. */
export class ServiceError extends Error {
  readonly codeName: GrpcCodeName;
  readonly shortMessage: string;

  constructor(codeName: GrpcCodeName, shortMessage: string, context = "", cause?: unknown) {
    super(context === "" ? shortMessage : `${context}: ${shortMessage}`, cause === undefined ? undefined : { cause });
    this.name = "ServiceError";
    this.codeName = codeName;
    this.shortMessage = shortMessage;
  }
}

export function invalidArgument(message: string): ServiceError {
  return new ServiceError("invalidArgument", message, "Invalid input error");
}

/** `notFound("Run", "4711")`: "Run 4711 not found". */
export function notFound(type: string, name: string): ServiceError {
  return new ServiceError("notFound", `${type} ${name} not found`);
}

export function alreadyExists(message: string): ServiceError {
  return new ServiceError("alreadyExists", message);
}

export function failedPrecondition(message: string): ServiceError {
  return new ServiceError("failedPrecondition", message);
}

export function unimplemented(message: string): ServiceError {
  return new ServiceError("unimplemented", message);
}

/** Adds context to anything thrown. */
export function withContext(error: unknown, context: string): ServiceError {
  if (!(error instanceof ServiceError)) {
    return new ServiceError("internal", "Internal Server Error", `${context}: ${errorMessage(error)}`, error);
  }
  const inner = error.message.slice(0, error.message.length - error.shortMessage.length).replace(/: $/, "");
  return new ServiceError(error.codeName, error.shortMessage, inner === "" ? context : `${context}: ${inner}`, error.cause);
}

export interface GrpcStatus {
  /** Number of the gRPC code. */
  readonly code: number;
  readonly message: string;
  /** Bytes of the trailer `grpc-status-details-bin`. */
  readonly details: Uint8Array;
}

/** Status texts travel in HTTP/2 headers, which peers limit to 8 or 16 KiB together. */
const MAX_MESSAGE_LENGTH = 2048;

/** The status of an error, details included. */
export function toGrpcStatus(error: unknown): GrpcStatus {
  const known = error instanceof ServiceError ? error : withContext(error, "Failed to handle the call");
  const code = GRPC_CODE[known.codeName];
  const message = limitText(known.message);
  const detail = create(StatusSchema, { code, message: limitText(known.shortMessage) });
  const status = create(StatusSchema, { code, message, details: [anyPack(StatusSchema, detail)] });
  return { code, message, details: toBinary(StatusSchema, status) };
}

function limitText(text: string): string {
  return text.length <= MAX_MESSAGE_LENGTH ? text : `${text.slice(0, MAX_MESSAGE_LENGTH - 3)}...`;
}
