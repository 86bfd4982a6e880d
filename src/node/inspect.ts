/**
 * Waits for a debugger before a driver or launcher does its work.
 *
 * The main thread blocks inside Node until a debugger has attached and asked to go on, so no timer of its own can end the wait: a
 * worker thread that loads this same file does that. While it blocks, signals have their default effect, so that a waiting process
 * can be stopped. Once a debugger is there, the process pauses in this file, and goes on when told to.
 *
 * Loaded only by processes whose environment asks for it.
 *
 * @module
 */
import * as inspector from "node:inspector";
import { createServer } from "node:net";
import path from "node:path";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { errorMessage } from "../core/errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Logger } from "../ports/logger.ts";
import { isInspected, readInspectSettings, type InspectedProcess, type InspectSettings } from "./inspect-settings.ts";

export interface InspectDeps {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  readonly clock: Clock;
  /** `process` of the main file: where signals are listened to, and its end. */
  readonly events: NodeJS.EventEmitter;
}

export interface InspectedPod extends InspectedProcess {
  readonly pod: { readonly name: string };
  readonly namespace: string;
}

const PORT_POLL_MS = 500;
const LOOPBACK = /^(?:127\.|::1$|localhost$)/;
const STOP_SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const;

/**
 * Waits if the environment names this process, else returns at once. A debugger that never comes, or a port that cannot be had, is
 * a warning and no failure.
 *
 * @throws {UsageError} ENVIRONMENT_INVALID for variables that cannot be read.
 */
export async function waitIfInspected(deps: InspectDeps, subject: InspectedPod): Promise<void> {
  const settings = readInspectSettings(deps.environment);
  if (settings === undefined || !isInspected(settings, subject)) return;
  const { clock, logger } = deps;
  const untilMs = clock.monotonicMs() + settings.timeoutMs;
  const address = await openInspector(deps, settings, untilMs);
  if (address === undefined) return;
  const fields = { type: subject.type, task: subject.taskName, iteration: subject.iterationIndex };
  if (!LOOPBACK.test(settings.host)) {
    logger.warn("whoever reaches the port of the debugger can run code as this process", { address: settings.host });
  }
  const forward = `kubectl port-forward -n ${subject.namespace} pod/${subject.pod.name} 9229:${address.port}`;
  logger.warn(`waits for a debugger at ${address.host}; for one in a pod run: ${forward}`, {
    ...fields,
    timeoutMs: settings.timeoutMs,
  });
  const hasDebugger = await blockForDebugger(deps.events, Math.max(1, untilMs - clock.monotonicMs()));
  if (!hasDebugger) {
    inspector.close();
    logger.warn("no debugger came in time, runs on without one", fields);
    return;
  }
  // Else Node would keep the ended process until the debugger lets go of it.
  deps.events.once("exit", () => inspector.close());
  pauseHere();
}

/** @returns Where it listens, or nothing when that cannot be had; the log says why. */
async function openInspector(
  { clock, logger }: InspectDeps,
  { host, port }: InspectSettings,
  untilMs: number,
): Promise<{ host: string; port: string } | undefined> {
  for (let isFirst = true; ; isFirst = false) {
    // The inspector itself tells of a port in use on stderr only.
    const problem = port === 0 ? undefined : await tryPort(host, port);
    if (problem === undefined) {
      inspector.open(port, host);
      const url = inspector.url();
      if (url === undefined) logger.warn("the inspector cannot be opened, runs on without a debugger", { host, port });
      return url === undefined ? undefined : new URL(url);
    }
    if (problem.code !== "EADDRINUSE" || clock.monotonicMs() + PORT_POLL_MS > untilMs) {
      logger.warn(`the inspector cannot be opened, runs on without a debugger: ${errorMessage(problem)}`, { host, port });
      return undefined;
    }
    if (isFirst) logger.warn("the port of the debugger is in use, waits until it is free", { host, port });
    await clock.sleep(PORT_POLL_MS);
  }
}

async function tryPort(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once("error", (error) => resolve(error));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

interface WatchdogData {
  readonly purpose: typeof watchdogPurpose;
  readonly timeoutMs: number;
  /** One Int32: 1 once the time is up. */
  readonly expired: Int32Array<SharedArrayBuffer>;
}

const watchdogPurpose = "kfp-inspect-watchdog";

/** @returns False when the time was up first. */
async function blockForDebugger(events: NodeJS.EventEmitter, timeoutMs: number): Promise<boolean> {
  const data: WatchdogData = {
    purpose: watchdogPurpose,
    timeoutMs,
    expired: new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)),
  };
  const watchdog = startWatchdog(data);
  const restore = suspendListeners(events);
  try {
    inspector.waitForDebugger();
  } finally {
    restore();
    await watchdog.terminate();
  }
  return Atomics.load(data.expired, 0) === 0;
}

/** In a bundle this file is a chunk, which boot.cjs loads by name. */
function startWatchdog(data: WatchdogData): Worker {
  const { dir, name, ext } = path.parse(import.meta.filename);
  const [file, argv] = ext === ".ts" ? [import.meta.filename, []] : [path.join(dir, "boot.cjs"), [name]];
  const watchdog = new Worker(file, { argv, workerData: data, execArgv: [] });
  watchdog.unref();
  return watchdog;
}

function suspendListeners(events: NodeJS.EventEmitter): () => void {
  const suspended = STOP_SIGNALS.flatMap((signal) =>
    events.listeners(signal).map((listener) => ({ signal, listener: listener as (name: string) => void })),
  );
  for (const { signal, listener } of suspended) events.off(signal, listener);
  return () => {
    for (const { signal, listener } of suspended) events.on(signal, listener);
  };
}

/** Set your breakpoints now, then continue. */
function pauseHere(): void {
  // oxlint-disable-next-line no-debugger -- the purpose of this file
  debugger;
}

function watchMainThread({ timeoutMs, expired }: WatchdogData): void {
  const session = new inspector.Session();
  session.connectToMainThread();
  setTimeout(() => {
    Atomics.store(expired, 0, 1);
    session.post("Runtime.runIfWaitingForDebugger");
  }, timeoutMs);
}

if (!isMainThread && (workerData as Partial<WatchdogData> | null)?.purpose === watchdogPurpose) {
  watchMainThread(workerData as WatchdogData);
}
