/**
 * The files of a pod in memory, and an object store that keeps what is uploaded: no two pods see the same files.
 *
 * @module
 */
import path from "node:path";
import { StorageError } from "../../src/core/errors.ts";
import type { FileSystem } from "../../src/ports/file-system.ts";
import type { ObjectStore } from "../../src/ports/object-store.ts";

/** Texts by URI; a folder is what begins with its URI and "/". */
export type StoredObjects = Map<string, string>;

export interface MemoryPod {
  readonly files: FileSystem;
  readonly store: ObjectStore;
  /** Writes a file whatever its folder. */
  write(file: string, text: string): void;
}

export function createMemoryPod(objects: StoredObjects): MemoryPod {
  const texts = new Map<string, string>();
  const below = (folder: string): string[] => [...texts.keys()].filter((file) => file.startsWith(`${folder}/`));
  const read = (file: string): Promise<string | undefined> => Promise.resolve(texts.get(path.resolve(file)));
  const files: FileSystem = {
    readText: read,
    readRegularText: read,
    readAnyText: read,
    readBytes: async (file) => {
      const text = await read(file);
      return text === undefined ? undefined : new TextEncoder().encode(text);
    },
    writeText: (file, text) => {
      texts.set(path.resolve(file), text);
      return Promise.resolve();
    },
    makeDirectory: () => Promise.resolve(),
    remove: (file) => {
      for (const name of [path.resolve(file), ...below(path.resolve(file))]) texts.delete(name);
      return Promise.resolve();
    },
    stat: (file) => {
      const text = texts.get(path.resolve(file));
      if (text !== undefined) return Promise.resolve({ kind: "file", sizeBytes: text.length });
      return Promise.resolve(below(path.resolve(file)).length > 0 ? { kind: "directory", sizeBytes: 0 } : undefined);
    },
    list: (folder) => {
      const inside = below(path.resolve(folder)).map((file) => file.slice(path.resolve(folder).length + 1).split("/")[0] ?? "");
      return Promise.resolve(inside.length === 0 ? undefined : [...new Set(inside)].toSorted());
    },
  };
  const store: ObjectStore = {
    assertAllowed: () => undefined,
    prepare: () => Promise.resolve(),
    upload: (file, uri) => {
      const local = path.resolve(file);
      const found = [local, ...below(local)].filter((name) => texts.has(name));
      if (found.length === 0) return Promise.reject(new StorageError("OBJECT_NOT_FOUND", `there is no file ${file}`));
      for (const name of found) objects.set(uri + name.slice(local.length), texts.get(name) ?? "");
      return Promise.resolve();
    },
    download: (uri, file) => {
      const found = [...objects].filter(([name]) => name === uri || name.startsWith(`${uri}/`));
      for (const [name, text] of found) texts.set(path.resolve(file) + name.slice(uri.length), text);
      return Promise.resolve({ objects: found.length });
    },
    exists: (uri) => Promise.resolve([...objects.keys()].some((name) => name === uri || name.startsWith(`${uri}/`))),
    refresh: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  return { files, store, write: (file, text) => void texts.set(path.resolve(file), text) };
}
