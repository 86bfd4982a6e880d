/**
 * The local files driver and launcher touch, without streams (object stores and the process runner own those).
 *
 * @module
 */
export interface FileStat {
  readonly kind: "file" | "directory" | "other";
  readonly sizeBytes: number;
}

export interface FileSystem {
  /** `undefined` when there is no such file; any other failure throws. */
  readText(path: string): Promise<string | undefined>;
  readBytes(path: string): Promise<Uint8Array | undefined>;
  /** Creates or truncates, mode 0644. The parent folder must exist. */
  writeText(path: string, text: string): Promise<void>;
  /** Creates the folder and its parents, mode 0755. */
  makeDirectory(path: string): Promise<void>;
  /** Follows symbolic links; `undefined` when there is nothing. */
  stat(path: string): Promise<FileStat | undefined>;
  /** Names in a folder, sorted; `undefined` when there is no such folder. */
  list(path: string): Promise<string[] | undefined>;
}
