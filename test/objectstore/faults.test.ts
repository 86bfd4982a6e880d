import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ObjectStore } from "../../src/ports/object-store.ts";
import { startFakeS3Server } from "../fakes/fake-s3-server.ts";
import type { FakeS3Request, FakeS3Server, Fault } from "../fakes/fake-s3-server.ts";
import { configFor, openStore, patternBytes, sha256, writeTree } from "../support/store-bench.ts";
import type { BenchOptions, Scheme } from "../support/store-bench.ts";

const KEYS = { accessKeyId: "test-key", secretAccessKey: "planted-secret-value" };
const MB = 1_000_000;

describe.for<Scheme>(["minio", "s3"])("%s:// on a failing server", (scheme) => {
  let server: FakeS3Server;
  let folder: string;
  let store: ObjectStore;
  let pauses: number[];
  const uri = `${scheme}://bucket/root/x`;
  const key = "root/x";

  beforeEach(async () => {
    server = await startFakeS3Server();
    server.buckets.set("bucket", new Map());
    folder = await mkdtemp(join(tmpdir(), "kfp-fault-test-"));
    pauses = [];
    store = open();
  });
  afterEach(async () => {
    await store.close();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });

  const open = (options: BenchOptions = {}): ObjectStore =>
    openStore(scheme, "bucket", { ...server, ...KEYS }, { pauses, ...options });
  const path = (name: string): string => join(folder, name);
  const bucket = () => server.buckets.get("bucket") ?? new Map<string, never>();

  /** The first `times` requests that `matches` says meet the fault. */
  function failFirst(fault: Fault, times = 1, matches: (request: FakeS3Request) => boolean = () => true): void {
    let left = times;
    server.fault = (request) => (matches(request) && left-- > 0 ? fault : undefined);
  }
  const isGet = (request: FakeS3Request): boolean => request.method === "GET" && request.key !== "";
  const isListing = (request: FakeS3Request): boolean => request.query.has("list-type");
  const isPart = (request: FakeS3Request): boolean => request.query.has("partNumber");

  async function put(content: string | Buffer): Promise<void> {
    await writeFile(path("in"), content);
    await store.upload(path("in"), uri);
  }
  async function failureOf(work: Promise<unknown>): Promise<unknown> {
    return await work.then(
      () => "no failure",
      (error: unknown) => error,
    );
  }

  test.for<{ name: string; fault: Fault }>([
    { name: "500", fault: { kind: "status", status: 500, code: "InternalError" } },
    { name: "503 SlowDown", fault: { kind: "status", status: 503, code: "SlowDown" } },
    { name: "429", fault: { kind: "status", status: 429, code: "TooManyRequests" } },
    { name: "400 RequestTimeout", fault: { kind: "status", status: 400, code: "RequestTimeout" } },
    {
      name: "400 for bytes that differ from their digest",
      fault: { kind: "status", status: 400, code: "XAmzContentSHA256Mismatch" },
    },
    { name: "connection reset", fault: { kind: "reset" } },
    { name: "lost answer", fault: { kind: "lose-answer" } },
  ])("an upload and a download go through after three times $name", async ({ fault }) => {
    failFirst(fault, 3);
    await put("content");
    expect(bucket().get(key)?.body.toString()).toBe("content");
    failFirst(fault, 3);
    expect(await store.download(uri, path("out"))).toEqual({ objects: 1 });
    expect(await readFile(path("out"), "utf8")).toBe("content");
    expect(pauses).toHaveLength(6);
  });

  test("a store that says when to come back is not asked before, within the bound", async () => {
    const busy = (headers: Record<string, string>): Fault => ({ kind: "status", status: 503, code: "SlowDown", headers });
    failFirst(busy({ "retry-after": "7" }), 1);
    await put("content");
    failFirst(busy({ "retry-after": "3600" }), 1);
    await store.download(uri, path("out"));
    expect(pauses).toEqual([7_000, 20_000]);
  });

  test("the tries end after maxRetries, and a server error is not transient", async () => {
    failFirst({ kind: "status", status: 503, code: "SlowDown" }, 1000);
    expect(await failureOf(put("content"))).toMatchObject({
      code: "TRANSFER_FAILED",
      message: `Cannot upload to ${uri} at ${server.endpoint}: HTTP 503 SlowDown (5 tries). The store is overloaded: run the step again later.`,
      details: { provider: scheme, bucket: "bucket", key, status: 503, reason: "SlowDown", transient: false },
    });
    expect(server.requests).toHaveLength(5);
  });

  test("maxRetries 1 means one try", async () => {
    await store.close();
    store = open({ config: configFor(scheme, "bucket", server, 1) });
    failFirst({ kind: "reset" }, 1000);
    expect(await failureOf(put("content"))).toMatchObject({ details: { reason: "ECONNRESET", transient: true } });
    expect(server.requests).toHaveLength(1);
  });

  test("a refusal is not tried again, and says so", async () => {
    failFirst({ kind: "status", status: 403, code: "AccessDenied" }, 1000);
    const failure = await failureOf(put("content"));
    expect(failure).toMatchObject({ code: "OBJECT_ACCESS_DENIED", details: { status: 403, transient: false } });
    expect(String(failure)).toContain("refused access (HTTP 403 AccessDenied)");
    expect(String(failure)).not.toMatch(/planted-secret|test-key|said by the server/);
    expect(server.requests).toHaveLength(1);
  });

  const refusal = (status: number, code: string, more: Partial<Fault> = {}): Fault =>
    ({ kind: "status", status, code, ...more }) as Fault;
  test.for<{ name: string; fault: Fault; code: string; says: RegExp; never?: RegExp }>([
    {
      name: "a bucket of another region, which the answer names",
      fault: refusal(301, "PermanentRedirect", { headers: { "x-amz-bucket-region": "eu-west-3" } }),
      code: "TRANSFER_FAILED",
      says: /lies in region eu-west-3, the request was made for us-east-1: set the region eu-west-3/,
    },
    {
      name: "a signature for another region",
      fault: refusal(400, "AuthorizationHeaderMalformed", { elements: "<Region>eu-west-3</Region>" }),
      code: "TRANSFER_FAILED",
      says: /lies in region eu-west-3, the request was made for us-east-1/,
    },
    {
      name: "a bucket of another region, which the answer does not name",
      fault: refusal(301, "PermanentRedirect"),
      code: "TRANSFER_FAILED",
      says: /was made for region us-east-1, and bucket "bucket" is not there/,
    },
    {
      name: "a clock that is wrong",
      fault: refusal(403, "RequestTimeTooSkewed", { headers: { date: "Thu, 01 Jan 2015 00:00:00 GMT" } }),
      code: "TRANSFER_FAILED",
      says: /clocks of this machine and of the store are \d+ s apart \(this one is ahead\).*credentials are not the cause/,
      never: /Check the credentials/,
    },
    {
      name: "an unknown key",
      fault: refusal(403, "InvalidAccessKeyId"),
      code: "OBJECT_ACCESS_DENIED",
      says: /check the access key/,
    },
    {
      name: "a wrong secret key",
      fault: refusal(403, "SignatureDoesNotMatch"),
      code: "OBJECT_ACCESS_DENIED",
      says: /check the secret key/,
    },
    { name: "missing rights", fault: refusal(403, "AccessDenied"), code: "OBJECT_ACCESS_DENIED", says: /their rights on bucket/ },
    {
      name: "an archived object",
      fault: refusal(403, "InvalidObjectState"),
      code: "TRANSFER_FAILED",
      says: /archive tier/,
      never: /credentials/,
    },
    { name: "an encryption key", fault: refusal(400, "KMS.DisabledException"), code: "TRANSFER_FAILED", says: /encryption key/ },
    {
      name: "something on the way that changes every upload",
      fault: refusal(400, "XAmzContentSHA256Mismatch"),
      code: "TRANSFER_FAILED",
      says: /\(5 tries\)\. The bytes that arrived are not those that were sent/,
    },
    {
      name: "a full store",
      fault: refusal(507, "XMinioStorageFull"),
      code: "TRANSFER_FAILED",
      says: /store or its quota is full/,
    },
    {
      name: "no S3 store",
      fault: refusal(405, "MethodNotAllowed"),
      code: "TRANSFER_FAILED",
      says: /not behave like an S3 store/,
    },
  ])("$name has advice of its own", async ({ fault, code, says, never = /said by the server/ }) => {
    failFirst(fault, 1000);
    const failure = await failureOf(put("content"));
    expect(failure).toMatchObject({ code, message: expect.stringMatching(says) as string });
    expect(String(failure)).not.toMatch(never);
  });

  test("expired credentials are worth another try with fresh ones", async () => {
    failFirst({ kind: "status", status: 400, code: "ExpiredToken" }, 1000);
    expect(await failureOf(put("content"))).toMatchObject({ code: "OBJECT_ACCESS_DENIED", details: { transient: true } });
  });

  test("refresh() reads the Secret again, a second transfer does not", async () => {
    const secretReads: string[] = [];
    await store.close();
    store = open({ secretReads });
    await put("1");
    await store.download(uri, path("out"));
    expect(secretReads).toEqual(["team-a/store"]);
    await store.refresh();
    await put("2");
    expect(secretReads).toEqual(["team-a/store", "team-a/store"]);
  });

  const PAGES = [
    { name: "a captive portal's page", text: "<html><body>Welcome!</body></html>" },
    { name: "a page that is not XML", text: "<!doctype html><p>Log in<br>here" },
    { name: "an empty answer", text: "" },
    { name: "a listing that is cut", text: "<ListBucketResult><Contents><Key>root/x</Key><Size>7</Size></Conte" },
    { name: "an entry without a key", text: "<ListBucketResult><Contents><Size>7</Size></Contents></ListBucketResult>" },
    { name: "an error", text: "<Error><Code>InternalError</Code><Message>said by the server</Message></Error>" },
  ];
  test.for(PAGES)("a listing is asked for again after $name with 200", async ({ text }) => {
    await put("content");
    failFirst({ kind: "page", text }, 2, isListing);
    expect(await store.download(uri, path("out"))).toEqual({ objects: 1 });
    expect(await readFile(path("out"), "utf8")).toBe("content");
    expect(server.requests.filter(isListing)).toHaveLength(3);
  });

  test.for(PAGES.slice(0, 5))(
    "$name for every listing is a transient failure, not a folder without objects",
    async ({ text }) => {
      await put("content");
      failFirst({ kind: "page", text }, 1000, isListing);
      const failure = await failureOf(store.download(uri, path("out")));
      expect(failure).toMatchObject({ code: "TRANSFER_FAILED", details: { transient: true } });
      expect(String(failure)).toContain("(5 tries)");
      expect(server.requests.filter(isListing)).toHaveLength(5);
      expect(await readdir(folder)).toEqual(["in"]);
    },
  );

  test.for([
    { name: "an answer", sizeBytes: MB },
    { name: "a range of a large object", sizeBytes: 20 * MB },
  ])("$name that stalls is given up after the idle time and goes on where it stopped", async ({ sizeBytes }) => {
    await store.close();
    store = open({ idleTimeoutMs: 500 });
    const bytes = patternBytes(sizeBytes);
    bucket().set(key, { body: bytes, contentType: "", etag: "tag-2" });
    failFirst({ kind: "stall", afterBytes: 400_000 }, 2, isGet);
    await store.download(uri, path("out"));
    expect(sha256(await readFile(path("out")))).toBe(sha256(bytes));
  });

  test("an answer that stalls every time is a transient failure", async () => {
    await store.close();
    store = open({ idleTimeoutMs: 200, config: configFor(scheme, "bucket", server, 2) });
    bucket().set(key, { body: patternBytes(MB), contentType: "", etag: "tag-2" });
    failFirst({ kind: "stall", afterBytes: 0 }, 1000, isGet);
    expect(await failureOf(store.download(uri, path("out")))).toMatchObject({
      code: "TRANSFER_FAILED",
      details: { reason: "TIMEOUT", transient: true },
    });
  });

  test("a truncated answer goes on where it stopped", async () => {
    await put(patternBytes(MB));
    failFirst({ kind: "truncate", afterBytes: 400_000 }, 1, isGet);
    await store.download(uri, path("out"));
    expect(sha256(await readFile(path("out")))).toBe(sha256(patternBytes(MB)));
    const ranges = server.requests.filter(isGet).map((request) => request.headers.range);
    expect(ranges[0]).toBeUndefined();
    expect(ranges[1]).toMatch(/^bytes=[1-9]\d*-$/);
  });

  test("a truncated range of a large object goes on where it stopped", async () => {
    const bytes = patternBytes(40 * MB);
    bucket().set(key, { body: bytes, contentType: "", etag: "tag-2" });
    failFirst({ kind: "truncate", afterBytes: 3 * MB }, 2, isGet);
    await store.download(uri, path("out"));
    expect(sha256(await readFile(path("out")))).toBe(sha256(bytes));
  });

  test("a download that keeps breaking leaves no file behind", async () => {
    await put(patternBytes(MB));
    failFirst({ kind: "truncate", afterBytes: 10 }, 1000, isGet);
    expect(await failureOf(store.download(uri, path("out")))).toMatchObject({
      code: "TRANSFER_FAILED",
      details: { transient: true },
    });
    expect(await readdir(folder)).toEqual(["in"]);
  });

  test("an object replaced during its download is not mixed", async () => {
    const bytes = patternBytes(40 * MB);
    bucket().set(key, { body: bytes, contentType: "", etag: "first" });
    server.fault = (request) => {
      if (isGet(request) && request.headers.range === "bytes=16777216-33554431") {
        bucket().set(key, { body: patternBytes(40 * MB, "other"), contentType: "", etag: "second" });
      }
      return undefined;
    };
    expect(String(await failureOf(store.download(uri, path("out"))))).toContain("HTTP 412");
    expect(await readdir(folder)).toEqual([]);
  });

  test("a store that ignores byte ranges still gives large objects", async () => {
    await Promise.all([store.close(), server.close()]);
    server = await startFakeS3Server({ ignoresRanges: true });
    store = open();
    const bytes = patternBytes(20 * MB);
    server.buckets.set("bucket", new Map([[key, { body: bytes, contentType: "", etag: "t" }]]));
    await store.download(uri, path("out"));
    expect(sha256(await readFile(path("out")))).toBe(sha256(bytes));
  });

  test("a part that fails is sent again, alone", async () => {
    failFirst({ kind: "status", status: 500, code: "InternalError" }, 2, isPart);
    await put(patternBytes(20 * MB));
    expect(sha256(bucket().get(key)?.body ?? Buffer.alloc(0))).toBe(sha256(patternBytes(20 * MB)));
    expect(server.requests.filter(isPart)).toHaveLength(5);
  });

  test("a multipart upload that fails is aborted", async () => {
    failFirst({ kind: "status", status: 403, code: "AccessDenied" }, 1, (request) => request.query.get("partNumber") === "2");
    expect(await failureOf(put(patternBytes(20 * MB)))).toMatchObject({ code: "OBJECT_ACCESS_DENIED" });
    expect([...server.uploads]).toEqual([]);
    expect(bucket().size).toBe(0);
  });

  test("a lost answer to the last step of a multipart upload is no failure", async () => {
    failFirst({ kind: "lose-answer" }, 1, (request) => request.method === "POST" && request.query.has("uploadId"));
    await put(patternBytes(20 * MB));
    expect(bucket().get(key)?.body).toHaveLength(20 * MB);
  });

  test("a wrong tag makes the bytes go again; the right one ends it", async () => {
    failFirst({ kind: "etag", etag: '"00000000000000000000000000000000"' }, 1);
    await put("content");
    expect(server.requests.map((request) => request.method)).toEqual(["PUT", "PUT"]);
  });

  test("a store whose tags are no digests has its lengths checked instead", async () => {
    server.fault = (request) =>
      request.method === "PUT" || isGet(request) ? { kind: "etag", etag: '"0123456789abcdef0123456789abcdef"' } : undefined;
    await put("content");
    expect(server.requests.map((request) => request.method)).toEqual(["PUT", "PUT", "HEAD"]);
    await put("again");
    expect(server.requests.map((request) => request.method).slice(3)).toEqual(["PUT", "HEAD"]);
    await store.download(uri, path("out"));
    expect(await readFile(path("out"), "utf8")).toBe("again");
  });

  test("a server that never answers is given up after the idle time", async () => {
    await store.close();
    store = open({ idleTimeoutMs: 100, config: configFor(scheme, "bucket", server, 2) });
    server.fault = () => ({ kind: "hang" });
    expect(await failureOf(put("content"))).toMatchObject({
      code: "TRANSFER_FAILED",
      details: { reason: "TIMEOUT", transient: true },
    });
    expect(server.requests).toHaveLength(2);
  });

  test("nobody listening is transient", async () => {
    await server.close();
    expect(await failureOf(put("content"))).toMatchObject({
      code: "TRANSFER_FAILED",
      details: { reason: "ECONNREFUSED", transient: true },
    });
    server = await startFakeS3Server();
  });

  test("close() ends a transfer that hangs", async () => {
    server.fault = () => ({ kind: "hang" });
    const failure = failureOf(put("content"));
    await expect.poll(() => server.requests.length).toBe(1);
    await store.close();
    expect(String(await failure)).toContain("closed before the transfer ended");
  });

  describe("keys of other programs", () => {
    const place = (...keys: readonly (readonly [key: string, content: string])[]): void => {
      for (const [name, content] of keys) bucket().set(name, { body: Buffer.from(content), contentType: "", etag: "" });
    };

    test.for([
      { name: "upward", key: "root/x/../../evil" },
      { name: "upward, escaped", key: "root/x/..__0x2f__..__0x2f__evil" },
      { name: "upward at the end", key: "root/x/a/../.." },
      { name: "absolute", key: "root/x//etc/passwd" },
      { name: "NUL", key: "root/x/a__0x0__b" },
    ])("a key that leaves the folder is refused: $name", async ({ key: hostile }) => {
      place([hostile, "evil"], ["root/x/good", "g"]);
      expect(await failureOf(store.download(uri, path("deep/out")))).toMatchObject({ code: "LOCAL_PATH_INVALID" });
      expect(await readdir(folder)).toEqual([]);
    });

    test("escapes are read back", async () => {
      place(["root/x/a__0x9__b..__0x2f__c", "1"]);
      await store.download(uri, path("out"));
      expect(await readFile(path("out/a\tb../c"), "utf8")).toBe("1");
    });

    test("folder markers become folders (LAU-34)", async () => {
      place(["root/x/", ""], ["root/x/d/", ""], ["root/x/d/f", "1"], ["root/x/only/", ""], ["root/x/e", ""], ["root/x/e/f", "2"]);
      await store.download(uri, path("out"));
      expect((await readdir(path("out"), { recursive: true })).sort()).toEqual(["d", "d/f", "e", "e/f", "only"]);
      expect((await stat(path("out/only"))).isDirectory()).toBe(true);
    });

    test("an object beside keys below it is taken for a marker", async () => {
      place(["root/x", "ignored"], ["root/x/f", "1"]);
      await store.download(uri, path("out"));
      expect(await readFile(path("out/f"), "utf8")).toBe("1");
    });

    test("a marker alone gives an empty folder", async () => {
      place(["root/x/", ""]);
      expect(await store.download(uri, path("out"))).toEqual({ objects: 1 });
      expect(await readdir(path("out"))).toEqual([]);
    });

    test("two objects that want one path are an error", async () => {
      place(["root/x/d", "file"], ["root/x/d/f", "below it"]);
      expect(String(await failureOf(store.download(uri, path("out"))))).toContain('two objects want the path "d"');
    });

    test("a link in the target folder does not lead the download away", async () => {
      place(["root/x/d/f", "1"]);
      const { mkdir, symlink } = await import("node:fs/promises");
      await Promise.all([mkdir(path("out")), mkdir(path("elsewhere"))]);
      await symlink(path("elsewhere"), path("out/d"));
      expect(await failureOf(store.download(uri, path("out")))).toMatchObject({ code: "LOCAL_PATH_INVALID" });
      expect(await readdir(path("elsewhere"))).toEqual([]);
    });
  });

  test("control characters are escaped in keys", async () => {
    await writeTree(path("in"), { "a\tb\nc": "1" });
    await store.upload(path("in"), uri);
    expect([...bucket().keys()]).toEqual(["root/x/a__0x9__b__0xa__c"]);
    await store.download(uri, path("out"));
    expect(await readdir(path("out"))).toEqual(["a\tb\nc"]);
  });

  test("the content type is sniffed from the content, not from the name", async () => {
    await writeTree(path("in"), {
      "page.txt": "<html><body>",
      "data.html": "a,b\n1,2\n",
      "x.json": '{"a":1}',
      "z.txt": "PK\u0003\u0004rest",
    });
    await store.upload(path("in"), uri);
    const types = Object.fromEntries([...bucket()].map(([name, object]) => [name, object.contentType]));
    expect(types).toEqual({
      "root/x/data.html": "text/plain; charset=utf-8",
      "root/x/page.txt": "text/html; charset=utf-8",
      "root/x/x.json": "text/plain; charset=utf-8",
      "root/x/z.txt": "application/zip",
    });
  });
});
