/**
 * A folder that stands for the root of a program's container: its mounts are nobody else's, as in a pod.
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";
import type { FileSystem } from "../../src/ports/file-system.ts";
import type { ObjectStore } from "../../src/ports/object-store.ts";

export interface Sandbox {
  /** Where a path of the container lies on this machine. */
  locate(containerPath: string): string;
  readonly files: FileSystem;
  /** The same store for paths of the container. */
  store(store: ObjectStore): ObjectStore;
  close(): Promise<void>;
}

export async function openSandbox(): Promise<Sandbox> {
  const folder = await mkdtemp(path.join(tmpdir(), "kfp-replay-pod-"));
  const locate = (containerPath: string): string => path.join(folder, path.resolve("/", containerPath));
  return {
    locate,
    files: {
      readText: (at) => nodeFileSystem.readText(locate(at)),
      readRegularText: (at, limit) => nodeFileSystem.readRegularText(locate(at), limit),
      readAnyText: (at, limit) => nodeFileSystem.readAnyText(locate(at), limit),
      readBytes: (at) => nodeFileSystem.readBytes(locate(at)),
      writeText: (at, text) => nodeFileSystem.writeText(locate(at), text),
      makeDirectory: (at) => nodeFileSystem.makeDirectory(locate(at)),
      remove: (at) => nodeFileSystem.remove(locate(at)),
      stat: (at) => nodeFileSystem.stat(locate(at)),
      list: (at) => nodeFileSystem.list(locate(at)),
    },
    store: (store) => ({
      assertAllowed: (uri) => store.assertAllowed(uri),
      prepare: (uri) => store.prepare(uri),
      upload: (at, uri) => store.upload(locate(at), uri),
      download: (uri, at) => store.download(uri, locate(at)),
      exists: (uri) => store.exists(uri),
      refresh: () => store.refresh(),
      close: () => store.close(),
    }),
    close: () => rm(folder, { recursive: true, force: true }),
  };
}
