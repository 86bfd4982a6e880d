import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ObjectStore } from "../../../src/ports/object-store.ts";
import { startFakeGcsServer } from "../../fakes/fake-gcs-server.ts";
import type { FakeGcsObject, FakeGcsOptions, FakeGcsRequest, FakeGcsServer, GcsFault } from "../../fakes/fake-gcs-server.ts";
import { PLANTED_SECRET, startGoogleLogin } from "../../fakes/google-login.ts";
import type { GoogleLogin } from "../../fakes/google-login.ts";
import { openStore, patternBytes, sha256, writeTree } from "../../support/store-bench.ts";
import type { BenchOptions } from "../../support/store-bench.ts";

const MB = 1_000_000;
const URI = "gs://bucket/root/x";
const KEY = "root/x";
/** Three chunks: 8 MiB, 8 MiB and the rest. */
const LARGE = patternBytes(20 * MB);

describe("gs:// on a failing server", () => {
  let login: GoogleLogin;
  let server: FakeGcsServer;
  let folder: string;
  let store: ObjectStore;
  let pauses: number[];

  beforeAll(async () => {
    login = await startGoogleLogin();
  });
  afterAll(async () => {
    await login.close();
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "kfp-gcs-fault-test-"));
    pauses = [];
    await start({});
  });
  afterEach(async () => {
    await store.close();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function start(options: FakeGcsOptions): Promise<void> {
    await Promise.all([store?.close(), server?.close()]);
    server = await startFakeGcsServer({ isAllowed: (token) => login.accountOf(token) !== undefined, ...options });
    server.buckets.set("bucket", new Map());
    store = open();
  }
  const open = (options: BenchOptions = {}): ObjectStore => {
    const target = { endpoint: server.endpoint, accessKeyId: "", secretAccessKey: "", keyDocument: login.keyDocument() };
    return openStore("gs", "bucket", target, { pauses, ...options });
  };
  const path = (name: string): string => join(folder, name);
  const bucket = (): Map<string, FakeGcsObject> => server.buckets.get("bucket") ?? new Map<string, FakeGcsObject>();
  const stored = (): Buffer => bucket().get(KEY)?.body ?? Buffer.alloc(0);

  /** The first `times` requests that `matches` says meet the fault. */
  function failFirst(fault: GcsFault, times = 1, matches: (request: FakeGcsRequest) => boolean = () => true): void {
    let left = times;
    server.fault = (request) => (matches(request) && left-- > 0 ? fault : undefined);
  }
  const isMedia = (request: FakeGcsRequest): boolean => request.query.get("alt") === "media";
  const isChunk = (request: FakeGcsRequest): boolean =>
    request.isSession && request.method === "PUT" && !(request.headers["content-range"] ?? "").startsWith("bytes *");
  /** The chunk that starts at the second one's place. */
  const isSecondChunk = (request: FakeGcsRequest): boolean =>
    isChunk(request) && (request.headers["content-range"] ?? "").startsWith("bytes 8388608-");
  const chunks = (): string[] => server.requests.filter(isChunk).map(({ headers }) => headers["content-range"] ?? "");

  async function put(content: string | Buffer): Promise<void> {
    await writeFile(path("in"), content);
    await store.upload(path("in"), URI);
  }
  async function failureOf(work: Promise<unknown>): Promise<unknown> {
    return await work.then(
      () => "no failure",
      (error: unknown) => error,
    );
  }
  const status = (code: number, reason: string, message?: string): GcsFault => ({
    kind: "status",
    status: code,
    reason,
    ...(message === undefined ? {} : { message }),
  });

  test.for<{ name: string; fault: GcsFault }>([
    { name: "500", fault: status(500, "backendError") },
    { name: "503", fault: status(503, "backendError") },
    { name: "429", fault: status(429, "rateLimitExceeded") },
    { name: "403 rateLimitExceeded", fault: status(403, "rateLimitExceeded") },
    { name: "408", fault: status(408, "requestTimeout") },
    { name: "connection reset", fault: { kind: "reset" } },
    { name: "lost answer", fault: { kind: "lose-answer" } },
  ])("an upload and a download go through after three times $name", async ({ fault }) => {
    failFirst(fault, 3);
    await put("content");
    expect(stored().toString()).toBe("content");
    failFirst(fault, 3);
    expect(await store.download(URI, path("out"))).toEqual({ objects: 1 });
    expect(await readFile(path("out"), "utf8")).toBe("content");
    expect(pauses).toHaveLength(6);
  });

  test("the tries end, and a server error is not transient", async () => {
    failFirst(status(429, "rateLimitExceeded"), 1000);
    expect(await failureOf(put("content"))).toMatchObject({
      code: "TRANSFER_FAILED",
      message: `Cannot upload to ${URI} at ${server.endpoint}: HTTP 429 rateLimitExceeded (5 tries). The store is overloaded: run the step again later.`,
      details: { provider: "gs", bucket: "bucket", key: KEY, status: 429, transient: false },
    });
    expect(server.requests).toHaveLength(5);
  });

  test.for<{ name: string; fault: GcsFault; code: string; says: RegExp }>([
    {
      name: "missing rights",
      fault: status(403, "forbidden"),
      code: "OBJECT_ACCESS_DENIED",
      says: /their rights on bucket "bucket"/,
    },
    {
      name: "no billing",
      fault: status(403, "accountDisabled"),
      code: "OBJECT_ACCESS_DENIED",
      says: /no active billing account/,
    },
    {
      name: "a bucket whose reader pays",
      fault: status(400, "userProjectMissing"),
      code: "TRANSFER_FAILED",
      says: /makes the reader pay/,
    },
    {
      name: "a used up quota",
      fault: status(403, "quotaExceeded"),
      code: "OBJECT_ACCESS_DENIED",
      says: /HTTP 403 quotaExceeded/,
    },
    {
      name: "another kind of server",
      fault: status(405, "x"),
      code: "TRANSFER_FAILED",
      says: /not behave like Google Cloud Storage/,
    },
    { name: "a redirect", fault: status(302, "x"), code: "TRANSFER_FAILED", says: /which this store never does/ },
  ])("a refusal is not tried again and has advice of its own: $name", async ({ fault, code, says }) => {
    failFirst(fault, 1000);
    const failure = await failureOf(put("content"));
    expect(failure).toMatchObject({ code, message: expect.stringMatching(says) as string, details: { transient: false } });
    expect(String(failure)).not.toContain("said by the server");
    expect(String(failure)).not.toContain(PLANTED_SECRET);
    expect(server.requests).toHaveLength(1);
  });

  describe("uploads in chunks", () => {
    test("a large file goes up in chunks, its checksum ahead", async () => {
      await put(LARGE);
      expect(sha256(stored())).toBe(sha256(LARGE));
      expect(chunks()).toEqual([
        "bytes 0-8388607/20000000",
        "bytes 8388608-16777215/20000000",
        "bytes 16777216-19999999/20000000",
      ]);
      expect([...server.sessions]).toEqual([]);
    });

    test.for<{ name: string; fault: GcsFault }>([
      { name: "a server error", fault: status(503, "backendError") },
      { name: "a broken connection", fault: { kind: "reset" } },
      { name: "a lost answer", fault: { kind: "lose-answer" } },
      { name: "a connection that breaks in the middle", fault: { kind: "take", bytes: 3 * MB } },
    ])("a chunk goes on where the store is after $name", async ({ fault }) => {
      failFirst(fault, 1, isSecondChunk);
      await put(LARGE);
      expect(sha256(stored())).toBe(sha256(LARGE));
      expect(chunks().filter((range) => range.startsWith("bytes 0-"))).toHaveLength(1);
    });

    test("a lost answer to the last chunk is no failure", async () => {
      failFirst(
        { kind: "lose-answer" },
        1,
        (request) => isChunk(request) && /-19999999\//.test(request.headers["content-range"] ?? ""),
      );
      await put(LARGE);
      expect(sha256(stored())).toBe(sha256(LARGE));
      expect(chunks()).toHaveLength(3);
    });

    test("a session that the store has lost begins again", async () => {
      failFirst({ kind: "lose-session" }, 1, isSecondChunk);
      await put(LARGE);
      expect(sha256(stored())).toBe(sha256(LARGE));
      expect(chunks().filter((range) => range.startsWith("bytes 0-"))).toHaveLength(2);
    });

    test("sessions that get lost again and again are given up", async () => {
      failFirst({ kind: "lose-session" }, 1000, isSecondChunk);
      expect(await failureOf(put(LARGE))).toMatchObject({
        code: "TRANSFER_FAILED",
        message: expect.stringContaining("The store has lost what was uploaded so far") as string,
      });
      expect(bucket().size).toBe(0);
      expect([...server.sessions]).toEqual([]);
    });

    test("an upload that fails is cancelled and leaves nothing", async () => {
      failFirst(status(403, "forbidden"), 1, isSecondChunk);
      expect(await failureOf(put(LARGE))).toMatchObject({ code: "OBJECT_ACCESS_DENIED" });
      expect([...server.sessions]).toEqual([]);
      expect(bucket().size).toBe(0);
    });

    test("damage on the way is refused by the store, and the file goes up again", async () => {
      failFirst({ kind: "damage" }, 1, isChunk);
      server.fault = ((fault) => (request, count) =>
        /-19999999\//.test(request.headers["content-range"] ?? "") ? fault(request, count) : undefined)(server.fault);
      await put(LARGE);
      expect(sha256(stored())).toBe(sha256(LARGE));
      expect(chunks().filter((range) => range.startsWith("bytes 0-"))).toHaveLength(2);
    });
  });

  describe("wrong bytes", () => {
    test("what is damaged on its way up goes again", async () => {
      failFirst({ kind: "damage" }, 1);
      await put("content");
      expect(stored().toString()).toBe("content");
      expect(server.requests).toHaveLength(2);
    });

    test("damage that stays is named, and no object is left", async () => {
      failFirst({ kind: "damage" }, 1000);
      const failure = await failureOf(put("content"));
      expect(failure).toMatchObject({ code: "TRANSFER_FAILED", details: { reason: "BadChecksum" } });
      expect(String(failure)).toContain("not those that were sent");
      expect(bucket().size).toBe(0);
    });

    test.for(["content", LARGE])("a store that does not verify does not keep wrong bytes (%#)", async (content) => {
      await start({ ignoresChecksums: true });
      failFirst({ kind: "damage" }, 1000);
      expect(await failureOf(put(content))).toMatchObject({ code: "TRANSFER_FAILED", details: { reason: "BadChecksum" } });
      expect(bucket().size).toBe(0);
    });

    test.for([
      { name: "a small object", bytes: patternBytes(MB), at: 500_000 },
      { name: "a large one, in a later range", bytes: LARGE, at: 18 * MB },
    ])("a download that arrives damaged is fetched again: $name", async ({ bytes, at }) => {
      server.put("bucket", KEY, bytes);
      failFirst(
        { kind: "flip", at },
        1,
        (request) => isMedia(request) && (request.headers.range === undefined || /=16777216-/.test(request.headers.range)),
      );
      await store.download(URI, path("out"));
      expect(sha256(await readFile(path("out")))).toBe(sha256(bytes));
    });

    test("a download that stays damaged leaves no file and says so", async () => {
      server.put("bucket", KEY, LARGE);
      failFirst({ kind: "flip", at: 5 }, 1000);
      const failure = await failureOf(store.download(URI, path("out")));
      expect(failure).toMatchObject({ code: "TRANSFER_FAILED", details: { reason: "DAMAGED" } });
      expect(String(failure)).toContain("checksum crc32c does not match");
      expect(await readdir(folder)).toEqual([]);
    });
  });

  describe("downloads", () => {
    test("a truncated answer goes on where it stopped, of the same generation", async () => {
      server.put("bucket", KEY, patternBytes(MB));
      failFirst({ kind: "truncate", afterBytes: 400_000 }, 1, isMedia);
      await store.download(URI, path("out"));
      expect(sha256(await readFile(path("out")))).toBe(sha256(patternBytes(MB)));
      const [first, second] = server.requests.filter(isMedia);
      expect(first?.headers.range).toBeUndefined();
      expect(second?.headers.range).toMatch(/^bytes=[1-9]\d*-$/);
      expect(second?.query.get("ifGenerationMatch")).toBe(bucket().get(KEY)?.generation);
    });

    test("a truncated range of a large object goes on where it stopped", async () => {
      server.put("bucket", KEY, LARGE);
      failFirst({ kind: "truncate", afterBytes: 3 * MB }, 2, isMedia);
      await store.download(URI, path("out"));
      expect(sha256(await readFile(path("out")))).toBe(sha256(LARGE));
    });

    test("a download that keeps breaking leaves no file behind", async () => {
      server.put("bucket", KEY, patternBytes(MB));
      failFirst({ kind: "truncate", afterBytes: 10 }, 1000, isMedia);
      expect(await failureOf(store.download(URI, path("out")))).toMatchObject({
        code: "TRANSFER_FAILED",
        details: { transient: true },
      });
      expect(await readdir(folder)).toEqual([]);
    });

    test("an object replaced during its download is not mixed", async () => {
      server.put("bucket", KEY, LARGE);
      server.fault = (request) => {
        if (isMedia(request) && (request.headers.range ?? "").startsWith("bytes=16777216-")) {
          server.put("bucket", KEY, patternBytes(20 * MB, "other"));
        }
        return undefined;
      };
      expect(String(await failureOf(store.download(URI, path("out"))))).toContain("HTTP 412");
      expect(await readdir(folder)).toEqual([]);
    });

    test("a store that ignores byte ranges still gives large objects", async () => {
      await start({ ignoresRanges: true });
      server.put("bucket", KEY, LARGE);
      await store.download(URI, path("out"));
      expect(sha256(await readFile(path("out")))).toBe(sha256(LARGE));
    });

    test("listings are read page by page, keys as they are", async () => {
      await start({ pageSize: 2 });
      for (const name of ["a", "b c", "d/e", "f%41", "g"]) server.put("bucket", `${KEY}/${name}`, name);
      expect(await store.download(URI, path("out"))).toEqual({ objects: 5 });
      expect((await readdir(path("out"))).sort()).toEqual(["a", "b c", "d", "f%41", "g"]);
    });

    test("a listing that is cut or is something else is asked for again", async () => {
      server.put("bucket", KEY, "content");
      failFirst({ kind: "truncate", afterBytes: 20 }, 2, (request) => request.key === "");
      await store.download(URI, path("out"));
      expect(await readFile(path("out"), "utf8")).toBe("content");
    });
  });

  test("a server that never answers is given up after the idle time", async () => {
    await store.close();
    store = open({ idleTimeoutMs: 100 });
    server.fault = () => ({ kind: "hang" });
    expect(await failureOf(put("content"))).toMatchObject({
      code: "TRANSFER_FAILED",
      details: { reason: "TIMEOUT", transient: true },
    });
    expect(server.requests).toHaveLength(5);
  });

  test("nobody listening is transient", async () => {
    await server.close();
    expect(await failureOf(put("content"))).toMatchObject({
      code: "TRANSFER_FAILED",
      details: { reason: "ECONNREFUSED", transient: true },
    });
    await start({});
  });

  test("close() ends a transfer that hangs", async () => {
    server.fault = () => ({ kind: "hang" });
    const failure = failureOf(put("content"));
    await expect.poll(() => server.requests.length).toBe(1);
    await store.close();
    expect(String(await failure)).toContain("closed before the transfer ended");
  });

  test("refresh() reads the Secret again, a second transfer does not", async () => {
    const secretReads: string[] = [];
    await store.close();
    store = open({ secretReads });
    await put("1");
    await store.download(URI, path("out"));
    expect(secretReads).toEqual(["team-a/store"]);
    await store.refresh();
    await put("2");
    expect(secretReads).toEqual(["team-a/store", "team-a/store"]);
  });

  test("only line breaks and upward steps are escaped in keys", async () => {
    await writeTree(path("in"), { "a\tb\nc\rd": "1", "e../f": "2" });
    await store.upload(path("in"), URI);
    expect([...bucket().keys()].sort()).toEqual(["root/x/a\tb__0xa__c__0xd__d", "root/x/e..__0x2f__f"]);
    await store.download(URI, path("out"));
    expect(await readFile(path("out/a\tb\nc\rd"), "utf8")).toBe("1");
    expect(await readFile(path("out/e../f"), "utf8")).toBe("2");
  });

  test("the content type is sniffed from the content", async () => {
    await put("<html><body>");
    expect(bucket().get(KEY)?.contentType).toBe("text/html; charset=utf-8");
    await put(Buffer.concat([Buffer.from("PK\u0003\u0004"), LARGE]));
    expect(bucket().get(KEY)?.contentType).toBe("application/zip");
  });
});
