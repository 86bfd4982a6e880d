/**
 * A home for one run: locked for it, or the process that serves it already. A home that another process of this machine uses is waited
 * for.
 *
 * @module
 */
import { hostname } from "node:os";
import { HostError } from "../../core/errors.ts";
import type { Clock } from "../../ports/clock.ts";
import { throwIfCancelled } from "../engine/cancellation.ts";
import { lockHolder, lockHome, type HomeLock, type LockHolder } from "./home-lock.ts";
import type { Home } from "./home.ts";

/** How to get the home. */
export interface ObtainHomeOptions<Serving extends LockHolder> {
  /** For others who look at the lock. */
  readonly what: string;
  /** Milliseconds to wait for a home that somebody else uses. */
  readonly waitMs: number;
  /** Whether a holder takes runs. */
  readonly isServing: (holder: LockHolder | undefined) => holder is Serving;
}

/** What waiting takes. */
export interface ObtainHomeDeps {
  readonly clock: Clock;
  readonly onNotice: (text: string) => void;
  readonly signal: AbortSignal;
}

const POLL_MS = 200;

/**
 * Locks the home, or finds who serves it.
 *
 * @throws {HostError} HOME_LOCKED once the time is over; HOME_UNUSABLE; INTERRUPTED when it is cancelled meanwhile.
 */
export async function obtainHome<Serving extends LockHolder>(
  { clock, onNotice, signal }: ObtainHomeDeps,
  home: Home,
  { what, waitMs, isServing }: ObtainHomeOptions<Serving>,
): Promise<{ readonly lock: HomeLock } | { readonly holder: Serving }> {
  const startMs = clock.monotonicMs();
  let told = false;
  for (;;) {
    throwIfCancelled(signal);
    const holder = await lockHolder(home);
    if (isServing(holder)) return { holder };
    try {
      return { lock: await lockHome(home, what, clock.now()) };
    } catch (error) {
      const isBusy = error instanceof HostError && error.code === "HOME_LOCKED";
      // Nobody here can see whether a process of another machine still runs: the person has to look.
      const isHere = holder === undefined || holder.host === hostname();
      if (!isBusy || !isHere || clock.monotonicMs() - startMs >= waitMs) throw error;
    }
    if (!told && holder !== undefined) {
      told = true;
      onNotice(
        `waiting for ${home.folder}: process ${holder.pid} on ${holder.host} uses it since ${holder.since} (${holder.what})`,
      );
    }
    await clock.sleep(POLL_MS, signal).catch(() => undefined);
  }
}
