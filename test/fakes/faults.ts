/**
 * Faults on demand: what a test tells the server to do wrong, by method and count.
 *
 * @module
 */
import { ServiceError } from "../../src/apiserver/service-error.ts";
import type { GrpcStatus } from "../../src/wire/grpc-status.ts";

/** What goes wrong, with which calls, and how often. */
export type Fault = {
  /** RPC name (`CreateTask`), or `*` for every method. */
  readonly method: string;
  /** Matching calls to let through before the fault begins; default 0. */
  readonly skip?: number;
  /** Calls to hit; default 1. `Infinity` for all. */
  readonly times?: number;
} & FaultAction;

/** What happens to a call. */
export type FaultAction =
  /** Answers with the status; the call is not carried out. */
  | { readonly kind: "status"; readonly code: GrpcStatus; readonly message?: string }
  /** Waits, then carries the call out. */
  | { readonly kind: "delay"; readonly delayMs: number }
  /** Waits until the given promise settles, then carries the call out. */
  | { readonly kind: "hold"; readonly until: Promise<unknown> }
  /** Carries the call out, then answers UNAVAILABLE, as when the connection breaks before the answer. */
  | { readonly kind: "drop-after-commit" };

interface ActiveFault {
  readonly fault: Fault;
  skip: number;
  left: number;
}

/** The faults that are still to come, in the order in which they were added; the first one that fits a call hits it. */
export class FaultPlan {
  #active: ActiveFault[] = [];

  constructor(faults: readonly Fault[] = []) {
    for (const fault of faults) this.add(fault);
  }

  add(fault: Fault): void {
    this.#active.push({ fault, skip: fault.skip ?? 0, left: fault.times ?? 1 });
  }

  clear(): void {
    this.#active = [];
  }

  /** The fault this call meets, counted down; undefined when there is none. */
  take(method: string): Fault | undefined {
    for (const active of this.#active) {
      if (active.left <= 0 || (active.fault.method !== "*" && active.fault.method !== method)) continue;
      if (active.skip > 0) {
        active.skip -= 1;
        continue;
      }
      active.left -= 1;
      return active.fault;
    }
    return undefined;
  }
}

/** Carries out a call under a fault. */
export async function withFault<T>(fault: Fault, work: () => T | Promise<T>): Promise<T> {
  switch (fault.kind) {
    case "status":
      throw new ServiceError(fault.code, fault.message ?? "injected fault");
    case "delay":
      await new Promise((resolve) => {
        setTimeout(resolve, fault.delayMs);
      });
      return await work();
    case "hold":
      await fault.until;
      return await work();
    case "drop-after-commit":
      await work();
      throw new ServiceError("UNAVAILABLE", "Connection dropped");
  }
}
