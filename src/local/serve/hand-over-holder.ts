/**
 * Whether the process that holds a home takes the runs of this program.
 *
 * How runs are handed over has a number: programs of another number are refused in one line instead of being misunderstood. It counts
 * changes of the settings file (run-settings.ts), of the journal (run-journal.ts) and of who writes what when (hand-over.ts).
 *
 * @module
 */
import { hostname } from "node:os";
import { HostError } from "../../core/errors.ts";
import type { HomeServer, LockHolder } from "../home/home-lock.ts";
import type { Home } from "../home/home.ts";

/** Of this program. */
export const HAND_OVER = 1;

/** Who holds the home and takes runs. */
export type ServingHolder = LockHolder & { readonly server: HomeServer };

/**
 * Whether a holder on this machine takes runs.
 *
 * @param version Of this program.
 * @throws {HostError} HOME_LOCKED when it serves the home in a way that this program does not know.
 */
export function isServing(home: Home, holder: LockHolder | undefined, version: string): holder is ServingHolder {
  if (holder?.server === undefined || holder.host !== hostname()) return false;
  if (holder.server.handOver === HAND_OVER) return true;
  const message =
    `Cannot use ${home.folder}: process ${holder.pid} serves it with kfp-runtime ${holder.server.version}, to which ` +
    `this version, ${version}, cannot hand its runs; use the same version, or stop that server`;
  throw new HostError("HOME_LOCKED", message);
}
