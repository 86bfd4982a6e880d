/**
 * The person's command line: picks streams, working folder and environment of this process, passes Ctrl-C on, exits.
 *
 * Exit codes: 0 succeeded; 1 the run failed or the home cannot be used; 2 usage; 130 after Ctrl-C.
 *
 * @module
 */
import { availableParallelism, constants, totalmem } from "node:os";
import path from "node:path";
import { formatVersion } from "../program/build-info.ts";
import { killDescendants } from "../node/processes/kill-descendants.ts";
import type { TerminalStream } from "./host.ts";

const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

async function main(): Promise<void> {
  const argv = process.argv.slice(2);
  const { stdout, stderr, env } = process;
  for (const stream of [stdout, stderr]) stream.on("error", () => undefined);
  if (argv.length === 1 && argv[0] === "--version") {
    stdout.write(`${formatVersion("kfp-runtime")}\n`);
    return;
  }
  const { runCommandLine } = await import("./run-command-line.ts");
  const exitCode = await runCommandLine(argv, {
    environment: Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined)),
    workingFolder: process.cwd(),
    programFolder: path.join(import.meta.dirname, "../bin"),
    processors: availableParallelism(),
    // Opening it already takes what is typed.
    get stdin() {
      return process.stdin;
    },
    memoryBytes: memoryBytes(),
    stdout: terminalStream(stdout),
    stderr: terminalStream(stderr),
    stopSignal,
    killChildren: () => killDescendants(process.pid),
  });
  process.exitCode = exitCode;
  // What a library left open must not keep the shell waiting; output under way is written first.
  stdout.write("", () => stderr.write("", () => process.exit(exitCode)));
}

/** Without a limit the system says none, or more than there is. */
function memoryBytes(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Infinity);
}

function terminalStream(stream: NodeJS.WriteStream): TerminalStream {
  return {
    write: (text) => stream.write(text),
    isTerminal: stream.isTTY,
    columns: () => stream.columns ?? 80,
    rows: () => stream.rows ?? 24,
  };
}

/** Watches for Ctrl-C from now on. The second one ends everything at once. */
function stopSignal({ withStdin }: { readonly withStdin: boolean } = { withStdin: false }): AbortSignal {
  const controller = new AbortController();
  if (withStdin) {
    const stop = (): void => controller.abort(new Error("cancelled by user"));
    // A pipe that broke ends as well; what comes through it means nothing.
    process.stdin.on("end", stop).on("error", stop).resume();
  }
  for (const name of STOP_SIGNALS) {
    process.on(name, () => {
      if (controller.signal.aborted) {
        killDescendants(process.pid);
        process.exit(128 + constants.signals[name]);
      }
      controller.abort(new Error("cancelled by user"));
    });
  }
  return controller.signal;
}

void main();
