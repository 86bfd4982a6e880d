/**
 * Whether a program is on the PATH.
 *
 * @module
 */
import { accessSync, constants } from "node:fs";
import path from "node:path";

export function programExists(name: string): boolean {
  return (process.env["PATH"] ?? "").split(path.delimiter).some((folder) => {
    try {
      accessSync(path.join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
