/**
 * How threads compute checksums: the beginning of their programs (src/node/job-thread.ts).
 *
 * @module
 */
import { compiledCrc } from "./compiled-modules.ts";
import type { CompiledModule } from "./compiled-modules.ts";
import { CRCS, openCrc } from "./crc.ts";

/**
 * Defines `begin(algorithm, compiled)`, a checksum under way (checksums.ts), where `compiled` is what `compiledChecksum` gives for the
 * algorithm. Wants `CHECKSUM_DATA` in `workerData`.
 */
export const CHECKSUM_PROGRAM = `
const { createHash } = require("node:crypto");
const { crc32 } = require("node:zlib");
const openCrc = ${openCrc.toString()};
const opened = {};
const begin = (algorithm, compiled) => {
  const crc = workerData.crcs[algorithm];
  if (crc !== undefined) return (opened[algorithm] ??= openCrc(crc, compiled))();
  if (algorithm !== "crc32") return createHash(algorithm);
  let value = 0;
  return {
    update(bytes) { value = crc32(bytes, value); },
    digest() { const digest = Buffer.alloc(4); digest.writeUInt32BE(value); return digest; },
  };
};
`;

export const CHECKSUM_DATA = { crcs: CRCS };

/** Only what a job needs is compiled: most processes need nothing. */
export function compiledChecksum(algorithm: string): CompiledModule<"crc"> | undefined {
  return algorithm in CRCS ? compiledCrc() : undefined;
}
