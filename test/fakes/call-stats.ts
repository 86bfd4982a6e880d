/** Calls and bytes per method, for tests and benchmarks. @module */

/** What the calls of one RPC came to. */
export interface MethodStats {
  readonly calls: number;
  /** Calls that did not end with OK. */
  readonly failures: number;
  /** Message bytes without gRPC framing and headers. */
  readonly requestBytes: number;
  readonly responseBytes: number;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Counts calls, failures and bytes by RPC name. */
export class CallStats {
  readonly #methods = new Map<string, Mutable<MethodStats>>();

  countRequest(method: string, bytes: number): void {
    const stats = this.#of(method);
    stats.calls += 1;
    stats.requestBytes += bytes;
  }

  countResponse(method: string, bytes: number): void {
    this.#of(method).responseBytes += bytes;
  }

  countFailure(method: string): void {
    this.#of(method).failures += 1;
  }

  /** A copy, by RPC name. */
  snapshot(): Record<string, MethodStats> {
    return Object.fromEntries([...this.#methods].map(([method, stats]) => [method, { ...stats }]));
  }

  reset(): void {
    this.#methods.clear();
  }

  #of(method: string): Mutable<MethodStats> {
    let stats = this.#methods.get(method);
    if (stats === undefined) {
      stats = { calls: 0, failures: 0, requestBytes: 0, responseBytes: 0 };
      this.#methods.set(method, stats);
    }
    return stats;
  }
}
