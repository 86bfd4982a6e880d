/**
 * Why a command cannot be started, found out before it is tried.
 *
 * Node starts programs through execvp(3), which hands whatever the kernel refuses to /bin/sh: a program for another machine would end
 * as "exit status 127", an empty file as success. And execve(2) says ENOENT of a file that is there when its loader or interpreter is
 * not. So the file is looked at first; what is not certain is left to the kernel.
 *
 * @module
 */
import { constants } from "node:fs";
import { access, readdir, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { executableFormat, HEAD_BYTES, machineOf } from "./executable-format.ts";
import type { CommandOptions, CommandOutcome } from "../ports/process-runner.ts";
import { openRegularFile } from "./files/regular-file.ts";

const HANDLERS = "/proc/sys/fs/binfmt_misc";
/** As execvp(3) where the environment has no PATH. */
const STANDARD_PATH = "/bin:/usr/bin";
/** Interpreters that are scripts themselves; the kernel goes as deep. */
const MOST_INTERPRETERS = 4;
/** What a shell ends with that was given a program as its script. */
const SHELL_GAVE_UP = new Set([2, 126, 127]);
const MOST_LOADER_BYTES = 4096;

/** What is known before a command is started; neither member: nothing speaks against it. */
export interface StartCheck {
  /** Certain: there is no use in trying. */
  readonly problem?: string;
  /** For another machine, which an emulator may run that cannot be seen from here; the text says so, should it fail. */
  readonly suspicion?: string;
}

/** Looks at the program of a command as the kernel will. Never throws: what cannot be looked at is not a problem yet. */
export async function checkStart(
  options: Pick<CommandOptions, "command" | "environment" | "workingDirectory">,
): Promise<StartCheck> {
  try {
    const path = await findProgram(options);
    return path === undefined ? {} : await checkProgram(path, options, options.command);
  } catch {
    return {};
  }
}

/** The outcome, unless it only shows that a shell could not make sense of a program for another machine. */
export function withSuspicion(outcome: CommandOutcome, { suspicion }: StartCheck): CommandOutcome {
  if (suspicion === undefined || outcome.kind !== "exited" || !SHELL_GAVE_UP.has(outcome.exitCode)) return outcome;
  return { kind: "not-started", reason: suspicion };
}

type Place = Pick<CommandOptions, "environment" | "workingDirectory">;

async function findProgram({ command, environment, workingDirectory = "." }: Place & { command: string }) {
  if (command.includes("/")) return resolve(workingDirectory, command);
  for (const folder of (environment["PATH"] ?? STANDARD_PATH).split(":")) {
    const path = resolve(workingDirectory, folder, command);
    if ((await isFile(path)) && (await isExecutable(path))) return path;
  }
  return undefined;
}

async function checkProgram(path: string, place: Place, name: string, depth = 0): Promise<StartCheck> {
  const failed = (text: string): StartCheck => ({ problem: `fork/exec ${name}: ${text}` });
  const found = await stat(path);
  if (found.isDirectory()) return failed("permission denied: it is a folder, not a program");
  if (!found.isFile()) return failed("permission denied: it is not a regular file");
  if (!(await isExecutable(path))) {
    return failed(
      "permission denied: the file is not executable; give it the permission (chmod +x), or run it by its interpreter",
    );
  }
  const { head, loader, format } = await readFormat(path);
  switch (format.kind) {
    case "empty":
      return failed("exec format error: the file is empty");
    case "unknown":
      if (await hasHandler(path, head)) return {};
      return failed(
        'exec format error: it is neither a program nor a script with an interpreter line ("#!/bin/sh" as its first)',
      );
    case "script": {
      const { interpreter } = format;
      const interpreterPath = resolve(place.workingDirectory ?? ".", interpreter);
      if (!(await isThere(interpreterPath))) {
        const ending = interpreter.endsWith("\r") ? "; its lines end as on Windows, save it with line feeds only" : "";
        return failed(
          `no such file or directory: its interpreter ${JSON.stringify(interpreter)} does not exist in this image${ending}`,
        );
      }
      if (depth >= MOST_INTERPRETERS) return {};
      return await checkProgram(interpreterPath, place, `${name} by its interpreter ${interpreter}`, depth + 1);
    }
    case "elf": {
      if (format.isNative) {
        if (loader === undefined || (await isThere(loader))) return {};
        const why = "the program was made for another C library or distribution";
        return failed(`no such file or directory: its loader ${JSON.stringify(loader)} does not exist in this image: ${why}`);
      }
      const own = machineOf(process.arch);
      const text = `exec format error: the program is for ${format.machine}, this machine is ${own}: use an image of the right platform`;
      const handled = await hasHandler(path, head);
      if (handled === true) return {};
      return handled === false ? failed(text) : { suspicion: `fork/exec ${name}: ${text}` };
    }
  }
}

async function readFormat(path: string) {
  const { file } = await openRegularFile(path);
  try {
    const read = async (start: number, bytes: number): Promise<Buffer> => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, start);
      return buffer.subarray(0, bytesRead);
    };
    const head = await read(0, HEAD_BYTES);
    const format = executableFormat(head, process.arch);
    if (format.kind !== "elf" || format.loader === undefined) return { head, format, loader: undefined };
    const { start, end } = format.loader;
    const text = (await read(start, Math.min(Math.max(end - start, 0), MOST_LOADER_BYTES))).toString("utf8");
    const [loader = ""] = text.split("\0");
    return { head, format, loader: loader.startsWith("/") ? loader : undefined };
  } finally {
    await file.close();
  }
}

/** Whether the kernel was told how to run such files (binfmt_misc); `undefined` where its list cannot be seen, as in most containers. */
async function hasHandler(path: string, head: Buffer): Promise<boolean | undefined> {
  const status = await readFile(join(HANDLERS, "status"), "utf8").catch(() => undefined);
  if (status === undefined) return undefined;
  if (status.trim() !== "enabled") return false;
  for (const name of await readdir(HANDLERS)) {
    if (name === "status" || name === "register") continue;
    if (matchesHandler(await readFile(join(HANDLERS, name), "utf8"), path, head)) return true;
  }
  return false;
}

function matchesHandler(text: string, path: string, head: Buffer): boolean {
  const lines = text.split("\n");
  const field = (name: string): string | undefined =>
    lines
      .find((line) => line.startsWith(`${name} `))
      ?.slice(name.length + 1)
      .trim();
  if (lines[0] !== "enabled") return false;
  const extension = field("extension");
  if (extension !== undefined) return path.endsWith(extension);
  const magic = Buffer.from(field("magic") ?? "", "hex");
  const mask = Buffer.from(field("mask") ?? "", "hex");
  const offset = Number(field("offset") ?? "0");
  if (magic.length === 0 || offset + magic.length > head.length) return false;
  return magic.every((byte, index) => {
    const bits = mask[index] ?? 0xff;
    return ((head[offset + index] ?? 0) & bits) === (byte & bits);
  });
}

async function isFile(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

async function isExecutable(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
