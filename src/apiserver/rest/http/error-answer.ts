/**
 * Errors as the gateway answers them: HTTP status, and a body of code, message and details.
 *
 * Source: docs/spec/json-and-rest.md#error-shapes, docs/spec/api-server.md#rest-body.
 *
 * @module
 */
import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { StatusSchema } from "../../../gen/google/rpc/status_pb.js";
import { grpcStatusCode, grpcStatusName, type GrpcStatus } from "../../../wire/grpc-status.ts";
import { toGrpcStatus } from "../../service-error.ts";
import type { WholeAnswer } from "./endpoint.ts";

/** A request that cannot be made into a call: answered without details, as the gateway answers its own errors. */
export class RequestProblem extends Error {
  readonly status: GrpcStatus;
  readonly httpStatus: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    message: string,
    options: {
      /** Default INVALID_ARGUMENT. */
      readonly status?: GrpcStatus;
      /** Default the status's own. */
      readonly httpStatus?: number;
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ) {
    super(message);
    this.name = "RequestProblem";
    this.status = options.status ?? "INVALID_ARGUMENT";
    this.httpStatus = options.httpStatus ?? HTTP_STATUS[this.status];
    this.headers = options.headers ?? {};
  }
}

/** Source: docs/spec/json-and-rest.md#error-shapes. */
const HTTP_STATUS: Readonly<Record<GrpcStatus, number>> = {
  OK: 200,
  CANCELLED: 499,
  UNKNOWN: 500,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 400,
  ABORTED: 409,
  OUT_OF_RANGE: 400,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DATA_LOSS: 500,
  UNAUTHENTICATED: 401,
};

/** Text for people. */
export function textAnswer(status: number, text: string): WholeAnswer {
  return { status, headers: { "content-type": "text/plain; charset=utf-8" }, body: text };
}

/** JSON, which no browser takes for anything else. */
export function jsonAnswer(status: number, json: string, headers: Readonly<Record<string, string>> = {}): WholeAnswer {
  return { status, headers: { "content-type": "application/json", ...headers }, body: json };
}

/** The answer for anything thrown. Nothing of a stack is in it. */
export function errorAnswer(error: unknown): WholeAnswer {
  if (error instanceof RequestProblem) {
    const body = { code: grpcStatusCode(error.status), message: error.message };
    return jsonAnswer(error.httpStatus, JSON.stringify(body), error.headers);
  }
  const { code, message, details } = toGrpcStatus(error);
  const entries = fromBinary(StatusSchema, details).details.flatMap((entry) => {
    const detail = anyUnpack(entry, StatusSchema);
    return detail === undefined ? [] : [{ "@type": entry.typeUrl, code: detail.code, message: detail.message }];
  });
  const headers = code === grpcStatusCode("UNAUTHENTICATED") ? { "www-authenticate": "Bearer" } : {};
  return jsonAnswer(HTTP_STATUS[grpcStatusName(code)], JSON.stringify({ code, message, details: entries }), headers);
}
