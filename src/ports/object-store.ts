/**
 * Artifact bytes: between a URI and a local path.
 *
 * Methods throw StorageError; `details.transient` is true when a second attempt with fresh credentials makes sense
 * (docs/spec/outputs.md#upload-and-registration).
 *
 * @module
 */
import type { Logger } from "./logger.ts";

/** What a download found. */
export interface DownloadResult {
  /** Objects written; 0 means the URI holds nothing, which is not an error (docs/spec/object-stores.md#download). */
  readonly objects: number;
}

/** All artifacts that a run may touch, wherever they lie. */
export interface ObjectStore {
  /**
   * Throws URI_OUTSIDE_PIPELINE_ROOT unless the URI may be touched (docs/spec/object-stores.md#uris-that-may-be-touched). No
   * network traffic.
   */
  assertAllowed(uri: string): void;
  /**
   * Reads what a transfer of this URI will need to log in, as far as it lies in the cluster: a Secret that cannot be read is found out
   * before the program has run for hours. Throws as a transfer would. No network traffic to the store.
   */
  prepare(uri: string): Promise<void>;
  /**
   * Loads the code that a transfer of this URI will run, while there is time. A hint: it neither fails nor makes a request, and stores that
   * load nothing late have no such method.
   */
  warmUp?(uri: string): Promise<void>;
  /** A file becomes one object, a folder one object per file below it. OBJECT_NOT_FOUND when the path does not exist. */
  upload(localPath: string, uri: string): Promise<void>;
  download(uri: string, localPath: string): Promise<DownloadResult>;
  /** Whether the URI names a file, an object, or a folder with objects in it. Nothing is transferred. */
  exists(uri: string): Promise<boolean>;
  /** Forgets clients and credentials, so that the next transfer reads them again. */
  refresh(): Promise<void>;
  close(): Promise<void>;
}

/** What a URI names in its store. */
export type ObjectLook =
  | {
      readonly kind: "object";
      readonly sizeBytes: number;
      /** From `start` up to, but without, `end`; of the version that was looked at. Throws StorageError. */
      read(start: number, end: number): AsyncIterable<Uint8Array>;
    }
  | { readonly kind: "folder"; readonly names: readonly string[]; /** There are no more of them. */ readonly isWhole: boolean }
  | { readonly kind: "missing" };

/** Objects in buckets for readers who keep no copy. */
export interface ObjectReader {
  /** @param uri Not an absolute path. Throws as a transfer would. */
  look(uri: string): Promise<ObjectLook>;
}

/** What the store is opened for. */
export interface StoreRequest {
  /** Of the run; Secrets and the launcher's ConfigMap are read from it. */
  readonly namespace: string;
  /** Only absolute paths will be asked for, which need no launcher configuration. */
  readonly localOnly: boolean;
  /** The run's pipeline root is an absolute path, which makes absolute paths legal URIs. */
  readonly localRootAllowed: boolean;
}

/** {@link StoreRequest} with what the program adds to it: the options of the whole process. */
export interface RunStoreRequest extends StoreRequest {
  /** `--ca_cert_path`: to be trusted by every connection; empty means none. */
  readonly caCertPath: string;
  readonly logger: Logger;
}
