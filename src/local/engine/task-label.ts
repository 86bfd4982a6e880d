/**
 * A task of a run as text: for people, and as the name of a folder.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { TaskPlace } from "./task-executor.ts";

/** `root` itself, else the scope path below it; the iterations of the enclosing loops in brackets, outermost first. */
export function taskLabel({ scopePath, iterations }: TaskPlace): string {
  const path = scopePath.startsWith("root.") ? scopePath.slice("root.".length) : scopePath;
  return iterations.length === 0 ? path : `${path}[${iterations.join(",")}]`;
}

/** Longer names are cut and told apart by a hash; file systems take 255 bytes. */
const LONGEST_NAME = 120;

/** A name that is safe in a path and differs from that of every other task of the run. */
export function taskFolderName(place: TaskPlace): string {
  const label = taskLabel(place);
  const name = label.replaceAll(/[^\w.,[\]-]/g, "_");
  if (name === label && name.length <= LONGEST_NAME && !name.startsWith(".")) return name;
  const hash = createHash("sha256").update(label).digest("hex").slice(0, 12);
  return `_${name.slice(0, LONGEST_NAME)}-${hash}`;
}
