/**
 * The user's command: its placeholders, its environment, its end.
 *
 * Source: docs/spec/placeholders.md, docs/spec/inputs-and-user-command.md#process.
 *
 * @module
 */
import { adviceForLargeArguments, findOversizedArgument } from "../../core/executor/argument-size.ts";
import { UsageError, UserCodeError } from "../../core/errors.ts";
import type { ExecutorInput } from "../../core/kfp-types.ts";
import { resolveLauncherArguments } from "../../core/placeholders/placeholders.ts";
import type { Attempt } from "../attempt.ts";
import { commandFailure } from "./command-failure.ts";
import type { LauncherDeps } from "../deps.ts";
import { inputTemplates } from "../inputs/input-templates.ts";
import { placeholderContext } from "./placeholder-context.ts";
import { COMMAND_GRACE_MS, throwIfInterrupted } from "../interruption.ts";
import type { ContainerOptions } from "../options.ts";

/** The user's command with its placeholders resolved. */
export interface UserCommand {
  readonly command: string;
  readonly args: readonly string[];
}

/**
 * Resolves the placeholders of the command line.
 *
 * @throws {KfpError} As resolveLauncherArguments; UsageError FLAG_MISSING when nothing is left to run.
 */
export function resolveCommand(
  { settings, logger }: Pick<LauncherDeps, "settings" | "logger">,
  { snapshot, task }: Attempt,
  options: ContainerOptions,
  executorInput: ExecutorInput,
): UserCommand {
  const [command, ...args] = resolveLauncherArguments(options.command, {
    executorInput,
    artifactLocalPath: settings.artifactLocalPath,
    run: placeholderContext(snapshot.run, task.taskId, options),
    templates: inputTemplates(snapshot, options),
  });
  if (command === undefined) throw noCommand();
  logger.verbose(4, "Command", () => ({ command, args: JSON.stringify(args) }));
  return { command, args };
}

/**
 * Finds out beforehand that the system will not start the command, and why.
 *
 * @throws {UserCodeError} USER_CODE_NOT_STARTED naming the argument, its size, the limit, and the input it comes from.
 */
export function assertArgumentsFit(
  { processRunner }: Pick<LauncherDeps, "processRunner">,
  { command, args }: UserCommand,
  executorInput: ExecutorInput,
): void {
  const oversized = findOversizedArgument([command, ...args], processRunner.argumentLimitBytes);
  if (oversized === undefined) return;
  const message = `fork/exec ${command}: argument list too long: ${oversized}; ${adviceForLargeArguments(executorInput)}`;
  throw new UserCodeError("USER_CODE_NOT_STARTED", message, { details: { exitCode: 1 } });
}

/** A container without command and arguments: the image's own entry point is out of our reach. */
export function noCommand(): UsageError {
  return new UsageError(
    "FLAG_MISSING",
    "there is no command to run: nothing follows --, and the entry point of an image is never used",
  );
}

/** What is run, and where its output goes besides the streams. */
export interface RunCommandOptions extends UserCommand {
  /** Added to the environment of the user's program. */
  readonly variables: Readonly<Record<string, string>>;
  readonly log?: { readonly path: string } | undefined;
  /** Called once the command runs. */
  readonly onStart?: (() => void) | undefined;
}

/**
 * Runs the command to its end.
 *
 * @throws {UserCodeError} USER_CODE_EXITED, USER_CODE_KILLED or USER_CODE_NOT_STARTED.
 * @throws {HostError} INTERRUPTED when the launcher was told to stop meanwhile, however the command ended then.
 */
export async function runCommand(
  deps: LauncherDeps,
  { command, args, variables, log, onStart }: RunCommandOptions,
): Promise<void> {
  const { logger, processRunner, signal } = deps;
  throwIfInterrupted(signal);
  const startedAtMs = deps.clock.monotonicMs();
  const outcome = await processRunner.run({
    command,
    args,
    environment: { ...deps.userEnvironment, ...variables },
    workingDirectory: deps.workingDirectory,
    stdin: deps.stdin,
    stdout: deps.stdout,
    stderr: deps.stderr,
    ...(log === undefined ? {} : { log: { path: log.path, limit: deps.settings.limits.log } }),
    signal,
    passedSignals: deps.passedSignals,
    graceMs: COMMAND_GRACE_MS,
    onStart,
    onWarning: (message) => logger.warn(`The command: ${message}`),
  });
  const durationMs = Math.round(deps.clock.monotonicMs() - startedAtMs);
  logger.info("The command ended", {
    ...(outcome.kind === "exited" ? { exitCode: outcome.exitCode } : {}),
    ...(outcome.kind === "killed" ? { signal: outcome.signal } : {}),
    durationMs,
  });
  throwIfInterrupted(signal);
  const failure = commandFailure(outcome);
  if (failure !== undefined) throw failure;
}
