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

/** What waiting for a debugger takes. */
export interface InspectDeps {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  readonly clock: Clock;
  /** `process` of the main file: where signals are listened to, and its end. */
  readonly events: NodeJS.EventEmitter;
}

/** A process with the pod to forward a port to. */
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
  // Started with node --inspect or --inspect-brk: the debugger is there, or whoever did it does not want to wait for one.
  if (inspector.url() !== undefined) return pauseHere();
  const { clock, logger } = deps;
  const { host, timeoutMs } = settings;
  const untilMs = clock.monotonicMs() + timeoutMs;
  const port = await findPort(deps, settings, untilMs);
  if (port === undefined) return;
  if (!LOOPBACK.test(host)) logger.warn("whoever reaches the port of the debugger can run code as this process", { host, port });
  const forward = `kubectl port-forward -n ${subject.namespace} pod/${subject.pod.name} 9229:${port}`;
  const fields = { type: subject.type, task: subject.taskName, iteration: subject.iterationIndex };
  logger.warn(`waits for a debugger at ${urlHost(host)}:${port}; for one in a pod run: ${forward}`, { ...fields, timeoutMs });
  const end = await blockForDebugger(deps.events, { host, port, timeoutMs: Math.max(1, untilMs - clock.monotonicMs()) });
  if (end !== "attached") {
    inspector.close();
    const reason = end === "expired" ? "no debugger came in time" : "the inspector cannot be opened";
    logger.warn(`${reason}, runs on without a debugger`, fields);
    return;
  }
  // Else Node would keep the ended process until the debugger lets go of it.
  deps.events.once("exit", () => inspector.close());
  pauseHere();
}

/** @returns A port that can be listened at, or nothing; the log says why. The inspector itself would only tell the terminal. */
async function findPort(
  { clock, logger }: InspectDeps,
  { host, port }: InspectSettings,
  untilMs: number,
): Promise<number | undefined> {
  for (let isFirst = true; ; isFirst = false) {
    const found = await tryPort(host, port);
    if (typeof found === "number") return found;
    if (found.code !== "EADDRINUSE" || clock.monotonicMs() + PORT_POLL_MS > untilMs) {
      logger.warn(`the inspector cannot be opened, runs on without a debugger: ${errorMessage(found)}`, { host, port });
      return undefined;
    }
    if (isFirst) logger.warn("the port of the debugger is in use, waits until it is free", { host, port });
    await clock.sleep(PORT_POLL_MS);
  }
}

async function tryPort(host: string, port: number): Promise<number | NodeJS.ErrnoException> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once("error", resolve);
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : port));
    });
  });
}

function urlHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

interface WatchdogData {
  readonly purpose: typeof watchdogPurpose;
  readonly timeoutMs: number;
  /** One Int32: 1 once the time is up. */
  readonly expired: Int32Array<SharedArrayBuffer>;
}

const watchdogPurpose = "kfp-inspect-watchdog";

async function blockForDebugger(
  events: NodeJS.EventEmitter,
  { host, port, timeoutMs }: { readonly host: string; readonly port: number; readonly timeoutMs: number },
): Promise<"attached" | "expired" | "closed"> {
  const expired = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const watchdog = startWatchdog({ purpose: watchdogPurpose, timeoutMs, expired });
  const restore = suspendListeners(events);
  try {
    // In one call: a debugger must not say "go on" before anybody waits for it.
    inspector.open(port, host, true);
  } catch {
    return "closed";
  } finally {
    restore();
    await watchdog.terminate();
  }
  if (inspector.url() === undefined) return "closed";
  return Atomics.load(expired, 0) === 0 ? "attached" : "expired";
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
