/**
 * How long the parts of an object are, whose checksum is made of theirs: the store is asked, else usual lengths are guessed.
 *
 * Source: docs/spec/object-stores.md#decision-checksums.
 *
 * @module
 */
import type { BlobEntry, PartSizes, TransferTools } from "../bucket.ts";
import { StoreFailure } from "../store-failure.ts";
import { PART_BYTES, partSizeFor } from "./put-file.ts";
import type { S3Requests } from "./s3-requests.ts";

const MIB = 1024 * 1024;

/** What widespread tools cut uploads into, for stores that do not tell: ours, SDKs, command lines. */
const USUAL_PART_BYTES = [PART_BYTES, 5 * MIB, 16 * MIB, 15 * MIB, 10 * MIB, 64 * MIB, 32 * MIB, 100 * MIB, 128 * MIB];
/** Each costs one more look at the whole file. */
const MOST_GUESSES = 3;

interface PartQuery extends TransferTools {
  readonly requests: Pick<S3Requests, "statPart">;
}

/** Asks for the first and the last part; all but the last are then of one size, or the sizes stay unknown. */
export async function partSizes(query: PartQuery, entry: BlobEntry, parts: number): Promise<PartSizes> {
  const { sizeBytes } = entry;
  if (parts === 1) return { sizes: [Math.max(sizeBytes, 1)], isCertain: true };
  const fits = (partBytes: number): boolean => Math.ceil(sizeBytes / partBytes) === parts;
  const first = await partSize(query, entry, 1, parts);
  if (first !== undefined) {
    const last = await partSize(query, entry, parts, parts);
    const isEven = fits(first) && last === sizeBytes - first * (parts - 1);
    return { sizes: isEven ? [first] : [], isCertain: isEven };
  }
  const guesses = [...new Set([partSizeFor(sizeBytes), ...USUAL_PART_BYTES, Math.ceil(sizeBytes / parts / MIB) * MIB])];
  return { sizes: guesses.filter(fits).slice(0, MOST_GUESSES), isCertain: false };
}

/** `undefined` where the store does not know of parts. */
async function partSize(query: PartQuery, entry: BlobEntry, part: number, parts: number): Promise<number | undefined> {
  const { requests, retrier, signal } = query;
  try {
    const answer = await retrier.run(() => requests.statPart(entry.key, part, signal));
    return answer.parts === parts ? answer.sizeBytes : undefined;
  } catch (error) {
    if (!(error instanceof StoreFailure) || signal.aborted) throw error;
    return undefined;
  }
}
