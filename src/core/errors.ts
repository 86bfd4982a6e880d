/**
 * Every error this program raises on purpose.
 *
 * The class says whose move it is, the code says what happened, the message is for a person. Each code has a paragraph in
 * docs/errors.md; test/core/errors.test.ts compares the two lists.
 *
 * @module
 */

/** Codes by class. Adding one means adding its paragraph to docs/errors.md. */
export const ERROR_CODES = {
  UsageError: ["FLAG_INVALID", "FLAG_MISSING", "USAGE_INVALID", "PARAMETER_INVALID", "FILE_UNREADABLE", "ENVIRONMENT_INVALID"],
  SpecError: [
    "SPEC_INVALID",
    "COMPONENT_NOT_FOUND",
    "COMPONENT_KIND_INVALID",
    "SCOPE_PATH_INVALID",
    "OUTPUT_PARAMETER_UNKNOWN",
    "CONDITION_INVALID",
    "PLACEHOLDER_INVALID",
    "ARTIFACT_TYPE_INVALID",
    "FEATURE_UNSUPPORTED",
  ],
  ResolveError: [
    "INPUT_NULL",
    "INPUT_TYPE_MISMATCH",
    "INPUT_LITERAL_MISMATCH",
    "PRODUCER_NOT_FOUND",
    "PRODUCER_OUTPUT_MISSING",
    "PRODUCER_OUTPUT_AMBIGUOUS",
    "ITEMS_NOT_A_LIST",
    "EXPRESSION_FAILED",
    "VALUE_INVALID",
    "ARGUMENT_TOO_LARGE",
  ],
  ApiError: ["API_UNAVAILABLE", "API_REJECTED", "API_UNSUPPORTED", "API_RESPONSE_INVALID", "TOKEN_UNREADABLE"],
  StorageError: [
    "STORE_URI_INVALID",
    "STORE_CONFIG_INVALID",
    "URI_OUTSIDE_PIPELINE_ROOT",
    "OBJECT_NOT_FOUND",
    "OBJECT_ACCESS_DENIED",
    "TRANSFER_FAILED",
    "LOCAL_PATH_INVALID",
  ],
  KubeError: ["KUBE_UNAVAILABLE", "KUBE_REJECTED", "SECRET_KEY_MISSING"],
  UserCodeError: [
    "USER_CODE_EXITED",
    "USER_CODE_KILLED",
    "USER_CODE_NOT_STARTED",
    "OUTPUT_PARAMETER_INVALID",
    "OUTPUT_ARTIFACT_MISSING",
    "EXECUTOR_OUTPUT_INVALID",
    "METRIC_INVALID",
  ],
  HostError: [
    "HOME_UNUSABLE",
    "HOME_LOCKED",
    "NODE_UNSUPPORTED",
    "PORTABLE_FOLDER_MISSING",
    "FILE_WRITE_FAILED",
    "FILE_READ_FAILED",
    "INTERRUPTED",
    "PYTHON_UNAVAILABLE",
  ],
  InternalError: ["INVARIANT_BROKEN"],
} as const;

export type ErrorClass = keyof typeof ERROR_CODES;
export type ErrorCode = (typeof ERROR_CODES)[ErrorClass][number];

/** What a caller may want to look at without parsing the message. Never a secret, never a parameter value. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | undefined>>;

export interface KfpErrorOptions {
  readonly details?: ErrorDetails;
  readonly cause?: unknown;
}

/** Base of all errors of ours. `message` is one line that names what, where, and what to do. */
export abstract class KfpError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: KfpErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.details = options.details ?? {};
  }
}

type CodeOf<C extends ErrorClass> = (typeof ERROR_CODES)[C][number];

/** Whoever wrote the command line. */
export class UsageError extends KfpError {
  constructor(code: CodeOf<"UsageError">, message: string, options?: KfpErrorOptions) {
    super(code, message, options);
  }
}

/** The pipeline author, before the run. */
export class SpecError extends KfpError {
  constructor(code: CodeOf<"SpecError">, message: string, options?: KfpErrorOptions) {
    super(code, message, options);
  }
}

/** The pipeline author, at run time. */
export class ResolveError extends KfpError {
  constructor(code: CodeOf<"ResolveError">, message: string, options?: KfpErrorOptions) {
    super(code, message, options);
  }
}

/** The operator of the API server. `details.status` is the gRPC status name, `details.method` the RPC. */
export class ApiError extends KfpError {
  constructor(code: CodeOf<"ApiError">, message: string, options?: KfpErrorOptions) {
    super(code, message, options);
  }
}

/** The operator of the object store. */
export class StorageError extends KfpError {
  constructor(code: CodeOf<"StorageError">, message: string, options?: KfpErrorOptions) {
    super(code, message, options);
  }
}

/** The operator of the cluster. */
export class KubeError extends KfpError {
  constructor(code: CodeOf<"KubeError">, message: string, options?: KfpErrorOptions) {
    super(code, message, options);
  }
}

/** The component author. Our stack trace is noise to them. `details.exitCode` or `details.signal` where there is one. */
export class UserCodeError extends KfpError {
  constructor(code: CodeOf<"UserCodeError">, message: string, options?: KfpErrorOptions) {
    super(code, message, options);
  }
}

/** The person at this machine: disk, home folder, interpreter, interruption. */
export class HostError extends KfpError {
  constructor(code: CodeOf<"HostError">, message: string, options?: KfpErrorOptions) {
    super(code, message, options);
  }
}

/** Us: a promise between two of our modules was broken. */
export class InternalError extends KfpError {
  constructor(code: CodeOf<"InternalError">, message: string, options?: KfpErrorOptions) {
    super(code, message, options);
  }
}

/** The text of anything thrown, one line, without a stack. */
export function errorMessage(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(errorMessage).join("; ");
  if (error instanceof Error) return error.message;
  return String(error);
}
