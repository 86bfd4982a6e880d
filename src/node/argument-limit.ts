/**
 * How many bytes one argument of a program may have on this machine.
 *
 * @module
 */
import { readFileSync } from "node:fs";

const USUAL_PAGE_BYTES = 4096;
const PAGES_PER_ARGUMENT = 32;

/** Key of the page size in the auxiliary vector the kernel hands to every program. */
const AT_PAGESZ = 6n;

/** Without the zero byte that ends an argument; `undefined` where only all arguments together are limited. */
export function argumentLimitBytes(): number | undefined {
  return process.platform === "linux" ? PAGES_PER_ARGUMENT * pageBytes() - 1 : undefined;
}

function pageBytes(): number {
  try {
    const vector = readFileSync("/proc/self/auxv");
    for (let offset = 0; offset + 16 <= vector.length; offset += 16) {
      if (vector.readBigUInt64LE(offset) === AT_PAGESZ) return Number(vector.readBigUInt64LE(offset + 8));
    }
  } catch {
    // No /proc: the usual size is the best guess.
  }
  return USUAL_PAGE_BYTES;
}
