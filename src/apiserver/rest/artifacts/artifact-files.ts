/**
 * The bytes behind artifact URIs, as a port, and the one for artifacts that lie on this machine.
 *
 * A URI is what somebody wrote into the API, so it alone opens nothing: the file must lie in one of the server's own folders, after
 * every link on the way has been followed.
 *
 * @module
 */
import { constants } from "node:fs";
import { open, readdir, realpath, stat, type FileHandle } from "node:fs/promises";
import { isAbsolute, join, sep } from "node:path";
import { failedPrecondition, notFound, ServiceError } from "../../service-error.ts";

/** A file that is open. */
export interface ArtifactFile {
  /** Bytes when it was opened; it may grow. */
  readonly size: number;
  /** From `start` up to, but without, `end`. */
  read(start: number, end: number): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** Opens artifacts. */
export interface ArtifactFiles {
  /**
   * @param uri Of an artifact, or of a file below one.
   * @throws {ServiceError} NOT_FOUND; FAILED_PRECONDITION for a folder and for a store this server does not read; PERMISSION_DENIED for
   * what does not lie in its folders.
   */
  open(uri: string): Promise<ArtifactFile>;
}

const CHUNK_BYTES = 256 * 1024;
/** Names of a folder that an error mentions. */
const SHOWN_NAMES = 20;

/** Artifacts whose URI is an absolute path below one of the folders. */
export function localArtifactFiles(roots: readonly string[]): ArtifactFiles {
  return {
    async open(uri) {
      if (!isAbsolute(uri)) {
        throw failedPrecondition(`Artifact ${uri} does not lie on this machine; read it from its store`);
      }
      if (uri.includes("\0")) throw notFound("Artifact", uri.replaceAll("\0", "?"));
      const path = await realpath(uri).catch(() => undefined);
      if (!(await isBelow(path ?? uri, roots))) {
        throw new ServiceError("PERMISSION_DENIED", `Artifact ${uri} does not lie in the artifacts of this server`);
      }
      if (path === undefined) throw notFound("Artifact", uri);
      if ((await stat(path)).isDirectory()) throw await folderProblem(uri, path);
      // Without waiting: a pipe would block until somebody writes.
      const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => undefined);
      if (file === undefined) throw notFound("Artifact", uri);
      const facts = await file.stat();
      if (!facts.isFile()) {
        await file.close();
        throw failedPrecondition(`Artifact ${uri} is not a file`);
      }
      return { size: facts.size, read: (start, end) => chunks(file, start, end), close: async () => await file.close() };
    },
  };
}

async function isBelow(path: string, roots: readonly string[]): Promise<boolean> {
  if (path.split(sep).includes("..")) return false;
  for (const root of roots) {
    const real = await realpath(root).catch(() => root);
    if (path.startsWith(real.endsWith(sep) ? real : `${real}${sep}`)) return true;
    // A file that is missing has no real path to compare.
    if (path.startsWith(root.endsWith(sep) ? root : `${root}${sep}`)) return !(await exists(path));
  }
  return false;
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

async function folderProblem(uri: string, path: string): Promise<ServiceError> {
  const names = (await readdir(path)).toSorted();
  const shown = names.slice(0, SHOWN_NAMES).map((name) => join(uri, name));
  const rest = names.length > shown.length ? `, and ${names.length - shown.length} more` : "";
  return failedPrecondition(`Artifact ${uri} is a folder; name a file in it: ${shown.join(", ")}${rest}`);
}

async function* chunks(file: FileHandle, start: number, end: number): AsyncGenerator<Uint8Array> {
  for (let at = start; at < end;) {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - at));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
