/**
 * A program of the cluster as a child process with a log.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";

export interface ProgramProcess {
  /** SIGTERM, and SIGKILL where that does not end it. */
  stop(): Promise<void>;
}

export interface ProgramOptions {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Takes `NAME.log`. */
  readonly folder: string;
  /** Told when it ends by itself, with the end of its log. */
  readonly onProblem: (message: string) => void;
}

const STOP_TIMEOUT_MS = 15_000;
const LOG_TAIL_CHARACTERS = 3000;

export function startProgram({ name, program, args, folder, onProblem }: ProgramOptions): ProgramProcess {
  const file = path.join(folder, `${name}.log`);
  const log = openSync(file, "a");
  const child = spawn(program, args, { stdio: ["ignore", log, log], cwd: folder });
  closeSync(log);
  let isStopping = false;
  const ended = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      onProblem(`${name} does not start: ${error.message}`);
      resolve();
    });
    child.once("close", (code, signal) => {
      resolve();
      if (isStopping) return;
      void readFile(file, "utf8").then((text) =>
        onProblem(`${name} ended with ${String(code ?? signal)}:\n${text.slice(-LOG_TAIL_CHARACTERS)}`),
      );
    });
  });
  return {
    async stop() {
      isStopping = true;
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}
