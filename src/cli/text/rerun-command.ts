/**
 * The command that starts the same run again, to copy from the end of a failed one.
 *
 * @module
 */
import { DEFAULT_HOME } from "../commands/home.ts";
import { type RunCommand } from "../commands/run.ts";

/** Values of parameters are left out: they may be secrets, and what is printed is kept. */
export function rerunCommand(command: RunCommand): string {
  const words = [
    ...["kfp-runtime", "run", command.pipeline],
    ...command.params.flatMap((param) => ["--param", param.replace(/=.*$/s, "=...")]),
    ...option("--params", command.paramsFile),
    ...option("--home", command.home === DEFAULT_HOME ? undefined : command.home),
    ...option("--pipeline-root", command.pipelineRoot),
    ...option("--secrets", command.secrets),
    ...(command.runners.runner === "host" ? [] : option("--runner", command.runners.runner)),
    ...command.runners.exceptions.flatMap((exception) => option("--runner-for", exception)),
    ...option("--isolation", command.isolation === "process" ? "process" : undefined),
    ...(command.cacheDisabled ? ["--no-cache"] : []),
    ...option("--parallelism", command.parallelism?.toString()),
    ...option("--capacity", command.capacity),
    ...(command.fullLogs ? ["--full-logs"] : []),
    ...option("--output", command.output === "json" ? "json" : undefined),
  ];
  return words.map(quotedWord).join(" ");
}

function option(name: string, value: string | undefined): string[] {
  return value === undefined ? [] : [name, value];
}

/** A word as a POSIX shell takes it. */
export function quotedWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
