/**
 * One call on the wire: package name, token, deadline, retries, foreign errors. kfp-api-grpc.ts says which calls there are.
 *
 * @module
 */
import { createClient, Metadata, type Channel, type Client } from "nice-grpc";
import { ApiError } from "../core/errors.ts";
import {
  apiPackageName,
  serviceDefinition,
  type BytesHook,
  type GrpcMethod,
  type ApiPackage,
  type GrpcServiceDefinition,
} from "../core/grpc-definition.ts";
import { ArtifactService } from "../gen/kubeflow/pipelines/backend/api/v2beta1/artifact_pb.js";
import { PipelineService } from "../gen/kubeflow/pipelines/backend/api/v2beta1/pipeline_pb.js";
import { RunService, type GetRunRequest } from "../gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import type { Clock } from "../ports/clock.ts";
import type { Logger } from "../ports/logger.ts";
import { callFailure, toApiError, unsupportedError, type CallContext } from "./api-error.ts";
import type { TokenSource } from "./auth.ts";
import type { CallFailure } from "./grpc-status.ts";
import { PackageChoice } from "./package-choice.ts";
import { CALL_DEADLINE_MS, DEFAULT_RETRY_POLICY, nextRetryMs, type Repeatability, type RetryPolicy } from "./retry.ts";

/** GetRun answers with the bytes themselves: which layout they have is known only after looking at them. */
type RunDefinition = Omit<GrpcServiceDefinition<typeof RunService>, "getRun"> & {
  readonly getRun: GrpcMethod<GetRunRequest, Uint8Array>;
};

export interface Clients {
  readonly run: Client<RunDefinition>;
  readonly artifact: Client<GrpcServiceDefinition<typeof ArtifactService>>;
  readonly pipeline: Client<GrpcServiceDefinition<typeof PipelineService>>;
}

export interface CallOptions {
  readonly metadata: Metadata;
  readonly signal: AbortSignal;
}

export interface CallPlan {
  /** Name of the RPC, such as `GetRun`. */
  readonly method: string;
  readonly repeatability?: Repeatability;
  /** For one try; default 30 s. */
  readonly deadlineMs?: number;
  /** Sent along with `authorization`. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** What went over the wire so far, retries included. */
export interface Traffic {
  readonly callsByMethod: ReadonlyMap<string, number>;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

export interface TransportDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly channel: Channel;
  /** Absent: calls are not authenticated. */
  readonly tokens?: TokenSource;
}

export interface TransportOptions {
  /** `host:port`, for messages. */
  readonly endpoint: string;
  readonly forcedPackage?: ApiPackage;
  readonly policy?: RetryPolicy;
}

export class Transport {
  readonly endpoint: string;
  readonly #deps: TransportDeps;
  readonly #policy: RetryPolicy;
  readonly #choice: PackageChoice;
  readonly #clients = new Map<ApiPackage, Clients>();
  readonly #callsByMethod = new Map<string, number>();
  /** One per call under way: aborted to end it early; the signal tells that it has ended. */
  readonly #underWay = new Map<AbortController, AbortSignal>();
  #sentBytes = 0;
  #receivedBytes = 0;
  #endAtMs = Number.POSITIVE_INFINITY;

  constructor(deps: TransportDeps, options: TransportOptions) {
    this.#deps = deps;
    this.endpoint = options.endpoint;
    this.#policy = options.policy ?? DEFAULT_RETRY_POLICY;
    this.#choice = new PackageChoice(options.forcedPackage);
  }

  get apiPackage(): ApiPackage {
    return this.#choice.current;
  }

  get traffic(): Traffic {
    return { callsByMethod: new Map(this.#callsByMethod), sentBytes: this.#sentBytes, receivedBytes: this.#receivedBytes };
  }

  /**
   * From now on every try, under way or to come, ends within so many milliseconds, and no wait begins that would be longer: this
   * process has been asked to stop. A wait between two tries that has begun (10 s at most) is not cut short.
   */
  hurry(withinMs: number): void {
    this.#endAtMs = Math.min(this.#endAtMs, this.#deps.clock.monotonicMs() + withinMs);
    for (const [controller, finished] of this.#underWay) void this.#abortLater(controller, withinMs, finished);
  }

  close(): void {
    this.#deps.channel.close();
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
      const outcome = await this.#tryOnce(plan, startedAtMs, this.#clientsOf(used), send);
      if ("answer" in outcome) {
        this.#choice.observe(used, "OK");
        return outcome.answer;
      }
      const { failure, cause } = outcome;
      const elapsedMs = clock.monotonicMs() - startedAtMs;
      const context: CallContext = { method: plan.method, endpoint: this.endpoint, repeatability, attempts: attempt, elapsedMs };
      const verdict = this.#choice.observe(used, failure.status);
      if (verdict === "repeat") continue;
      if (verdict === "unsupported") throw unsupportedError(context, cause);
      if (failure.status === "UNAUTHENTICATED" && !tokenRefreshed && this.#deps.tokens !== undefined) {
        tokenRefreshed = true;
        if (await this.#deps.tokens.refresh()) continue;
      }
      const delayMs = nextRetryMs({ failure, repeatability, attempt, elapsedMs, random: random() }, this.#policy);
      if (delayMs === undefined || clock.monotonicMs() + delayMs >= this.#endAtMs) throw toApiError(failure, context, cause);
      logger.warn("API call failed and is tried again", {
        method: plan.method,
        status: failure.status,
        attempt,
        delayMs,
        reason: failure.details,
      });
      await clock.sleep(delayMs);
      attempt += 1;
    }
  }

  async #tryOnce<Answer>(
    plan: CallPlan,
    startedAtMs: number,
    clients: Clients,
    send: (clients: Clients, options: CallOptions) => Promise<Answer>,
  ): Promise<{ answer: Answer } | { failure: CallFailure; cause: unknown }> {
    const authorization = await this.#deps.tokens?.header();
    const now = this.#deps.clock.monotonicMs();
    const budgetEndMs = Math.min(startedAtMs + this.#policy.totalMs, this.#endAtMs);
    const deadlineMs = Math.max(0, Math.min(plan.deadlineMs ?? CALL_DEADLINE_MS, budgetEndMs - now));
    const overdue = new AbortController();
    const finished = new AbortController();
    void this.#abortLater(overdue, deadlineMs, finished.signal);
    this.#underWay.set(overdue, finished.signal);
    this.#callsByMethod.set(plan.method, (this.#callsByMethod.get(plan.method) ?? 0) + 1);
    try {
      const metadata = new Metadata({ ...plan.metadata, ...(authorization === undefined ? {} : { authorization }) });
      return { answer: await send(clients, { metadata, signal: overdue.signal }) };
    } catch (error) {
      if (error instanceof ApiError) throw error;
      const failure: CallFailure = overdue.signal.aborted
        ? { status: "DEADLINE_EXCEEDED", details: `no answer within ${this.#deps.clock.monotonicMs() - now} ms` }
        : callFailure(error);
      return { failure, cause: error };
    } finally {
      this.#underWay.delete(overdue);
      finished.abort();
    }
  }

  async #abortLater(controller: AbortController, ms: number, cancelled: AbortSignal): Promise<void> {
    try {
      await this.#deps.clock.sleep(ms, cancelled);
      controller.abort();
    } catch {
      // The call has ended; nobody waits for this timer any more.
    }
  }

  #clientsOf(apiPackage: ApiPackage): Clients {
    let clients = this.#clients.get(apiPackage);
    if (clients === undefined) {
      clients = this.#createClients(apiPackageName(apiPackage));
      this.#clients.set(apiPackage, clients);
    }
    return clients;
  }

  #createClients(packageName: string): Clients {
    const { channel } = this.#deps;
    const sent: BytesHook = (_type, bytes) => {
      this.#sentBytes += bytes.length;
      return bytes;
    };
    const received: BytesHook = (_type, bytes) => {
      this.#receivedBytes += bytes.length;
      return bytes;
    };
    const runs = serviceDefinition(RunService, packageName, { sent, received });
    const run: RunDefinition = {
      ...runs,
      getRun: {
        ...runs.getRun,
        responseSerialize: (bytes) => Buffer.from(bytes),
        responseDeserialize: (bytes) => received("", bytes, "GetRun"),
      },
    };
    return {
      run: createClient(run, channel),
      artifact: createClient(serviceDefinition(ArtifactService, packageName, { sent, received }), channel),
      pipeline: createClient(serviceDefinition(PipelineService, packageName, { sent, received }), channel),
    };
  }
}
