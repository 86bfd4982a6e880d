/** Downloads are compared with whatever the store offers; both clients against a server that damages bytes. */
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createChecksum, offeredChecksums } from "../../src/objectstore/digests/checksums.ts";
import type { ChecksumAlgorithm } from "../../src/objectstore/digests/checksums.ts";
import type { ObjectStore } from "../../src/ports/object-store.ts";
import { startFakeS3Server } from "../fakes/fake-s3-server.ts";
import type { FakeS3Object, FakeS3Options, FakeS3Request, FakeS3Server, Fault } from "../fakes/fake-s3-server.ts";
import { openStore, patternBytes, sha256 } from "../support/store-bench.ts";
import type { Scheme } from "../support/store-bench.ts";

const KEYS = { accessKeyId: "test-key", secretAccessKey: "planted-secret-value" };
const MB = 1_000_000;
const MIB = 1024 * 1024;

const md5 = (bytes: Uint8Array): Buffer => createHash("md5").update(bytes).digest();

function checksumOf(algorithm: ChecksumAlgorithm, bytes: Uint8Array): Buffer {
  const checksum = createChecksum(algorithm);
  checksum.update(bytes);
  return checksum.digest();
}

function partsOf(bytes: Buffer, partBytes: number): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += partBytes) parts.push(bytes.subarray(at, at + partBytes));
  return parts;
}

function multipartTag(bytes: Buffer, partBytes: number): string {
  const parts = partsOf(bytes, partBytes);
  return `${md5(Buffer.concat(parts.map(md5))).toString("hex")}-${parts.length}`;
}

function compositeChecksum(algorithm: ChecksumAlgorithm, bytes: Buffer, partBytes: number): string {
  const parts = partsOf(bytes, partBytes).map((part) => checksumOf(algorithm, part));
  return `${checksumOf(algorithm, Buffer.concat(parts)).toString("base64")}-${parts.length}`;
}

/** What an object of these bytes offers, besides its length. */
type Offer = (bytes: Buffer) => Omit<FakeS3Object, "body" | "contentType">;

const uneven = (bytes: Buffer, partBytes: number): number[] => partsOf(bytes, partBytes).map(({ length }) => length);

const checksumOffer =
  (algorithm: ChecksumAlgorithm): Offer =>
  (bytes) => ({
    etag: "opaque",
    checksums: { [`x-amz-checksum-${algorithm}`]: checksumOf(algorithm, bytes).toString("base64") },
  });

const OFFERS: ReadonlyArray<{ name: string; offer: Offer; server?: FakeS3Options }> = [
  { name: "an ETag that is the MD5", offer: (bytes) => ({ etag: md5(bytes).toString("hex") }) },
  ...(["crc32", "crc32c", "crc64nvme", "sha1", "sha256"] as const).map((name) => ({ name, offer: checksumOffer(name) })),
  {
    name: "the ETag of parts of 7 MiB, which the store tells",
    offer: (bytes) => ({ etag: multipartTag(bytes, 7 * MIB), partBytes: uneven(bytes, 7 * MIB) }),
  },
  {
    name: "a checksum of checksums of parts",
    offer: (bytes) => ({
      etag: "opaque",
      checksums: { "x-amz-checksum-crc32c": compositeChecksum("crc32c", bytes, 9 * MIB) },
      partBytes: uneven(bytes, 9 * MIB),
    }),
  },
];

describe.for<Scheme>(["minio", "s3"])("%s:// downloads", (scheme) => {
  let server: FakeS3Server;
  let folder: string;
  let store: ObjectStore;
  const uri = `${scheme}://bucket/root/x`;
  /** Two ranges. */
  const large = patternBytes(18 * MB);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "kfp-verify-test-"));
    await start({});
  });
  afterEach(async () => {
    await Promise.all([store.close(), server.close()]);
    await rm(folder, { recursive: true, force: true });
  });

  async function start(options: FakeS3Options): Promise<void> {
    server = await startFakeS3Server(options);
    server.buckets.set("bucket", new Map());
    store = openStore(scheme, "bucket", { ...server, ...KEYS });
  }
  async function restart(options: FakeS3Options, environment: Record<string, string> = {}): Promise<void> {
    await Promise.all([store.close(), server.close()]);
    await start(options);
    store = openStore(scheme, "bucket", { ...server, ...KEYS }, { environment });
  }
  const path = (): string => join(folder, "out");
  const hold = (bytes: Buffer, offer: Offer): void => {
    server.buckets.get("bucket")?.set("root/x", { body: bytes, contentType: "", ...offer(bytes) });
  };
  const isGet = (request: FakeS3Request): boolean => request.method === "GET" && request.key !== "";
  /** The first `times` answers that hold this byte hold it flipped. */
  function flip(at: number, times = Number.POSITIVE_INFINITY): void {
    let left = times;
    server.fault = (request): Fault | undefined => {
      if (!isGet(request)) return undefined;
      const [, start = "0", end = ""] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
      if (at < Number(start) || (end !== "" && at > Number(end)) || left-- <= 0) return undefined;
      return { kind: "flip", at };
    };
  }
  const received = async (): Promise<string> => sha256(await readFile(path()));

  for (const { name, offer } of OFFERS) {
    test.for([
      { size: "two ranges", bytes: large, at: 17 * MB },
      { size: "one request", bytes: large.subarray(0, 15 * MB), at: 14 * MB },
    ])(`${name} shows a flipped byte of $size, and the next try mends it`, async ({ bytes, at }) => {
      hold(bytes, offer);
      flip(at, 1);
      expect(await store.download(uri, path())).toEqual({ objects: 1 });
      expect(await received()).toBe(sha256(bytes));
      expect(server.requests.filter(isGet).length).toBeGreaterThan(bytes === large ? 2 : 1);
    });
  }

  test("a flipped byte of a 40 MB object with its true MD5 as ETag is noticed", async () => {
    const bytes = patternBytes(40 * MB);
    hold(bytes, () => ({ etag: md5(bytes).toString("hex") }));
    flip(39 * MB);
    await expect(store.download(uri, path())).rejects.toThrow(
      /the received bytes differ from the stored ones \(ETag does not match\)/,
    );
    expect(await readdir(folder)).toEqual([]);
  });

  test.for(OFFERS)("what stays damaged fails, and leaves no file: $name", async ({ offer }) => {
    hold(large, offer);
    flip(10 * MB);
    await expect(store.download(uri, path())).rejects.toMatchObject({
      code: "TRANSFER_FAILED",
      message: expect.stringMatching(
        /the received bytes differ from the stored ones \((ETag|checksum \w+) does not match\)/,
      ) as string,
    });
    expect(await readdir(folder)).toEqual([]);
  });

  test("undamaged bytes are fetched once, whatever is offered", async () => {
    for (const { offer } of OFFERS) {
      hold(large, offer);
      server.requests.length = 0;
      await store.download(uri, path());
      expect(await received()).toBe(sha256(large));
      expect(server.requests.filter(isGet)).toHaveLength(2);
    }
  });

  test("parts of usual sizes are verified where the store does not tell the sizes", async () => {
    await restart({ knowsNoParts: true });
    for (const partBytes of [5 * MIB, 8 * MIB, 16 * MIB]) {
      hold(large, (bytes) => ({ etag: multipartTag(bytes, partBytes), partBytes: uneven(bytes, partBytes) }));
      await store.download(uri, path());
      expect(await received()).toBe(sha256(large));
    }
  });

  test("parts of unknown sizes are no reason to fail", async () => {
    await restart({ knowsNoParts: true });
    hold(large, (bytes) => ({ etag: multipartTag(bytes, 5_654_321) }));
    await store.download(uri, path());
    expect(await received()).toBe(sha256(large));
  });

  test("parts that differ in size are no reason to fail", async () => {
    const sizes = [5 * MB, 8 * MB, 5 * MB];
    hold(large, () => ({ etag: `${"ab".repeat(16)}-3`, partBytes: sizes }));
    await store.download(uri, path());
    expect(await received()).toBe(sha256(large));
  });

  test("a range with a checksum of its own is fetched again, alone", async () => {
    await restart({ checksumsOfRanges: true });
    hold(large, () => ({ etag: "opaque" }));
    flip(17 * MB, 1);
    await store.download(uri, path());
    expect(await received()).toBe(sha256(large));
    expect(server.requests.filter(isGet)).toHaveLength(3);
  });

  test("an ETag that is said to be no digest is not compared", async () => {
    await restart({}, { KFP_VERIFY_ETAG: "off" });
    hold(large, () => ({ etag: "ab".repeat(16) }));
    await store.download(uri, path());
    expect(await received()).toBe(sha256(large));
  });
});

describe("createChecksum()", () => {
  const text = Buffer.from("123456789");
  // Check values of the CRC catalogue.
  test.for<{ algorithm: ChecksumAlgorithm; hex: string }>([
    { algorithm: "crc32", hex: "cbf43926" },
    { algorithm: "crc32c", hex: "e3069283" },
    { algorithm: "crc64nvme", hex: "ae8b14860a799888" },
    { algorithm: "md5", hex: "25f9e794323b453885f5181f1b624d0b" },
  ])("$algorithm of the catalogue's text", ({ algorithm, hex }) => {
    expect(checksumOf(algorithm, text).toString("hex")).toBe(hex);
  });

  test("pieces give what the whole gives", () => {
    fc.assert(
      fc.property(
        fc.uint8Array(),
        fc.uint8Array(),
        fc.constantFrom("crc32", "crc32c", "crc64nvme", "sha1"),
        (a, b, algorithm) => {
          const checksum = createChecksum(algorithm);
          checksum.update(a);
          checksum.update(b);
          expect(checksum.digest()).toEqual(checksumOf(algorithm, Buffer.concat([a, b])));
        },
      ),
    );
  });
});

describe("offeredChecksums()", () => {
  test("reads values with and without parts, and passes over what is none", () => {
    const headers = {
      "x-amz-checksum-crc64nvme": "rosUhgp5mIg=",
      "x-amz-checksum-sha256": "abcd-12",
      "x-amz-checksum-crc32": "not base64!",
      "x-amz-checksum-type": "FULL_OBJECT",
    };
    expect(offeredChecksums(headers)).toEqual([
      { algorithm: "crc64nvme", value: "rosUhgp5mIg=" },
      { algorithm: "sha256", value: "abcd", parts: 12 },
    ]);
  });
});
