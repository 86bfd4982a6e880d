/** Opens a file or folder in the program that the desktop has for it. @module */
import { spawn } from "node:child_process";
import { HostError } from "../../../core/errors.ts";

/** How long the desktop's opener may take: it starts a program and ends. */
const LIMIT_MS = 15_000;

/** @throws {HostError} FILE_READ_FAILED when there is no opener, or it refuses. */
export async function openInDesktop(path: string, environment: Readonly<Record<string, string>>): Promise<void> {
  const program = process.platform === "darwin" ? "open" : "xdg-open";
  const child = spawn(program, [path], { env: environment, stdio: "ignore", timeout: LIMIT_MS });
  const problem = await new Promise<string | undefined>((resolve) => {
    child.once("error", (error: NodeJS.ErrnoException) =>
      resolve(error.code === "ENOENT" ? `there is no program ${program}` : error.message),
    );
    child.once("close", (code, signal) =>
      resolve(code === 0 ? undefined : `${program} ended with ${code ?? signal ?? "nothing"}`),
    );
  });
  if (problem !== undefined) throw new HostError("FILE_READ_FAILED", `Cannot open ${path}: ${problem}`);
}
