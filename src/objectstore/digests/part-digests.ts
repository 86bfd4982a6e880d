/**
 * Digests of the parts of a file that is being written: each is begun as soon as all of its bytes are on the disk.
 *
 * @module
 */
import type { FileHandle } from "node:fs/promises";
import type { ChecksumAlgorithm } from "./checksums.ts";
import type { DigestOptions, Digests, FileRegion } from "./digests.ts";
import { runBounded } from "../transfer/run-bounded.ts";

/** Parts looked at at once when the file is there already. */
const PARTS_AT_ONCE = 4;

export interface PartedFile {
  readonly file: FileHandle;
  readonly sizeBytes: number;
  /** Of every part but the last. At least 1. */
  readonly partBytes: number;
}

/** The file must stay open until `settle` has ended. */
export class PartDigests {
  readonly #digests: Digests;
  readonly #source: PartedFile;
  readonly #algorithm: ChecksumAlgorithm;
  readonly #writtenBytes = new Map<number, number>();
  readonly #begun = new Map<number, Promise<Buffer>>();

  constructor(digests: Digests, source: PartedFile, algorithm: ChecksumAlgorithm) {
    this.#digests = digests;
    this.#source = source;
    this.#algorithm = algorithm;
  }

  /** To be told of every byte once. */
  onWritten({ start, end }: FileRegion): void {
    const { partBytes } = this.#source;
    for (let index = Math.floor(start / partBytes); index * partBytes < end; index++) {
      const part = this.#region(index);
      const bytes = (this.#writtenBytes.get(index) ?? 0) + Math.min(end, part.end) - Math.max(start, part.start);
      this.#writtenBytes.set(index, bytes);
      if (bytes === part.end - part.start) void this.#begin(index, { isPatient: true });
    }
  }

  /** In the order of the parts, also of those that nobody spoke of. */
  async all(): Promise<Buffer[]> {
    const { sizeBytes, partBytes } = this.#source;
    const found: Buffer[] = [];
    this.#digests.hurry();
    // An object without a byte has one part as well.
    const indexes = Array.from({ length: Math.max(1, Math.ceil(sizeBytes / partBytes)) }, (_, index) => index);
    await runBounded(indexes, PARTS_AT_ONCE, async (index) => {
      found[index] = await (this.#begun.get(index) ?? this.#begin(index, {}));
    });
    return found;
  }

  /** Waits until nothing reads the file any more. */
  async settle(): Promise<void> {
    this.#digests.hurry();
    await Promise.allSettled(this.#begun.values());
  }

  #begin(index: number, options: DigestOptions): Promise<Buffer> {
    const digest = this.#digests.ofRegion(this.#source.file, this.#region(index), this.#algorithm, options);
    digest.catch(() => {});
    this.#begun.set(index, digest);
    return digest;
  }

  #region(index: number): FileRegion {
    const { sizeBytes, partBytes } = this.#source;
    return { start: index * partBytes, end: Math.min((index + 1) * partBytes, sizeBytes) };
  }
}
