/**
 * A thread that computes digests of shared memory and of pieces of open files, MD5 of up to four at once (md5-lanes.ts).
 *
 * @module
 */
import { JobThread } from "../../node/job-thread.ts";
import { CHECKSUM_DATA, CHECKSUM_PROGRAM, compiledChecksum } from "./checksum-program.ts";
import { compiledMd5Lanes } from "./compiled-modules.ts";
import { LANES } from "./md5-lanes.ts";

/** What a thread can compute. */
export type ThreadAlgorithm = "crc32" | "crc32c" | "crc64nvme" | "md5" | "sha1" | "sha256";

/** How many digests a thread computes at once in hardly more time than one takes. */
export function digestsAtOnce(algorithm: ThreadAlgorithm): number {
  return algorithm === "md5" && compiledMd5Lanes() !== undefined ? LANES : 1;
}

/** Shared memory, or a piece of an open file. */
export type DigestSource =
  { readonly bytes: Uint8Array } | { readonly descriptor: number; readonly start: number; readonly end: number };

interface Job {
  readonly algorithm: ThreadAlgorithm;
  readonly sources: readonly DigestSource[];
  readonly compiled: ReturnType<typeof compiledChecksum | typeof compiledMd5Lanes>;
}

const PROGRAM = `${CHECKSUM_PROGRAM}
const { readSync } = require("node:fs");
const lengthOf = (source) => source.bytes === undefined ? source.end - source.start : source.bytes.length;
const readFrom = (source, at, into) => {
  if (source.bytes !== undefined) return void into.set(source.bytes.subarray(at, at + into.length));
  for (let done = 0; done < into.length;) {
    const read = readSync(source.descriptor, into, done, into.length - done, source.start + at + done);
    if (read === 0) throw new Error("the file became shorter while it was read");
    done += read;
  }
};
let piece;
const computeOne = (algorithm, source, compiled) => {
  const hash = begin(algorithm, compiled);
  if (source.bytes !== undefined) hash.update(source.bytes);
  else for (let at = 0, length = lengthOf(source); at < length; at += piece.length) {
    piece ??= Buffer.allocUnsafeSlow(1024 * 1024);
    const part = piece.subarray(0, Math.min(piece.length, length - at));
    readFrom(source, at, part);
    hash.update(part);
  }
  return Uint8Array.from(hash.digest());
};
let lanes;
const openLanes = ({ module, layout }) => {
  const { LANES, LANES_AT, PIECE_BYTES } = layout;
  const { exports } = new WebAssembly.Instance(module);
  const words = new Uint32Array(exports.memory.buffer, 0, 4 * LANES);
  const pieces = Array.from({ length: LANES }, (_, lane) => Buffer.from(exports.memory.buffer, LANES_AT + lane * PIECE_BYTES, PIECE_BYTES));
  return { LANES, PIECE_BYTES, run: exports.run, words, pieces };
};
/** What lies at a position of the padded message, at most a piece. Answers how much it is. */
const fill = (piece, source, at, paddedLength) => {
  const length = lengthOf(source);
  const size = Math.min(piece.length, paddedLength - at);
  const read = Math.max(0, Math.min(size, length - at));
  readFrom(source, at, piece.subarray(0, read));
  piece.fill(0, read, size);
  if (read < size && at + read === length) piece[read] = 0x80;
  if (at + size === paddedLength) piece.writeBigUInt64LE(BigInt(length) * 8n, size - 8);
  return size;
};
const computeLanes = (sources, compiled) => {
  const { LANES, PIECE_BYTES, run, words, pieces } = lanes ??= openLanes(compiled);
  [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476].forEach((word, index) => words.fill(word, index * LANES, (index + 1) * LANES));
  const digests = [];
  let open = sources.map((source, lane) => ({ source, lane, size: 0, padded: Math.ceil((lengthOf(source) + 9) / 64) * 64 }));
  for (let at = 0; open.length > 0; at += PIECE_BYTES) {
    for (const message of open) message.size = fill(pieces[message.lane], message.source, at, message.padded);
    let done = 0;
    for (const { lane, size, padded } of open.sort((a, b) => a.size - b.size)) {
      if (size > done) run(done, size);
      done = size;
      // From here on the lane takes in what lies behind its message, while others go on: nobody looks at it any more.
      if (padded <= at + PIECE_BYTES) digests[lane] = Uint8Array.from(Buffer.from(Uint32Array.from([0, 1, 2, 3], (word) => words[word * LANES + lane]).buffer));
    }
    open = open.filter(({ padded }) => padded > at + PIECE_BYTES);
  }
  return digests;
};
const run = ({ algorithm, sources, compiled }) => ({
  result: sources.length > 1 ? computeLanes(sources, compiled) : sources.map((source) => computeOne(algorithm, source, compiled)),
});
`;

/** Answers to jobs in their order. */
export class DigestThread {
  /** @throws when the machine allows no further thread. */
  readonly #thread = new JobThread<Job, readonly Uint8Array[]>(PROGRAM, CHECKSUM_DATA);

  /** Whether it has nothing to do. */
  get isIdle(): boolean {
    return this.#thread.isIdle;
  }

  /**
   * The digest of each source. They must stay as they are until the answer is there.
   *
   * @param sources At most `digestsAtOnce(algorithm)`.
   */
  async compute(algorithm: ThreadAlgorithm, sources: readonly DigestSource[]): Promise<Buffer[]> {
    const compiled = sources.length > 1 ? compiledMd5Lanes() : compiledChecksum(algorithm);
    const digests = await this.#thread.run({ algorithm, sources, compiled });
    return digests.map((digest) => Buffer.from(digest));
  }

  /** Jobs that are not done fail. */
  end(): void {
    this.#thread.end();
  }
}
