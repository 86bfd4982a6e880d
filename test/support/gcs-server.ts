/**
 * Emulators of Google Cloud Storage for tests: fake-gcs-server, and gcp-storage-emulator, which verifies CRC-32C.
 *
 * Neither checks who asks, so the logins of these tests go to a token service of ours (test/fakes/google-login.ts) and the tokens
 * are only judged by test/fakes/fake-gcs-server.ts. Installed and skipped as the S3 servers (s3-server.ts).
 *
 * @module
 */
import { join } from "node:path";
import { startGoogleLogin } from "../fakes/google-login.ts";
import { CACHE, freePort, install, installGo, installPython, start, stop, waitForHttp } from "./installed-servers.ts";
import type { S3Server, S3ServerResult } from "./s3-server.ts";

const FAKE_GCS_SERVER = "github.com/fsouza/fake-gcs-server@v1.52.3";
const EMULATOR = ["gcp-storage-emulator==2026.7.19", "google-crc32c==1.9.0"];

export async function startFsouzaServer(): Promise<S3ServerResult> {
  const binary = join(CACHE, "fake-gcs-server-1.52.3");
  const problem = await install(binary, (target) => installGo(target, FAKE_GCS_SERVER));
  if (problem !== undefined) return { missing: `fake-gcs-server is not available: ${problem}` };
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const child = start(binary, [
    ...["-scheme", "http", "-host", "127.0.0.1", "-port", String(port)],
    ...["-external-url", endpoint, "-backend", "memory", "-log-level", "error"],
  ]);
  await waitForHttp(endpoint, child);
  return await withLogin("fake-gcs-server", endpoint, () => stop(child));
}

export async function startStorageEmulator(): Promise<S3ServerResult> {
  const environment = join(CACHE, "gcp-storage-emulator-2026.7.19");
  const problem = await install(environment, (target) => installPython(target, EMULATOR), join(environment, "complete"));
  if (problem !== undefined) return { missing: `gcp-storage-emulator is not available: ${problem}` };
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const program = join(environment, "bin", "gcp-storage-emulator");
  const child = start(program, ["start", "--host", "127.0.0.1", "--port", String(port), "--in-memory"]);
  await waitForHttp(endpoint, child);
  return await withLogin("gcp-storage-emulator", endpoint, () => stop(child));
}

async function withLogin(name: string, endpoint: string, stopServer: () => Promise<void>): Promise<S3Server> {
  const login = await startGoogleLogin();
  return {
    name,
    endpoint,
    accessKeyId: "",
    secretAccessKey: "",
    keyDocument: login.keyDocument(),
    verifiesSignatures: false,
    hasFreeKeys: true,
    async createBucket(bucket) {
      const response = await fetch(`${endpoint}/storage/v1/b?project=p`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ name: bucket }),
      });
      if (!response.ok) throw new Error(`${name} refused to create bucket ${bucket}: ${response.status}`);
    },
    async stop() {
      await login.close();
      await stopServer();
    },
  };
}
