/**
 * Files and folders against keys: what becomes which object, and back.
 *
 * Source: docs/spec/object-stores.md#upload (upload), #download (download), #lau-34 (directory markers).
 *
 * @module
 */
import { mkdir, realpath } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { StorageError } from "../../core/errors.ts";
import type { BlobEntry } from "../bucket.ts";
import { downloadFile, downloadSmallFile } from "./download.ts";
import { kindOf, walkFiles } from "../local-tree.ts";
import { relativePathOf, unescapeKey } from "../object-key.ts";
import { ByteBudget, runBounded } from "./run-bounded.ts";
import { uploadFile, uploadSmallFile } from "./upload.ts";
import type { TransferContext } from "./upload.ts";

/** Files in flight at once; the bytes they hold are bounded by the context's budget. */
const FILES_AT_ONCE = 64;

/**
 * Uploads a file to `key`, or each file below a folder to `key/<relative path>`, hidden ones included. Empty folders leave nothing.
 *
 * @param key Unescaped object key.
 * @throws {StorageError} OBJECT_NOT_FOUND when `localPath` does not exist, LOCAL_PATH_INVALID for a link to a folder, a dangling
 *   link, a socket, a pipe or a device.
 */
export async function uploadPath(context: TransferContext, localPath: string, key: string): Promise<void> {
  const kind = await kindOf(localPath);
  if (kind === undefined) {
    throw new StorageError("OBJECT_NOT_FOUND", `Cannot upload ${localPath}: there is no such file or folder.`);
  }
  if (kind === "file") return await uploadFile(context, localPath, context.bucket.escapeKey(key));
  const files = walkFiles(localPath, { links: "to files", names: "UTF-8" });
  await runFiles(context, files, async (relativePath, inTurn) => {
    const path = join(localPath, relativePath);
    const fileKey = context.bucket.escapeKey(`${key}/${relativePath}`);
    if (!(await uploadSmallFile(context, path, fileKey))) await inTurn(() => uploadFile(context, path, fileKey));
  });
}

/**
 * Downloads what `key` names: one object to `localPath`, or all objects below `key/` to paths below it.
 *
 * @param key Unescaped object key, without trailing slash.
 * @param uri For messages.
 * @returns the number of objects, 0 when there is nothing.
 * @throws {StorageError} LOCAL_PATH_INVALID when a key would leave the folder or cannot be a path beside the others.
 */
export async function downloadPath(context: TransferContext, key: string, localPath: string, uri: string): Promise<number> {
  const { exact, nested } = await listBelow(context, key);
  if (nested.length === 0) {
    if (exact === undefined) return 0;
    if (exact.key.endsWith("/") && exact.sizeBytes === 0) {
      await mkdir(localPath, { recursive: true });
      return 1;
    }
    await mkdir(dirname(localPath), { recursive: true });
    await downloadFile(context, exact, localPath);
    return 1;
  }
  const { files, folders } = planFolder(nested, { root: unescapeKey(context.bucket.escapeKey(key)), uri });
  await mkdir(localPath, { recursive: true });
  const root = await realpath(localPath);
  for (const folder of folders) await makeFolderInside(root, join(localPath, folder), uri);
  await runFiles(context, files, async ([relativePath, entry], inTurn) => {
    const path = join(localPath, relativePath);
    if (!(await downloadSmallFile(context, entry, path))) await inTurn(() => downloadFile(context, entry, path));
  });
  return nested.length;
}

/** @param work Is given what all but small files have to go through. */
async function runFiles<T>(
  { bucket }: TransferContext,
  files: Iterable<T> | AsyncIterable<T>,
  work: (file: T, inTurn: (rest: () => Promise<void>) => Promise<void>) => Promise<void>,
): Promise<void> {
  const turns = new ByteBudget(FILES_AT_ONCE);
  await runBounded(files, Math.max(FILES_AT_ONCE, bucket.smallAtOnce ?? 0), (file) => work(file, (rest) => turns.hold(1, rest)));
}

interface FolderPlan {
  /** Target, relative, to object. */
  readonly files: ReadonlyMap<string, BlobEntry>;
  /** Every folder that is needed, parents before children. */
  readonly folders: readonly string[];
}

/** Decides which entries are files and which only mark folders. Pure. */
function planFolder(nested: readonly BlobEntry[], where: { root: string; uri: string }): FolderPlan {
  const files = new Map<string, BlobEntry>();
  const folders = new Set<string>();
  for (const entry of nested) {
    const key = unescapeKey(entry.key);
    const path = relativePathOf(key, where.root, where.uri);
    const isMarker = key.endsWith("/") && entry.sizeBytes === 0;
    addFolders(folders, isMarker ? path : dirname(path));
    if (isMarker) continue;
    if (files.has(path)) throw collision(where.uri, path);
    files.set(path, entry);
  }
  for (const [path, entry] of files) {
    if (!folders.has(path)) continue;
    // Some tools mark a folder by an empty object of its very name.
    if (entry.sizeBytes > 0) throw collision(where.uri, path);
    files.delete(path);
  }
  return { files, folders: [...folders].sort() };
}

function addFolders(folders: Set<string>, path: string): void {
  for (let folder = path; folder !== "." && !folders.has(folder); folder = dirname(folder)) folders.add(folder);
}

function collision(uri: string, path: string): StorageError {
  return new StorageError(
    "LOCAL_PATH_INVALID",
    `Cannot download ${uri}: two objects want the path ${JSON.stringify(path)}. Rename or remove one of them.`,
  );
}

/** A link that was there before must not lead the download elsewhere. */
async function makeFolderInside(root: string, folder: string, uri: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const real = await realpath(folder);
  if (real === root || real.startsWith(root + sep)) return;
  throw new StorageError(
    "LOCAL_PATH_INVALID",
    `Cannot download ${uri}: ${folder} is a link that leads out of the target folder.`,
  );
}

/** Siblings that only share the beginning of the name (`out_ds2` for `out_ds`) are left out. */
async function listBelow(context: TransferContext, key: string): Promise<{ exact: BlobEntry | undefined; nested: BlobEntry[] }> {
  const prefix = context.bucket.escapeKey(key);
  const root = unescapeKey(prefix);
  const nested: BlobEntry[] = [];
  let exact: BlobEntry | undefined;
  let token: string | undefined;
  do {
    const page = await context.retrier.run(() => context.bucket.list(prefix, token, context.signal));
    for (const entry of page.entries) {
      const found = unescapeKey(entry.key);
      if (found === root) exact = entry;
      else if (found === `${root}/`) exact ??= entry;
      else if (found.startsWith(`${root}/`)) nested.push(entry);
    }
    token = page.nextToken;
  } while (token !== undefined);
  return { exact, nested };
}
