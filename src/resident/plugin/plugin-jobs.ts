/**
 * Drives of an executor plugin: each goes on by itself, whatever becomes of the requests that ask for it.
 *
 * The agent waits 30 seconds for an answer and then asks again, while the first request still runs; it asks again after it was restarted,
 * too. So a request joins the drive that is under way, is answered before the agent loses patience, and takes the result whenever it is
 * there. All results of one period go into one object: more of them than it holds would fail together, so the rest waits for the next.
 *
 * Source: docs/spec/resident-driver.md#time-limits-and-retries, #can-the-same-node-arrive-twice, #5000-iterations, #duplicates.
 *
 * @module
 */
import type { JsonObject } from "../../core/values/value.ts";
import { HandOver } from "../../driver/interruption.ts";
import type { Clock } from "../../ports/clock.ts";
import { endedReply, jobKey, laterReply, type ExecuteRequest } from "./execute-request.ts";

/** Drives one node. The result is Argo's NodeResult with a phase that ends the node. Never rejects. */
export type ExecuteNode = (request: ExecuteRequest, signal: AbortSignal) => Promise<JsonObject>;

/** How long, and how much. */
export interface PluginLimits {
  /** An answer is given by then; the agent waits 30 seconds. */
  readonly answerMs: number;
  /** Drives at a time; more wait for their turn. */
  readonly drives: number;
  /** Bytes of results that are handed over in one period. */
  readonly resultBytes: number;
  /** How often the agent writes what it has. */
  readonly periodMs: number;
  /** A result that nobody asks for is forgotten after it. */
  readonly forgottenAfterMs: number;
}

export const PLUGIN_LIMITS: PluginLimits = {
  ...{ answerMs: 20_000, drives: 16, resultBytes: 512 * 1024, periodMs: 10_000, forgottenAfterMs: 600_000 },
};

/** Seconds after which the agent is to ask again, the first time and at most. */
const FIRST_LATER_SECONDS = 1;
const LONGEST_LATER_SECONDS = 5;

interface Job {
  /** Resolves when there is a result. */
  readonly done: Promise<void>;
  result?: JsonObject;
  endedMs: number;
  /** Requests that were told to come again. */
  postponed: number;
}

/** The drives of one process. */
export class PluginJobs {
  readonly #clock: Clock;
  readonly #execute: ExecuteNode;
  readonly #limits: PluginLimits;
  readonly #jobs = new Map<string, Job>();
  readonly #waiting: (() => void)[] = [];
  /** Nothing new is begun. */
  readonly #stopping = new AbortController();
  /** What is under way ends. */
  readonly #aborting = new AbortController();
  #driving = 0;
  #periodBeganMs = Number.NEGATIVE_INFINITY;
  #handedBytes = 0;

  constructor(deps: { readonly clock: Clock; readonly execute: ExecuteNode }, limits: PluginLimits = PLUGIN_LIMITS) {
    this.#clock = deps.clock;
    this.#execute = deps.execute;
    this.#limits = limits;
  }

  /** Drives that have not ended, for metrics. */
  get unfinished(): number {
    return Array.from(this.#jobs.values()).filter(({ result }) => result === undefined).length;
  }

  /**
   * The reply to a request. Never rejects.
   *
   * @param gone Aborted when nobody waits for this answer any more: the result is kept then.
   */
  async answer(request: ExecuteRequest, gone: AbortSignal): Promise<JsonObject> {
    this.#forget();
    const key = jobKey(request);
    const known = this.#jobs.get(key);
    if (known === undefined && this.#stopping.signal.aborted) return laterReply(FIRST_LATER_SECONDS);
    const job = known ?? this.#begin(key, request);
    if (job.result === undefined) await this.#patience(job, gone);
    const { result } = job;
    if (result === undefined || gone.aborted || !this.#mayHandOver(result)) {
      job.postponed += 1;
      return laterReply(Math.min(FIRST_LATER_SECONDS * job.postponed, LONGEST_LATER_SECONDS));
    }
    // Asked for once more, the work is done again: the result got lost, or the node is retried.
    if (this.#jobs.get(key) === job) this.#jobs.delete(key);
    return endedReply(result);
  }

  /** Begins nothing new, answers at once from now on, and waits for what is under way. Aborts it when the signal is aborted. */
  async stop(deadline: AbortSignal): Promise<void> {
    const under = Array.from(this.#jobs.values(), ({ done }) => done);
    this.#stopping.abort(new Error("the plugin ends"));
    const late = new Promise<void>((resolve) => {
      if (deadline.aborted) resolve();
      else deadline.addEventListener("abort", () => resolve(), { once: true });
    });
    await Promise.race([Promise.all(under), late]);
    // Whoever asks next, of the pod after this one, has it done again.
    this.#aborting.abort(new HandOver("this plugin ends"));
  }

  #begin(key: string, request: ExecuteRequest): Job {
    const { promise: done, resolve } = Promise.withResolvers<void>();
    const job: Job = { done, endedMs: 0, postponed: 0 };
    this.#jobs.set(key, job);
    void this.#run(job, request).finally(resolve);
    return job;
  }

  async #run(job: Job, request: ExecuteRequest): Promise<void> {
    // In the order in which they came: whoever ends hands its place on.
    if (this.#driving < this.#limits.drives) this.#driving += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      job.result = await this.#execute(request, this.#aborting.signal);
    } finally {
      job.endedMs = this.#clock.monotonicMs();
      const next = this.#waiting.shift();
      if (next === undefined) this.#driving -= 1;
      else next();
    }
  }

  /** Until there is a result, or an answer is due whatever it is. */
  async #patience({ done }: Job, gone: AbortSignal): Promise<void> {
    const enough = AbortSignal.any([gone, this.#stopping.signal]);
    const waited = new AbortController();
    const late = enough.aborted
      ? Promise.resolve()
      : this.#clock.sleep(this.#limits.answerMs, AbortSignal.any([enough, waited.signal])).catch(() => undefined);
    await Promise.race([done, late]);
    waited.abort(new Error("answered"));
  }

  /** A result that is too large for any period goes alone. */
  #mayHandOver(result: JsonObject): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#periodBeganMs >= this.#limits.periodMs) {
      this.#periodBeganMs = nowMs;
      this.#handedBytes = 0;
    }
    const bytes = Buffer.byteLength(JSON.stringify(result));
    if (this.#handedBytes > 0 && this.#handedBytes + bytes > this.#limits.resultBytes) return false;
    this.#handedBytes += bytes;
    return true;
  }

  #forget(): void {
    const beforeMs = this.#clock.monotonicMs() - this.#limits.forgottenAfterMs;
    for (const [key, { result, endedMs }] of this.#jobs) {
      if (result !== undefined && endedMs < beforeMs) this.#jobs.delete(key);
    }
  }
}
