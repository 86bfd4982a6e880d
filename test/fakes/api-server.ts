/**
 * The real API server on `:memory:`, as the fake peer of unit tests, and a client that speaks to it without any logic of ours.
 *
 * @module
 */
import { onTestFinished } from "vitest";
import { createRawClient, type RawApiClient, type RawApiClientOptions } from "./raw-client.ts";
import { startWatchedServer, type WatchedServer, type WatchedServerOptions } from "./watched-server.ts";

export { createRawClient, type RawApiClient, type RawApiClientOptions } from "./raw-client.ts";

/** Starts a server that is closed when the running test ends. */
export async function startFakeApiServer(options: Partial<WatchedServerOptions> = {}): Promise<WatchedServer> {
  const server = await startWatchedServer({ database: ":memory:", ...options });
  onTestFinished(async () => {
    await server.close();
  });
  return server;
}

/** A plain gRPC client; closed when the running test ends. Rejections are grpc-js ServiceErrors. */
export function connectRawClient(address: string, options: RawApiClientOptions = {}): RawApiClient {
  const client = createRawClient(address, options);
  onTestFinished(() => {
    client.close();
  });
  return client;
}
