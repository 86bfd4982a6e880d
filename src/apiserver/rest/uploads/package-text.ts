/**
 * The text of an uploaded package: a YAML or JSON file, or one inside a zip or a compressed tar archive.
 *
 * Archives are read in memory and never unpacked to disk; what they inflate to is limited.
 *
 * Source: docs/spec/pipelines-and-python-client.md#upload-endpoints.
 *
 * @module
 */
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { errorMessage } from "../../../core/errors.ts";
import { invalidArgument } from "../../service-error.ts";
import { tarFiles } from "./tar-entries.ts";
import { readZipFile, zipFiles } from "./zip-entries.ts";

/** Bytes of the spec file at most, and of the uploaded one (docs/spec/pipelines-and-python-client.md#upload-endpoints). */
export const MAX_UPLOAD_BYTES = 33_554_432;
/** A tar archive inflated, all its entries together. */
const MAX_INFLATED_BYTES = 2 * MAX_UPLOAD_BYTES;

/**
 * Finds the spec file of a package.
 *
 * @param fileName As it was uploaded: its end says whether it is a text.
 * @throws {ServiceError} invalidArgument: not a package, or one without a spec file.
 */
export async function packageText(fileName: string, bytes: Buffer): Promise<string> {
  if (/\.(ya?ml|json)$/i.test(fileName)) return utf8(bytes);
  if (bytes.subarray(0, 2).toString("latin1") === "PK") return utf8(await fromArchive("zip", zipSpecFile(bytes)));
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return utf8(await fromArchive("gzip", tarSpecFile(bytes)));
  throw invalidArgument("The file is none of .yaml, .yml, .json, .zip and .tar.gz");
}

async function fromArchive(kind: string, content: Promise<Buffer>): Promise<Buffer> {
  try {
    return await content;
  } catch (error) {
    throw invalidArgument(`Cannot read the ${kind} archive: ${errorMessage(error)}`);
  }
}

/** `pipeline.yaml` wherever it comes in the list, else the first file. */
function specFileName(names: readonly string[]): string {
  const files = names.filter((name) => !name.endsWith("/"));
  const name = files.find((each) => each === "pipeline.yaml" || each === "./pipeline.yaml") ?? files[0];
  if (name === undefined) throw new Error("it has no files");
  if (!/\.ya?ml$/i.test(name)) throw new Error("it has no pipeline.yaml, and its first file is not a YAML file");
  return name;
}

async function tarSpecFile(bytes: Buffer): Promise<Buffer> {
  const files = tarFiles(await inflate(bytes));
  const name = specFileName(files.map((file) => file.name));
  const file = files.find((each) => each.name === name);
  return Buffer.from(file?.content ?? []);
}

async function inflate(bytes: Buffer): Promise<Buffer> {
  try {
    return await promisify(gunzip)(bytes, { maxOutputLength: MAX_INFLATED_BYTES });
  } catch (error) {
    const isLarge = (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
    throw isLarge ? new Error(`it inflates to more than ${MAX_INFLATED_BYTES} bytes`) : error;
  }
}

async function zipSpecFile(bytes: Buffer): Promise<Buffer> {
  const files = zipFiles(bytes);
  const name = specFileName(files.map((file) => file.name));
  const file = files.find((each) => each.name === name);
  return file === undefined ? Buffer.alloc(0) : await readZipFile(bytes, file, MAX_UPLOAD_BYTES);
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw invalidArgument("The pipeline file is not UTF-8 text");
  }
}
