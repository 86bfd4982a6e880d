/**
 * The program of a thread that reads and writes small files, many with one message: each look at the disk from the event loop costs
 * two changes of thread, and a small file takes five of them.
 *
 * It does what is ordinary and nothing else. A file that is not regular, too long, gone, changed while it was read, or a failure of any
 * kind is handed back: the event loop takes such a file the usual way, and finds out what to say about it.
 *
 * @module
 */
import { CHECKSUM_PROGRAM } from "../digests/checksum-program.ts";
import type { CompiledModule } from "../digests/compiled-modules.ts";
import type { ChecksumAlgorithm } from "../digests/checksums.ts";

/** Digests that uploads are signed with or compared by. */
export type SmallDigest = "md5" | "sha256";

/** Files to read. */
export interface ReadJob {
  readonly read: readonly string[];
  /** What is longer is handed back. */
  readonly largestBytes: number;
  /** Of each file, as whoever sends it wants them. */
  readonly digests: readonly SmallDigest[];
}

/** Contents one after the other. */
export interface ReadResult {
  readonly bytes: Uint8Array;
  /** Of each file; -1: handed back. */
  readonly lengths: readonly number[];
  /** Of each file that was read, one after the other, in hex. */
  readonly digests: readonly string[];
}

/** A file to write, under another name first. */
export interface FileToWrite {
  readonly path: string;
  readonly partialPath: string;
  readonly lengthBytes: number;
  /** What is on the disk must have it. */
  readonly claim?: {
    readonly algorithm: ChecksumAlgorithm;
    readonly encoding: "hex" | "base64";
    readonly value: string;
    readonly compiled: CompiledModule<"crc"> | undefined;
  };
}

export interface WriteJob {
  readonly write: readonly FileToWrite[];
  /** Their contents one after the other. */
  readonly bytes: Uint8Array;
}

/** Of each file; `failed`: handed back. Only a written one is there. */
export type WriteResult = readonly ("written" | "damaged" | "failed")[];

export const SMALL_FILES_PROGRAM = `${CHECKSUM_PROGRAM}
const { hash } = require("node:crypto");
const { closeSync, constants, fstatSync, openSync, readSync, renameSync, rmSync, writeSync } = require("node:fs");
const READ_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
const fill = (descriptor, into) => {
  for (let filled = 0; filled < into.length;) {
    const read = readSync(descriptor, into, filled, into.length - filled, filled);
    if (read === 0) return false;
    filled += read;
  }
  return true;
};
const openSmall = (path, largestBytes) => {
  let descriptor;
  try {
    descriptor = openSync(path, READ_FLAGS);
    const found = fstatSync(descriptor);
    if (found.isFile() && found.size <= largestBytes) return { descriptor, length: found.size };
  } catch {}
  if (descriptor !== undefined) closeSync(descriptor);
  return { descriptor: undefined, length: -1 };
};
const readAll = ({ read, largestBytes, digests: wanted }) => {
  const files = read.map((path) => openSmall(path, largestBytes));
  const bytes = Buffer.allocUnsafeSlow(files.reduce((sum, { length }) => sum + Math.max(0, length), 0));
  const digests = [];
  let at = 0;
  for (const file of files) {
    if (file.descriptor === undefined) continue;
    const content = bytes.subarray(at, at + file.length);
    try {
      if (!fill(file.descriptor, content)) file.length = -1;
    } catch {
      file.length = -1;
    }
    closeSync(file.descriptor);
    if (file.length === -1) continue;
    at += file.length;
    for (const algorithm of wanted) digests.push(hash(algorithm, content, "hex"));
  }
  return { result: { bytes, lengths: files.map(({ length }) => length), digests }, transfer: [bytes.buffer] };
};
let copy = Buffer.alloc(0);
const isIntact = (descriptor, length, { algorithm, encoding, value, compiled }) => {
  if (copy.length < length) copy = Buffer.allocUnsafeSlow(length);
  const onDisk = copy.subarray(0, length);
  if (!fill(descriptor, onDisk)) return false;
  const checksum = begin(algorithm, compiled);
  checksum.update(onDisk);
  return checksum.digest().toString(encoding) === value;
};
const writeOne = ({ path, partialPath, claim }, bytes) => {
  let descriptor;
  let isThere = false;
  let outcome = "failed";
  try {
    descriptor = openSync(partialPath, "wx+", 0o666);
    isThere = true;
    for (let written = 0; written < bytes.length;) written += writeSync(descriptor, bytes, written, bytes.length - written, written);
    const isRight = claim === undefined || isIntact(descriptor, bytes.length, claim);
    closeSync(descriptor);
    descriptor = undefined;
    if (isRight) renameSync(partialPath, path);
    isThere = !isRight;
    outcome = isRight ? "written" : "damaged";
  } catch {}
  try {
    if (descriptor !== undefined) closeSync(descriptor);
    if (isThere) rmSync(partialPath, { force: true });
  } catch {}
  return outcome;
};
const writeAll = ({ write, bytes }) => {
  let at = 0;
  const result = write.map((file) => writeOne(file, bytes.subarray(at, (at += file.lengthBytes))));
  return { result };
};
const run = (job) => job.read === undefined ? writeAll(job) : readAll(job);
`;
