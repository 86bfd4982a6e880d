/** Work of which several processes of the tests do one at a time: what is made once for all of them. @module */
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { isRunning } from "./processes.ts";

const POLL_MS = 200;
/** Older is nobody's: whoever took the number of its process does not know of it. */
const LONGEST_TURN_MS = 900_000;
/** A file that is there without a number is just being written. */
const WRITTEN_WITHIN_MS = 5_000;

/**
 * Waits for its turn. A process that was killed in its turn has had it.
 *
 * @param file There during a turn, with the number of its process.
 * @returns What ends it.
 */
export async function takeTurns(file: string): Promise<() => void> {
  for (;;) {
    try {
      writeFileSync(file, String(process.pid), { flag: "wx" });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      if (isLeft(file)) rmSync(file, { force: true });
      else await delay(POLL_MS);
    }
  }
}

function isLeft(file: string): boolean {
  try {
    const ageMs = Date.now() - statSync(file).mtimeMs;
    const holder = Number(readFileSync(file, "utf8"));
    return ageMs > LONGEST_TURN_MS || (holder === 0 ? ageMs > WRITTEN_WITHIN_MS : !isRunning(holder));
  } catch {
    return false; // Its turn has just ended.
  }
}
