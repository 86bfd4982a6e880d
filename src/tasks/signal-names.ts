/**
 * Signals in the words of Go, which exit-handler tasks and people read in status messages.
 *
 * Source: docs/spec/launcher-flow.md#failure-table.
 *
 * @module
 */
import { constants } from "node:os";

const WORDS: Readonly<Record<string, string>> = {
  SIGHUP: "hangup",
  SIGINT: "interrupt",
  SIGQUIT: "quit",
  SIGILL: "illegal instruction",
  SIGTRAP: "trace/breakpoint trap",
  SIGABRT: "aborted",
  SIGIOT: "aborted",
  SIGBUS: "bus error",
  SIGFPE: "floating point exception",
  SIGKILL: "killed",
  SIGSEGV: "segmentation fault",
  SIGPIPE: "broken pipe",
  SIGALRM: "alarm clock",
  SIGTERM: "terminated",
  SIGUSR1: "user defined signal 1",
  SIGUSR2: "user defined signal 2",
};

/** `undefined` when this system has no signal of that name. */
export function signalNumber(name: string): number | undefined {
  const numbers: Readonly<Record<string, number>> = constants.signals;
  return Object.hasOwn(numbers, name) ? numbers[name] : undefined;
}

/** `killed` for SIGKILL; `signal 35` for one without a word of its own. */
export function signalWords(name: string): string {
  return WORDS[name] ?? `signal ${signalNumber(name) ?? name}`;
}
