/**
 * A thread that computes digests of shared memory and of pieces of open files.
 *
 * Its program is a text: bundled programs have no file of their own for it. It imports nothing but Node's modules.
 *
 * @module
 */
import { Worker } from "node:worker_threads";

/** What a thread can compute. */
export type ThreadAlgorithm = "crc32" | "md5" | "sha1" | "sha256";

/** Shared memory, or a piece of an open file. */
export type DigestSource =
  { readonly bytes: Uint8Array } | { readonly descriptor: number; readonly start: number; readonly end: number };

type Answer = { readonly id: number; readonly digest: Uint8Array } | { readonly id: number; readonly failure: string };

const PROGRAM = `
const { parentPort } = require("node:worker_threads");
const { createHash } = require("node:crypto");
const { readSync } = require("node:fs");
const { crc32 } = require("node:zlib");
const piece = Buffer.allocUnsafeSlow(1024 * 1024);
const begin = (algorithm) => {
  if (algorithm !== "crc32") return createHash(algorithm);
  let value = 0;
  return {
    update(bytes) { value = crc32(bytes, value); },
    digest() { const digest = Buffer.alloc(4); digest.writeUInt32BE(value); return digest; },
  };
};
const compute = ({ algorithm, source }) => {
  const hash = begin(algorithm);
  if (source.bytes !== undefined) hash.update(source.bytes);
  else for (let at = source.start; at < source.end;) {
    const read = readSync(source.descriptor, piece, 0, Math.min(piece.length, source.end - at), at);
    if (read === 0) throw new Error("the file became shorter while it was read");
    hash.update(piece.subarray(0, read));
    at += read;
  }
  return Uint8Array.from(hash.digest());
};
parentPort.on("message", (job) => {
  try {
    parentPort.postMessage({ id: job.id, digest: compute(job) });
  } catch (error) {
    parentPort.postMessage({ id: job.id, failure: error.message });
  }
});
`;

/** It holds one piece of a file and little else. */
const LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 32, stackSizeMb: 1 };

interface Waiting {
  readonly resolve: (digest: Buffer) => void;
  readonly reject: (error: Error) => void;
}

/** Answers to jobs in their order. */
export class DigestThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #jobs = 0;

  /** @throws when the machine allows no further thread. */
  constructor() {
    this.#worker = new Worker(PROGRAM, { eval: true, env: {}, argv: [], execArgv: [], stdin: false, resourceLimits: LIMITS });
    this.#worker.unref();
    this.#worker.on("message", (answer: Answer) => this.#settle(answer));
    this.#worker.on("error", (error) => this.#fail(error instanceof Error ? error : new Error(String(error))));
    this.#worker.on("exit", () => this.#fail(new Error("the thread that computes digests has ended")));
  }

  /** Jobs that are not done. */
  get load(): number {
    return this.#waiting.size;
  }

  /** The source must stay as it is until the answer is there. */
  compute(algorithm: ThreadAlgorithm, source: DigestSource): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const id = ++this.#jobs;
      this.#waiting.set(id, { resolve, reject });
      // While somebody waits, the process must not end.
      this.#worker.ref();
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is of windows
      this.#worker.postMessage({ id, algorithm, source });
    });
  }

  /** Jobs that are not done fail. */
  end(): void {
    void this.#worker.terminate();
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if ("digest" in answer) waiting?.resolve(Buffer.from(answer.digest));
    else waiting?.reject(new Error(answer.failure));
  }

  #fail(error: Error): void {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of all) reject(error);
  }
}
