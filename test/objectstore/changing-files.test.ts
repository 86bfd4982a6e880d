/** Files that others change while they are transferred, disks that fill up, and objects that look odd. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { renameSync, rmSync, truncateSync, writeFileSync, appendFileSync } from "node:fs";
import { mkdtemp, open, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ObjectStore } from "../../src/ports/object-store.ts";
import { startFakeS3Server } from "../fakes/fake-s3-server.ts";
import type { FakeS3Server } from "../fakes/fake-s3-server.ts";
import { openStore, patternBytes } from "../support/store-bench.ts";
import type { Scheme } from "../support/store-bench.ts";

const MIB = 1024 * 1024;
/** One part more than travel at once, so that the last one is read after the first has arrived. */
const content = patternBytes(33 * MIB);

let server: FakeS3Server;
let folder: string;
beforeEach(async () => {
  server = await startFakeS3Server();
  server.buckets.set("bucket", new Map());
  folder = await mkdtemp(join(tmpdir(), "kfp-changing-"));
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});
const path = (name: string): string => join(folder, name);
const objects = () => server.buckets.get("bucket") ?? new Map<string, never>();

describe.for<Scheme>(["minio", "s3"])("%s://, a file", (scheme) => {
  const uri = `${scheme}://bucket/root/x`;
  let store: ObjectStore;
  beforeEach(() => (store = openStore(scheme, "bucket", { ...server, accessKeyId: "test-key", secretAccessKey: "s" })));
  afterEach(async () => await store.close());

  /** Uploads, and calls `change` when the first part has arrived. */
  async function uploadWhile(change: () => void): Promise<unknown> {
    await writeFile(path("in"), content);
    let isChanged = false;
    server.fault = ({ query }) => {
      if (query.get("partNumber") !== null && !isChanged) {
        isChanged = true;
        change();
      }
      return undefined;
    };
    return await store.upload(path("in"), uri).then(
      () => "uploaded",
      (error: unknown) => String(error),
    );
  }

  test("that becomes shorter is an error that names it, and nothing stays in the store", async () => {
    expect(await uploadWhile(() => truncateSync(path("in"), MIB))).toContain(
      `${path("in")} became shorter while it was uploaded`,
    );
    expect([...objects().keys()]).toEqual([]);
    expect(server.uploads.size).toBe(0);
  });

  test.for([
    ["is deleted", () => rmSync(path("in"))],
    ["grows", () => appendFileSync(path("in"), "more")],
    [
      "is replaced",
      () => {
        writeFileSync(path("new"), "other");
        renameSync(path("new"), path("in"));
      },
    ],
  ] as const)("that %s is uploaded as it was when the upload began", async ([, change]) => {
    expect(await uploadWhile(change)).toBe("uploaded");
    expect(objects().get("root/x")?.body.equals(content)).toBe(true);
  });

  test("of nothing but a hole comes back as zeros of its length", async () => {
    const file = await open(path("in"), "w");
    await file.truncate(9 * MIB + 1);
    await file.close();
    await store.upload(path("in"), uri);
    await store.download(uri, path("out"));
    const found = await readFile(path("out"));
    expect([found.length, found.every((byte) => byte === 0)]).toEqual([9 * MIB + 1, true]);
  });

  test("of no byte that was uploaded in parts is verified and empty", async () => {
    const none = createHash("md5").digest();
    const etag = `${createHash("md5").update(none).digest("hex")}-1`;
    objects().set("root/x", { body: Buffer.alloc(0), contentType: "text/plain", etag, partBytes: [0] });
    await store.download(uri, path("out"));
    expect((await stat(path("out"))).size).toBe(0);
    objects().set("root/x", { body: Buffer.alloc(0), contentType: "text/plain", etag: etag.replace(/^./, "x"), partBytes: [0] });
    await store.download(uri, path("out"));
    objects().set("root/x", { body: Buffer.alloc(0), contentType: "text/plain", etag: `${"0".repeat(32)}-1`, partBytes: [0] });
    await expect(store.download(uri, path("out"))).rejects.toThrow("the received bytes differ from the stored ones");
  });

  test("that is downloaded over a folder is an error, and the folder stays", async () => {
    objects().set("root/x", { body: content, contentType: "text/plain", etag: "opaque" });
    await writeFile(path("before"), "");
    await expect(store.download(uri, folder)).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST|EBUSY/);
    expect(await readdir(folder)).toEqual(["before"]);
  });
});

test("a disk that takes no more is named, and nothing half stays", async () => {
  objects().set("root/x", { body: content, contentType: "text/plain", etag: "opaque" });
  const program = join(import.meta.dirname, "../fixtures/download-once.ts");
  // In units of 512 bytes in some shells and of 1024 in others: between a part and all of it in both.
  const limited = [
    "-c",
    'ulimit -f 12000; exec "$0" --no-warnings "$@"',
    process.execPath,
    program,
    server.endpoint,
    path("out"),
  ];
  const { stdout } = await promisify(execFile)("sh", limited);
  expect(stdout).toBe(
    "StorageError: Cannot download minio://bucket/root/x: EFBIG: file too large, write. A file of this size is not allowed here: raise the limit of the file system or of the process.",
  );
  expect(await readdir(folder)).toEqual([]);
});
