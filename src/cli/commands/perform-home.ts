/**
 * What `kfp-runtime home` does once its command line is read.
 *
 * @module
 */
import { resolve } from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import { clearHome, homeAt, homeUsage, type Home, type HomeUsage } from "../../local/home/home.ts";
import { lockHolder, lockHome } from "../../local/home/home-lock.ts";
import { exists } from "../../node/files/path-kind.ts";
import type { HomeCommand } from "./home.ts";
import { EXIT_FAILED, EXIT_SUCCEEDED, type CliHost } from "../host.ts";
import { sizeText } from "../text/size-text.ts";
import { say, terminalJson, writeLines, type TerminalText } from "../text/terminal-text.ts";

/** What an action came to, for people and as the members of a JSON object. */
interface Outcome {
  readonly lines: readonly TerminalText[];
  readonly json: JsonObject;
  /** Default 0. */
  readonly exitCode?: number;
}

/** @throws {HostError} HOME_UNUSABLE or HOME_LOCKED. */
export async function performHome(command: HomeCommand, { stdout, workingFolder }: CliHost): Promise<number> {
  const home = homeAt(resolve(workingFolder, command.home));
  const { lines, json, exitCode = EXIT_SUCCEEDED } = await perform(command, home, workingFolder);
  if (command.output === "json") stdout.write(`${terminalJson({ home: home.folder, ...json })}\n`);
  else writeLines(stdout, lines);
  return exitCode;
}

async function perform(command: HomeCommand, home: Home, workingFolder: string): Promise<Outcome> {
  switch (command.action) {
    case "show":
      return await show(home);
    case "clear":
      return await clear(home);
    case "check":
      return await check(home);
    case "backup":
      return await backup(home, resolve(workingFolder, command.target ?? ""));
    case "gc":
      return await sweep(home, command);
  }
}

async function show(home: Home): Promise<Outcome> {
  const usage = await homeUsage(home);
  const holder = await lockHolder(home);
  const { pid, since, what } = holder ?? {};
  return {
    lines: [
      ...usageLines(home.folder, usage),
      ...(holder === undefined ? [] : [say`in use by process ${holder.pid} since ${holder.since}: ${holder.what}`]),
    ],
    json: {
      ...{ exists: usage.exists, databaseBytes: usage.databaseBytes, artifactsBytes: usage.artifactsBytes },
      ...{ runsBytes: usage.runsBytes, environmentsBytes: usage.environmentsBytes },
      ...(pid === undefined || since === undefined || what === undefined ? {} : { holder: { pid, since, what } }),
    },
  };
}

async function clear(home: Home): Promise<Outcome> {
  const before = await homeUsage(home);
  if (!before.exists && !(await exists(home.folder))) {
    return { lines: [say`${home.folder} does not exist`], json: { freedBytes: 0 } };
  }
  // A folder of somebody else is refused before it gets so much as a lock.
  if (!before.exists) await clearHome(home);
  const lock = await lockHome(home, "home clear", new Date());
  try {
    await clearHome(home);
  } finally {
    await lock.release();
  }
  const freedBytes = totalBytes(before);
  return { lines: [say`cleared ${home.folder}: ${sizeText(freedBytes)} freed`], json: { freedBytes } };
}

async function check(home: Home): Promise<Outcome> {
  const { checkHome } = await import("../../local/home/maintain-home.ts");
  const { problems, missingFiles } = await checkHome(home);
  return {
    lines: [
      ...problems.map((problem) => say`the database is damaged: ${problem}`),
      ...missingFiles.map((path) => say`the file of an artifact is gone: ${path}`),
      ...(problems.length === 0 ? [say`the database of ${home.folder} is sound`] : []),
    ],
    json: { problems: [...problems], missingFiles: [...missingFiles] },
    exitCode: problems.length === 0 ? EXIT_SUCCEEDED : EXIT_FAILED,
  };
}

async function backup(home: Home, target: string): Promise<Outcome> {
  const { backupHome } = await import("../../local/home/maintain-home.ts");
  const copiedBytes = totalBytes(await homeUsage(await backupHome(home, target)));
  return {
    lines: [say`copied database and artifacts of ${home.folder} to ${target}: ${sizeText(copiedBytes)}`],
    json: { target, copiedBytes },
  };
}

async function sweep(home: Home, { olderThanMs, dryRun }: HomeCommand): Promise<Outcome> {
  const { sweepHome } = await import("../../local/home/sweep-home.ts");
  const swept = await sweepHome(home, { now: new Date(), olderThanMs, dryRun });
  const { runs, artifacts, paths } = swept;
  const freedBytes = Math.max(0, swept.freedBytes);
  const freed = sizeText(freedBytes);
  return {
    lines: dryRun
      ? [
          ...paths.map((path) => say`would remove ${path}`),
          say`would remove ${runs} runs and ${artifacts} artifacts of ${home.folder}: ${freed} of files`,
        ]
      : [say`removed ${runs} runs and ${artifacts} artifacts of ${home.folder}: ${freed} freed`],
    json: { dryRun, runs, artifacts, freedBytes, paths: [...paths] },
  };
}

function totalBytes({ databaseBytes, artifactsBytes, runsBytes, environmentsBytes }: HomeUsage): number {
  return databaseBytes + artifactsBytes + runsBytes + environmentsBytes;
}

function usageLines(folder: string, usage: HomeUsage): TerminalText[] {
  if (!usage.exists) return [say`${folder}: no home yet, the first run makes it`];
  const rows = [
    ["database", usage.databaseBytes],
    ["artifacts", usage.artifactsBytes],
    ["runs", usage.runsBytes],
    ["environments", usage.environmentsBytes],
    ["total", totalBytes(usage)],
  ] as const;
  return [say`${folder}`, ...rows.map(([name, bytes]) => say`  ${name.padEnd(13)}${sizeText(bytes).padStart(10)}`)];
}
