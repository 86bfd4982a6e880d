/**
 * The local files driver and launcher touch, without streams (object stores and the process runner own those).
 *
 * @module
 */
/** What a path leads to, links followed. */
export interface FileStat {
  readonly kind: "file" | "directory" | "other";
  readonly sizeBytes: number;
}

/** How much of a file is read, and how a person changes that. */
export interface ReadLimit {
  readonly maxBytes: number;
  /** What to set for another limit, for the message. Absent: it is fixed. */
  readonly setting?: string;
  /** Bytes that are not UTF-8 throw; otherwise each becomes U+FFFD. */
  readonly strictUtf8?: boolean;
}

/** Files of this machine. Failures other than those described throw HostError FILE_READ_FAILED or FILE_WRITE_FAILED. */
export interface FileSystem {
  /** `undefined` when there is no such file; any other failure throws. */
  readText(path: string): Promise<string | undefined>;
  /**
   * For files that other people's code has placed: only a regular file is read, of at most `maxBytes`, and a pipe is not waited for.
   * `undefined` when there is nothing; a folder, pipe, socket or device and a larger file throw.
   */
  readRegularText(path: string, limit: ReadLimit): Promise<string | undefined>;
  /** For files that a person names, also a pipe or a device, which is waited for; of at most `maxBytes`. `undefined` when there is nothing. */
  readAnyText(path: string, limit: ReadLimit): Promise<string | undefined>;
  readBytes(path: string): Promise<Uint8Array | undefined>;
  /** Creates or truncates, mode 0644. The parent folder must exist. */
  writeText(path: string, text: string): Promise<void>;
  /** Creates the folder and its parents, mode 0755. */
  makeDirectory(path: string): Promise<void>;
  /**
   * Makes sure that nothing is at the path: removes a file, a link (not what it leads to), a folder with all it holds. A mount point
   * stays, emptied.
   */
  remove(path: string): Promise<void>;
  /** Follows symbolic links; `undefined` when there is nothing. */
  stat(path: string): Promise<FileStat | undefined>;
  /** Names in a folder, sorted; `undefined` when there is no such folder. */
  list(path: string): Promise<string[] | undefined>;
}
