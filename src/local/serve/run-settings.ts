/**
 * How one run is executed, where that differs from what the server does with every run: kept beside the run, because the queue
 * outlives the server.
 *
 * ```
 * HOME/runs/RUN_ID/settings.json   written by `kfp-runtime run` before it creates the run, mode 0600: the environment holds secrets
 * HOME/runs/RUN_ID/served          empty: a server began to execute the run, and may go on with it after its own end
 * ```
 *
 * @module
 */
import { existsSync, writeFileSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HostError } from "../../core/errors.ts";
import { makeFolder } from "../../node/files/make-folder.ts";
import type { FileSystem } from "../../ports/file-system.ts";
import { isRunnerOptions, type RunnerOptions } from "../executors/runners.ts";

/** What the person's command line and terminal decide for a run. */
export interface RunSettings {
  readonly isolation: "in-process" | "process";
  readonly cacheDisabled: boolean;
  /** Steps of the run at the same time. */
  readonly parallelism: number;
  readonly inspectTasks: readonly string[];
  /** Of the terminal: programs are looked up in its PATH. */
  readonly environment: Readonly<Record<string, string>>;
  /** Of the terminal: steps run there. */
  readonly workingFolder: string;
  /** Folder or file of secrets and config maps, absolute. */
  readonly secrets?: string;
  /** Which steps run in containers; absent: none. */
  readonly runners?: RunnerOptions;
  /** Macros in string arguments are replaced: the run was created through the API and is resumed by a command line. Default false. */
  readonly expandsMacros?: boolean;
}

/** An environment and a few words. */
const LARGEST_SETTINGS_BYTES = 16 * 1024 * 1024;

function settingsPath(runFolder: string): string {
  return join(runFolder, "settings.json");
}

function servedPath(runFolder: string): string {
  return join(runFolder, "served");
}

/** Whole or not at all. @param runFolder Made where it is missing. */
export async function writeRunSettings(runFolder: string, settings: RunSettings): Promise<void> {
  await makeFolder(runFolder);
  const part = `${settingsPath(runFolder)}.part`;
  await writeFile(part, JSON.stringify(settings), { mode: 0o600 });
  await rename(part, settingsPath(runFolder));
}

/**
 * @returns Undefined for a run without.
 * @throws {HostError} FILE_READ_FAILED for a file that is something else: executing the run in another way would be wrong.
 */
export async function readRunSettings(
  files: Pick<FileSystem, "readRegularText">,
  runFolder: string,
): Promise<RunSettings | undefined> {
  const path = settingsPath(runFolder);
  const text = await files.readRegularText(path, { maxBytes: LARGEST_SETTINGS_BYTES });
  if (text === undefined) return undefined;
  const settings = settingsOf(text);
  if (settings === undefined) {
    throw new HostError("FILE_READ_FAILED", `Cannot use ${path}: it does not hold the settings of a run`, { details: { path } });
  }
  return settings;
}

/** Removes them with the secrets in them; nothing needs them once the run is over. */
export async function removeRunSettings(runFolder: string): Promise<void> {
  await rm(settingsPath(runFolder), { force: true });
}

/** Marks a run as one that a server executes. */
export function markServed(runFolder: string): void {
  writeFileSync(servedPath(runFolder), "");
}

/** Whether a server began to execute the run. */
export function isServed(runFolder: string): boolean {
  return existsSync(servedPath(runFolder));
}

function settingsOf(text: string): RunSettings | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { isolation, cacheDisabled, parallelism, inspectTasks, environment, workingFolder, secrets, runners, ...others } =
    value as Partial<Record<keyof RunSettings, unknown>>;
  if (isolation !== "in-process" && isolation !== "process") return undefined;
  if (typeof cacheDisabled !== "boolean" || typeof workingFolder !== "string") return undefined;
  if (typeof parallelism !== "number" || !Number.isSafeInteger(parallelism) || parallelism < 1) return undefined;
  if (!Array.isArray(inspectTasks) || !inspectTasks.every((task) => typeof task === "string")) return undefined;
  if (!isTextMap(environment) || (secrets !== undefined && typeof secrets !== "string")) return undefined;
  if (runners !== undefined && !isRunnerOptions(runners)) return undefined;
  const given = {
    ...(secrets === undefined ? {} : { secrets }),
    ...(runners === undefined ? {} : { runners }),
    ...(others.expandsMacros === true ? { expandsMacros: true } : {}),
  };
  return { isolation, cacheDisabled, parallelism, inspectTasks, environment, workingFolder, ...given };
}

function isTextMap(value: unknown): value is Record<string, string> {
  return typeof value === "object" && value !== null && Object.values(value).every((text) => typeof text === "string");
}
