/**
 * The log file of a command: what its streams bring, in order of arrival, up to a limit.
 *
 * @module
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import type { CommandOptions } from "../ports/process-runner.ts";
import { kindName } from "./files/regular-file.ts";

/** Keeps the output of a command in a file, up to a limit. Never throws: what cannot be kept costs a warning. */
export interface CommandLog {
  append(chunk: Uint8Array): void;
  close(): void;
}

/**
 * Written synchronously: order of arrival is kept without a queue, and a slow disk holds the command back instead of our memory.
 * Whatever goes wrong is one warning; the streams go on without the file.
 */
export function openCommandLog({ log, onWarning }: Pick<CommandOptions, "log" | "onWarning">): CommandLog {
  if (log === undefined) return { append: () => undefined, close: () => undefined };
  const { path, limit } = log;
  let descriptor: number | undefined;
  let freeBytes = limit.maxBytes;
  const close = (): void => {
    if (descriptor !== undefined) closeSync(descriptor);
    descriptor = undefined;
  };
  const giveUp = (error: unknown): void => {
    onWarning(`cannot write the log file ${path}: ${(error as Error).message}; output goes on without it`);
    close();
  };
  try {
    descriptor = openRegularForWriting(path);
  } catch (error) {
    giveUp(error);
  }
  return {
    append(chunk) {
      if (descriptor === undefined) return;
      try {
        const kept = chunk.subarray(0, freeBytes);
        writeAll(descriptor, kept);
        freeBytes -= kept.length;
        if (kept.length === chunk.length) return;
        const how = limit.setting === undefined ? "" : ` (${limit.setting} sets the limit)`;
        const notice = `the log ends here, after ${limit.maxBytes} bytes${how}; output goes on without it`;
        writeAll(descriptor, Buffer.from(`\n[kfp-runtime: ${notice}]\n`));
        onWarning(`${path}: ${notice}`);
        close();
      } catch (error) {
        giveUp(error);
      }
    },
    close,
  };
}

/** A named pipe at the path would hold this process until somebody reads it. */
function openRegularForWriting(path: string): number {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NONBLOCK | constants.O_NOCTTY;
  const descriptor = openSync(path, flags, 0o644);
  const found = fstatSync(descriptor);
  if (found.isFile()) return descriptor;
  closeSync(descriptor);
  throw new Error(`it is ${kindName(found)}, not a regular file`);
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let offset = 0; offset < bytes.length;) offset += writeSync(descriptor, bytes, offset);
}
