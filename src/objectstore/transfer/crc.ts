/**
 * The two cyclic redundancy checks of S3 that Node does not bring: CRC-32C and CRC-64/NVME. Pure.
 *
 * Both are reflected, begin with all ones and end inverted. The 64-bit one is kept in two halves, because BigInt is slow.
 *
 * Standard: the CRC catalogue, CRC-32/ISCSI and CRC-64/NVME.
 *
 * @module
 */
const POLYNOMIAL_32C = 0x82f63b78;
const POLYNOMIAL_64_HIGH = 0x9a6c9329;
const POLYNOMIAL_64_LOW = 0xac4bc9b5;

/** A cyclic redundancy check under way. */
export interface Crc {
  update(bytes: Uint8Array): void;
  /** Big-endian, as S3 writes it before Base64. */
  digest(): Buffer;
}

/** CRC-32C (Castagnoli), reflected. */
export function createCrc32c(): Crc {
  const table = table32c();
  let crc = 0xffffffff;
  return {
    update(bytes) {
      for (const byte of bytes) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] ?? 0);
    },
    digest() {
      const digest = Buffer.alloc(4);
      digest.writeUInt32BE(~crc >>> 0);
      return digest;
    },
  };
}

/** CRC-64 of the NVMe specification, reflected, in two halves of 32 bits. */
export function createCrc64Nvme(): Crc {
  const { highs, lows } = table64();
  let high = 0xffffffff;
  let low = 0xffffffff;
  return {
    update(bytes) {
      for (const byte of bytes) {
        const index = (low ^ byte) & 0xff;
        low = ((low >>> 8) | (high << 24)) ^ (lows[index] ?? 0);
        high = (high >>> 8) ^ (highs[index] ?? 0);
      }
    },
    digest() {
      const digest = Buffer.alloc(8);
      digest.writeUInt32BE(~high >>> 0, 0);
      digest.writeUInt32BE(~low >>> 0, 4);
      return digest;
    },
  };
}

let known32c: Uint32Array | undefined;

function table32c(): Uint32Array {
  known32c ??= Uint32Array.from({ length: 256 }, (_, index) => {
    let crc = index;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ POLYNOMIAL_32C;
    return crc;
  });
  return known32c;
}

interface Table64 {
  readonly highs: Uint32Array;
  readonly lows: Uint32Array;
}

let known64: Table64 | undefined;

function table64(): Table64 {
  if (known64 !== undefined) return known64;
  known64 = { highs: new Uint32Array(256), lows: new Uint32Array(256) };
  for (let index = 0; index < 256; index++) {
    let high = 0;
    let low = index;
    for (let bit = 0; bit < 8; bit++) {
      const isOdd = (low & 1) === 1;
      low = (low >>> 1) | (high << 31);
      high >>>= 1;
      if (!isOdd) continue;
      low ^= POLYNOMIAL_64_LOW;
      high ^= POLYNOMIAL_64_HIGH;
    }
    known64.highs[index] = high;
    known64.lows[index] = low;
  }
  return known64;
}
