/** A folder with 100,000 files goes up and comes down. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startFakeS3Server } from "../fakes/fake-s3-server.ts";
import type { FakeS3Server } from "../fakes/fake-s3-server.ts";
import { openStore } from "../support/store-bench.ts";

const FILES = 100_000;
const FOLDERS = 100;

let server: FakeS3Server;
let folder: string;
beforeAll(async () => {
  server = await startFakeS3Server();
  server.buckets.set("bucket", new Map());
  folder = await mkdtemp(join(tmpdir(), "kfp-many-"));
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

const nameOf = (index: number): string => `d${index % FOLDERS}/file-${index}`;

test("100,000 files go up and come down", { timeout: 3_600_000 }, async () => {
  for (let index = 0; index < FOLDERS; index++) await mkdir(join(folder, "in", `d${index}`), { recursive: true });
  for (let index = 0; index < FILES; index++) await writeFile(join(folder, "in", nameOf(index)), String(index));
  const store = openStore("minio", "bucket", { ...server, accessKeyId: "test-key", secretAccessKey: "test-secret" });
  const startedAtMs = performance.now();
  await store.upload(join(folder, "in"), "minio://bucket/root/many");
  const sentAtMs = performance.now();
  expect(server.buckets.get("bucket")?.size).toBe(FILES);
  // The server's notes are not what is measured.
  server.requests.length = 0;
  expect(await store.download("minio://bucket/root/many", join(folder, "out"))).toEqual({ objects: FILES });
  const doneAtMs = performance.now();
  await store.close();
  const seconds = [sentAtMs - startedAtMs, doneAtMs - sentAtMs].map((ms) => (ms / 1000).toFixed(0));
  process.stdout.write(`${FILES} files: up in ${seconds[0]} s, down in ${seconds[1]} s\n`);
  let found = 0;
  for (let index = 0; index < FOLDERS; index++) found += (await readdir(join(folder, "out", `d${index}`))).length;
  expect(found).toBe(FILES);
  for (let index = 0; index < FILES; index += 997) {
    expect(await readFile(join(folder, "out", nameOf(index)), "utf8")).toBe(String(index));
  }
});
