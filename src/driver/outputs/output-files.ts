/**
 * The files Argo reads after the driver.
 *
 * Planned as data, so that the order and the "which one for which type" table can be tested without a disk. Contents carry no
 * trailing newline.
 *
 * Source: docs/spec/driver-command-line.md#output-files.
 *
 * @module
 */
import { dirname } from "node:path/posix";
import { errorMessage, HostError } from "../../core/errors.ts";
import type { FileSystem } from "../../ports/file-system.ts";
import type { DriverOptions } from "../options.ts";
import type { DriverResult } from "../result.ts";

/** A file Argo reads, with its whole content. */
export interface OutputFile {
  readonly path: string;
  readonly text: string;
}

/** The files to write, in order. An empty optional path leaves its file out. */
export function planOutputFiles(options: DriverOptions, result: DriverResult): OutputFile[] {
  const files: OutputFile[] = [];
  if (options.type !== "CONTAINER") {
    if (options.parentTaskIdPath !== "") files.push({ path: options.parentTaskIdPath, text: result.taskId });
    files.push({ path: options.iterationCountPath, text: String(result.iterationCount ?? 0) });
  } else if (result.cached !== undefined) {
    files.push({ path: options.cachedDecisionPath, text: String(result.cached) });
  }
  files.push({ path: options.conditionPath, text: result.condition === undefined ? "nil" : String(result.condition) });
  if (options.type === "CONTAINER" && result.podSpecPatch !== undefined) {
    files.push({ path: options.podSpecPatchPath, text: JSON.stringify(result.podSpecPatch) });
  }
  return files;
}

/**
 * All of them or none: whoever finds one of a driver that failed could take it for a result.
 *
 * @throws {HostError} FILE_WRITE_FAILED naming the file.
 */
export async function writeOutputFiles(files: FileSystem, planned: readonly OutputFile[]): Promise<void> {
  const written: string[] = [];
  for (const { path, text } of planned) {
    try {
      await files.makeDirectory(dirname(path));
      await files.writeText(path, text);
    } catch (error) {
      await takeBack(files, written);
      throw new HostError("FILE_WRITE_FAILED", `Cannot write driver output file ${path}: ${errorMessage(error)}`, {
        cause: error,
      });
    }
    written.push(path);
  }
}

/** As far as it goes: what could not be written is the error to report. A device is not ours to remove. */
async function takeBack(files: FileSystem, written: readonly string[]): Promise<void> {
  for (const path of written) {
    try {
      if ((await files.stat(path))?.kind === "file") await files.remove(path);
    } catch {
      // The folder may have become read-only.
    }
  }
}
