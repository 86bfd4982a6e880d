/**
 * Calls to a server in the same process: the messages and headers that a connection would carry, without the connection.
 *
 * Both ends still see encoded messages only, so nothing of one reaches the other but through them.
 *
 * @module
 */
import { grpcStatusCode, type GrpcStatus } from "./grpc-status.ts";

/** The end of the server. */
export interface LocalCalls {
  /**
   * Answers in a later turn of the event loop.
   *
   * @param path `/<package>.<Service>/<Rpc>`.
   * @param header A header of the call, if it has it.
   * @throws {LocalCallError} For every answer that is not OK.
   */
  call(path: string, request: Uint8Array, header: (name: string) => string | undefined): Promise<Uint8Array>;
}

/** A status other than OK. */
export class LocalCallError extends Error {
  override readonly name = "LocalCallError";
  /** Number of the gRPC status. */
  readonly code: number;
  /** The text that came with it. */
  readonly details: string;

  constructor(status: GrpcStatus | number, details: string) {
    super(details);
    this.code = typeof status === "number" ? status : grpcStatusCode(status);
    this.details = details;
  }
}
