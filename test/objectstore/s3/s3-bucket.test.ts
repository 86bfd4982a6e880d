import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { StoreSession } from "../../../src/config/store-config.ts";
import type { Bucket } from "../../../src/objectstore/bucket.ts";
import { createHttpAgents } from "../../../src/objectstore/http-agents.ts";
import type { HttpAgents } from "../../../src/objectstore/http-agents.ts";
import { createRetrier } from "../../../src/objectstore/retry.ts";
import { openS3Bucket } from "../../../src/objectstore/s3/open-s3-bucket.ts";
import { StoreFailure } from "../../../src/objectstore/store-failure.ts";
import { FakeClock } from "../../fakes/fake-clock.ts";
import { startFakeS3Server } from "../../fakes/fake-s3-server.ts";
import type { FakeS3Server } from "../../fakes/fake-s3-server.ts";

describe.each(["minio", "s3"] as const)("a bucket of an S3 store, through the client of %s://", (provider) => {
  let server: FakeS3Server;
  let agents: HttpAgents;
  let bucket: Bucket;
  const { signal } = new AbortController();

  beforeEach(async () => {
    server = await startFakeS3Server();
    server.buckets.set("lake", new Map());
    agents = await createHttpAgents({ environment: {}, maxSockets: 4 });
    const clock = new FakeClock();
    const session: StoreSession = {
      provider,
      endpoint: server.endpoint,
      region: "us-east-1",
      disableSsl: true,
      forcePathStyle: true,
      credentials: { kind: "secret", secretName: "store", accessKeyKey: "ak", secretKeyKey: "sk" },
      query: {},
    };
    const opened = await openS3Bucket({
      bucket: "lake",
      session,
      readSecret: () => Promise.resolve(["test-key", "test-secret"]),
      environment: {},
      agents,
      idleTimeoutMs: 10_000,
      connectTimeoutMs: 10_000,
      retrier: createRetrier(clock, { attempts: 1, signal, random: () => 0 }),
      clock,
    });
    expect(opened).toMatchObject({ endpoint: server.endpoint, region: "us-east-1" });
    ({ bucket } = opened);
  });

  afterEach(async () => {
    bucket.close();
    agents.destroy();
    await server.close();
  });

  test("delete removes the object and no other", async () => {
    const objects = server.buckets.get("lake");
    for (const key of ["a/model ü", "a/model ü.txt"]) {
      objects?.set(key, { body: Buffer.from("x"), contentType: "text/plain", etag: "1" });
    }
    await bucket.delete("a/model ü", signal);
    expect([...(objects?.keys() ?? [])]).toEqual(["a/model ü.txt"]);
  });

  test("delete succeeds where there is nothing", async () => {
    await bucket.delete("never/was", signal);
    expect(server.requests.map(({ method, key }) => `${method} ${key}`)).toEqual(["DELETE never/was"]);
  });

  test("delete says what the store refused", async () => {
    server.fault = () => ({ kind: "status", status: 403, code: "AccessDenied" });
    const failure = await bucket.delete("a", signal).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(StoreFailure);
    expect(failure).toMatchObject({ status: 403, reason: "AccessDenied" });
  });
});
