/**
 * Small files by the thousand: read and written by threads of their own, many with one message (small-files-program.ts).
 *
 * @module
 */
import { rm } from "node:fs/promises";
import type { Transferable } from "node:worker_threads";
import type { KnownDigests } from "../bucket.ts";
import { JobThread } from "../../node/job-thread.ts";
import { CHECKSUM_DATA, compiledChecksum } from "../digests/checksum-program.ts";
import type { ChecksumAlgorithm } from "../digests/checksums.ts";
import { SMALL_FILES_PROGRAM } from "./small-files-program.ts";
import type { FileToWrite, ReadJob, ReadResult, SmallDigest, WriteJob, WriteResult } from "./small-files-program.ts";

/** What is longer goes the usual way. */
export const SMALL_FILE_BYTES = 64 * 1024;
/** So many files go the usual way first: starting a thread costs as much as a hundred of them. */
const FILES_BEFORE_THREADS = 100;
const FILES_PER_JOB = 32;
/** As many as Node's own. One is enough for a disk that answers from memory. */
const MOST_THREADS = 4;
/** Time for one file after which another thread waits beside the ones that wait. */
const SLOW_FILE_MS = 10;
/** How long a file may wait for others to go with it. */
const GATHERING_MS = 2;

/** What a file must have once it is written. */
export interface ExpectedChecksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly encoding: "hex" | "base64";
  readonly value: string;
}

/** A file with its content. */
export interface SmallFile {
  readonly path: string;
  /** Beside the path; nothing is there. */
  readonly partialPath: string;
  readonly bytes: Buffer;
  readonly checksum?: ExpectedChecksum;
}

interface FileToRead {
  readonly path: string;
  readonly digests: readonly SmallDigest[];
}

/** A file that was read. */
export interface ReadFile {
  readonly bytes: Buffer;
  /** Those that were asked for, in hex. */
  readonly digests: KnownDigests;
}

type Outcome = WriteResult[number];

type Thread = JobThread<ReadJob | WriteJob, ReadResult | WriteResult>;

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly done: (result: Result) => void;
}

export class SmallFiles {
  readonly #filesBefore: number;
  readonly #reads: Waiting<FileToRead, ReadFile | undefined>[] = [];
  readonly #writes: Waiting<SmallFile, Outcome>[] = [];
  #threads: Thread[] = [];
  #mostThreads = 1;
  #files = 0;
  #timer: NodeJS.Timeout | undefined;
  #areThreadsBroken = false;

  /** @param filesBefore How many files go the usual way before threads are started. */
  constructor(filesBefore = FILES_BEFORE_THREADS) {
    this.#filesBefore = filesBefore;
  }

  /** To be asked once for each file: whether there are enough of them by now, and threads to be had. */
  isWorthIt(): boolean {
    this.#files += 1;
    return this.#files > this.#filesBefore && !this.#areThreadsBroken;
  }

  /**
   * Reads a regular file, links followed.
   *
   * @returns `undefined` when it has to be read the usual way.
   */
  async read(path: string, digests: readonly SmallDigest[]): Promise<ReadFile | undefined> {
    return await new Promise((done) => {
      this.#reads.push({ item: { path, digests }, done });
      this.#schedule();
    });
  }

  /**
   * Writes the file beside its path, looks at what is on the disk, and gives it its name.
   *
   * @returns `damaged` when the disk has other bytes than the checksum says, `failed` when it has to be written the usual way; there is
   *   nothing then.
   */
  async write(file: SmallFile): Promise<Outcome> {
    return await new Promise((done) => {
      this.#writes.push({ item: file, done });
      this.#schedule();
    });
  }

  /** Ends the threads. To be called when nobody waits. */
  release(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const thread of this.#threads) thread.end();
    this.#threads = [];
    this.#files = 0;
    this.#mostThreads = 1;
    for (const { done } of this.#reads.splice(0)) done(undefined);
    for (const { done } of this.#writes.splice(0)) done("failed");
  }

  /** Each message wakes a thread, and costs as much as the file does. */
  #schedule(): void {
    if (this.#reads.length >= FILES_PER_JOB || this.#writes.length >= FILES_PER_JOB) this.#startJobs();
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#startJobs();
    }, GATHERING_MS);
  }

  #startJobs(): void {
    while (this.#reads.length > 0 || this.#writes.length > 0) {
      const thread = this.#freeThread();
      if (thread === undefined) return;
      if (this.#reads.length > 0) void this.#runReads(thread, this.#reads.splice(0, FILES_PER_JOB));
      else void this.#runWrites(thread, this.#writes.splice(0, FILES_PER_JOB));
    }
  }

  async #runReads(thread: Thread, files: readonly Waiting<FileToRead, ReadFile | undefined>[]): Promise<void> {
    const wanted = [...new Set(files.flatMap(({ item }) => item.digests))];
    const job = { read: files.map(({ item }) => item.path), largestBytes: SMALL_FILE_BYTES, digests: wanted };
    const result = await this.#run(thread, job, files.length);
    const read = result === undefined || !("lengths" in result) ? undefined : result;
    let at = 0;
    let digestsAt = 0;
    for (const [index, { done }] of files.entries()) {
      const length = read?.lengths[index] ?? -1;
      if (read === undefined || length === -1) {
        done(undefined);
        continue;
      }
      const bytes = Buffer.from(read.bytes.buffer, read.bytes.byteOffset + at, length);
      const digests = Object.fromEntries(wanted.map((algorithm, place) => [algorithm, read.digests[digestsAt + place]]));
      done({ bytes, digests });
      at += length;
      digestsAt += wanted.length;
    }
  }

  async #runWrites(thread: Thread, files: readonly Waiting<SmallFile, Outcome>[]): Promise<void> {
    const bytes = Buffer.allocUnsafeSlow(files.reduce((sum, { item }) => sum + item.bytes.length, 0));
    let at = 0;
    const write = files.map(({ item: { path, partialPath, bytes: content, checksum } }): FileToWrite => {
      at += content.copy(bytes, at);
      const claim = checksum === undefined ? {} : { claim: { ...checksum, compiled: compiledChecksum(checksum.algorithm) } };
      return { path, partialPath, lengthBytes: content.length, ...claim };
    });
    const result = await this.#run(thread, { write, bytes }, files.length, [bytes.buffer]);
    const outcomes = result === undefined || "lengths" in result ? [] : result;
    // What a thread leaves that has ended in the middle of something.
    if (result === undefined) await Promise.all(write.map(({ partialPath }) => rm(partialPath, { force: true }).catch(() => {})));
    for (const [index, { done }] of files.entries()) done(outcomes[index] ?? "failed");
  }

  /** `undefined` where the thread cannot do it. */
  async #run(
    thread: Thread,
    job: ReadJob | WriteJob,
    files: number,
    transfer: readonly Transferable[] = [],
  ): Promise<ReadResult | WriteResult | undefined> {
    const startedAt = performance.now();
    try {
      const result = await thread.run(job, transfer);
      // A disk at the other end of a network: others may wait for it at the same time.
      if (performance.now() - startedAt > files * SLOW_FILE_MS) this.#mostThreads = Math.min(MOST_THREADS, this.#mostThreads + 1);
      if (this.#reads.length > 0 || this.#writes.length > 0) this.#schedule();
      return result;
    } catch {
      this.#areThreadsBroken = true;
      this.release();
      return undefined;
    }
  }

  #freeThread(): Thread | undefined {
    const idle = this.#threads.find(({ isIdle }) => isIdle);
    if (idle !== undefined || this.#threads.length >= this.#mostThreads) return idle;
    try {
      const started: Thread = new JobThread(SMALL_FILES_PROGRAM, CHECKSUM_DATA);
      this.#threads.push(started);
      return started;
    } catch {
      this.#areThreadsBroken = true;
      this.release();
      return undefined;
    }
  }
}
