/**
 * The CRC of a whole out of the CRCs of its pieces, without looking at the bytes again. Pure.
 *
 * A CRC is the remainder of a polynomial over GF(2): what follows a piece multiplies the piece's by a power of x. That holds for all
 * CRCs that begin with all ones and end inverted, as those of object stores.
 *
 * @module
 */
import type { ChecksumAlgorithm } from "./checksums.ts";

/** Those that can be joined. */
export type CrcAlgorithm = Extract<ChecksumAlgorithm, "crc32" | "crc32c" | "crc64nvme">;

export function isCrc(algorithm: ChecksumAlgorithm): algorithm is CrcAlgorithm {
  return Object.hasOwn(POLYNOMIALS, algorithm);
}

const POLYNOMIALS: Record<CrcAlgorithm, { readonly polynomial: bigint; readonly bits: bigint }> = {
  crc32: { polynomial: 0xedb88320n, bits: 32n },
  crc32c: { polynomial: 0x82f63b78n, bits: 32n },
  crc64nvme: { polynomial: 0x9a6c9329ac4bc9b5n, bits: 64n },
};

/** A piece of a whole. */
export interface CrcPiece {
  /** Big-endian. */
  readonly digest: Buffer;
  readonly lengthBytes: number;
}

/** Joins pieces in their order. */
export function joinCrcs(algorithm: CrcAlgorithm, pieces: readonly CrcPiece[]): Buffer {
  const { polynomial, bits } = POLYNOMIALS[algorithm];
  const one = 1n << (bits - 1n);

  /** Product of two polynomials, the coefficient of the lowest power in the highest bit. */
  const multiply = (a: bigint, b: bigint): bigint => {
    let product = 0n;
    for (let bit = one, factor = b; bit > 0n; bit >>= 1n) {
      if ((a & bit) !== 0n) product ^= factor;
      factor = (factor & 1n) === 0n ? factor >> 1n : (factor >> 1n) ^ polynomial;
    }
    return product;
  };

  /** x to the power of eight times the number. */
  const powerOfBytes = (lengthBytes: number): bigint => {
    let power = one;
    let square = one >> 8n;
    for (let left = lengthBytes; left > 0; left = Math.floor(left / 2)) {
      if (left % 2 === 1) power = multiply(power, square);
      square = multiply(square, square);
    }
    return power;
  };

  const powers = new Map<number, bigint>();
  let joined = 0n;
  for (const { digest, lengthBytes } of pieces) {
    const power = powers.get(lengthBytes) ?? powerOfBytes(lengthBytes);
    powers.set(lengthBytes, power);
    joined = multiply(joined, power) ^ BigInt(`0x${digest.toString("hex")}`);
  }
  return Buffer.from(joined.toString(16).padStart(Number(bits) / 4, "0"), "hex");
}
