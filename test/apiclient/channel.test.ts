import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { create, toBinary } from "@bufbuild/protobuf";
import { ServerCredentials } from "@grpc/grpc-js";
import { createServer } from "nice-grpc";
import { afterEach, describe, test } from "vitest";
import { readChannelSettings } from "../../src/apiclient/channel-settings.ts";
import { trustedRoots } from "../../src/apiclient/channel.ts";
import { connectKfpApi } from "../../src/apiclient/kfp-api-grpc.ts";
import { apiPackageName, serviceDefinition } from "../../src/wire/grpc-definition.ts";
import { RunSchema } from "../../src/core/kfp-types.ts";
import { RunService } from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { RecordingLogger } from "../fakes/recording-logger.ts";

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));
const caCertPath = fixture("server-cert.pem");

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

async function startServer(tls: boolean): Promise<number> {
  const server = createServer();
  const definition = serviceDefinition(RunService, apiPackageName("v2beta1"));
  const getRun = { ...definition.getRun, responseSerialize: (bytes: unknown) => Buffer.from(bytes as Uint8Array) };
  const bytes = toBinary(RunSchema, create(RunSchema, { runId: "r" }));
  server.add({ getRun } as never, { getRun: () => Promise.resolve(bytes) } as never);
  const pair = { cert_chain: readFileSync(caCertPath), private_key: readFileSync(fixture("server-key.pem")) };
  const port = await server.listen(
    "127.0.0.1:0",
    tls ? ServerCredentials.createSsl(null, [pair]) : ServerCredentials.createInsecure(),
  );
  open.push(() => server.forceShutdown());
  return port;
}

async function getRun(port: number, tls: { tlsEnabled: boolean; caCertPath: string }): Promise<string> {
  const settings = readChannelSettings({}, { address: "localhost", port: String(port), ...tls });
  const policy = { minDelayMs: 1, maxDelayMs: 1, totalMs: 0 };
  const deps = { clock: new FakeClock(), logger: new RecordingLogger(), fileSystem: nodeFileSystem };
  const api = await connectKfpApi(deps, { settings, policy });
  open.push(() => api.close());
  return (await api.getRun("r", "FULL")).runId;
}

describe("prepareChannel()", () => {
  test("trusts the CA file beside the system's roots", async ({ expect }) => {
    expect(await getRun(await startServer(true), { tlsEnabled: true, caCertPath })).toBe("r");
  });

  test("TLS without CA file refuses a server the system does not know", async ({ expect }) => {
    await expect(getRun(await startServer(true), { tlsEnabled: true, caCertPath: "" })).rejects.toThrow(
      /UNAVAILABLE.*self-signed/,
    );
  });

  test("never falls back to plaintext", async ({ expect }) => {
    await expect(getRun(await startServer(false), { tlsEnabled: true, caCertPath: "" })).rejects.toThrow(/UNAVAILABLE/);
  });

  test.for([
    { name: "missing", path: "/nowhere/ca.crt", message: /there is no such file$/ },
    { name: "without certificate", path: fixture("server-key.pem"), message: /holds no certificate$/ },
  ])("a CA file that cannot be used is an error: $name", async ({ path, message }, { expect }) => {
    await expect(getRun(1, { tlsEnabled: true, caCertPath: path })).rejects.toThrow(message);
  });

  test("trusts the file named by SSL_CERT_FILE, if it is there", async ({ expect }) => {
    const pem = readFileSync(caCertPath, "utf8").trim();
    expect(await trustedRoots({ caCertPath: "", systemRootsPath: caCertPath }, nodeFileSystem)).toContain(pem);
    expect(await trustedRoots({ caCertPath: "", systemRootsPath: "/nowhere" }, nodeFileSystem)).not.toContain(pem);
  });
});
