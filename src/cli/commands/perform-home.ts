/**
 * What `kfp-runtime home` does once its command line is read.
 *
 * @module
 */
import { resolve } from "node:path";
import { clearHome, homeAt, homeUsage, type Home, type HomeUsage } from "../../local/home/home.ts";
import { lockHolder, lockHome } from "../../local/home/home-lock.ts";
import type { HomeCommand } from "./home.ts";
import { EXIT_FAILED, EXIT_SUCCEEDED, type CliHost } from "../host.ts";
import { sizeText } from "../text/size-text.ts";
import { say, writeLines, type TerminalText } from "../text/terminal-text.ts";

/** @throws {HostError} HOME_UNUSABLE or HOME_LOCKED. */
export async function performHome(command: HomeCommand, { stdout, workingFolder }: CliHost): Promise<number> {
  const home = homeAt(resolve(workingFolder, command.home));
  if (command.action === "check") return await check(home, stdout);
  if (command.action === "backup") return await backup(home, resolve(workingFolder, command.target ?? ""), stdout);
  if (command.action === "gc") return await sweep(home, command.olderThanMs, stdout);
  const before = await homeUsage(home);
  if (command.action === "show") {
    const holder = await lockHolder(home);
    writeLines(stdout, usageLines(home.folder, before));
    if (holder !== undefined) {
      writeLines(stdout, [say`in use by process ${holder.pid} since ${holder.since}: ${holder.what}`]);
    }
    return EXIT_SUCCEEDED;
  }
  if (!before.exists && before.databaseBytes === 0) {
    // Nothing to clear; a folder of somebody else is refused below.
    const isThere = await clearUnlessMissing(home.folder);
    if (!isThere) {
      writeLines(stdout, [say`${home.folder} does not exist`]);
      return EXIT_SUCCEEDED;
    }
  }
  const lock = await lockHome(home, "home clear", new Date());
  try {
    await clearHome(home);
  } finally {
    await lock.release();
  }
  writeLines(stdout, [say`cleared ${home.folder}: ${sizeText(totalBytes(before))} freed`]);
  return EXIT_SUCCEEDED;
}

async function check(home: Home, stdout: CliHost["stdout"]): Promise<number> {
  const { checkHome } = await import("../../local/home/maintain-home.ts");
  const { problems, missingFiles } = await checkHome(home);
  writeLines(stdout, [
    ...problems.map((problem) => say`the database is damaged: ${problem}`),
    ...missingFiles.map((path) => say`the file of an artifact is gone: ${path}`),
    ...(problems.length === 0 ? [say`the database of ${home.folder} is sound`] : []),
  ]);
  return problems.length === 0 ? EXIT_SUCCEEDED : EXIT_FAILED;
}

async function backup(home: Home, target: string, stdout: CliHost["stdout"]): Promise<number> {
  const { backupHome } = await import("../../local/home/maintain-home.ts");
  const copy = await homeUsage(await backupHome(home, target));
  writeLines(stdout, [say`copied database and artifacts of ${home.folder} to ${target}: ${sizeText(totalBytes(copy))}`]);
  return EXIT_SUCCEEDED;
}

async function sweep(home: Home, olderThanMs: number | undefined, stdout: CliHost["stdout"]): Promise<number> {
  const { sweepHome } = await import("../../local/home/maintain-home.ts");
  const { runs, artifacts, freedBytes } = await sweepHome(home, { now: new Date(), olderThanMs });
  const freed = sizeText(Math.max(0, freedBytes));
  writeLines(stdout, [say`removed ${runs} runs and ${artifacts} artifacts of ${home.folder}: ${freed} freed`]);
  return EXIT_SUCCEEDED;
}

async function clearUnlessMissing(folder: string): Promise<boolean> {
  const { nodeFileSystem } = await import("../../node/node-file-system.ts");
  if ((await nodeFileSystem.stat(folder)) === undefined) return false;
  await clearHome(homeAt(folder));
  return true;
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
