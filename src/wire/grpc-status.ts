/**
 * gRPC status codes under their names, for both ends, so that pure modules need no gRPC library.
 *
 * @module
 */
const STATUS_NAMES = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const;

/** Name of a gRPC status. */
export type GrpcStatus = (typeof STATUS_NAMES)[number];

/** A failed call: status name and the text that came with it. */
export interface CallFailure {
  readonly status: GrpcStatus;
  readonly details: string;
}

/** The name of a status number; numbers outside the list are UNKNOWN, as the gRPC specification says. */
export function grpcStatusName(code: number): GrpcStatus {
  return STATUS_NAMES[code] ?? "UNKNOWN";
}

/** The number of a status on the wire. */
export function grpcStatusCode(status: GrpcStatus): number {
  return STATUS_NAMES.indexOf(status);
}
