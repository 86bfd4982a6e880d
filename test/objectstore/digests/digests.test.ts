import { createHash } from "node:crypto";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, test } from "vitest";
import { Digests } from "../../../src/objectstore/digests/digests.ts";
import { createChecksum } from "../../../src/objectstore/digests/checksums.ts";
import type { ChecksumAlgorithm } from "../../../src/objectstore/digests/checksums.ts";
import { DigestThread } from "../../../src/objectstore/digests/digest-thread.ts";
import { PartDigests } from "../../../src/objectstore/digests/part-digests.ts";
import { patternBytes } from "../../support/store-bench.ts";

const MIB = 1024 * 1024;
const content = patternBytes(3 * MIB + 17);
const ALGORITHMS: readonly ChecksumAlgorithm[] = ["crc32", "md5", "sha1", "sha256", "crc32c", "crc64nvme"];

let folder: string;
let file: FileHandle;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kfp-digests-test-"));
  await writeFile(join(folder, "content"), content);
  file = await open(join(folder, "content"));
});
afterAll(async () => {
  await file.close();
  await rm(folder, { recursive: true, force: true });
});

function expected(bytes: Buffer, algorithm: ChecksumAlgorithm): string {
  if (algorithm === "crc32") return crc32(bytes).toString(16).padStart(8, "0");
  if (algorithm.startsWith("crc")) {
    const checksum = createChecksum(algorithm);
    checksum.update(bytes);
    return checksum.digest().toString("hex");
  }
  return createHash(algorithm).update(bytes).digest("hex");
}

function shared(bytes: Buffer): Buffer {
  const copy = Buffer.from(new SharedArrayBuffer(bytes.length));
  bytes.copy(copy);
  return copy;
}

describe.for([0, 1, 3])("digests with %i threads", (threads) => {
  test.for(ALGORITHMS)("%s of memory, shared or not, and of a file", async (algorithm, { expect }) => {
    const digests = new Digests(threads);
    const region = { start: 5, end: content.length - 3 };
    const found = await Promise.all([
      digests.ofBytes(content, algorithm),
      digests.ofBytes(shared(content), algorithm),
      digests.ofBytes(shared(content).subarray(9, 2 * MIB), algorithm),
      digests.ofBytes(shared(content.subarray(0, 100)), algorithm),
      digests.ofRegion(file, region, algorithm),
      digests.ofRegion(file, { start: 3, end: 3 }, algorithm),
    ]);
    digests.release();
    expect(found.map((digest) => digest.toString("hex"))).toEqual([
      expected(content, algorithm),
      expected(content, algorithm),
      expected(content.subarray(9, 2 * MIB), algorithm),
      expected(content.subarray(0, 100), algorithm),
      expected(content.subarray(region.start, region.end), algorithm),
      expected(Buffer.alloc(0), algorithm),
    ]);
  });

  test("a file that is shorter than the region is named, and the next digest is right", async ({ expect }) => {
    const digests = new Digests(threads);
    const tooLong = { start: 0, end: content.length + 1 };
    await expect(digests.ofRegion(file, tooLong, "md5")).rejects.toThrow("became shorter");
    expect((await digests.ofBytes(shared(content), "md5")).toString("hex")).toBe(expected(content, "md5"));
    digests.release();
  });

  test("digests asked for before and after release() are right", async ({ expect }) => {
    const digests = new Digests(threads);
    const early = digests.ofBytes(shared(content), "sha256");
    digests.release();
    const late = digests.ofBytes(shared(content), "sha256");
    expect((await early).toString("hex")).toBe(expected(content, "sha256"));
    expect((await late).toString("hex")).toBe(expected(content, "sha256"));
    digests.release();
  });
});

test("a thread sees no variable of this process", async ({ expect }) => {
  process.env["KFP_DIGESTS_TEST"] = "planted";
  try {
    const thread = new DigestThread();
    const [digest] = await thread.compute("md5", [{ bytes: content.subarray(0, 10) }]);
    thread.end();
    expect(digest?.toString("hex")).toBe(expected(content.subarray(0, 10), "md5"));
  } finally {
    delete process.env["KFP_DIGESTS_TEST"];
  }
});

test("a thread's MD5 of several messages at once, whatever their lengths, in memory and in a file", async ({ expect }) => {
  const thread = new DigestThread();
  const nearPiece = fc.integer({ min: -130, max: 130 }).map((distance) => 128 * 1024 + distance);
  const length = fc.oneof(fc.integer({ min: 0, max: 300 }), nearPiece, fc.integer({ min: 0, max: 2 * MIB }));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(MIB), length, fc.boolean()), { minLength: 2, maxLength: 4 }), async (messages) => {
      const parts = messages.map(([start, lengthBytes]) => content.subarray(start, start + lengthBytes));
      const sources = messages.map(([start, lengthBytes, isFile], index) =>
        isFile ? { descriptor: file.fd, start, end: start + lengthBytes } : { bytes: parts[index] ?? content },
      );
      const digests = await thread.compute("md5", sources);
      expect(digests.map((digest) => digest.toString("hex"))).toEqual(parts.map((part) => expected(part, "md5")));
    }),
    { numRuns: 60 },
  );
  thread.end();
});

test("patient digests wait for others of their kind, until somebody hurries", async ({ expect }) => {
  const digests = new Digests(2);
  const done: number[] = [];
  const ask = async (index: number): Promise<void> => {
    await digests.ofBytes(shared(content), "md5", { isPatient: true });
    done.push(index);
  };
  const early = [0, 1, 2].map(ask);
  // Not patient, and computed after all that is before it.
  await digests.ofBytes(shared(content), "sha256");
  expect(done).toEqual([]);
  const fourth = ask(3);
  await Promise.all([...early, fourth]);
  const late = ask(4);
  digests.hurry();
  await late;
  expect(done.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4]);
  digests.release();
});

test("many digests at once are each their own", async ({ expect }) => {
  const digests = new Digests(2);
  const parts = Array.from({ length: 23 }, (_, index) => shared(content).subarray(index * 1000, 2 * MIB + index * 999));
  const algorithms = ["md5", "md5", "sha256", "md5", "crc32c"] as const;
  const found = await Promise.all(parts.map((part, index) => digests.ofBytes(part, algorithms[index % 5] ?? "md5")));
  digests.release();
  expect(found.map((digest) => digest.toString("hex"))).toEqual(
    parts.map((part, index) => expected(part, algorithms[index % 5] ?? "md5")),
  );
});

test("PartDigests: whatever the order and the size of what is written", async ({ expect }) => {
  const digests = new Digests(2);
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: content.length }),
      fc.integer({ min: 50_000, max: 2 * MIB }),
      fc.integer({ min: 50_000, max: 2 * MIB }),
      fc.integer({ min: 0, max: 4 }),
      fc.boolean(),
      async (sizeBytes, partBytes, writeBytes, unspoken, backwards) => {
        const parts = new PartDigests(digests, { file, sizeBytes, partBytes }, "md5");
        const writes = Array.from({ length: Math.ceil(sizeBytes / writeBytes) }, (_, index) => index);
        for (const index of (backwards ? writes.toReversed() : writes).slice(unspoken)) {
          parts.onWritten({ start: index * writeBytes, end: Math.min((index + 1) * writeBytes, sizeBytes) });
        }
        const found = (await parts.all()).map((digest) => digest.toString("hex"));
        const wanted = Array.from({ length: Math.ceil(sizeBytes / partBytes) }, (_, index) =>
          expected(content.subarray(index * partBytes, Math.min((index + 1) * partBytes, sizeBytes)), "md5"),
        );
        expect(found).toEqual(wanted);
      },
    ),
    { numRuns: 40 },
  );
  digests.release();
});
