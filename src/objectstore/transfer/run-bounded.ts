/**
 * Bounded concurrency: so many tasks at once, so many bytes in flight, and the buffers that hold them.
 *
 * @module
 */

/**
 * Calls `work` for every item, at most `limit` at a time. The first failure stops the rest: no new item is started, running ones
 * are waited for, the failure is thrown.
 */
export async function runBounded<T>(
  items: Iterable<T> | AsyncIterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const source = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  const failures: unknown[] = [];
  let isDone = false;
  // Async iterators answer overlapping next() calls in order, so the workers may pull from one source.
  const worker = async (): Promise<void> => {
    while (!isDone) {
      try {
        const next = await source.next();
        if (next.done === true) isDone = true;
        else if (!isDone) await work(next.value);
      } catch (error) {
        isDone = true;
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, limit) }, worker));
  if (failures.length > 0) throw failures[0];
}

/** Keeps the sum of the bytes held at once below a bound; first come, first served. */
export class ByteBudget {
  #freeBytes: number;
  readonly #totalBytes: number;
  readonly #waiting: { bytes: number; start: () => void }[] = [];

  constructor(totalBytes: number) {
    this.#totalBytes = totalBytes;
    this.#freeBytes = totalBytes;
  }

  /** Runs `work` while holding `bytes`; more than there is in all counts as all. */
  async hold<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    const share = Math.min(bytes, this.#totalBytes);
    if (this.#waiting.length > 0 || this.#freeBytes < share) {
      await new Promise<void>((resolve) => this.#waiting.push({ bytes: share, start: resolve }));
    } else {
      this.#freeBytes -= share;
    }
    try {
      return await work();
    } finally {
      this.#freeBytes += share;
      this.#startWaiting();
    }
  }

  #startWaiting(): void {
    for (let next = this.#waiting[0]; next !== undefined && next.bytes <= this.#freeBytes; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#freeBytes -= next.bytes;
      next.start();
    }
  }
}

/**
 * Large buffers used again, because the garbage collector is in no hurry to free them. A buffer is given back only when nothing can
 * read it any more.
 */
export class BufferPool {
  readonly #bufferBytes: number;
  readonly #maxBuffers: number;
  readonly #free: Buffer[] = [];

  constructor(bufferBytes: number, maxBuffers: number) {
    this.#bufferBytes = bufferBytes;
    this.#maxBuffers = maxBuffers;
  }

  /** Bytes that a buffer for `lengthBytes` really takes: the pool serves what fills at least half of one of its buffers. */
  sizeFor(lengthBytes: number): number {
    return lengthBytes > this.#bufferBytes / 2 && lengthBytes <= this.#bufferBytes ? this.#bufferBytes : lengthBytes;
  }

  /** Exactly `lengthBytes`, content undefined. */
  take(lengthBytes: number): Buffer {
    const sizeBytes = this.sizeFor(lengthBytes);
    const buffer = sizeBytes === this.#bufferBytes ? this.#free.pop() : undefined;
    // Threads that compute digests see shared memory without a copy.
    const made = (): Buffer =>
      sizeBytes === this.#bufferBytes ? Buffer.from(new SharedArrayBuffer(sizeBytes)) : Buffer.allocUnsafeSlow(sizeBytes);
    return (buffer ?? made()).subarray(0, lengthBytes);
  }

  giveBack(buffer: Buffer): void {
    const whole = Buffer.from(buffer.buffer);
    if (whole.length === this.#bufferBytes && this.#free.length < this.#maxBuffers) this.#free.push(whole);
  }

  /** Lets the garbage collector have the buffers that nobody uses. */
  release(): void {
    this.#free.length = 0;
  }
}
