/** `kfp-runtime serve` as a program, for end-to-end tests. @module */
import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { RunClient } from "../../src/local/serve/run-client.ts";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";
import { systemClock } from "../../src/node/system-clock.ts";
import type { Programs } from "./built-programs.ts";

export interface Serving {
  readonly pid: number;
  readonly grpc: { readonly host: string; readonly port: number };
  readonly rest: { readonly host: string; readonly port: number; readonly url: string };
  readonly tokenFile?: string;
  /** What it has said on standard error so far. */
  readonly log: () => string;
  /** A client with the user's token, where there is one; closed by the caller. */
  readonly connect: () => Promise<RunClient>;
  /** Sends a signal and waits for the end. @returns The exit code; null when a signal ended it. */
  readonly end: (signal: NodeJS.Signals) => Promise<number | null>;
}

/** Starts serving at free ports, and waits until it is ready. */
export async function startServing({ bin }: Programs, home: string, args: readonly string[] = [], env = {}): Promise<Serving> {
  const readyFile = `${home}.ready`;
  rmSync(readyFile, { force: true });
  const { PATH: searchPath = "" } = process.env;
  const child = spawn(
    path.join(bin, "kfp-runtime"),
    ["serve", "--home", home, "--ready-file", readyFile, "--port", "0", "--grpc-port", "0", ...args],
    {
      env: { ...process.env, PATH: `${path.dirname(process.execPath)}:${searchPath}`, NO_COLOR: "1", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
  child.stdout.resume();
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const ready = await readReady(readyFile, child, () => log);
  return {
    ...ready,
    log: () => log,
    connect: () =>
      RunClient.connect(
        { clock: systemClock, files: nodeFileSystem },
        { ...ready.grpc, tokenPath: ready.tokenFile ?? path.join(home, "no-token") },
      ),
    end: (signal) => {
      child.kill(signal);
      return ended;
    },
  };
}

type Ready = Pick<Serving, "pid" | "grpc" | "rest" | "tokenFile">;

async function readReady(file: string, child: ChildProcess, log: () => string): Promise<Ready> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline;) {
    const end = child.exitCode ?? child.signalCode;
    if (end !== null) throw new Error(`serve ended with ${end}: ${log()}`);
    try {
      return JSON.parse(readFileSync(file, "utf8")) as Ready;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  child.kill("SIGKILL");
  throw new Error(`serve did not become ready: ${log()}`);
}

/** Waits, a minute at most, until a condition holds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, limitMs = 60_000): Promise<void> {
  for (const deadline = Date.now() + limitMs; !(await holds());) {
    if (Date.now() > deadline) throw new Error(`waited too long until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
