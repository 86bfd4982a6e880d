/**
 * Looking at every call, or standing in its way: how tests count calls and make them fail without the server knowing of either.
 *
 * @module
 */

/** Hears of the calls of all services; `method` is the RPC name, such as `CreateTask`. Members must not throw but where it says so. */
export interface CallInterceptor {
  /** A request of so many message bytes, without gRPC framing and headers, has arrived. */
  readonly received?: (method: string, bytes: number) => void;
  /** An answer of so many message bytes goes out. */
  readonly sent?: (method: string, bytes: number) => void;
  /** The call ends with another status than OK. */
  readonly failed?: (method: string) => void;
  /**
   * Carries the call out by calling `work`, at once or later, or does something else in its place: what it returns or throws is the
   * answer. Calls stay in the order of their arrival as long as it returns what `work` returns.
   */
  readonly around?: (method: string, work: () => unknown) => unknown;
}
