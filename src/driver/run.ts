/**
 * The driver program without its process: arguments, environment and streams come in, an exit code goes out.
 *
 * Exit codes: 0 done, also for help and version; 1 any failure; 2 malformed flags
 * (docs/spec/driver-command-line.md#exit-codes-and-log); 128 + signal when stopped.
 *
 * @module
 */
import type { ApiServerFlags } from "../core/api-server-flags.ts";
import { HostError } from "../core/errors.ts";
import type { Logger } from "../ports/logger.ts";
import type { ObjectStore, RunStoreRequest } from "../ports/object-store.ts";
import { buildInfo, formatVersion } from "../program/build-info.ts";
import type { ProgramHost } from "../program/host.ts";
import { reportUsage } from "../program/usage.ts";
import type { DriverKube } from "./deps.ts";
import { driveJob } from "./drive-job.ts";
import { DRIVER_FLAGS, parseDriverFlags, type DriveCommand } from "./flags.ts";
import { interruptedError, unlessInterrupted } from "./interruption.ts";
import type { DriverOptions } from "./options.ts";
import { planOutputFiles, writeOutputFiles } from "./outputs/output-files.ts";

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
  // Not all of the host: to look at its standard output would open it.
  const { environment, clock, files, kube, openStore, randomUuid, argumentLimitBytes, beforeDrive, signal } = host;
  try {
    await driveJob({
      ...{ options, logger, warnings, environment, clock, files, kube, openStore, randomUuid, argumentLimitBytes, signal },
      facts: { version: buildInfo.version, commit: buildInfo.commit, type: options.type, runId: options.runId },
      connect: () => host.connect(connection, logger),
      beforeDrive,
      deliver: (result) => writeOutputFiles(files, planOutputFiles(options, result)),
    });
    return 0;
  } catch (error) {
    return failureCode(error, signal);
  }
}

/** What is called stopped is whatever failed after the request to stop, for example a read that was cut short. */
function failureCode(error: unknown, signal: AbortSignal | undefined): number {
  const stop = signal?.aborted === true ? interruptedError(signal.reason) : error;
  return stop instanceof HostError && stop.code === "INTERRUPTED" ? (stop.details.exitCode ?? 1) : 1;
}
