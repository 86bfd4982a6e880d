/**
 * The CRC of a file that is being written, joined from those of its pieces: in any order, in several threads, while others arrive.
 *
 * @module
 */
import type { FileHandle } from "node:fs/promises";
import { joinCrcs } from "./crc-join.ts";
import type { CrcAlgorithm } from "./crc-join.ts";
import type { Digests, FileRegion } from "./digests.ts";
import { PartDigests } from "./part-digests.ts";

/** Of a piece. */
const PIECE_BYTES = 8 * 1024 * 1024;

/** The file must stay open until `settle` has ended. */
export class JoinedCrc {
  readonly #sizeBytes: number;
  readonly #pieces: PartDigests;
  readonly #algorithm: CrcAlgorithm;

  constructor(digests: Digests, source: { readonly file: FileHandle; readonly sizeBytes: number }, algorithm: CrcAlgorithm) {
    this.#sizeBytes = source.sizeBytes;
    this.#algorithm = algorithm;
    this.#pieces = new PartDigests(digests, { ...source, partBytes: PIECE_BYTES }, algorithm);
  }

  /** To be told of every byte once; what nobody spoke of is read at the end. */
  onWritten(region: FileRegion): void {
    this.#pieces.onWritten(region);
  }

  /** @throws {FileShrankError} */
  async digest(): Promise<Buffer> {
    const found = await this.#pieces.all();
    const lengthOf = (index: number): number => Math.min(PIECE_BYTES, this.#sizeBytes - index * PIECE_BYTES);
    const pieces = found.map((digest, index) => ({ digest, lengthBytes: lengthOf(index) }));
    return joinCrcs(this.#algorithm, pieces);
  }

  /** Waits until nothing reads the file any more. */
  async settle(): Promise<void> {
    await this.#pieces.settle();
  }
}
