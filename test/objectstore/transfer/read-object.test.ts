import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { onTestFinished, test } from "vitest";
import type { ObjectLook } from "../../../src/ports/object-store.ts";
import { startFakeS3Server, type FakeS3Options, type FakeS3Server } from "../../fakes/fake-s3-server.ts";
import { openStore, patternBytes } from "../../support/store-bench.ts";

const KEYS = { accessKeyId: "test-key", secretAccessKey: "planted-secret-value" };
const BYTES = patternBytes(300_000);
const URI = "s3://bucket/root/x";

async function start(options: FakeS3Options = {}) {
  const server = await startFakeS3Server(options);
  put(server, BYTES);
  const store = openStore("s3", "bucket", { ...server, ...KEYS });
  onTestFinished(async () => {
    await store.close();
    await server.close();
  });
  const open = async (): Promise<Extract<ObjectLook, { kind: "object" }>> => {
    const found = await store.look(URI);
    if (found.kind !== "object") throw new Error(found.kind);
    return found;
  };
  return { server, store, open };
}

function put(server: FakeS3Server, body: Buffer): void {
  const etag = createHash("md5").update(body).digest("hex");
  server.buckets.set("bucket", new Map([["root/x", { body, contentType: "application/octet-stream", etag }]]));
}

const read = async (object: { read(start: number, end: number): AsyncIterable<Uint8Array> }, start: number, end: number) =>
  await buffer(Readable.from(object.read(start, end)));

/** Every answer about the object breaks after so many bytes, so many times. */
function breaking(server: FakeS3Server, times: number): void {
  let left = times;
  server.fault = ({ method, key }) =>
    method === "GET" && key !== "" && left-- > 0 ? { kind: "truncate", afterBytes: 50_000 } : undefined;
}

test("an answer that breaks is continued where it stopped", async ({ expect }) => {
  const { server, open } = await start();
  const object = await open();
  breaking(server, 2);
  expect((await read(object, 1_000, 290_000)).equals(BYTES.subarray(1_000, 290_000))).toBe(true);
  const ranges = server.requests.filter(({ method }) => method === "GET").map(({ headers }) => headers.range);
  expect(ranges).toEqual(["bytes=1000-289999", "bytes=51000-289999", "bytes=101000-289999"]);
});

test("one that breaks again and again fails in the end, naming the object and no secret", async ({ expect }) => {
  const { server, open } = await start();
  const object = await open();
  breaking(server, 1_000);
  const failure = await read(object, 0, 300_000).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "TRANSFER_FAILED", message: expect.stringContaining(URI) as string });
  expect(String(failure)).not.toContain(KEYS.secretAccessKey);
});

test("a store that ignores ranges gives the same bytes", async ({ expect }) => {
  const { open } = await start({ ignoresRanges: true });
  const object = await open();
  expect((await read(object, 70_000, 70_010)).equals(BYTES.subarray(70_000, 70_010))).toBe(true);
  expect((await read(object, 0, 300_000)).equals(BYTES)).toBe(true);
});

test("an object that is replaced meanwhile is not mixed with its successor", async ({ expect }) => {
  const { server, open } = await start();
  const object = await open();
  put(server, patternBytes(300_000, "another"));
  await expect(read(object, 10, 20)).rejects.toMatchObject({ details: { status: 412 } });
});

test("a reader who stops early leaves nothing behind", async ({ expect }) => {
  const { store, open } = await start();
  const object = await open();
  for await (const piece of object.read(0, 300_000)) {
    expect(piece.length).toBeGreaterThan(0);
    break;
  }
  await store.close();
  await expect(read(object, 0, 10)).rejects.toThrow();
});
