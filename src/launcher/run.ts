/**
 * The launcher program without its process: arguments, environment, streams and adapters come in, an exit code goes out. The main file
 * calls it once; a local run calls it for every step.
 *
 * Exit codes: 0 done, also for help, version and copy; the user's own code; 128 + signal; 2 malformed flags; 1 any other failure
 * (docs/spec/launcher-command-line.md#decision-exit-code).
 *
 * @module
 */
import { errorMessage, KfpError } from "../core/errors.ts";
import type { KfpApi } from "../ports/kfp-api.ts";
import type { Logger } from "../ports/logger.ts";
import type { ObjectStore, RunStoreRequest } from "../ports/object-store.ts";
import type { OutputSink, ProcessRunner, SignalSource } from "../ports/process-runner.ts";
import { buildInfo, formatVersion } from "../program/build-info.ts";
import { capDeadlinesOnStop, type ApiConnection, type ProgramHost } from "../program/host.ts";
import { reportUsage } from "../program/usage.ts";
import type { LauncherDeps, LaunchResult } from "./deps.ts";
import { ignoredFlags, LAUNCHER_FLAGS, parseLauncherFlags, type ExecutorCommand } from "./flags.ts";
import { CALLS_UNTIL_MS } from "./interruption.ts";
import type { GivenApiServerFlags } from "../core/api-server-flags.ts";
import { readLauncherSettings } from "./settings.ts";

/** What the main file, or a local run, wires up. The environment holds the settings of settings.ts. */
export interface LauncherHost extends ProgramHost<GivenApiServerFlags> {
  /** The whole environment of the user's program. */
  readonly userEnvironment: Readonly<Record<string, string>>;
  /** Working folder of the user's program; that of this process when absent. */
  readonly workingDirectory?: string | undefined;
  readonly stdin: "inherit" | "ignore";
  /** Where the user's streams go, byte for byte. */
  readonly userStdout: OutputSink;
  readonly userStderr: OutputSink;
  readonly processRunner: ProcessRunner;
  readonly openStore: (request: RunStoreRequest) => Promise<ObjectStore>;
  /** `--copy`: makes this program start at `destination` in any container. */
  readonly copy: (destination: string) => Promise<void>;
  /** Signals for the user's program alone, such as SIGUSR1. */
  readonly passedSignals?: SignalSource | undefined;
  /** How many tasks the run has, where the caller knows it (tasks/read-run.ts). */
  readonly taskCountHint?: number | undefined;
  /** Called once the command line is known, before the first call: a debugger may want to wait here. */
  readonly beforeLaunch?: ((command: ExecutorCommand, logger: Logger) => Promise<void> | void) | undefined;
}

const PROGRAM = { name: "launcher-v2", flags: LAUNCHER_FLAGS };

/** Runs the launcher. Never throws. */
export async function runLauncher(argv: readonly string[], host: LauncherHost): Promise<number> {
  let command;
  try {
    command = parseLauncherFlags(argv);
  } catch (error) {
    for (const warning of ignoredFlags(argv)) host.stderr.write(`launcher-v2: warning: ${warning}\n`);
    return reportUsage(error, host.stderr, PROGRAM);
  }
  switch (command.mode) {
    case "help":
      host.stderr.write(command.text);
      return 0;
    case "version":
      host.stdout.write(`${formatVersion("launcher-v2")}\n`);
      return 0;
    case "copy":
      return await copySelf(command.destination, host);
    case "container":
    case "importer":
      return await execute(command, host);
  }
}

async function copySelf(destination: string, host: LauncherHost): Promise<number> {
  try {
    await host.copy(destination);
    return 0;
  } catch (error) {
    host.stderr.write(`launcher-v2: ${errorMessage(error)}\n`);
    return 1;
  }
}

async function execute(command: ExecutorCommand, host: LauncherHost): Promise<number> {
  let logger: Logger;
  try {
    logger = host.createLogger(command.logLevel);
  } catch (error) {
    return reportUsage(error, host.stderr, PROGRAM);
  }
  const { runId, taskName, iterationIndex } = command.options;
  const { version, commit } = buildInfo;
  logger.info("launcher-v2 starts", { version, commit, mode: command.mode, runId, task: taskName, iteration: iterationIndex });
  for (const warning of command.warnings) logger.warn(warning);
  let connection: ApiConnection | undefined;
  let stopWatching = (): void => undefined;
  try {
    await host.beforeLaunch?.(command, logger);
    connection = await host.connect(command.api, logger);
    stopWatching = capDeadlinesOnStop(host.signal, connection, CALLS_UNTIL_MS);
    const result = await launch(command, launcherDeps(command, host, connection.api, logger));
    if (result.message !== undefined) logger.error(`failed to execute launcher: ${result.message}`, { taskId: result.taskId });
    logger.info("launcher-v2 ends", { taskId: result.taskId, exitCode: result.exitCode });
    return result.exitCode;
  } catch (error) {
    logger.error(`failed to execute launcher: ${errorMessage(error)}`, error instanceof KfpError ? { code: error.code } : {});
    return 1;
  } finally {
    stopWatching();
    connection?.close?.();
  }
}

/** Loaded here, so that `--copy` and `--version` do not wait for what they do not use. */
async function launch(command: ExecutorCommand, deps: LauncherDeps): Promise<LaunchResult> {
  if (command.mode === "container") {
    const { launchContainer } = await import("./container/launch-container.ts");
    return await launchContainer(deps, command.options);
  }
  const { launchImporter } = await import("./importer/launch-importer.ts");
  return await launchImporter(deps, command.options);
}

function launcherDeps({ api: { caCertPath } }: ExecutorCommand, host: LauncherHost, api: KfpApi, logger: Logger): LauncherDeps {
  return {
    api,
    logger,
    clock: host.clock,
    fileSystem: host.files,
    processRunner: host.processRunner,
    kube: host.kube,
    openStore: (request) => host.openStore({ ...request, caCertPath, logger }),
    settings: readLauncherSettings(host.environment),
    stdout: host.userStdout,
    stderr: host.userStderr,
    stdin: host.stdin,
    userEnvironment: host.userEnvironment,
    workingDirectory: host.workingDirectory,
    passedSignals: host.passedSignals,
    taskCountHint: host.taskCountHint,
    signal: host.signal,
  };
}
