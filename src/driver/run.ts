/**
 * The driver program without its process: arguments, environment and streams come in, an exit code goes out.
 *
 * Exit codes: 0 done, also for help and version; 1 any failure; 2 malformed flags
 * (docs/spec/driver-command-line.md#exit-codes-and-log); 128 + signal when stopped.
 *
 * @module
 */
import { launcherConfigFolder } from "../config/load-launcher-config.ts";
import { buildInfo, formatVersion } from "../program/build-info.ts";
import { errorMessage, HostError, KfpError, UsageError } from "../core/errors.ts";
import { usageText } from "../core/go/flags.ts";
import type { Clock } from "../ports/clock.ts";
import type { FileSystem } from "../ports/file-system.ts";
import type { KfpApi } from "../ports/kfp-api.ts";
import type { Logger } from "../ports/logger.ts";
import type { ObjectStore, RunStoreRequest } from "../ports/object-store.ts";
import type { DriverDeps, DriverKube, DriverSettings } from "./deps.ts";
import { DRIVER_FLAGS, parseDriverFlags, type ServerFlags } from "./flags.ts";
import { CALLS_UNTIL_MS, interruptedError, unlessInterrupted } from "./interruption.ts";
import type { DriverOptions } from "./options.ts";
import { planOutputFiles, writeOutputFiles } from "./output-files.ts";
import type { DriverResult } from "./result.ts";

/** The API server, as the main file connects it. */
export type DriverConnection = KfpApi & {
  /** From now on every call ends within so many milliseconds. */
  hurry?(withinMs: number): void;
  close(): void;
};

/** What the main file wires up. */
export interface DriverHost {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly clock: Clock;
  readonly files: FileSystem;
  readonly randomUuid: () => string;
  readonly createLogger: (verbosity: number) => Logger;
  readonly connect: (request: ServerFlags, logger: Logger) => Promise<DriverConnection>;
  readonly kube: () => Promise<DriverKube>;
  /** Bytes that one argument of a program may have on the machines of the cluster. */
  readonly argumentLimitBytes?: number | undefined;
  readonly openStore?: (request: RunStoreRequest) => Promise<ObjectStore>;
  /** Called once the task name and type are known, before the first call: a debugger may want to wait here. */
  readonly beforeDrive?: (options: DriverOptions, logger: Logger) => Promise<void> | void;
  /** Aborted to stop: the reason is the name of a signal, as `SIGTERM`. */
  readonly signal?: AbortSignal | undefined;
}

/** Never throws. */
export async function runDriver(argv: readonly string[], host: DriverHost): Promise<number> {
  let command;
  try {
    const readText = (path: string) => unlessInterrupted(host.signal, () => host.files.readText(path));
    command = await parseDriverFlags(argv, { environment: host.environment, readText });
  } catch (error) {
    return reportUsage(error, host);
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
      return driveAndWrite(command.options, command.logLevel, command.connection, command.warnings, host);
  }
}

async function driveAndWrite(
  options: DriverOptions,
  logLevel: string,
  connection: ServerFlags,
  warnings: readonly string[],
  host: DriverHost,
): Promise<number> {
  const verbosity = Number.parseInt(logLevel, 10);
  const logger = host.createLogger(Number.isNaN(verbosity) ? 1 : verbosity);
  logger.info("driver starts", {
    version: buildInfo.version,
    commit: buildInfo.commit,
    type: options.type,
    runId: options.runId,
  });
  if (Number.isNaN(verbosity)) logger.warn("--log_level is no number, 1 is taken", { value: logLevel });
  for (const warning of warnings) logger.warn(warning);
  const { clock, files, kube, openStore, randomUuid, signal } = host;
  let api: DriverConnection | undefined;
  let stopWatching = (): void => undefined;
  try {
    await host.beforeDrive?.(options, logger);
    api = await unlessInterrupted(signal, () => host.connect(connection, logger));
    stopWatching = hurryOnAbort(signal, api);
    const deliver = (result: DriverResult) => writeOutputFiles(files, planOutputFiles(options, result));
    const settings = settingsOf(host);
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
    api?.close();
  }
}

/** What is called stopped is whatever failed after the request to stop, for example a read that was cut short. */
function failureCode(error: unknown, signal: AbortSignal | undefined): number {
  const stop = signal?.aborted === true ? interruptedError(signal.reason) : error;
  return stop instanceof HostError && stop.code === "INTERRUPTED" ? (stop.details.exitCode ?? 1) : 1;
}

/** @returns A function that stops watching. */
function hurryOnAbort(signal: AbortSignal | undefined, api: DriverConnection): () => void {
  if (signal === undefined) return () => undefined;
  const onAbort = (): void => api.hurry?.(CALLS_UNTIL_MS);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  return () => signal.removeEventListener("abort", onAbort);
}

function reportUsage(error: unknown, { stderr, signal }: DriverHost): number {
  const malformed = error instanceof UsageError && error.code === "FLAG_INVALID";
  stderr.write(`driver: ${errorMessage(error)}\n`);
  if (malformed) stderr.write(usageText(DRIVER_FLAGS, "driver"));
  return malformed ? 2 : failureCode(error, signal);
}

function settingsOf({ environment, argumentLimitBytes }: DriverHost): DriverSettings {
  return { ...driverSettings(environment), argumentLimitBytes };
}

/** Settings of our own; docs/flags.md lists them. */
export function driverSettings(environment: DriverHost["environment"]): DriverSettings {
  return {
    outputsDir: environment["KFP_OUTPUTS_DIR"],
    launcherConfigFolder: launcherConfigFolder(environment).folder,
    artifactLocalPath: environment["ARTIFACT_LOCAL_PATH"],
    checksCachedArtifacts: environment["KFP_CACHE_CHECK_ARTIFACTS"] === "on",
    fingerprintsEnvironment: environment["KFP_FINGERPRINT_ENV"] !== "off",
  };
}
