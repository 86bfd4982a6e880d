/**
 * The port KfpApi over gRPC.
 *
 * Reached by composition roots through `await import()`: the gRPC library behind it costs more start-up time than the rest of a driver.
 *
 * Source: docs/spec/connections.md#operations, docs/spec/api-versions.md#choosing-the-package, #two-layouts-of-run.
 *
 * @module
 */
import { create, fromBinary } from "@bufbuild/protobuf";
import { errorMessage } from "../core/errors.ts";
import { RunSchema, RunView, type ArtifactTask } from "../core/kfp-types.ts";
import { encodeLeanAnswer, LEAN_ANSWER_HEADER, LIST_ITERATION_HEADER } from "../wire/lean-answer.ts";
import type { LocalCalls } from "../wire/local-calls.ts";
import { toMergedLayout } from "../wire/run-layout.ts";
import {
  CreateArtifactRequestSchema,
  CreateArtifactsBulkRequestSchema,
  CreateArtifactTasksBulkRequestSchema,
  ListArtifactTasksRequestSchema,
} from "../gen/kubeflow/pipelines/backend/api/v2beta1/artifact_pb.js";
import { GetPipelineVersionRequestSchema } from "../gen/kubeflow/pipelines/backend/api/v2beta1/pipeline_pb.js";
import {
  CreateTaskRequestSchema,
  FindCachedTaskRequestSchema,
  GetRunRequestSchema,
  GetTaskRequestSchema,
  ListTasksRequestSchema,
  UpdateTaskRequestSchema,
  UpdateTasksBulkRequestSchema,
} from "../gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import type { Clock } from "../ports/clock.ts";
import type { FileSystem } from "../ports/file-system.ts";
import type { KfpApi, LeanRows } from "../ports/kfp-api.ts";
import type { Logger } from "../ports/logger.ts";
import { invalidResponseError } from "./api-error.ts";
import { TokenSource, type Tokens } from "./auth.ts";
import { endpointText, type ChannelSettings } from "./channel-settings.ts";
import { prepareChannel } from "./channel.ts";
import { channelClients, localClients, type ClientSource } from "./clients.ts";
import { DEFAULT_RETRY_POLICY, FULL_RUN_DEADLINE_MS, type RetryPolicy } from "./retry.ts";
import { taskFilterText } from "./task-filter.ts";
import { Transport, type CallPlan, type Traffic } from "./transport.ts";

/** What a connection takes of its process. */
export interface ConnectDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly fileSystem: Pick<FileSystem, "readText">;
  /** Uniform in [0, 1), for the jitter of retries; default `Math.random`. */
  readonly random?: () => number;
  /** The server, where it is in this process: then nothing is dialled, and the settings only name it. */
  readonly local?: LocalCalls;
}

/** Where to, as whom, and how long calls are tried again. */
export interface ConnectOptions {
  readonly settings: ChannelSettings;
  /** File with the service account token, see TOKEN_PATH in auth.ts; absent: calls are not authenticated. */
  readonly tokenPath?: string;
  /** In the place of the usual one with `settings.retryTimeoutMs`. */
  readonly policy?: RetryPolicy;
}

/** KfpApi plus what only the process that owns the connection may do. */
export interface KfpApiConnection extends KfpApi {
  /** `host:port`, for messages. */
  readonly endpoint: string;
  /** What went over the wire so far. */
  readonly traffic: Traffic;
  /** From now on every call, under way or to come, ends within so many milliseconds: this process has been asked to stop. */
  capDeadlines(withinMs: number): void;
  /** The same connection for calls of somebody else. */
  as(tokens: Tokens): KfpApi;
  close(): void;
}

const PAGE_SIZE = 200;

/**
 * Makes the client. Connects with the first call.
 *
 * @throws {UsageError} FILE_UNREADABLE when the CA file cannot be used.
 */
export async function connectKfpApi(deps: ConnectDeps, options: ConnectOptions): Promise<KfpApiConnection> {
  const { settings, tokenPath } = options;
  const { retryTimeoutMs } = settings;
  const policy =
    options.policy ?? (retryTimeoutMs === undefined ? undefined : { ...DEFAULT_RETRY_POLICY, totalMs: retryTimeoutMs });
  const endpoint = endpointText(settings.host, settings.port);
  const openClients = await preparedClients(deps, settings);
  deps.logger.verbose(1, "API server chosen", () => ({
    endpoint,
    tls: settings.tls !== undefined,
    proxy: settings.proxy?.address,
  }));
  const transport = new Transport(
    {
      clock: deps.clock,
      logger: deps.logger,
      random: deps.random ?? Math.random,
      openClients,
      ...(tokenPath === undefined ? {} : { tokens: new TokenSource(deps, tokenPath) }),
    },
    {
      endpoint,
      ...(settings.forcedPackage === undefined ? {} : { forcedPackage: settings.forcedPackage }),
      ...(policy === undefined ? {} : { policy }),
    },
  );
  return bindKfpApi(transport, settings.forcedLayout);
}

async function preparedClients({ fileSystem, local }: ConnectDeps, settings: ChannelSettings): Promise<() => ClientSource> {
  if (local !== undefined) return () => localClients(local);
  const openChannel = await prepareChannel(settings, fileSystem);
  return () => channelClients(openChannel());
}

/** The calls of the port on a transport. `forcedLayout` is the layout of `Run` where it shall not be detected. */
export function bindKfpApi(transport: Transport, forcedLayout?: ChannelSettings["forcedLayout"]): KfpApiConnection {
  return {
    ...bindCalls(transport, forcedLayout),
    endpoint: transport.endpoint,
    get traffic() {
      return transport.traffic;
    },
    capDeadlines: (withinMs) => transport.capDeadlines(withinMs),
    as: (tokens) => bindCalls(transport, forcedLayout, tokens),
    close: () => transport.close(),
  };
}

/** @param tokens Whose calls they are; absent: the connection's own. */
function bindCalls(transport: Transport, forcedLayout: ChannelSettings["forcedLayout"] | undefined, tokens?: Tokens): KfpApi {
  const call: Transport["call"] = (plan, send) => transport.call(tokens === undefined ? plan : { ...plan, tokens }, send);
  const invalid = (method: string, reason: string, cause?: unknown) =>
    invalidResponseError(method, transport.endpoint, reason, cause);

  return {
    async getRun(runId, view) {
      const request = create(GetRunRequestSchema, { runId, view: RunView[view] });
      const plan = view === "FULL" ? { method: "GetRun", deadlineMs: FULL_RUN_DEADLINE_MS } : { method: "GetRun", ...leanly({}) };
      const bytes = await call(plan, ({ run }, options) => run.getRun(request, options));
      try {
        return fromBinary(RunSchema, forcedLayout === undefined ? toMergedLayout(bytes) : toMergedLayout(bytes, forcedLayout));
      } catch (error) {
        throw invalid("GetRun", errorMessage(error), error);
      }
    },

    async getPipelineVersion(pipelineId, pipelineVersionId) {
      const request = create(GetPipelineVersionRequestSchema, { pipelineId, pipelineVersionId });
      return call({ method: "GetPipelineVersion" }, ({ pipeline }, options) => pipeline.getPipelineVersion(request, options));
    },

    async getTask(runId, taskId, lean) {
      const request = create(GetTaskRequestSchema, { runId, taskId });
      return call({ method: "GetTask", ...leanly(lean) }, ({ run }, options) => run.getTask(request, options));
    },

    async listTasks(runId, options = {}) {
      const { parentId, orderBy = "", pageSize = PAGE_SIZE, pageToken = "", lean, iteration } = options;
      const request = create(ListTasksRequestSchema, {
        runId,
        pageSize,
        pageToken,
        filter: taskFilterText(options),
        orderBy,
        ...(parentId === undefined ? {} : { parentFilter: { case: "parentId" as const, value: parentId } }),
      });
      const metadata = {
        ...leanly(lean).metadata,
        ...(iteration === undefined ? {} : { [LIST_ITERATION_HEADER]: String(iteration) }),
      };
      const plan = { method: "ListTasks", metadata };
      const answer = await call(plan, ({ run }, callOptions) => run.listTasks(request, callOptions));
      return { tasks: answer.tasks, nextPageToken: answer.nextPageToken, totalSize: answer.totalSize };
    },

    async createTask(runId, task) {
      const request = create(CreateTaskRequestSchema, { runId, task });
      return call({ method: "CreateTask" }, ({ run }, options) => run.createTask(request, options));
    },

    async updateTask(runId, taskId, task) {
      const request = create(UpdateTaskRequestSchema, { runId, taskId, task });
      return call({ method: "UpdateTask" }, ({ run }, options) => run.updateTask(request, options));
    },

    async updateTasks(runId, tasks) {
      if (tasks.size === 0) return new Map();
      const request = create(UpdateTasksBulkRequestSchema, { runId, tasks: Object.fromEntries(tasks) });
      const plan = { method: "UpdateTasksBulk", ...leanly({}) };
      const answer = await call(plan, ({ run }, options) => run.updateTasksBulk(request, options));
      return new Map(Object.entries(answer.tasks));
    },

    async findCachedTask({ namespace, fingerprint, boundRunId }) {
      const request = create(FindCachedTaskRequestSchema, { namespace, cacheFingerprint: fingerprint });
      const plan = { method: "FindCachedTask", metadata: { "x-kfp-bound-run-id": boundRunId } };
      const answer = await call(plan, ({ run }, options) => run.findCachedTask(request, options));
      return answer.task;
    },

    async createArtifact(init) {
      const request = create(CreateArtifactRequestSchema, init);
      // Reuse finds what a lost answer has left behind; without it every call makes another artifact.
      const plan = { method: "CreateArtifact", repeatability: request.reuseIfExists ? "idempotent" : "once" } as const;
      return call(plan, ({ artifact }, options) => artifact.createArtifact(request, options));
    },

    async createArtifacts(requests) {
      if (requests.length === 0) return [];
      const method = "CreateArtifactsBulk";
      const request = create(CreateArtifactsBulkRequestSchema, { artifacts: [...requests] });
      const answer = await call({ method, repeatability: "once" }, ({ artifact }, options) =>
        artifact.createArtifactsBulk(request, options),
      );
      if (answer.artifacts.length !== requests.length) {
        throw invalid(method, `${answer.artifacts.length} artifacts for ${requests.length} requests`);
      }
      return answer.artifacts;
    },

    async createArtifactTasks(links) {
      if (links.length === 0) return [];
      const request = create(CreateArtifactTasksBulkRequestSchema, { artifactTasks: [...links] });
      const plan = { method: "CreateArtifactTasksBulk", repeatability: "once" } as const;
      const answer = await call(plan, ({ artifact }, options) => artifact.createArtifactTasksBulk(request, options));
      return answer.artifactTasks;
    },

    async listArtifactTasks(taskIds) {
      const links: ArtifactTask[] = [];
      if (taskIds.length === 0) return links;
      const method = "ListArtifactTasks";
      for (let pageToken = ""; ;) {
        const request = create(ListArtifactTasksRequestSchema, { taskIds: [...taskIds], pageSize: PAGE_SIZE, pageToken });
        const page = await call({ method }, ({ artifact }, options) => artifact.listArtifactTasks(request, options));
        links.push(...page.artifactTasks);
        if (page.nextPageToken === "") return links;
        if (page.nextPageToken === pageToken) throw invalid(method, "the token of the next page is the one just used");
        pageToken = page.nextPageToken;
      }
    },
  };
}

/** The header that says so; none for the whole answer. */
function leanly(lean: LeanRows | undefined): Pick<CallPlan, "metadata"> {
  const header = lean === undefined ? undefined : encodeLeanAnswer(lean);
  return header === undefined ? {} : { metadata: { [LEAN_ANSWER_HEADER]: header } };
}
