/**
 * What the launcher itself reads from the environment, as values.
 *
 * Source: contract/launcher.md 1.12, DB-19.
 *
 * @module
 */
import { UsageError } from "../core/errors.ts";
import { parseGoDuration } from "../core/go-duration.ts";

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
  /** `KFP_MODELCAR_TIMEOUT`, a Go duration; absent: a modelcar is waited for without limit. */
  readonly modelcarTimeoutMs?: number;
  /** `KFP_MODELCARS=false`: nothing can mount a model image here, so that an import of one fails by itself, not its consumers. */
  readonly modelcarsUnavailable?: true;
}

/** @throws {UsageError} ENVIRONMENT_INVALID for a duration or a truth value that is none. */
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
    ...readModelcarTimeout(environment["KFP_MODELCAR_TIMEOUT"] ?? ""),
    ...readModelcars(environment["KFP_MODELCARS"] ?? ""),
  };
}

function readModelcars(text: string): { modelcarsUnavailable?: true } {
  if (text === "" || text === "true") return {};
  if (text === "false") return { modelcarsUnavailable: true };
  throw new UsageError(
    "ENVIRONMENT_INVALID",
    `Cannot read environment variable KFP_MODELCARS: "${text}" is neither true nor false`,
  );
}

function readModelcarTimeout(text: string): { modelcarTimeoutMs?: number } {
  if (text === "") return {};
  const modelcarTimeoutMs = parseGoDuration(text);
  if (modelcarTimeoutMs !== undefined && modelcarTimeoutMs >= 0) return { modelcarTimeoutMs };
  throw new UsageError(
    "ENVIRONMENT_INVALID",
    `Cannot read environment variable KFP_MODELCAR_TIMEOUT: "${text}" is not a duration such as 10m`,
  );
}
