/**
 * A disk that fails while a run goes on: remembered once, told once, and met with what was kept in reserve.
 *
 * @module
 */
import { HostError } from "../../core/errors.ts";
import type { DiskReserve } from "../home/disk-reserve.ts";
import { storageProblem } from "../home/storage-problem.ts";

/** The first thing the disk refused, and what is given up then. */
export class StorageTrouble {
  /** Given back with the first trouble, so that the end of the run can be written. */
  reserve: DiskReserve | undefined;
  #reason: string | undefined;

  /** In words for a person; `undefined` as long as there was none. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** Somebody took the home away. */
  removed(): Error {
    this.#reason ??= "the folder was removed while the run went on";
    return new HostError("HOME_UNUSABLE", this.#reason);
  }

  /** @returns Whether the error was one of the disk. */
  note(error: unknown): boolean {
    const reason = storageProblem(error);
    if (reason === undefined) return false;
    this.#reason ??= reason;
    this.reserve?.release();
    return true;
  }

  /**
   * Tries twice, the second time after what was kept in reserve is given back.
   *
   * @throws What the second try throws, and any error that is not one of the disk.
   */
  retried<Result>(write: () => Result): Result {
    try {
      return write();
    } catch (error) {
      if (!this.note(error)) throw error;
      return write();
    }
  }
}
