/**
 * Whether a key names anything: an object, or objects below it as a folder has.
 *
 * @module
 */
import type { TransferContext } from "./upload.ts";

/** Lists one page at most, for stores that let clients list but not look, and the other way round for one object. @param key Unescaped. */
export async function keyExists({ bucket, retrier, signal }: TransferContext, key: string): Promise<boolean> {
  const exact = bucket.escapeKey(key);
  const { entries } = await retrier.run(() => bucket.list(exact, undefined, signal));
  if (entries.some((entry) => entry.key === exact || entry.key.startsWith(`${exact}/`))) return true;
  if (entries.length === 0) return false;
  // Keys such as "model-2" come before those below "model/": they may fill the page.
  const below = await retrier.run(() => bucket.list(`${exact}/`, undefined, signal));
  return below.entries.length > 0;
}
