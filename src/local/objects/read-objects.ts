/**
 * Reads secrets and config maps from what `--secrets` names: a folder, or a file of Kubernetes objects.
 *
 * ```
 * DIR/NAME/KEY      the file is the value of a key; NAME is a secret and a config map at the same time
 * DIR/*.yaml        documents of kind Secret, ConfigMap or List, as kubectl prints them; also .yml and .json
 * ```
 *
 * A folder that Kubernetes itself mounted is read as well: names that begin with a dot are left out, links are followed.
 *
 * @module
 */
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { errorMessage, UsageError } from "../../core/errors.ts";
import { isJsonObject } from "../../core/values/json-object.ts";
import type { JsonValue } from "../../core/values/value.ts";
import { readDocuments } from "../pipeline/pipeline-file.ts";
import { describeKind, LocalObjects, type ObjectData, type ObjectKind } from "./local-objects.ts";

/** Bytes of one object, keys and values: what Kubernetes takes. */
const OBJECT_SIZE_LIMIT = 1024 * 1024;
/** Bytes of a file of objects. */
const FILE_SIZE_LIMIT = 16 * 1024 * 1024;
const ENTRY_LIMIT = 10_000;
const OBJECT_FILES = new Set([".yaml", ".yml", ".json"]);
/** Names and keys of Kubernetes; both become names of files. */
const KEY = /^[-._a-zA-Z0-9]{1,253}$/;

/**
 * @param path Absolute.
 * @throws {UsageError} FILE_UNREADABLE naming the file and what is wrong with it, never a value.
 */
export async function readLocalObjects(path: string): Promise<LocalObjects> {
  const reader = new Reader();
  const kind = await kindOf(path);
  if (kind === "file") await reader.readFile(path);
  else await reader.readFolder(path);
  return reader.objects;
}

class Reader {
  readonly objects = new LocalObjects();

  async readFolder(folder: string): Promise<void> {
    for (const name of await namesIn(folder)) {
      const path = join(folder, name);
      if ((await kindOf(path)) === "folder") await this.#readObject(path);
      else if (OBJECT_FILES.has(extname(name))) await this.readFile(path);
      else throw refuse(path, "is neither a folder of keys nor a .yaml, .yml or .json file");
    }
  }

  async readFile(path: string): Promise<void> {
    const text = (await readBounded(path, FILE_SIZE_LIMIT)).toString("utf8");
    const documents = await readDocuments(text, path);
    for (const document of documents) this.#addManifest(document, path);
  }

  async #readObject(folder: string): Promise<void> {
    const data = new Map<string, Uint8Array>();
    let size = 0;
    for (const key of await namesIn(folder)) {
      const path = join(folder, key);
      if ((await kindOf(path)) === "folder") throw refuse(path, "is a folder: a key is a file");
      const value = await readBounded(path, OBJECT_SIZE_LIMIT);
      size += value.length;
      if (size > OBJECT_SIZE_LIMIT) throw refuse(folder, tooLarge());
      data.set(key, value);
    }
    for (const kind of ["Secret", "ConfigMap"] as const) this.#add(kind, basename(folder), data, folder);
  }

  #addManifest(document: JsonValue, path: string): void {
    if (document === null) return;
    if (!isJsonObject(document)) throw refuse(path, "holds a document that is not a Kubernetes object");
    const { kind, items, metadata } = document;
    if (typeof kind === "string" && kind.endsWith("List") && Array.isArray(items)) {
      for (const item of items) this.#addManifest(item, path);
      return;
    }
    if (kind !== "Secret" && kind !== "ConfigMap") {
      throw refuse(path, `holds an object of kind ${JSON.stringify(kind ?? "")}: only Secret and ConfigMap are read`);
    }
    const name = isJsonObject(metadata) ? metadata["name"] : undefined;
    if (typeof name !== "string" || name === "") throw refuse(path, `holds a ${describeKind(kind)} without metadata.name`);
    const where = `${path} (${describeKind(kind)} ${name})`;
    const { data, stringData, binaryData } = document;
    const plain = kind === "Secret" ? stringData : data;
    const encoded = kind === "Secret" ? data : binaryData;
    const values = new Map<string, Uint8Array>();
    for (const [key, text] of entriesOf(encoded, where)) values.set(key, decodeBase64(text, `${where}, key ${key}`));
    for (const [key, text] of entriesOf(plain, where)) values.set(key, Buffer.from(text, "utf8"));
    this.#add(kind, name, values, where);
  }

  #add(kind: ObjectKind, name: string, data: ObjectData, where: string): void {
    for (const text of [name, ...data.keys()]) {
      if (!KEY.test(text) || text === "." || text === "..") {
        throw refuse(where, `has the name ${JSON.stringify(text)}: letters, digits, "-", "_" and "." are allowed`);
      }
    }
    if (!this.objects.add(kind, name, data)) throw refuse(where, `is there twice: ${describeKind(kind)} ${name}`);
  }
}

function entriesOf(value: JsonValue | undefined, where: string): [string, string][] {
  if (value === undefined || value === null) return [];
  if (!isJsonObject(value)) throw refuse(where, "has data that is not a map");
  return Object.entries(value).map(([key, text]) => {
    if (typeof text !== "string") throw refuse(where, `has a value that is not text at key ${key}: put it in quotes`);
    return [key, text];
  });
}

function decodeBase64(text: string, where: string): Uint8Array {
  const packed = text.replaceAll(/\s/g, "");
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(packed) || packed.length % 4 !== 0) {
    throw refuse(where, "is not base64: plain text of a secret belongs below stringData");
  }
  return Buffer.from(packed, "base64");
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    const names = (await readdir(folder)).filter((name) => !name.startsWith(".")).toSorted();
    if (names.length <= ENTRY_LIMIT) return names;
  } catch (error) {
    throw refuse(folder, `cannot be listed: ${errorMessage(error)}`, error);
  }
  throw refuse(folder, `has more than ${ENTRY_LIMIT.toLocaleString("en")} entries`);
}

async function kindOf(path: string): Promise<"file" | "folder"> {
  try {
    const entry = await stat(path);
    if (entry.isDirectory()) return "folder";
    if (entry.isFile()) return "file";
  } catch (error) {
    throw refuse(path, `cannot be read: ${errorMessage(error)}`, error);
  }
  throw refuse(path, "is neither a file nor a folder");
}

async function readBounded(path: string, limit: number): Promise<Buffer> {
  try {
    const { size } = await stat(path);
    if (size <= limit) return await readFile(path);
  } catch (error) {
    throw refuse(path, `cannot be read: ${errorMessage(error)}`, error);
  }
  throw refuse(path, limit === OBJECT_SIZE_LIMIT ? tooLarge() : `has more than ${limit.toLocaleString("en")} bytes`);
}

function tooLarge(): string {
  return `has more than ${OBJECT_SIZE_LIMIT.toLocaleString("en")} bytes, the limit of Kubernetes for one object`;
}

function refuse(where: string, reason: string, cause?: unknown): UsageError {
  return new UsageError("FILE_UNREADABLE", `Cannot read secrets and config maps: ${where} ${reason}`, { cause });
}
