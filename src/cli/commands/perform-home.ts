/**
 * What `kfp-runtime home` and `kfp-runtime home clear` do once their command line is read.
 *
 * @module
 */
import { resolve } from "node:path";
import { clearHome, homeAt, homeUsage, type HomeUsage } from "../../local/home/home.ts";
import { lockHolder, lockHome } from "../../local/home/home-lock.ts";
import type { HomeCommand } from "./home.ts";
import { EXIT_SUCCEEDED, type CliHost } from "../host.ts";
import { sizeText } from "../text/size-text.ts";
import { say, writeLines, type TerminalText } from "../text/terminal-text.ts";

/** @throws {HostError} HOME_UNUSABLE or HOME_LOCKED. */
export async function performHome(command: HomeCommand, { stdout, workingFolder }: CliHost): Promise<number> {
  const home = homeAt(resolve(workingFolder, command.home));
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
