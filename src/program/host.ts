/**
 * What surrounds a program: whoever starts driver or launcher, the main file or a local run, hands it in, so that many can run in one
 * process.
 *
 * @module
 */
import type { Clock } from "../ports/clock.ts";
import type { FileSystem } from "../ports/file-system.ts";
import type { KfpApi } from "../ports/kfp-api.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import type { Logger } from "../ports/logger.ts";

/** A connection to the API server, with what only its owner may do. */
export interface ApiConnection {
  readonly api: KfpApi;
  /** From now on every call ends within so many milliseconds. Absent where the connection belongs to somebody else. */
  readonly capDeadlines?: ((withinMs: number) => void) | undefined;
  /** Absent where the connection belongs to somebody else. */
  readonly close?: (() => void) | undefined;
}

/** Takes text of the program itself, such as its usage. */
export interface TextSink {
  write(text: string): unknown;
}

/**
 * The surroundings that driver and launcher share. `ServerFlags` is what their command line says about the API server, `Kube` what they
 * ask of the cluster.
 */
export interface ProgramHost<ServerFlags, Kube = KubeApi> {
  /** Of this program; variables of the user's container that are hidden from Node are in it, too. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where the version goes. */
  readonly stdout: TextSink;
  /** Where usage texts and problems with the command line go. */
  readonly stderr: TextSink;
  readonly clock: Clock;
  readonly files: FileSystem;
  /** May throw UsageError, for a log format that does not exist. */
  readonly createLogger: (verbosity: number) => Logger;
  /** Called once, after the command line has been read. */
  readonly connect: (flags: ServerFlags, logger: Logger) => Promise<ApiConnection>;
  /** Called only when something is needed of the cluster. */
  readonly kube: () => Promise<Kube>;
  /** Aborted to stop: the reason is the name of a signal, as `SIGTERM`, or an Error that says why. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Caps the deadlines of all calls once the program is told to stop.
 *
 * @param withinMs From the request to stop.
 * @returns A function that stops watching.
 */
export function capDeadlinesOnStop(
  signal: AbortSignal | undefined,
  { capDeadlines }: ApiConnection,
  withinMs: number,
): () => void {
  if (signal === undefined || capDeadlines === undefined) return () => undefined;
  const onAbort = (): void => capDeadlines(withinMs);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  return () => signal.removeEventListener("abort", onAbort);
}
