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
import { DigestThread } from "./digest-thread.ts";
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

/** Computes digests. Threads are started when they are first needed. */
export class Digests {
  readonly #mostThreads: number;
  #threads: DigestThread[] = [];
  #areThreadsBroken = false;

  /** @param mostThreads Threads at once; 0 computes everything on the event loop. */
  constructor(mostThreads = usefulThreads()) {
    this.#mostThreads = mostThreads;
  }

  /** The bytes must stay as they are until the answer is there. */
  async ofBytes(bytes: Buffer, algorithm: ChecksumAlgorithm): Promise<Buffer> {
    if (bytes.buffer instanceof SharedArrayBuffer && bytes.length >= SMALLEST_FOR_THREADS) {
      const source = { bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length) };
      const digest = await this.#inThread(algorithm, source);
      if (digest !== undefined) return digest;
    }
    const checksum = createChecksum(algorithm);
    checksum.update(bytes);
    return checksum.digest();
  }

  /**
   * Of what is on the disk. The file must stay open until the answer is there.
   *
   * @throws {StoreFailure} when the file ends before the region.
   */
  async ofRegion(file: FileHandle, region: FileRegion, algorithm: ChecksumAlgorithm): Promise<Buffer> {
    if (region.end - region.start >= SMALLEST_FOR_THREADS) {
      const digest = await this.#inThread(algorithm, { descriptor: file.fd, ...region });
      if (digest !== undefined) return digest;
    }
    return await readDigest(file, region, algorithm);
  }

  /** Ends the threads; the next digest starts some. */
  release(): void {
    for (const thread of this.#threads) thread.end();
    this.#threads = [];
  }

  /** `undefined` where threads cannot do it. */
  async #inThread(algorithm: ChecksumAlgorithm, source: DigestSource): Promise<Buffer | undefined> {
    if (!isForThreads(algorithm) || this.#areThreadsBroken || this.#mostThreads === 0) return undefined;
    try {
      return await this.#freeThread().compute(algorithm, source);
    } catch {
      // Limits of the container, or released meanwhile. What is wrong with a file shows when it is read here.
      this.#areThreadsBroken = true;
      this.release();
      return undefined;
    }
  }

  /** The one with the fewest jobs; a new one while all are busy. */
  #freeThread(): DigestThread {
    const [least] = this.#threads.toSorted((a, b) => a.load - b.load);
    if (least !== undefined && (least.load === 0 || this.#threads.length >= this.#mostThreads)) return least;
    const started = new DigestThread();
    this.#threads.push(started);
    return started;
  }
}

/** Where there is one processor, a thread would only take turns with the event loop. */
function usefulThreads(): number {
  const processors = availableParallelism();
  return processors === 1 ? 0 : Math.min(processors, MOST_THREADS);
}

function isForThreads(algorithm: ChecksumAlgorithm): algorithm is ThreadAlgorithm {
  return algorithm !== "crc32c" && algorithm !== "crc64nvme";
}

async function readDigest(file: FileHandle, { start, end }: FileRegion, algorithm: ChecksumAlgorithm): Promise<Buffer> {
  const checksum = createChecksum(algorithm);
  const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, Math.max(end - start, 1)));
  for (let position = start; position < end;) {
    const { bytesRead } = await file.read(piece, 0, Math.min(piece.length, end - position), position);
    if (bytesRead === 0) throw new StoreFailure("the downloaded file became shorter while it was verified");
    checksum.update(piece.subarray(0, bytesRead));
    position += bytesRead;
  }
  return checksum.digest();
}
