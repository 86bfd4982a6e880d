/**
 * Signals that end a program, whatever it waits for: the first one asks, and what does not end within its limit after it is ended.
 *
 * A second one from a keyboard ends it at once. All others only ask, however often they come, since several may end a pod: the kubelet
 * one that is deleted or over its deadline, with the signal that the image names, and before or after it Argo's controller
 * (`terminateContainers` in workflow/controller/pod/queue.go) and the executor beside the program (`monitorDeadline` in
 * workflow/executor/executor.go).
 *
 * @module
 */
import { constants } from "node:os";
import { basename } from "node:path";

const STOP_SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const;

const KEYBOARD_SIGNALS: ReadonlySet<string> = new Set(["SIGINT", "SIGQUIT"]);

/** When all is done, what a library left open may keep the process this much longer. */
const LINGER_MS = 1000;

/** The part of `process` that this file needs. */
export type StoppableProcess = Pick<
  NodeJS.Process,
  "on" | "once" | "removeAllListeners" | "kill" | "pid" | "exit" | "execve" | "execPath" | "getActiveResourcesInfo"
> & { exitCode?: number | string | null | undefined };

/** How long a process that was told to stop may take. */
export interface StopLimits {
  /** From the first signal to the end of the process, at the latest. */
  readonly limitMs: number;
  /** Called before the process is ended from outside its work: nobody else would end what it has started. */
  readonly beforeEnd?: () => Promise<void>;
}

/** Being told to stop, and leaving in an orderly way. */
export interface StopSignals {
  /** Aborted by the first signal; the reason is its name. */
  readonly signal: AbortSignal;
  /** Ends the process with this code, soon and for certain; a first signal that comes from now on changes nothing. */
  readonly leave: (exitCode: number) => void;
}

/** Listens from now on. */
export function listenToStopSignals(program: StoppableProcess, { limitMs, beforeEnd }: StopLimits): StopSignals {
  const controller = new AbortController();
  const endNow = async (name: NodeJS.Signals): Promise<void> => {
    try {
      await beforeEnd?.();
    } finally {
      endBy(program, name);
    }
  };
  let fromKeyboard = 0;
  for (const name of STOP_SIGNALS) {
    program.on(name, () => {
      if (KEYBOARD_SIGNALS.has(name)) fromKeyboard += 1;
      if (controller.signal.aborted) {
        if (fromKeyboard > 1) void endNow(name);
        return;
      }
      controller.abort(name);
      setTimeout(() => void endNow(name), limitMs).unref();
    });
  }
  return {
    signal: controller.signal,
    leave: (exitCode) => {
      program.exitCode = exitCode;
      // Left alone, Node takes its handlers away first and ends then: a signal in between would say that finished work was stopped.
      program.once("beforeExit", () => {
        program.exit(exitCode);
      });
      setTimeout(() => endWith(program, exitCode), LINGER_MS).unref();
    },
  };
}

/** A thread of Node's in the middle of a file: one that is a pipe without a writer stays there for ever. */
const OPENING = /^FSReq/;
/** One that asks a name server: the C library gives up by itself, within a minute where it is set up as usual. */
const LOOKING_UP = /^(?:GetAddrInfo|GetNameInfo)/;

function isBlocked(program: StoppableProcess, work: RegExp): boolean {
  return program.getActiveResourcesInfo().some((resource) => work.test(resource));
}

/** `process.exit` waits for Node's threads, and so may never come back; a signal's default effect waits for nothing. */
function endBy(program: StoppableProcess, name: NodeJS.Signals): void {
  if (isBlocked(program, OPENING) || isBlocked(program, LOOKING_UP)) {
    program.removeAllListeners(name);
    program.kill(program.pid, name);
  }
  // Also where the kernel keeps such a signal from process 1 of a container.
  program.exit(128 + constants.signals[name]);
}

/** What has ended its work must not seem to have failed, whatever its threads still wait for. */
function endWith(program: StoppableProcess, exitCode: number): void {
  const opening = isBlocked(program, OPENING);
  // A program that takes this one's place ends all threads. Started through the loader of its libraries, Node does not know its own path.
  if ((opening || isBlocked(program, LOOKING_UP)) && basename(program.execPath) === "node") {
    try {
      program.execve?.(program.execPath, [program.execPath, "-e", `process.exit(${String(exitCode)})`], {});
    } catch {
      // Not allowed here.
    }
  }
  if (opening) program.kill(program.pid, "SIGKILL");
  program.exit(exitCode);
}
