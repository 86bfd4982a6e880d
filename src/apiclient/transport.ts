/**
 * One call on the wire: package name, token, deadline, retries, foreign errors. kfp-api-grpc.ts says which calls there are.
 *
 * @module
 */
import { Metadata } from "nice-grpc";
import { ApiError } from "../core/errors.ts";
import type { ApiPackage } from "../wire/grpc-definition.ts";
import type { Clock } from "../ports/clock.ts";
import type { Logger } from "../ports/logger.ts";
import { callFailure, toApiError, unsupportedError, type CallContext } from "./api-error.ts";
import type { Tokens } from "./auth.ts";
import type { Clients, ClientSource } from "./clients.ts";
import { Connection } from "./connection.ts";
import type { CallFailure } from "../wire/grpc-status.ts";
import { isUnanswered, Outage } from "./outage.ts";
import { PackageChoice } from "./package-choice.ts";
import {
  CALL_DEADLINE_MS,
  DEFAULT_RETRY_POLICY,
  isRetryable,
  nextRetryMs,
  type Repeatability,
  type RetryPolicy,
} from "./retry.ts";

/** What every try of a call is sent with. The signal ends the try. */
export interface CallOptions {
  readonly metadata: Metadata;
  readonly signal: AbortSignal;
}

/** A call apart from its request: its name, its limits, and whether repeating it is harmless. */
export interface CallPlan {
  /** Name of the RPC, such as `GetRun`. */
  readonly method: string;
  readonly repeatability?: Repeatability;
  /** For one try; default 30 s. */
  readonly deadlineMs?: number;
  /** Sent along with `authorization`. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** In the place of the connection's own. */
  readonly tokens?: Tokens | undefined;
}

/** What went over the wire so far, retries included. */
export interface Traffic {
  readonly callsByMethod: ReadonlyMap<string, number>;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** What the transport takes of its process. */
export interface TransportDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Called again after every try that reached nobody. Connects with the first call on it. */
  readonly openClients: () => ClientSource;
  /** Absent: calls are not authenticated. */
  readonly tokens?: Tokens;
}

/** Settings of one server's transport. */
export interface TransportOptions {
  /** `host:port`, for messages. */
  readonly endpoint: string;
  readonly forcedPackage?: ApiPackage;
  readonly policy?: RetryPolicy;
}

/** A reason of its own costs less than the error, with its stack, that would be made for each call. */
const FINISHED = "the call has ended";

/** Sends calls: picks the package name, adds the token, sets deadlines, tries again, and says when the server is silent and when it is back. */
export class Transport {
  readonly endpoint: string;
  readonly #deps: TransportDeps;
  readonly #policy: RetryPolicy;
  readonly #choice: PackageChoice;
  readonly #callsByMethod = new Map<string, number>();
  /** One per call under way: aborted to end it early; the signal tells that it has ended. */
  readonly #underWay = new Map<AbortController, AbortSignal>();
  readonly #outage = new Outage();
  #connection: Connection;
  /** Called to end the waits between two tries. */
  readonly #waits = new Set<() => void>();
  #closed = false;
  #sentBytes = 0;
  #receivedBytes = 0;
  #endAtMs = Number.POSITIVE_INFINITY;

  constructor(deps: TransportDeps, options: TransportOptions) {
    this.#deps = deps;
    this.endpoint = options.endpoint;
    this.#policy = options.policy ?? DEFAULT_RETRY_POLICY;
    this.#choice = new PackageChoice(options.forcedPackage);
    this.#connection = this.#connect();
  }

  get apiPackage(): ApiPackage {
    return this.#choice.current;
  }

  get traffic(): Traffic {
    return { callsByMethod: new Map(this.#callsByMethod), sentBytes: this.#sentBytes, receivedBytes: this.#receivedBytes };
  }

  /**
   * From now on every try, under way or to come, ends within so many milliseconds: this process has been asked to stop. A wait between
   * two tries is over at once, and none begins that would be longer.
   */
  capDeadlines(withinMs: number): void {
    this.#endAtMs = Math.min(this.#endAtMs, this.#deps.clock.monotonicMs() + withinMs);
    for (const [controller, finished] of this.#underWay) void this.#abortLater(controller, withinMs, finished);
    this.#endWaits();
  }

  /** Calls under way end, and none is tried again. */
  close(): void {
    this.#closed = true;
    this.#connection.close();
    this.#endWaits();
  }

  /**
   * Makes a call until it succeeds or is given up.
   *
   * @throws {ApiError} As ports/kfp-api.ts says; TOKEN_UNREADABLE from the token source.
   */
  async call<Answer>(plan: CallPlan, send: (clients: Clients, options: CallOptions) => Promise<Answer>): Promise<Answer> {
    const { clock, logger, random } = this.#deps;
    const startedAtMs = clock.monotonicMs();
    const repeatability = plan.repeatability ?? "idempotent";
    let tokenRefreshed = false;
    for (let attempt = 1; ;) {
      const used = this.#choice.current;
      const outcome = await this.#tryOnce(plan, startedAtMs, used, send);
      if ("answer" in outcome) {
        this.#choice.observe(used, "OK");
        return outcome.answer;
      }
      const { failure, cause } = outcome;
      const now = clock.monotonicMs();
      const context: CallContext = {
        method: plan.method,
        endpoint: this.endpoint,
        repeatability,
        attempts: attempt,
        elapsedMs: now - startedAtMs,
      };
      const verdict = this.#choice.observe(used, failure.status);
      if (verdict === "repeat") continue;
      if (verdict === "unsupported") throw unsupportedError(context, cause);
      const tokens = plan.tokens ?? this.#deps.tokens;
      if (failure.status === "UNAUTHENTICATED" && !tokenRefreshed && tokens !== undefined) {
        tokenRefreshed = true;
        if (await tokens.refresh()) continue;
      }
      const elapsedMs = Math.max(context.elapsedMs, this.#outage.lastedMs(now));
      const delayMs = nextRetryMs({ failure, repeatability, attempt, elapsedMs, random: random() }, this.#policy);
      if (delayMs === undefined || this.#closed || now + delayMs >= this.#endAtMs) throw toApiError(failure, context, cause);
      // The outage has lines of its own.
      if (!isUnanswered(failure.status) && attempt === 1) {
        const { status, details: reason } = failure;
        logger.warn("API call failed and is tried again", { method: plan.method, status, delayMs, reason });
      }
      await this.#wait(delayMs);
      if (this.#closed) throw toApiError(failure, context, cause);
      attempt += 1;
    }
  }

  async #tryOnce<Answer>(
    plan: CallPlan,
    startedAtMs: number,
    apiPackage: ApiPackage,
    send: (clients: Clients, options: CallOptions) => Promise<Answer>,
  ): Promise<{ answer: Answer } | { failure: CallFailure; cause: unknown }> {
    const authorization = await (plan.tokens ?? this.#deps.tokens)?.header();
    const now = this.#deps.clock.monotonicMs();
    const patienceEndMs = this.#policy.totalMs === 0 ? Number.POSITIVE_INFINITY : startedAtMs + this.#policy.totalMs;
    const budgetEndMs = Math.min(patienceEndMs, this.#endAtMs);
    const deadlineMs = Math.max(0, Math.min(plan.deadlineMs ?? CALL_DEADLINE_MS, budgetEndMs - now));
    const overdue = new AbortController();
    const finished = new AbortController();
    void this.#abortLater(overdue, deadlineMs, finished.signal);
    this.#underWay.set(overdue, finished.signal);
    this.#callsByMethod.set(plan.method, (this.#callsByMethod.get(plan.method) ?? 0) + 1);
    const connection = this.#connection;
    try {
      const metadata = new Metadata({ ...plan.metadata, ...(authorization === undefined ? {} : { authorization }) });
      const answer = await connection.use(() => send(connection.clientsOf(apiPackage), { metadata, signal: overdue.signal }));
      this.#noteAnswer();
      return { answer };
    } catch (error) {
      if (error instanceof ApiError) throw error;
      const failure: CallFailure = overdue.signal.aborted
        ? { status: "DEADLINE_EXCEEDED", details: `no answer within ${Math.round(this.#deps.clock.monotonicMs() - now)} ms` }
        : callFailure(error);
      if (isUnanswered(failure.status)) this.#noteSilence(plan, connection, failure, now);
      else this.#noteAnswer();
      return { failure, cause: error };
    } finally {
      this.#underWay.delete(overdue);
      finished.abort(FINISHED);
    }
  }

  #noteSilence(plan: CallPlan, connection: Connection, failure: CallFailure, beganAtMs: number): void {
    if (this.#closed) return;
    const { clock, logger } = this.#deps;
    // Whoever failed on it first has replaced it; the others find the new one.
    if (this.#connection === connection) {
      this.#connection = this.#connect();
      connection.retire();
    }
    const { status, details: reason } = failure;
    if (this.#outage.noteSilence(beganAtMs)) {
      const isPatient = isRetryable(failure, plan.repeatability ?? "idempotent") && this.#policy.totalMs > 0;
      const seconds = Math.min(this.#policy.totalMs, this.#endAtMs - clock.monotonicMs()) / 1000;
      const outlook = isPatient
        ? `calls are tried again for up to ${Math.max(0, Math.round(seconds))} s`
        : "the call is given up";
      logger.warn(`The API server does not answer, ${outlook}`, { endpoint: this.endpoint, method: plan.method, status, reason });
    } else {
      logger.verbose(2, "The API server still does not answer", () => ({ method: plan.method, status, reason }));
    }
  }

  #noteAnswer(): void {
    const { clock, logger } = this.#deps;
    const ended = this.#outage.noteAnswer(clock.monotonicMs());
    if (ended === undefined) return;
    const fields = { endpoint: this.endpoint, seconds: Math.round(ended.lastedMs / 1000), tries: ended.tries };
    logger.warn("The API server answers again", fields);
  }

  /** Ends early when this process is asked to stop. */
  async #wait(delayMs: number): Promise<void> {
    let stop: (() => void) | undefined;
    const stopped = new Promise<void>((resolve) => {
      stop = resolve;
      this.#waits.add(resolve);
    });
    try {
      await Promise.race([this.#deps.clock.sleep(delayMs), stopped]);
    } finally {
      if (stop !== undefined) this.#waits.delete(stop);
    }
  }

  #endWaits(): void {
    for (const stop of this.#waits) stop();
  }

  async #abortLater(controller: AbortController, ms: number, cancelled: AbortSignal): Promise<void> {
    try {
      await this.#deps.clock.sleep(ms, cancelled);
      controller.abort();
    } catch {
      // The call has ended; nobody waits for this timer any more.
    }
  }

  #connect(): Connection {
    return new Connection(this.#deps.openClients(), {
      sent: (_type, bytes) => {
        this.#sentBytes += bytes.length;
        return bytes;
      },
      received: (_type, bytes) => {
        this.#receivedBytes += bytes.length;
        return bytes;
      },
    });
  }
}
