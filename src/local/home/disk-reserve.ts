/**
 * A little room on the home's disk that is given back when the disk is full, so that the end of the run can still be recorded.
 *
 * @module
 */
import { rmSync, writeFileSync } from "node:fs";

/** Enough for the last writes of a run with thousands of tasks' worth of changed pages in the database's log. */
export const RESERVE_BYTES = 256 * 1024;

/** Room on the disk that is held for the end of a run. */
export interface DiskReserve {
  /** May be called twice. Never throws. */
  release(): void;
}

/**
 * @param path Of a file that only this run uses.
 * @throws What the file system says, when it has not that much room: a run whose end cannot be recorded is better not begun.
 */
export function reserveDisk(path: string): DiskReserve {
  const release = (): void => {
    try {
      rmSync(path, { force: true });
    } catch {
      // Gone with its folder, or not ours to remove any more: there is nothing to give back.
    }
  };
  try {
    writeFileSync(path, new Uint8Array(RESERVE_BYTES));
  } catch (error) {
    release();
    throw error;
  }
  return { release };
}
