/**
 * How a run was executed, kept beside it, so that it can be resumed in the same way. No secrets: only where they are read from.
 *
 * ```
 * HOME/runs/RUN_ID/options.json
 * ```
 *
 * @module
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder } from "../../node/files/make-folder.ts";
import type { FileSystem } from "../../ports/file-system.ts";
import { chooseCapacity } from "../engine/machine-capacity.ts";
import { isRunnerOptions, type RunnerOptions } from "../executors/runners.ts";

/** What the command line decided. */
export interface RunOptions {
  readonly isolation: "in-process" | "process";
  readonly cacheDisabled: boolean;
  /** Steps at the same time. */
  readonly parallelism: number;
  /** What their requests are weighed against, as `chooseCapacity` takes it. */
  readonly capacity?: string;
  /** Folder or file of secrets and config maps, absolute. */
  readonly secrets?: string;
  /** Where steps ran: a step made for its image must not run on this machine the next time. */
  readonly runners?: RunnerOptions;
  /** Where steps ran that are commands of this machine, absolute. */
  readonly workingFolder?: string;
  /** See {@link expandsMacros}. */
  readonly expandsMacros?: boolean;
}

/** Whether macros in string arguments are replaced: in runs that were created through the API, not in those of the command line. */
export function expandsMacros(options: Pick<Partial<RunOptions>, "expandsMacros" | "isolation">): boolean {
  // Runs of the API have options of their own only once a command line has resumed them.
  return options.expandsMacros ?? options.isolation === undefined;
}

function isCapacity(value: unknown): value is string {
  if (typeof value !== "string") return false;
  try {
    chooseCapacity(value, {});
    return true;
  } catch {
    return false;
  }
}

const LARGEST_OPTIONS_BYTES = 64 * 1024;

function optionsPath(runFolder: string): string {
  return join(runFolder, "options.json");
}

/**
 * Best effort: a run that cannot keep them is resumed with the usual ones. Writes the members of RunOptions and no others.
 *
 * @param runFolder Made where it is missing.
 */
export async function writeRunOptions(runFolder: string, options: RunOptions): Promise<void> {
  const { isolation, cacheDisabled, parallelism, capacity, secrets, runners, workingFolder } = options;
  const macros = options.expandsMacros === true ? { expandsMacros: true } : {};
  try {
    await makeFolder(runFolder);
    const text = JSON.stringify({ isolation, cacheDisabled, parallelism, capacity, secrets, runners, workingFolder, ...macros });
    await writeFile(optionsPath(runFolder), `${text}\n`);
  } catch {
    // What the disk has against it the run itself will say.
  }
}

/** Those that can be read; none for a run of an older version. Never throws. */
export async function readRunOptions(
  files: Pick<FileSystem, "readRegularText">,
  runFolder: string,
): Promise<Partial<RunOptions>> {
  try {
    const text = await files.readRegularText(optionsPath(runFolder), { maxBytes: LARGEST_OPTIONS_BYTES });
    const value = JSON.parse(text ?? "{}") as Partial<Record<keyof RunOptions, unknown>>;
    const { isolation, cacheDisabled, parallelism, capacity, secrets, runners, workingFolder } = value;
    return {
      ...(isolation === "in-process" || isolation === "process" ? { isolation } : {}),
      ...(typeof cacheDisabled === "boolean" ? { cacheDisabled } : {}),
      ...(typeof parallelism === "number" && Number.isSafeInteger(parallelism) && parallelism > 0 ? { parallelism } : {}),
      ...(isCapacity(capacity) ? { capacity } : {}),
      ...(typeof secrets === "string" ? { secrets } : {}),
      ...(isRunnerOptions(runners) ? { runners } : {}),
      ...(typeof workingFolder === "string" ? { workingFolder } : {}),
      ...(value.expandsMacros === true ? { expandsMacros: true } : {}),
    };
  } catch {
    return {};
  }
}
