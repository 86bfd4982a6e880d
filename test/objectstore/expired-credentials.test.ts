/**
 * Credentials that end in the middle of a transfer: it goes on with fresh ones, and what had been sent is not sent again. For
 * `azblob://` see azure/login.test.ts, whose server reads the tokens itself.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { storeConfig } from "../../src/config/store-config.ts";
import { openObjectStore } from "../../src/objectstore/open-store.ts";
import type { ObjectStore } from "../../src/ports/object-store.ts";
import { startFakeGcsServer } from "../fakes/fake-gcs-server.ts";
import { startFakeS3Server } from "../fakes/fake-s3-server.ts";
import type { FakeS3Server } from "../fakes/fake-s3-server.ts";
import { startGoogleLogin } from "../fakes/google-login.ts";
import { patternBytes, sha256 } from "../support/store-bench.ts";

const LARGE = patternBytes(25_000_000);
const MINUTE_MS = 60_000;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kfp-expired-"));
  await writeFile(join(folder, "in"), LARGE);
  // Of all libraries in this process, too.
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
});
afterEach(async () => {
  vi.useRealTimers();
  await rm(folder, { recursive: true, force: true });
});

function open(root: string, providers: unknown, environment: Readonly<Record<string, string>>): ObjectStore {
  return openObjectStore(
    {
      clock: { now: () => new Date(), monotonicMs: () => performance.now(), sleep: () => Promise.resolve() },
      kube: () => Promise.reject(new Error("no cluster")),
    },
    { config: storeConfig({ defaultPipelineRoot: root }, providers), namespace: "ns", environment },
  );
}

async function downloaded(store: ObjectStore, uri: string): Promise<string> {
  await store.download(uri, join(folder, "out"));
  return sha256(await readFile(join(folder, "out")));
}

describe.for(["minio", "s3"] as const)("%s:// with session tokens of a credential service", (scheme) => {
  let server: FakeS3Server;
  let service: Server;
  let store: ObjectStore;
  let handedOut: number;
  const uri = `${scheme}://bucket/root/x`;

  beforeEach(async () => {
    handedOut = 0;
    service = createServer((_request, response) => {
      handedOut += 1;
      const Expiration = new Date(Date.now() + 60 * MINUTE_MS).toISOString().replace(/\.\d+Z/, "Z");
      const keys = { AccessKeyId: "test-key", SecretAccessKey: `secret-${handedOut}`, Token: `session-${handedOut}`, Expiration };
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(keys));
    });
    await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
    const address = service.address();
    const port = typeof address === "object" ? address?.port : undefined;
    server = await startFakeS3Server();
    server.buckets.set("bucket", new Map());
    const section = { endpoint: server.endpoint, region: "us-east-1", forcePathStyle: true, credentials: { fromEnv: true } };
    store = open(
      `${scheme}://bucket/root`,
      { [scheme]: { default: section } },
      {
        AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${port}/keys`,
      },
    );
  });
  afterEach(async () => {
    await store.close();
    await server.close();
    service.closeAllConnections();
    await new Promise((resolve) => service.close(resolve));
  });

  /** The session ends with this request. @returns the session of every request. */
  function expireAt(last: number): string[] {
    const sessions: string[] = [];
    const start = Date.now();
    server.fault = (request) => {
      sessions.push(String(request.headers["x-amz-security-token"]));
      if (sessions.length === last) vi.setSystemTime(start + 58 * MINUTE_MS);
      return undefined;
    };
    return sessions;
  }

  test("an upload goes on", async () => {
    const sessions = expireAt(2);
    await store.upload(join(folder, "in"), uri);
    expect(sha256(server.buckets.get("bucket")?.get("root/x")?.body ?? Buffer.alloc(0))).toBe(sha256(LARGE));
    expect([sessions[0], sessions.at(-1)]).toEqual(["session-1", "session-2"]);
    expect(handedOut).toBe(2);
    const parts = server.requests.filter(({ query }) => query.has("partNumber")).map(({ query }) => query.get("partNumber"));
    expect(new Set(parts).size).toBe(parts.length);
  });

  test("a download goes on", async () => {
    await store.upload(join(folder, "in"), uri);
    const sessions = expireAt(2);
    expect(await downloaded(store, uri)).toBe(sha256(LARGE));
    expect([sessions[0], sessions.at(-1)]).toEqual(["session-1", "session-2"]);
    expect(handedOut).toBe(2);
  });

  test("one client, and so one login, serves all folders of a bucket (LAU-33)", async () => {
    await writeFile(join(folder, "in"), "content");
    for (const name of ["a/1", "b/2", "c/d/3"]) await store.upload(join(folder, "in"), `${uri}/${name}`);
    expect([server.buckets.get("bucket")?.size, handedOut]).toEqual([3, 1]);
  });
});

describe("gs:// with access tokens", () => {
  test.for([
    { name: "that the store does not take any more", isRevoked: true },
    { name: "whose time is over", isRevoked: false },
  ])("$name: an upload and a download go on", async ({ isRevoked }) => {
    const login = await startGoogleLogin();
    const server = await startFakeGcsServer({ isAllowed: (token) => login.accountOf(token) !== undefined });
    server.buckets.set("bucket", new Map());
    await writeFile(join(folder, "key.json"), login.keyDocument());
    const section = { endpoint: server.endpoint, credentials: { fromEnv: true } };
    const store = open(
      "gs://bucket/root",
      { gs: { default: section } },
      {
        GOOGLE_APPLICATION_CREDENTIALS: join(folder, "key.json"),
      },
    );
    const start = Date.now();
    const expireAt = (index: number): void => {
      const before = server.requests.length;
      server.fault = () => {
        if (server.requests.length - before !== index) return undefined;
        if (isRevoked) login.revokeAll();
        else vi.setSystemTime(start + 59 * MINUTE_MS);
        return undefined;
      };
    };
    expireAt(3);
    await store.upload(join(folder, "in"), "gs://bucket/root/x");
    expect(login.requests).toHaveLength(2);
    // One request for each chunk of 8 MiB, and the start; what was refused once more.
    expect(server.requests.length).toBeLessThanOrEqual(7);
    vi.setSystemTime(start);
    expireAt(2);
    expect(await downloaded(store, "gs://bucket/root/x")).toBe(sha256(LARGE));
    await store.close();
    await server.close();
    await login.close();
  });
});
