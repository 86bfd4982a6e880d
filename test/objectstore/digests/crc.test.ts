/** Both ways of computing a CRC, and joining those of pieces. */
import fc from "fast-check";
import { describe, test } from "vitest";
import { createChecksum } from "../../../src/objectstore/digests/checksums.ts";
import type { ChecksumAlgorithm } from "../../../src/objectstore/digests/checksums.ts";
import { compiledCrc } from "../../../src/objectstore/digests/compiled-modules.ts";
import { isCrc, joinCrcs } from "../../../src/objectstore/digests/crc-join.ts";
import { CRC_LAYOUT } from "../../../src/objectstore/digests/crc-module.ts";
import { CRCS, openCrc } from "../../../src/objectstore/digests/crc.ts";
import { patternBytes } from "../../support/store-bench.ts";

const content = patternBytes(3 * CRC_LAYOUT.pieceBytes);

function checksumOf(algorithm: ChecksumAlgorithm, bytes: Uint8Array): Buffer {
  const checksum = createChecksum(algorithm);
  checksum.update(bytes);
  return checksum.digest();
}

describe.for(["crc32c", "crc64nvme"] as const)("openCrc(): %s", (name) => {
  const ways = [undefined, compiledCrc()].map((compiled) => openCrc(CRCS[name], compiled));

  test("byte by byte and by the compiled program, cut anywhere, two at a time", ({ expect }) => {
    const nearPiece = fc.integer({ min: -40, max: 40 }).map((distance) => CRC_LAYOUT.pieceBytes + distance);
    const cut = fc.oneof(fc.integer({ min: 0, max: 100 }), nearPiece, fc.nat(2 * CRC_LAYOUT.pieceBytes));
    fc.assert(
      fc.property(fc.array(cut, { maxLength: 4 }), fc.nat(100), (cuts, start) => {
        const all = ways.map((begin) => [begin(), begin()] as const);
        let at = start;
        for (const length of cuts) {
          for (const [crc, other] of all) {
            crc.update(content.subarray(at, at + length));
            other.update(content.subarray(start, start + length));
          }
          at += length;
        }
        const [plain, compiled] = all.map((pair) => pair.map((crc) => crc.digest().toString("hex")));
        expect(compiled).toEqual(plain);
      }),
      { numRuns: 60 },
    );
  });
});

describe("joinCrcs()", () => {
  test.for(["crc32", "crc32c", "crc64nvme"] as const)("%s of pieces gives the one of the whole", (algorithm, { expect }) => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), (pieces) => {
        const joined = joinCrcs(
          algorithm,
          pieces.map((piece) => ({ digest: checksumOf(algorithm, piece), lengthBytes: piece.length })),
        );
        expect(joined).toEqual(checksumOf(algorithm, Buffer.concat(pieces)));
      }),
    );
    const halves = [content.subarray(0, 100_001), content.subarray(100_001)];
    const pieces = halves.map((piece) => ({ digest: checksumOf(algorithm, piece), lengthBytes: piece.length }));
    expect(joinCrcs(algorithm, pieces)).toEqual(checksumOf(algorithm, content));
  });

  test("other digests cannot be joined", ({ expect }) => {
    expect((["md5", "sha1", "sha256"] as const).map(isCrc)).toEqual([false, false, false]);
  });
});
