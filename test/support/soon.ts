/** Waits for what comes true at the pace of the machine. @module */
import { vi } from "vitest";

const SOON = { timeout: 60_000, interval: 20 };

/** Until the check passes; its last error when it does not within a minute. `vi.waitFor` gives up after a second. */
export async function soon<T>(check: () => T | Promise<T>): Promise<T> {
  return await vi.waitFor(check, SOON);
}
