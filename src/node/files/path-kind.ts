/** What is at a path, where anything but a plain answer counts as "not that". @module */
import { stat } from "node:fs/promises";

/** Whether something is at the path, links followed. Never throws: what cannot be looked at is not there. */
export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

/** Whether a folder is at the path, links followed. Never throws. */
export async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}
