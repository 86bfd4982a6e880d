/**
 * Being told to stop while there is work: the error it ends with, and waits that end early.
 *
 * The reason of the abort signal says why: the name of a signal, as `SIGTERM`, or an Error.
 *
 * @module
 */
import { errorMessage, HostError } from "../core/errors.ts";
import { signalNumber, signalWords } from "./signal-names.ts";

/** What a program does about being told to stop. */
export interface Interruptions {
  /** The error the work ends with. `details.exitCode` is 128 + signal, as a shell would say. */
  readonly interruptedError: (reason: unknown) => HostError;
  /** @throws {HostError} INTERRUPTED */
  readonly throwIfInterrupted: (signal: AbortSignal | undefined) => void;
  /**
   * Waits for `work`, or rejects as soon as the signal is aborted; the work itself goes on unobserved.
   *
   * @throws {HostError} INTERRUPTED
   */
  readonly unlessInterrupted: <Result>(signal: AbortSignal | undefined, work: () => Promise<Result>) => Promise<Result>;
}

/** @param program Who was told to stop, for the message. */
export function interruptionsOf(program: "driver" | "launcher"): Interruptions {
  const interruptedError = (reason: unknown): HostError => {
    const number = typeof reason === "string" ? signalNumber(reason) : undefined;
    if (typeof reason !== "string" || number === undefined) {
      const why = reason instanceof Error ? errorMessage(reason) : "cancelled";
      return new HostError("INTERRUPTED", why, { details: { exitCode: 1 } });
    }
    return new HostError("INTERRUPTED", `the ${program} was told to stop by ${reason} (signal: ${signalWords(reason)})`, {
      details: { signal: reason, exitCode: 128 + number },
    });
  };
  const throwIfInterrupted = (signal: AbortSignal | undefined): void => {
    if (signal?.aborted === true) throw interruptedError(signal.reason);
  };
  return {
    interruptedError,
    throwIfInterrupted,
    async unlessInterrupted(signal, work) {
      throwIfInterrupted(signal);
      if (signal === undefined) return work();
      let stop: (() => void) | undefined;
      const interrupted = new Promise<never>((_, reject) => {
        stop = () => reject(interruptedError(signal.reason));
        signal.addEventListener("abort", stop, { once: true });
      });
      try {
        return await Promise.race([work(), interrupted]);
      } finally {
        if (stop !== undefined) signal.removeEventListener("abort", stop);
      }
    },
  };
}
