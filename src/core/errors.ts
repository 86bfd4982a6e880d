/**
 * Every error this program raises on purpose.
 *
 * The class says whose move it is, the code says what happened, the message is for a person. Each code has a paragraph in
 * docs/errors.md; test/core/errors.test.ts compares the two lists.
 *
 * @module
 */

import { hidePasswords } from "./hide-passwords.ts";

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
    "CONTAINERS_UNAVAILABLE",
  ],
  InternalError: ["INVARIANT_BROKEN"],
} as const;

/** Names of the error classes: whose move it is. */
export type ErrorClass = keyof typeof ERROR_CODES;
/** The closed list of codes; tools may branch on them. */
export type ErrorCode = (typeof ERROR_CODES)[ErrorClass][number];
/** The codes of one class. */
export type CodeOf<Class extends ErrorClass> = (typeof ERROR_CODES)[Class][number];

/** Facts of an error as a log line or a test sees them. Never a secret, never a parameter value. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | undefined>>;

/** A flag, without dashes. */
type FlagDetails = { readonly flag?: string };
/** A file that could not be read, the flag that named it, and the place in it, counted from 1. */
type FileDetails = FlagDetails & { readonly path?: string; readonly line?: number; readonly column?: number };
/** Status and name of the RPC that failed. */
type CallDetails = {
  /** Name of the gRPC status, as `NOT_FOUND`. */
  readonly status?: string;
  /** Name of the RPC, as `GetRun`. */
  readonly method?: string;
  /** True when the server may have done the work although the call failed. */
  readonly ambiguous?: boolean;
};
/** What failed to be resolved, and for which task. */
type ResolveDetails = { readonly input?: string; readonly task?: string; readonly iteration?: number | undefined };
/** Where in which store, and how it answered. */
type StoreDetails = {
  readonly provider?: string;
  readonly bucket?: string;
  readonly key?: string;
  /** HTTP status of the answer. */
  readonly status?: number | undefined;
  /** The store's own code, as `NoSuchBucket`. */
  readonly reason?: string | undefined;
  /** True when a second attempt with fresh credentials makes sense. */
  readonly transient?: boolean;
};
/** HTTP status of the answer. */
type KubeDetails = { readonly status?: number };
/** How the user's program ended. */
type CommandDetails = {
  /** What the launcher ends with: the program's own code, 128 + signal, or 1. */
  readonly exitCode?: number;
  /** Name of the signal that ended the program, as `SIGKILL`. */
  readonly signal?: string;
};
/** The file the user's program was to write. */
type OutputFileDetails = { readonly path?: string };
/** A path of this machine, and the system's own code, as `ENOSPC`. */
type SystemDetails = { readonly path?: string; readonly errno?: string | undefined };

/** Codes that carry facts, with the types of these; every other code carries none. */
interface DetailsByCode {
  FLAG_INVALID: FlagDetails;
  FLAG_MISSING: FlagDetails;
  FILE_UNREADABLE: FileDetails;
  SPEC_INVALID: { readonly task?: string; readonly member?: string };
  SCOPE_PATH_INVALID: { readonly scopePath?: string };
  COMPONENT_NOT_FOUND: { readonly task?: string; readonly component?: string };
  API_UNAVAILABLE: CallDetails;
  API_REJECTED: CallDetails;
  API_UNSUPPORTED: CallDetails;
  API_RESPONSE_INVALID: CallDetails;
  OUTPUT_ARTIFACT_MISSING: { readonly key?: string; readonly localPath?: string };
  OUTPUT_PARAMETER_INVALID: OutputFileDetails;
  EXECUTOR_OUTPUT_INVALID: OutputFileDetails;
  USER_CODE_EXITED: CommandDetails;
  USER_CODE_KILLED: CommandDetails;
  USER_CODE_NOT_STARTED: CommandDetails;
  FILE_WRITE_FAILED: SystemDetails;
  FILE_READ_FAILED: SystemDetails;
  INTERRUPTED: {
    readonly exitCode?: number;
    /** Name of the signal that asked for it. */
    readonly signal?: string;
    /** True when the work had not begun. */
    readonly notBegun?: boolean;
  };
}

/** Details shared by all codes of a class. */
interface DetailsByClass {
  ResolveError: ResolveDetails;
  StorageError: StoreDetails;
  KubeError: KubeDetails;
}

type DetailsOfCode<Class extends ErrorClass, Code extends CodeOf<Class>> = Code extends keyof DetailsByCode
  ? DetailsByCode[Code]
  : Class extends keyof DetailsByClass
    ? DetailsByClass[Class]
    : never;

type Intersection<Union> = [Union] extends [never]
  ? Readonly<Record<string, never>>
  : (Union extends unknown ? (member: Union) => void : never) extends (member: infer All extends ErrorDetails) => void
    ? All
    : never;

/** What an error of a class may carry, whatever its code. */
export type DetailsOf<Class extends ErrorClass> = Intersection<
  { [Code in CodeOf<Class>]: DetailsOfCode<Class, Code> }[CodeOf<Class>]
>;

/** What goes with a message. */
export interface KfpErrorOptions<Details = ErrorDetails> {
  /** What a caller may want to look at without parsing the message. */
  readonly details?: Details;
  readonly cause?: unknown;
}

/** Arguments of the constructor of a class: each code goes with its own details. */
export type ErrorArguments<Class extends ErrorClass> = {
  [Code in CodeOf<Class>]: [code: Code, message: string, options?: KfpErrorOptions<DetailsOfCode<Class, Code>>];
}[CodeOf<Class>];

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

  /** The same class, code and details with a message that says more; this error is its cause. */
  withMessage(message: string): this {
    const SameClass = this.constructor as new (code: ErrorCode, message: string, options: KfpErrorOptions) => this;
    return new SameClass(this.code, message, { details: this.details, cause: this });
  }
}

/** An error whose codes, and the details that go with each, are those of one class. */
abstract class ErrorOfClass<Class extends ErrorClass> extends KfpError {
  declare readonly code: CodeOf<Class>;
  declare readonly details: DetailsOf<Class>;

  constructor(...[code, message, options]: ErrorArguments<Class>) {
    super(code, message, options);
  }
}

/** Whoever wrote the command line. */
export class UsageError extends ErrorOfClass<"UsageError"> {}

/** The pipeline author, before the run. */
export class SpecError extends ErrorOfClass<"SpecError"> {}

/** The pipeline author, at run time. */
export class ResolveError extends ErrorOfClass<"ResolveError"> {}

/** The operator of the API server. `details.status` is the gRPC status name, `details.method` the RPC. */
export class ApiError extends ErrorOfClass<"ApiError"> {}

/** The operator of the object store. */
export class StorageError extends ErrorOfClass<"StorageError"> {}

/** The operator of the cluster. `details.status` is the HTTP status. */
export class KubeError extends ErrorOfClass<"KubeError"> {}

/** The component author. Our stack trace is noise to them. `details.exitCode` or `details.signal` where there is one. */
export class UserCodeError extends ErrorOfClass<"UserCodeError"> {}

/** The person at this machine: disk, home folder, interpreter, interruption. */
export class HostError extends ErrorOfClass<"HostError"> {}

/** Us: a promise between two of our modules was broken. */
export class InternalError extends ErrorOfClass<"InternalError"> {}

/** The text of anything thrown, one line, without a stack and without the passwords of URLs. */
export function errorMessage(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(errorMessage).join("; ");
  return hidePasswords(error instanceof Error ? error.message : String(error));
}
