/** What a rejected gRPC call said, in comparable form. @module */
import { status, type ServiceError } from "@grpc/grpc-js";

export interface Rejection {
  /** Name of the status: INVALID_ARGUMENT. */
  readonly code: string;
  readonly message: string;
}

/** Waits for a call to fail; fails itself when the call succeeds. */
export async function rejectionOf(call: Promise<unknown>): Promise<Rejection> {
  const error = await serviceErrorOf(call);
  return { code: status[error.code] ?? String(error.code), message: error.details };
}

/** The same with metadata and all. */
export async function serviceErrorOf(call: Promise<unknown>): Promise<ServiceError> {
  try {
    await call;
  } catch (error) {
    return error as ServiceError;
  }
  throw new Error("The call was expected to fail, but it succeeded");
}
