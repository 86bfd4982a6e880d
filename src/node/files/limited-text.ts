/**
 * Reading text of bounded size.
 *
 * @module
 */
import { isUtf8 } from "node:buffer";
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import type { ReadLimit } from "../../ports/file-system.ts";
import { openRegularFile } from "./regular-file.ts";

/** @throws {Error} For anything but a regular file, for a size above the limit, and what open(2) and read(2) say. */
export async function readRegularText(path: string, limit: ReadLimit): Promise<string> {
  const { file, sizeBytes } = await openRegularFile(path);
  return readAndClose(file, sizeBytes, limit);
}

/** As {@link readRegularText}, also from a pipe or a device: `<(command)`, `/dev/stdin`. Waits for a pipe's other end. */
export async function readAnyText(path: string, limit: ReadLimit): Promise<string> {
  const file = await open(path);
  const { size: sizeBytes } = await file.stat();
  return readAndClose(file, sizeBytes, limit);
}

/** The size is looked at first; that a file grows meanwhile is noticed, too. */
async function readAndClose(file: FileHandle, sizeBytes: number, limit: ReadLimit): Promise<string> {
  try {
    const { maxBytes, strictUtf8 = false } = limit;
    if (sizeBytes > maxBytes) throw tooLarge(String(sizeBytes), limit);
    const chunks: Buffer[] = [];
    for (let total = 0; ;) {
      // One byte more than announced, so that the first read finds the end. Pipes and files in /proc announce nothing.
      const chunk = Buffer.allocUnsafe(Math.max(sizeBytes - total, 0) + (sizeBytes > total ? 1 : 64 * 1024));
      const { bytesRead } = await file.read(chunk, 0, chunk.length, null);
      if (bytesRead === 0) return textOf(Buffer.concat(chunks), strictUtf8);
      total += bytesRead;
      if (total > maxBytes) throw tooLarge(`more than ${maxBytes}`, limit);
      chunks.push(chunk.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

/** All of a stream, such as standard input. @throws {Error} For a size above the limit, and what the stream fails with. */
export async function readStreamText(stream: AsyncIterable<Uint8Array>, limit: ReadLimit): Promise<string> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of stream) {
    total += chunk.length;
    if (total > limit.maxBytes) throw tooLarge(`more than ${limit.maxBytes}`, limit);
    chunks.push(chunk);
  }
  return textOf(Buffer.concat(chunks), limit.strictUtf8 ?? false);
}

function tooLarge(bytes: string, { maxBytes, setting }: ReadLimit): Error {
  const how = setting === undefined ? "" : ` (${setting} sets the limit)`;
  return new Error(`it has ${bytes} bytes, and at most ${maxBytes} are read${how}`);
}

function textOf(bytes: Buffer, strictUtf8: boolean): string {
  if (strictUtf8 && !isUtf8(bytes)) throw new Error("it is not text in UTF-8");
  return bytes.toString("utf8");
}
