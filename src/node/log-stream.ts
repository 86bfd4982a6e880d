/**
 * Where the lines of driver and launcher go: standard error, or the end of the file that `KFP_LOG_FILE` names.
 *
 * A local run sends them to a file, so that the terminal shows what the user's own programs say. Lines are appended one by one and
 * at once: several programs may share the file, and the last line before a crash is there.
 *
 * @module
 */
import { appendFileSync } from "node:fs";

/** Takes whole lines of the log, with line ends. */
export interface LogStream {
  write(text: string): unknown;
}

/**
 * @param path `KFP_LOG_FILE`; absent or empty means standard error. A file that cannot be written costs one line there, never the step.
 */
export function logStream(path: string | undefined, stderr: LogStream): LogStream {
  if (path === undefined || path === "") return stderr;
  let usable = true;
  return {
    write(text) {
      if (usable) {
        try {
          appendFileSync(path, text);
          return;
        } catch (error) {
          usable = false;
          stderr.write(`cannot write the log file ${path}: ${(error as Error).message}; lines go to standard error\n`);
        }
      }
      stderr.write(text);
    },
  };
}
