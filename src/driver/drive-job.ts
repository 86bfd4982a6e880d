/**
 * One driver from its options to its result: the one core behind the program, the local engine and the agent.
 *
 * It has no transport and no state of a process. Whoever calls it decides where the API server is, where the result goes, and what the
 * environment says; many jobs may run in one process at the same time.
 *
 * @module
 */
import { launcherConfigFolder } from "../config/load-launcher-config.ts";
import { errorMessage, KfpError, UsageError } from "../core/errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { FileSystem } from "../ports/file-system.ts";
import type { LogFields, Logger } from "../ports/logger.ts";
import type { ObjectStore, RunStoreRequest } from "../ports/object-store.ts";
import { capDeadlinesOnStop, type ApiConnection } from "../program/host.ts";
import type { DriverDeps, DriverKube, DriverSettings } from "./deps.ts";
import { CALLS_UNTIL_MS, unlessInterrupted } from "./interruption.ts";
import type { DriverOptions } from "./options.ts";
import type { DriverResult } from "./result.ts";

/** The work of one driver, with all that it finds around it. */
export interface DriverJob {
  readonly options: DriverOptions;
  readonly logger: Logger;
  /** What the first line of the log says; the type is always among it. */
  readonly facts?: LogFields;
  /** What the log says after that. */
  readonly warnings?: readonly string[];
  /** Variables that settings of the driver are read from (docs/flags.md). */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly files: FileSystem;
  /** Called only when something is needed of the cluster. */
  readonly kube: () => Promise<DriverKube>;
  readonly openStore?: ((request: RunStoreRequest) => Promise<ObjectStore>) | undefined;
  readonly randomUuid: () => string;
  /** Bytes that one argument of a program may have on the machines of the cluster. */
  readonly argumentLimitBytes?: number | undefined;
  /** Tasks the run has, where the caller knows it. */
  readonly taskCountHint?: number | undefined;
  /** Called once. */
  readonly connect: () => Promise<ApiConnection>;
  /** Called before the first call: a debugger may want to wait here. */
  readonly beforeDrive?: ((options: DriverOptions, logger: Logger) => Promise<void> | void) | undefined;
  /** As DriverDeps has it. */
  readonly deliver?: ((result: DriverResult) => Promise<void>) | undefined;
  /** As DriverDeps has it. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Drives a task, and tells the log of it.
 *
 * @throws {KfpError} Logged already; by then a FAILED task is recorded wherever the run was known.
 */
export async function driveJob(job: DriverJob): Promise<DriverResult> {
  const { options, logger, signal } = job;
  logger.info("driver starts", { ...job.facts, type: options.type });
  for (const warning of job.warnings ?? []) logger.warn(warning);
  let server: ApiConnection | undefined;
  let stopWatching = (): void => undefined;
  try {
    const settings = settingsOf(job);
    await job.beforeDrive?.(options, logger);
    server = await unlessInterrupted(signal, job.connect);
    stopWatching = capDeadlinesOnStop(signal, server, CALLS_UNTIL_MS);
    const { clock, files, kube, openStore, randomUuid, deliver } = job;
    const { api } = server;
    const deps: DriverDeps = { api, clock, logger, files, kube, openStore, randomUuid, settings, deliver, signal };
    // Loaded here, so that --version and --help do not wait for what they do not use.
    const { drive } = await import("./drive.ts");
    const result = await drive(deps, options);
    logger.verbose(4, "driver result", () => ({ result: JSON.stringify(result) }));
    logger.info("driver ends", { taskId: result.taskId, condition: result.condition, cached: result.cached });
    return result;
  } catch (error) {
    logger.error(`driver failed: ${errorMessage(error)}`, error instanceof KfpError ? { code: error.code } : {});
    throw error;
  } finally {
    stopWatching();
    server?.close?.();
  }
}

function settingsOf({ environment, argumentLimitBytes, taskCountHint }: DriverJob): DriverSettings {
  return { ...driverSettings(environment), argumentLimitBytes, taskCountHint };
}

/**
 * Settings of our own; docs/flags.md lists them.
 *
 * @throws {UsageError} ENVIRONMENT_INVALID for a switch that is neither on nor off.
 */
export function driverSettings(environment: DriverJob["environment"]): DriverSettings {
  return {
    outputsDir: environment["KFP_OUTPUTS_DIR"],
    launcherConfigFolder: launcherConfigFolder(environment).folder,
    artifactLocalPath: environment["ARTIFACT_LOCAL_PATH"],
    checksCachedArtifacts: readSwitch(environment, "KFP_CACHE_CHECK_ARTIFACTS") ?? false,
    fingerprintsEnvironment: readSwitch(environment, "KFP_FINGERPRINT_ENV") ?? true,
    fingerprintSalt: environment["KFP_FINGERPRINT_SALT"],
  };
}

/** `undefined` where it is not set. */
function readSwitch(environment: DriverJob["environment"], variable: string): boolean | undefined {
  const text = environment[variable] ?? "";
  if (text === "") return undefined;
  if (text === "on" || text === "off") return text === "on";
  throw new UsageError("ENVIRONMENT_INVALID", `Cannot read environment variable ${variable}: "${text}" is neither on nor off`);
}
