/**
 * What the launcher itself reads from the environment, as values.
 *
 * Source: docs/spec/launcher-command-line.md#environment-and-files, docs/spec/task-config-workspace-modelcar.md#lau-19.
 *
 * @module
 */
import { UsageError } from "../core/errors.ts";
import { parseByteSize } from "../core/values/byte-size.ts";
import { parseGoDuration } from "../core/go/duration.ts";
import type { ReadLimit } from "../ports/file-system.ts";

/** How much is taken of what the user's program leaves behind. */
export interface OutputLimits {
  /** `KFP_MAX_PARAMETER_SIZE`: of one output parameter's file. */
  readonly parameter: ReadLimit;
  /** `KFP_MAX_EXECUTOR_OUTPUT_SIZE`: of the executor output file. */
  readonly executorOutput: ReadLimit;
  /** `KFP_MAX_LOG_SIZE`: of the log artifact, which ends there; the streams go on. */
  readonly log: ReadLimit;
}

/** When the log is published while the command runs: whichever is reached first. */
export interface LogPartSettings {
  /** `KFP_LOG_UPLOAD_INTERVAL`: so long after the upload before, when something has been added. */
  readonly intervalMs?: number;
  /** `KFP_LOG_UPLOAD_SIZE`: as soon as so much has been added. */
  readonly growthBytes?: number;
}

const MIB = 1024 * 1024;

/**
 * A value travels in several messages of which API clients accept 100 MiB, all of a run's together, and costs about ten times its
 * size while it is read. Larger data belong into artifacts.
 */
export const DEFAULT_OUTPUT_LIMITS: OutputLimits = {
  parameter: { maxBytes: 4 * MIB, setting: "KFP_MAX_PARAMETER_SIZE" },
  executorOutput: { maxBytes: 16 * MIB, setting: "KFP_MAX_EXECUTOR_OUTPUT_SIZE" },
  log: { maxBytes: 1024 * MIB, setting: "KFP_MAX_LOG_SIZE" },
};

/** What the environment of the launcher says, as values. */
export interface LauncherSettings {
  /** `KFP_RETRY_INDEX`: which attempt of a retried pod this is. Absent: the pod's annotation tells. */
  readonly retryIndex?: string;
  /** `ARTIFACT_LOCAL_PATH`: a folder put before every mapped path. */
  readonly artifactLocalPath?: string;
  /** `KFP_OUTPUT_FILE`: nothing is run, this file counts as the executor output. */
  readonly executorOutputPath?: string;
  /** `SSL_CERT_FILE`: the first candidate for the system's certificates. */
  readonly systemCertificatesPath?: string;
  /** `TMPDIR`, or `/tmp`. */
  readonly temporaryFolder: string;
  /** `KFP_MODELCAR_TIMEOUT`, a Go duration, or an hour; absent: a modelcar is waited for without limit, as `0` asks for. */
  readonly modelcarTimeoutMs?: number;
  /** `KFP_MODELCARS=false`: nothing can mount a model image here, so that an import of one fails by itself, not its consumers. */
  readonly modelcarsUnavailable?: true;
  /** `KFP_UPLOAD_ON_FAILURE=true`: what a failed program wrote is published, too (docs/flags.md#outputs-of-failed-steps). */
  readonly uploadOnFailure?: true;
  /** Absent: the log is published at the end only. */
  readonly logParts?: LogPartSettings;
  readonly limits: OutputLimits;
}

/** Longer than it takes to pull the largest images there are. */
const DEFAULT_MODELCAR_TIMEOUT_MS = 60 * 60_000;

/** @throws {UsageError} ENVIRONMENT_INVALID for a duration, a truth value or a size that cannot be read. */
export function readLauncherSettings(environment: Readonly<Record<string, string | undefined>>): LauncherSettings {
  const read = <Name extends string>(field: Name, variable: string): { [K in Name]?: string } => {
    const value = environment[variable] ?? "";
    return value === "" ? {} : ({ [field]: value } as { [K in Name]?: string });
  };
  const { TMPDIR: temporaryFolder = "" } = environment;
  return {
    ...read("retryIndex", "KFP_RETRY_INDEX"),
    ...read("artifactLocalPath", "ARTIFACT_LOCAL_PATH"),
    ...read("executorOutputPath", "KFP_OUTPUT_FILE"),
    ...read("systemCertificatesPath", "SSL_CERT_FILE"),
    temporaryFolder: temporaryFolder === "" ? "/tmp" : temporaryFolder,
    ...readLogParts(environment),
    ...readModelcarTimeout(environment["KFP_MODELCAR_TIMEOUT"] ?? ""),
    ...(readSwitch(environment, "KFP_MODELCARS") === false ? { modelcarsUnavailable: true } : {}),
    ...(readSwitch(environment, "KFP_UPLOAD_ON_FAILURE") === true ? { uploadOnFailure: true } : {}),
    limits: {
      parameter: readLimit(environment, DEFAULT_OUTPUT_LIMITS.parameter),
      executorOutput: readLimit(environment, DEFAULT_OUTPUT_LIMITS.executorOutput),
      log: readLimit(environment, DEFAULT_OUTPUT_LIMITS.log),
    },
  };
}

/** `undefined` where it is not set. */
function readSwitch(environment: Readonly<Record<string, string | undefined>>, variable: string): boolean | undefined {
  const text = environment[variable] ?? "";
  if (text === "") return undefined;
  if (text === "true" || text === "false") return text === "true";
  throw new UsageError(
    "ENVIRONMENT_INVALID",
    `Cannot read environment variable ${variable}: "${text}" is neither true nor false`,
  );
}

function readLogParts({
  KFP_LOG_UPLOAD_INTERVAL: interval = "",
  KFP_LOG_UPLOAD_SIZE: size = "",
}: Readonly<Record<string, string | undefined>>): { logParts?: LogPartSettings } {
  if (interval === "" && size === "") return {};
  const intervalMs = interval === "" ? undefined : parseGoDuration(interval);
  if (interval !== "" && (intervalMs === undefined || intervalMs < 1000)) {
    const problem = `"${interval}" is not a duration of at least a second, such as 30s`;
    throw new UsageError("ENVIRONMENT_INVALID", `Cannot read environment variable KFP_LOG_UPLOAD_INTERVAL: ${problem}`);
  }
  const growthBytes = size === "" ? undefined : parseByteSize(size);
  if (size !== "" && (growthBytes === undefined || growthBytes === 0)) {
    const problem = `"${size}" is not a size such as 1Mi`;
    throw new UsageError("ENVIRONMENT_INVALID", `Cannot read environment variable KFP_LOG_UPLOAD_SIZE: ${problem}`);
  }
  return {
    logParts: { ...(intervalMs === undefined ? {} : { intervalMs }), ...(growthBytes === undefined ? {} : { growthBytes }) },
  };
}

function readModelcarTimeout(text: string): { modelcarTimeoutMs?: number } {
  const modelcarTimeoutMs = text === "" ? DEFAULT_MODELCAR_TIMEOUT_MS : parseGoDuration(text);
  if (modelcarTimeoutMs === 0) return {};
  if (modelcarTimeoutMs !== undefined && modelcarTimeoutMs > 0) return { modelcarTimeoutMs };
  throw new UsageError(
    "ENVIRONMENT_INVALID",
    `Cannot read environment variable KFP_MODELCAR_TIMEOUT: "${text}" is not a duration such as 10m`,
  );
}

function readLimit(environment: Readonly<Record<string, string | undefined>>, standard: ReadLimit): ReadLimit {
  const { setting = "" } = standard;
  const text = environment[setting] ?? "";
  if (text === "") return standard;
  const maxBytes = parseByteSize(text);
  if (maxBytes !== undefined) return { ...standard, maxBytes };
  throw new UsageError("ENVIRONMENT_INVALID", `Cannot read environment variable ${setting}: "${text}" is not a size such as 4Mi`);
}
