/** Large objects of every provider come through connections of ours (docs/adr/0035-large-downloads.md, 0046). */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test, vi } from "vitest";
import { DirectConnections } from "../../src/objectstore/http/direct-connections.ts";
import { startAzurite } from "../support/azurite.ts";
import { startFsouzaServer } from "../support/gcs-server.ts";
import { STORE_SERVER_SETUP_TIMEOUT_MS } from "../support/installed-servers.ts";
import { startVersityGateway } from "../support/s3-server.ts";
import { skipUnless } from "../support/skip.ts";
import { openStore, patternBytes } from "../support/store-bench.ts";

const MIB = 1024 * 1024;
const ROWS = [
  { scheme: "minio", start: startVersityGateway },
  { scheme: "s3", start: startVersityGateway },
  { scheme: "gs", start: startFsouzaServer },
  { scheme: "azblob", start: startAzurite },
] as const;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kfp-direct-test-"));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

describe.for(ROWS)("$scheme://", ({ scheme, start }) => {
  test("every range of a large object is read directly", { timeout: STORE_SERVER_SETUP_TIMEOUT_MS }, async ({ expect, skip }) => {
    const server = await start();
    if ("missing" in server) {
      skipUnless(false, server.missing);
      return skip();
    }
    const send = vi.spyOn(DirectConnections.prototype, "send");
    const root = `${scheme}://bucket/root`;
    const store = openStore(scheme, "bucket", server);
    try {
      await server.createBucket("bucket");
      const content = patternBytes(36 * MIB + 5);
      await writeFile(join(folder, "in"), content);
      await store.upload(join(folder, "in"), `${root}/large`);
      await store.download(`${root}/large`, join(folder, "out"));
      expect((await readFile(join(folder, "out"))).equals(content)).toBe(true);
      const answers = await Promise.all(send.mock.results.map(({ value }) => value as ReturnType<DirectConnections["send"]>));
      expect(answers.map((answer) => answer?.status)).toEqual([206, 206, 206]);
    } finally {
      await store.close();
      await server.stop();
    }
  });
});
