/**
 * The two cyclic redundancy checks of object stores that Node does not bring: CRC-32C and CRC-64/NVME.
 *
 * Both are reflected, begin with all ones and end inverted. Whole objects go through here: Google's stores offer nothing else, and S3
 * computes the 64-bit one for uploads that bring none.
 *
 * Standard: the CRC catalogue, CRC-32/ISCSI and CRC-64/NVME.
 *
 * @module
 */
import { compiledCrc } from "./compiled-modules.ts";
import type { CompiledModule } from "./compiled-modules.ts";

/** Which check it is: its polynomial, reflected, in halves of 32 bits. */
export interface CrcParameters {
  readonly high: number;
  readonly low: number;
  readonly digestBytes: 4 | 8;
}

export const CRCS = {
  crc32c: { high: 0, low: 0x82f63b78, digestBytes: 4 },
  crc64nvme: { high: 0x9a6c9329, low: 0xac4bc9b5, digestBytes: 8 },
} as const satisfies Readonly<Record<string, CrcParameters>>;

/** A cyclic redundancy check under way. */
export interface Crc {
  update(bytes: Uint8Array): void;
  /** Big-endian, as stores write it before Base64. */
  digest(): Buffer;
}

const opened = new Map<keyof typeof CRCS, () => Crc>();

/** Begins one. */
export function createCrc(name: keyof typeof CRCS): Crc {
  const known = opened.get(name) ?? openCrc(CRCS[name], compiledCrc());
  opened.set(name, known);
  return known();
}

/**
 * Makes the tables of a check. Beginning one costs nothing then.
 *
 * Threads get the text of this function (digest-thread.ts): it must use nothing of this module.
 *
 * @param compiled The program of crc-module.ts; without it bytes are looked at one by one.
 */
export function openCrc({ high, low, digestBytes }: CrcParameters, compiled: CompiledModule<"crc"> | undefined): () => Crc {
  const program = compiled === undefined ? undefined : instantiate(compiled);
  const tables = program?.tables ?? new Uint32Array(2 * 256);
  fillTables();
  return begin;

  function begin(): Crc {
    let stateLow = 0xffffffff;
    let stateHigh = digestBytes === 8 ? 0xffffffff : 0;
    return {
      update(bytes) {
        let done = 0;
        if (program !== undefined) {
          const { state, piece, blockBytes, run } = program;
          while (bytes.length - done >= blockBytes) {
            const left = bytes.length - done;
            const size = Math.min(piece.length, left - (left % blockBytes));
            piece.set(bytes.subarray(done, done + size));
            // Others may be under way with the same memory.
            state[0] = stateLow;
            state[1] = stateHigh;
            run(size);
            stateLow = state[0];
            stateHigh = state[1];
            done += size;
          }
        }
        for (; done < bytes.length; done++) {
          const index = 2 * ((stateLow ^ (bytes[done] ?? 0)) & 0xff);
          stateLow = ((stateLow >>> 8) | (stateHigh << 24)) ^ (tables[index] ?? 0);
          stateHigh = (stateHigh >>> 8) ^ (tables[index + 1] ?? 0);
        }
      },
      digest() {
        const digest = Buffer.alloc(digestBytes);
        if (digestBytes === 8) digest.writeUInt32BE(~stateHigh >>> 0, 0);
        digest.writeUInt32BE(~stateLow >>> 0, digestBytes - 4);
        return digest;
      },
    };
  }

  function instantiate({ module, layout }: CompiledModule<"crc">) {
    const { exports } = new WebAssembly.Instance(module);
    const { buffer } = exports.memory;
    return {
      state: new Uint32Array(buffer, 0, 2) as Uint32Array & { 0: number; 1: number },
      tables: new Uint32Array(buffer, layout.tablesAt, layout.tables * 2 * 256),
      piece: new Uint8Array(buffer, layout.pieceAt, layout.pieceBytes),
      blockBytes: layout.blockBytes,
      run: (size: number) => exports.run(layout.pieceAt, layout.pieceAt + size),
    };
  }

  /** 256 pairs of halves, lower first: the first table for the last byte, each next one for the byte before. */
  function fillTables(): void {
    for (let at = 0; at < tables.length; at += 2) {
      const isFirst = at < 2 * 256;
      let lower = isFirst ? at / 2 : (tables[at - 2 * 256] ?? 0);
      let upper = isFirst ? 0 : (tables[at - 2 * 256 + 1] ?? 0);
      if (isFirst) {
        for (let bit = 0; bit < 8; bit++) {
          const isOdd = (lower & 1) === 1;
          lower = (lower >>> 1) | (upper << 31);
          upper >>>= 1;
          if (isOdd) {
            lower ^= low;
            upper ^= high;
          }
        }
      } else {
        const index = 2 * (lower & 0xff);
        lower = ((lower >>> 8) | (upper << 24)) ^ (tables[index] ?? 0);
        upper = (upper >>> 8) ^ (tables[index + 1] ?? 0);
      }
      tables[at] = lower;
      tables[at + 1] = upper;
    }
  }
}
