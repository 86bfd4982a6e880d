/**
 * The files that a driver of somebody else finds on the agent's machine: none.
 *
 * @module
 */
import { HostError } from "../../core/errors.ts";
import type { FileSystem } from "../../ports/file-system.ts";

const nothing = (): Promise<undefined> => Promise.resolve(undefined);
const refuse = (path: string): Promise<never> =>
  Promise.reject(new HostError("FILE_WRITE_FAILED", `Cannot write ${path}: an agent has no files`, { details: { path } }));

export const noFiles: FileSystem = {
  readText: nothing,
  readRegularText: nothing,
  readAnyText: nothing,
  readBytes: nothing,
  stat: nothing,
  list: nothing,
  writeText: refuse,
  makeDirectory: refuse,
  remove: refuse,
};
