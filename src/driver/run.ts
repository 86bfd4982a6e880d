/**
 * The driver program without its process: arguments, environment and streams come in, an exit code goes out.
 *
 * Exit codes: 0 done, also for help and version; 1 any failure; 2 malformed flags
 * (docs/spec/driver-command-line.md#exit-codes-and-log); 128 + signal when stopped.
 *
 * @module
 */
import type { ApiServerFlags } from "../core/api-server-flags.ts";
import { launcherConfigFolder } from "../config/load-launcher-config.ts";
import { errorMessage, HostError, KfpError, UsageError } from "../core/errors.ts";
import type { Logger } from "../ports/logger.ts";
import type { ObjectStore, RunStoreRequest } from "../ports/object-store.ts";
import { buildInfo, formatVersion } from "../program/build-info.ts";
import { capDeadlinesOnStop, type ApiConnection, type ProgramHost } from "../program/host.ts";
import { reportUsage } from "../program/usage.ts";
import type { DriverDeps, DriverKube, DriverSettings } from "./deps.ts";
import { DRIVER_FLAGS, parseDriverFlags, type DriveCommand } from "./flags.ts";
import { CALLS_UNTIL_MS, interruptedError, unlessInterrupted } from "./interruption.ts";
import type { DriverOptions } from "./options.ts";
import { planOutputFiles, writeOutputFiles } from "./output-files.ts";
import type { DriverResult } from "./result.ts";

/** What the main file wires up. */
export interface DriverHost extends ProgramHost<ApiServerFlags, DriverKube> {
  readonly randomUuid: () => string;
  /** Bytes that one argument of a program may have on the machines of the cluster. */
  readonly argumentLimitBytes?: number | undefined;
  readonly openStore?: (request: RunStoreRequest) => Promise<ObjectStore>;
  /** Called once the task name and type are known, before the first call: a debugger may want to wait here. */
  readonly beforeDrive?: (options: DriverOptions, logger: Logger) => Promise<void> | void;
}

/** Runs the driver. Never throws. */
export async function runDriver(argv: readonly string[], host: DriverHost): Promise<number> {
  let command;
  try {
    const readText = (path: string) => unlessInterrupted(host.signal, () => host.files.readText(path));
    command = await parseDriverFlags(argv, { environment: host.environment, readText });
  } catch (error) {
    return reportUsage(error, host.stderr, { name: "driver", flags: DRIVER_FLAGS }) === 2 ? 2 : failureCode(error, host.signal);
  }
  switch (command.mode) {
    case "help":
      host.stderr.write(command.text);
      return 0;
    case "version":
      host.stdout.write(`${formatVersion("driver")}\n`);
      return 0;
    case "retry-finalize":
      host.createLogger(1).warn("--driver_retry_finalize is not supported by this driver: nothing is done");
      return 0;
    case "drive":
      return driveAndWrite(command, host);
  }
}

async function driveAndWrite({ options, connection, logLevel, warnings }: DriveCommand, host: DriverHost): Promise<number> {
  const logger = host.createLogger(logLevel);
  logger.info("driver starts", {
    version: buildInfo.version,
    commit: buildInfo.commit,
    type: options.type,
    runId: options.runId,
  });
  for (const warning of warnings) logger.warn(warning);
  const { clock, files, kube, openStore, randomUuid, signal } = host;
  let server: ApiConnection | undefined;
  let stopWatching = (): void => undefined;
  try {
    const settings = settingsOf(host);
    await host.beforeDrive?.(options, logger);
    server = await unlessInterrupted(signal, () => host.connect(connection, logger));
    stopWatching = capDeadlinesOnStop(signal, server, CALLS_UNTIL_MS);
    const { api } = server;
    const deliver = (result: DriverResult) => writeOutputFiles(files, planOutputFiles(options, result));
    const deps: DriverDeps = { api, clock, logger, files, kube, openStore, randomUuid, settings, deliver, signal };
    // Loaded here, so that --version and --help do not wait for what they do not use.
    const { drive } = await import("./drive.ts");
    const result = await drive(deps, options);
    logger.verbose(4, "driver result", () => ({ result: JSON.stringify(result) }));
    logger.info("driver ends", { taskId: result.taskId, condition: result.condition, cached: result.cached });
    return 0;
  } catch (error) {
    logger.error(`driver failed: ${errorMessage(error)}`, error instanceof KfpError ? { code: error.code } : {});
    return failureCode(error, signal);
  } finally {
    stopWatching();
    server?.close?.();
  }
}

/** What is called stopped is whatever failed after the request to stop, for example a read that was cut short. */
function failureCode(error: unknown, signal: AbortSignal | undefined): number {
  const stop = signal?.aborted === true ? interruptedError(signal.reason) : error;
  return stop instanceof HostError && stop.code === "INTERRUPTED" ? (stop.details.exitCode ?? 1) : 1;
}

function settingsOf({ environment, argumentLimitBytes }: DriverHost): DriverSettings {
  return { ...driverSettings(environment), argumentLimitBytes };
}

/**
 * Settings of our own; docs/flags.md lists them.
 *
 * @throws {UsageError} ENVIRONMENT_INVALID for a switch that is neither on nor off.
 */
export function driverSettings(environment: DriverHost["environment"]): DriverSettings {
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
function readSwitch(environment: DriverHost["environment"], variable: string): boolean | undefined {
  const text = environment[variable] ?? "";
  if (text === "") return undefined;
  if (text === "on" || text === "off") return text === "on";
  throw new UsageError("ENVIRONMENT_INVALID", `Cannot read environment variable ${variable}: "${text}" is neither on nor off`);
}
