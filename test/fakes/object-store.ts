/** An object store in memory that records what is asked of it and fails on demand. @module */
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { StorageError } from "../../src/core/errors.ts";
import type { DownloadResult, ObjectStore } from "../../src/ports/object-store.ts";

export class FakeObjectStore implements ObjectStore {
  /** Objects by URI. */
  readonly objects = new Map<string, string>();
  /** What was asked, as `upload minio://b/k`, `refresh`, `close`. */
  readonly requests: string[] = [];
  /** URIs that begin with one of these are refused. */
  readonly refused: string[] = [];
  /** Thrown by the next requests, one after the other, that begin with the text. */
  readonly failures: { request: string; error: Error }[] = [];

  /** Absent unless a test sets it. */
  warmUp?: (uri: string) => Promise<void>;

  assertAllowed(uri: string): void {
    if (this.refused.some((prefix) => uri.startsWith(prefix))) {
      throw new StorageError("URI_OUTSIDE_PIPELINE_ROOT", `artifact URI "${uri}" is outside the configured pipeline root`);
    }
  }

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  async upload(localPath: string, uri: string): Promise<void> {
    this.#note(`upload ${uri}`);
    this.assertAllowed(uri);
    const found = await stat(localPath).catch(() => undefined);
    if (found === undefined) throw new StorageError("OBJECT_NOT_FOUND", `there is no file ${localPath}`);
    this.objects.set(uri, found.isFile() ? await readFile(localPath, "utf8") : "<folder>");
  }

  async download(uri: string, localPath: string): Promise<DownloadResult> {
    this.#note(`download ${uri}`);
    this.assertAllowed(uri);
    const text = this.objects.get(uri);
    if (text === undefined) return { objects: 0 };
    await mkdir(dirname(localPath), { recursive: true });
    await writeFile(localPath, text);
    return { objects: 1 };
  }

  exists(uri: string): Promise<boolean> {
    this.#note(`exists ${uri}`);
    this.assertAllowed(uri);
    return Promise.resolve(this.objects.has(uri));
  }

  refresh(): Promise<void> {
    this.#note("refresh");
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#note("close");
    return Promise.resolve();
  }

  #note(request: string): void {
    this.requests.push(request);
    const index = this.failures.findIndex((failure) => request.startsWith(failure.request));
    const [failure] = index < 0 ? [] : this.failures.splice(index, 1);
    if (failure !== undefined) throw failure.error;
  }
}

/** A failure after which a second try makes sense. */
export function transientFailure(message = "connection reset"): StorageError {
  return new StorageError("TRANSFER_FAILED", message, { details: { transient: true } });
}
