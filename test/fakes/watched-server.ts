/**
 * The embedded API server with faults on demand and counted calls.
 *
 * @module
 */
import { startApiServer, type ApiServer, type ApiServerOptions } from "../../src/apiserver/server.ts";
import { CallStats, type MethodStats } from "./call-stats.ts";
import { FaultPlan, withFault, type Fault } from "./faults.ts";

export interface WatchedServer extends ApiServer {
  /** Faults may be added while the server runs. */
  readonly faults: FaultPlan;
  /** Calls and bytes so far, by RPC name. */
  stats(): Record<string, MethodStats>;
  resetStats(): void;
}

export interface WatchedServerOptions extends ApiServerOptions {
  readonly faults?: readonly Fault[];
}

export async function startWatchedServer({ faults: planned, ...options }: WatchedServerOptions): Promise<WatchedServer> {
  const faults = new FaultPlan(planned);
  const stats = new CallStats();
  const server = await startApiServer({
    ...options,
    interceptor: {
      received: (method, bytes) => stats.countRequest(method, bytes),
      sent: (method, bytes) => stats.countResponse(method, bytes),
      failed: (method) => stats.countFailure(method),
      around(method, work) {
        const fault = faults.take(method);
        return fault === undefined ? work() : withFault(fault, work);
      },
    },
  });
  return { ...server, faults, stats: () => stats.snapshot(), resetStats: () => stats.reset() };
}
