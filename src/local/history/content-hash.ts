/**
 * What a file or folder holds, as one hash: the same content has the same hash wherever it lies. Streaming, with limits.
 *
 * @module
 */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir, readlink, realpath } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { errorMessage } from "../../core/errors.ts";

/** How much is read. */
export interface ContentLimits {
  /** Of all files of an artifact together. */
  readonly maxBytes: number;
  readonly maxFiles: number;
}

/** Enough for every artifact that people compare while they wait. */
export const CONTENT_LIMITS: ContentLimits = { maxBytes: 4 * 1024 ** 3, maxFiles: 100_000 };

/** The hash, or why there is none. */
export type ContentHash = { readonly hash: string } | { readonly problem: string };

/** @param path Absolute; a link leads to what is meant. A folder counts with the names in it; times and owners do not count. Never throws. */
export async function hashContent(path: string, limits: ContentLimits = CONTENT_LIMITS): Promise<ContentHash> {
  const hash = createHash("sha256");
  try {
    const problem = await addContent(hash, await realpath(path), { bytes: limits.maxBytes, files: limits.maxFiles });
    return problem === undefined ? { hash: hash.digest("hex") } : { problem };
  } catch (error) {
    return { problem: errorMessage(error) };
  }
}

/** What is left of the limits. */
interface Left {
  bytes: number;
  files: number;
}

async function addContent(hash: Hash, path: string, left: Left): Promise<string | undefined> {
  const found = await lstat(path);
  left.files -= 1;
  if (left.files < 0) return "it has too many files";
  if (found.isSymbolicLink()) {
    addText(hash, "link", await readlink(path));
    return undefined;
  }
  if (found.isDirectory()) {
    const names = (await readdir(path)).toSorted();
    addText(hash, "folder", String(names.length));
    for (const name of names) {
      addText(hash, "name", name);
      const problem = await addContent(hash, join(path, name), left);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }
  if (!found.isFile()) {
    addText(hash, "special", "");
    return undefined;
  }
  left.bytes -= found.size;
  if (left.bytes < 0) return "it is too large";
  addText(hash, "file", String(found.size));
  await pipeline(createReadStream(path), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) hash.update(chunk);
  });
  return undefined;
}

/** Kinds and lengths keep apart what would run together. */
function addText(hash: Hash, kind: string, text: string): void {
  hash.update(`${kind} ${Buffer.byteLength(text)} ${text}\0`);
}
