/**
 * One span of time in which the API server gave no answer, seen by all calls of a connection together. Pure.
 *
 * It begins with a try that gets no answer while the ones before it had one, and ends with the next answer of whatever kind. Calls that
 * are made when the patience for it is used up get one try each, so that a process does not wait for the same absent server twice.
 *
 * @module
 */
import type { GrpcStatus } from "../wire/grpc-status.ts";

/** Statuses of tries that reached nobody, or nobody who answered. */
const UNANSWERED: ReadonlySet<GrpcStatus> = new Set(["UNAVAILABLE", "DEADLINE_EXCEEDED"]);

/** True when a failure says nothing about the call, only that nobody answered. */
export function isUnanswered(status: GrpcStatus): boolean {
  return UNANSWERED.has(status);
}

/** An outage that is over. */
export interface EndedOutage {
  readonly lastedMs: number;
  /** Tries without an answer. */
  readonly tries: number;
}

/** A stretch of time without any answer of the server, over all calls: begins with the first try without one, ends with an answer. */
export class Outage {
  #beganAtMs: number | undefined;
  #tries = 0;

  /**
   * A try got no answer.
   *
   * @param beganAtMs When that try began.
   * @returns True when this is the first one: the outage begins.
   */
  noteSilence(beganAtMs: number): boolean {
    this.#tries += 1;
    if (this.#beganAtMs !== undefined) return false;
    this.#beganAtMs = beganAtMs;
    return true;
  }

  /** A try got an answer. @returns What is over now; nothing when there was no outage. */
  noteAnswer(nowMs: number): EndedOutage | undefined {
    if (this.#beganAtMs === undefined) return undefined;
    const ended = { lastedMs: nowMs - this.#beganAtMs, tries: this.#tries };
    this.#beganAtMs = undefined;
    this.#tries = 0;
    return ended;
  }

  /** Milliseconds since it began; 0 when the server answers. */
  lastedMs(nowMs: number): number {
    return this.#beganAtMs === undefined ? 0 : nowMs - this.#beganAtMs;
  }
}
