/**
 * The real client on the real server in memory, with faults, a clock that does not wait, and a record of the calls.
 *
 * @module
 */
import { onTestFinished } from "vitest";
import { readChannelSettings } from "../../src/apiclient/channel-settings.ts";
import { connectKfpApi, type KfpApiConnection } from "../../src/apiclient/kfp-api-grpc.ts";
import type { JsonObject } from "@bufbuild/protobuf";
import { connectRawClient, startFakeApiServer } from "./api-server.ts";
import type { WatchedServer, WatchedServerOptions } from "./watched-server.ts";
import { FakeClock } from "./fake-clock.ts";
import { RecordingLogger } from "./recording-logger.ts";

export interface FakeApi {
  readonly api: KfpApiConnection;
  readonly server: WatchedServer;
  readonly clock: FakeClock;
  readonly logger: RecordingLogger;
  /** Makes a run of a pipeline spec and gives its id. */
  readonly createRun: (pipelineSpec: JsonObject) => Promise<string>;
  /** Names of the RPCs since the last call of this function, in order of arrival, failed ones included. */
  readonly takeCalls: () => string[];
}

export async function startFakeApi(
  options: Partial<WatchedServerOptions> = {},
  environment: Record<string, string> = {},
): Promise<FakeApi> {
  const server = await startFakeApiServer(options);
  const clock = new FakeClock();
  const logger = new RecordingLogger();
  const flags = { address: server.host, port: String(server.port), tlsEnabled: false, caCertPath: "" };
  const settings = readChannelSettings(environment, flags);
  const fileSystem = { readText: () => Promise.resolve(undefined) };
  const connection = await connectKfpApi({ clock, logger, random: () => 0, fileSystem }, { settings });
  const raw = connectRawClient(server.address);
  let calls: string[] = [];
  const api = new Proxy(connection, {
    get(target, name, receiver) {
      const member: unknown = Reflect.get(target, name, receiver);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        calls.push(String(name));
        return (member as (...args: unknown[]) => unknown)(...args);
      };
    },
  });
  onTestFinished(() => connection.close());
  return {
    api,
    server,
    clock,
    logger,
    async createRun(pipelineSpec) {
      const run = await raw.createRun({
        run: { displayName: "test run", pipelineSource: { case: "pipelineSpec", value: pipelineSpec } },
      });
      return run.runId;
    },
    takeCalls() {
      const taken = calls;
      calls = [];
      return taken;
    },
  };
}
