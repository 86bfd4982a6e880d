/**
 * The bytes behind artifact URIs, as a port, and the one that knows the folders of the server and what its runs may read.
 *
 * A URI is what somebody wrote into the API, so it alone opens nothing: a file must lie in one of the server's own folders or in one of
 * the run's, after every link on the way has been followed; an object must be one that the run's own store configuration lets it read.
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
   * @param runIds Runs that have the artifact, the one that made it first.
   * @throws {ServiceError} NOT_FOUND; FAILED_PRECONDITION for a folder and for what the runs may not read, or no more; PERMISSION_DENIED
   * for what does not lie in the folders of the server or the runs; UNAVAILABLE for a store that does not answer.
   */
  open(uri: string, runIds: readonly string[]): Promise<ArtifactFile>;
}

/** What runs may read besides the folders of the server; whoever executes them knows. */
export interface RunArtifacts {
  /** Absolute paths of folders and files with artifacts of the run; none for a run that is gone. */
  folders(runId: string): readonly string[];
  /**
   * Opens an object with the store configuration of the run.
   *
   * @throws {ServiceError} As {@link ArtifactFiles.open}.
   */
  openObject(runId: string, uri: string): Promise<ArtifactFile>;
}

/** Runs that share an artifact and are asked for it, one after the other. */
const MOST_RUNS = 5;

const CHUNK_BYTES = 256 * 1024;
/** Names of a folder that an error mentions. */
const SHOWN_NAMES = 20;

/** Artifacts in the folders of the server, and those of its runs. @param runs Absent: the folders alone. */
export function artifactFiles(roots: readonly string[], runs?: RunArtifacts): ArtifactFiles {
  return {
    async open(uri, allRunIds) {
      const runIds = runs === undefined ? [] : allRunIds.slice(0, MOST_RUNS);
      if (isAbsolute(uri)) {
        return await openLocal(uri, [...roots, ...runIds.flatMap((runId) => runs?.folders(runId) ?? [])]);
      }
      let problem: unknown = failedPrecondition(`Artifact ${uri} does not lie on this machine; read it from its store`);
      for (const [index, runId] of runIds.entries()) {
        try {
          return await (runs as RunArtifacts).openObject(runId, uri);
        } catch (error) {
          if (index === 0) problem = error;
        }
      }
      throw problem;
    },
  };
}

async function openLocal(uri: string, roots: readonly string[]): Promise<ArtifactFile> {
  if (uri.includes("\0")) throw notFound("Artifact", uri.replaceAll("\0", "?"));
  const path = await realpath(uri).catch(() => undefined);
  if (!(await isBelow(path ?? uri, roots))) {
    throw new ServiceError(
      "PERMISSION_DENIED",
      `Artifact ${uri} does not lie in the artifacts of this server, nor in the pipeline root of its run`,
    );
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
}

/** Whether a path is one of the roots, or lies in one that is a folder. */
async function isBelow(path: string, roots: readonly string[]): Promise<boolean> {
  if (path.split(sep).includes("..")) return false;
  for (const root of roots) {
    const real = await realpath(root).catch(() => root);
    if (isAtOrBelow(path, real)) return true;
    // A file that is missing has no real path to compare.
    if (isAtOrBelow(path, root) && !(await exists(path))) return true;
  }
  return false;
}

function isAtOrBelow(path: string, root: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : `${root}${sep}`);
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
