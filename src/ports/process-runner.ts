/**
 * Running the user's command.
 *
 * Source: docs/spec/inputs-and-user-command.md#process, #decision-user-streams, #decision-orphans, #decision-out-of-memory.
 *
 * @module
 */

import type { ReadLimit } from "./file-system.ts";

/** Where one stream of the command goes. */
export interface OutputSink {
  /** The bytes are there until this returns, or until the promise that it returns is settled; it holds the command back so long. */
  write(chunk: Uint8Array): Promise<void> | void;
}

/** Hands on signals as they arrive, until the returned function is called. */
export type SignalSource = (deliver: (name: NodeJS.Signals) => void) => () => void;

/** A command and all that happens to it. */
export interface CommandOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment; nothing is inherited. A command without "/" is looked up in its PATH. */
  readonly environment: Readonly<Record<string, string>>;
  /** Working folder; that of this process when absent. */
  readonly workingDirectory?: string | undefined;
  readonly stdin: "inherit" | "ignore";
  readonly stdout: OutputSink;
  readonly stderr: OutputSink;
  /**
   * Receives both streams in order of arrival, up to a limit. A file that cannot be written, or is full, costs a warning, never the
   * command.
   */
  readonly log?: { readonly path: string; readonly limit: ReadLimit } | undefined;
  /** When aborted: SIGTERM (or the `NodeJS.Signals` name given as reason) to the process group, SIGKILL after `graceMs`. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds between the first signal and SIGKILL. */
  readonly graceMs: number;
  /** Signals that go to the command and stop nothing by themselves, such as SIGUSR1. */
  readonly passedSignals?: SignalSource | undefined;
  /** Called once the command runs: what is needed only after it can be made ready meanwhile. */
  readonly onStart?: (() => void) | undefined;
  readonly onWarning: (message: string) => void;
}

/** How the command ended. Not starting is an outcome, too: the caller decides what it means. */
export type CommandOutcome =
  | { readonly kind: "exited"; readonly exitCode: number; readonly outOfMemory: boolean }
  | { readonly kind: "killed"; readonly signal: NodeJS.Signals; readonly outOfMemory: boolean }
  | { readonly kind: "not-started"; readonly reason: string };

/** Runs commands. */
export interface ProcessRunner {
  /** Bytes that one argument may have; absent where the system has no such limit. */
  readonly argumentLimitBytes?: number | undefined;
  /** Never rejects for what the command does; rejects only when an OutputSink does. */
  run(options: CommandOptions): Promise<CommandOutcome>;
}
