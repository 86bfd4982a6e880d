/**
 * Digests of what transfers move: large pieces in threads of their own, so that the event loop goes on moving bytes; small ones, and
 * all of them where there is one processor or no thread to be had, at once.
 *
 * @module
 */
import type { FileHandle } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { StoreFailure } from "../store-failure.ts";
import { createChecksum } from "./checksums.ts";
import type { ChecksumAlgorithm } from "./checksums.ts";
import { DigestThread, digestsAtOnce } from "./digest-thread.ts";
import type { DigestSource, ThreadAlgorithm } from "./digest-thread.ts";

/** Where bytes lie in a file. */
export interface FileRegion {
  readonly start: number;
  /** Position after the last byte. */
  readonly end: number;
}

/** Below, a message to a thread costs more than it saves. */
const SMALLEST_FOR_THREADS = 1024 * 1024;
const MOST_THREADS = 4;
/** How much of a file is looked at before others have a turn. */
const PIECE_BYTES = 256 * 1024;

/** The file ends before the region does. */
export class FileShrankError extends StoreFailure {
  constructor() {
    super("the file became shorter while its digest was computed");
  }
}

/** A digest that waits for a thread. */
interface Job {
  readonly algorithm: ThreadAlgorithm;
  readonly source: DigestSource;
  /** Whether it may wait for others of its kind. */
  isPatient: boolean;
  /** `undefined`: threads cannot do it. */
  readonly done: (digest: Buffer | undefined) => void;
}

/** What the caller of a digest allows. */
export interface DigestOptions {
  /** Whether it may wait until there are enough of its kind to be computed together; `hurry()` ends that. Default false. */
  readonly isPatient?: boolean;
}

/** Computes digests. Threads are started when they are needed. */
export class Digests {
  readonly #mostThreads: number;
  readonly #jobs: Job[] = [];
  #threads: DigestThread[] = [];
  #areThreadsBroken = false;

  /** @param mostThreads Threads at once; 0 computes everything on the event loop. */
  constructor(mostThreads = usefulThreads()) {
    this.#mostThreads = mostThreads;
  }

  /** The bytes must stay as they are until the answer is there. */
  async ofBytes(bytes: Buffer, algorithm: ChecksumAlgorithm, options: DigestOptions = {}): Promise<Buffer> {
    if (bytes.buffer instanceof SharedArrayBuffer && bytes.length >= SMALLEST_FOR_THREADS) {
      const source = { bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length) };
      const digest = await this.#inThread(algorithm, source, options);
      if (digest !== undefined) return digest;
    }
    const checksum = createChecksum(algorithm);
    checksum.update(bytes);
    return checksum.digest();
  }

  /**
   * Of what is on the disk. The file must stay open until the answer is there.
   *
   * @throws {FileShrankError}
   */
  async ofRegion(
    file: FileHandle,
    region: FileRegion,
    algorithm: ChecksumAlgorithm,
    options: DigestOptions = {},
  ): Promise<Buffer> {
    if (region.end - region.start >= SMALLEST_FOR_THREADS) {
      const digest = await this.#inThread(algorithm, { descriptor: file.fd, ...region }, options);
      if (digest !== undefined) return digest;
    }
    return await readDigest(file, region, algorithm);
  }

  /** Whatever was asked for so far is needed now. */
  hurry(): void {
    for (const job of this.#jobs) job.isPatient = false;
    this.#startJobs();
  }

  /** Ends the threads; the next digest starts some. */
  release(): void {
    for (const thread of this.#threads) thread.end();
    this.#threads = [];
    for (const { done } of this.#jobs.splice(0)) done(undefined);
  }

  /** `undefined` where threads cannot do it. */
  async #inThread(
    algorithm: ChecksumAlgorithm,
    source: DigestSource,
    { isPatient = false }: DigestOptions,
  ): Promise<Buffer | undefined> {
    if (this.#areThreadsBroken || this.#mostThreads === 0) return undefined;
    return await new Promise((done) => {
      this.#jobs.push({ algorithm, source, isPatient, done });
      this.#startJobs();
    });
  }

  #startJobs(): void {
    for (let thread = this.#freeThread(); thread !== undefined; thread = this.#freeThread()) void this.#runJobs(thread);
  }

  /** Never fails. */
  async #runJobs(thread: DigestThread): Promise<void> {
    const jobs = takeJobs(this.#jobs);
    const [first] = jobs;
    if (first === undefined) return;
    try {
      const digests = await thread.compute(
        first.algorithm,
        jobs.map(({ source }) => source),
      );
      for (const [index, { done }] of jobs.entries()) done(digests[index]);
      this.#startJobs();
    } catch {
      // Limits of the container, or released meanwhile. What is wrong with a file shows when it is read here.
      for (const { done } of jobs) done(undefined);
      this.#giveUpThreads();
    }
  }

  #giveUpThreads(): void {
    this.#areThreadsBroken = true;
    this.release();
  }

  /** One that has nothing to do while there are jobs; a new one where those that wait would fill it. */
  #freeThread(): DigestThread | undefined {
    const next = takeJobs([...this.#jobs]);
    const [first] = next;
    if (first === undefined) return undefined;
    const idle = this.#threads.find(({ isIdle }) => isIdle);
    if (idle !== undefined || this.#threads.length >= this.#mostThreads) return idle;
    const isFilled = this.#threads.length === 0 || next.length === digestsAtOnce(first.algorithm);
    if (!isFilled) return undefined;
    try {
      const started = new DigestThread();
      this.#threads.push(started);
      return started;
    } catch {
      this.#giveUpThreads();
      return undefined;
    }
  }
}

/**
 * Takes out what a thread computes at once: the first job, and others of its kind. Digests that requests are signed with come before
 * those that answers are compared with.
 */
function takeJobs(jobs: Job[]): Job[] {
  const urgent = jobs.findIndex(({ algorithm }) => digestsAtOnce(algorithm) === 1);
  if (urgent !== -1) return jobs.splice(urgent, 1);
  const [first] = jobs;
  if (first === undefined) return [];
  const most = digestsAtOnce(first.algorithm);
  return jobs.length < most && jobs.every(({ isPatient }) => isPatient) ? [] : jobs.splice(0, most);
}

/** Where there is one processor, a thread would only take turns with the event loop. */
function usefulThreads(): number {
  const processors = availableParallelism();
  return processors === 1 ? 0 : Math.min(processors, MOST_THREADS);
}

async function readDigest(file: FileHandle, { start, end }: FileRegion, algorithm: ChecksumAlgorithm): Promise<Buffer> {
  const checksum = createChecksum(algorithm);
  const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, Math.max(end - start, 1)));
  for (let position = start; position < end;) {
    const { bytesRead } = await file.read(piece, 0, Math.min(piece.length, end - position), position);
    if (bytesRead === 0) throw new FileShrankError();
    checksum.update(piece.subarray(0, bytesRead));
    position += bytesRead;
  }
  return checksum.digest();
}
