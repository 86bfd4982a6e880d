/**
 * The two cyclic redundancy checks of S3 that Node does not bring: CRC-32C and CRC-64/NVME. Pure.
 *
 * Both are reflected, begin with all ones and end inverted. The 64-bit one is kept in two halves, because BigInt is slow.
 *
 * Standard: the CRC catalogue, CRC-32/ISCSI and CRC-64/NVME.
 *
 * @module
 */
const POLYNOMIAL_64_HIGH = 0x9a6c9329;
const POLYNOMIAL_64_LOW = 0xac4bc9b5;

/** A cyclic redundancy check under way. */
export interface Crc {
  update(bytes: Uint8Array): void;
  /** Big-endian, as S3 writes it before Base64. */
  digest(): Buffer;
}

const known32c: Memory32c = {};

/** CRC-32C (Castagnoli), reflected. */
export function createCrc32c(): Crc {
  return beginCrc32c(known32c);
}

/** Keeps the tables from one checksum to the next. */
export interface Memory32c {
  table?: Uint32Array;
}

/**
 * CRC-32C, eight bytes at a time: Google's stores offer no other checksum, so whole files go through here.
 *
 * Threads get the text of this function (digest-thread.ts): it must use nothing of this module.
 */
export function beginCrc32c(state: Memory32c): Crc {
  const table = (state.table ??= makeTable());
  let crc = -1;
  return {
    update(bytes) {
      let position = 0;
      for (const last = bytes.length - 8; position <= last; position += 8) {
        const low = crc ^ littleEndian(bytes, position);
        const high = littleEndian(bytes, position + 4);
        crc =
          at(7, low) ^
          at(6, low >>> 8) ^
          at(5, low >>> 16) ^
          at(4, low >>> 24) ^
          at(3, high) ^
          at(2, high >>> 8) ^
          at(1, high >>> 16) ^
          at(0, high >>> 24);
      }
      for (; position < bytes.length; position++) crc = (crc >>> 8) ^ at(0, crc ^ (bytes[position] ?? 0));
    },
    digest() {
      const digest = Buffer.alloc(4);
      digest.writeUInt32BE(~crc >>> 0);
      return digest;
    },
  };

  function at(slice: number, index: number): number {
    return table[slice * 256 + (index & 0xff)] ?? 0;
  }

  function littleEndian(bytes: Uint8Array, position: number): number {
    return (
      (bytes[position] ?? 0) |
      ((bytes[position + 1] ?? 0) << 8) |
      ((bytes[position + 2] ?? 0) << 16) |
      ((bytes[position + 3] ?? 0) << 24)
    );
  }

  /** Eight tables of 256: the first for the last byte of eight, each next one for the byte before. */
  function makeTable(): Uint32Array {
    const polynomial = 0x82f63b78;
    const made = new Uint32Array(8 * 256);
    for (let index = 0; index < made.length; index++) {
      let value = index < 256 ? index : (made[index - 256] ?? 0);
      if (index >= 256) value = (value >>> 8) ^ (made[value & 0xff] ?? 0);
      else for (let bit = 0; bit < 8; bit++) value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ polynomial;
      made[index] = value;
    }
    return made;
  }
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
