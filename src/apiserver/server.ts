/**
 * Composition root of the embedded API server: store, services, gRPC and REST put together.
 *
 * On a file it is the server of local runs; on `:memory:` it is the peer of the tests. Single user: without an
 * authorizer tokens and other metadata are accepted and ignored. Nothing is printed; the caller hears of internal errors through `onInternalError`.
 *
 * Source: docs/spec/api-server.md#minimal-profile-of-an-embedded-server.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import type { ApiPackage } from "../wire/grpc-definition.ts";
import type { LocalCalls } from "../wire/local-calls.ts";
import type { Authorizer } from "./calls/authorizer.ts";
import type { CallInterceptor } from "./calls/call-interceptor.ts";
import { CallInvoker } from "./calls/call-invoker.ts";
import { ChangeFeed } from "./changes/change-feed.ts";
import { notifyingStore } from "./changes/notifying-store.ts";
import type { RestOptions } from "./rest/start-rest.ts";
import { RunLifecycle, type SecondsClock } from "./services/run-lifecycle.ts";
import type { PipelineCalls } from "./services/catalog/pipeline-service.ts";
import type { EngineHooks } from "./services/engine-hooks.ts";
import type { ServedService } from "./services/served-service.ts";
import { pipelineCalls, servedServices, type ServicesDeps } from "./services/served-services.ts";
import type { Store } from "./store.ts";
import type { HydrationMode } from "./services/task-hydration.ts";

/** Where the server keeps its data, where it listens, and in which details it behaves like which reference. */
export interface ApiServerOptions {
  /** Path of the database file, whose folder must exist, or `:memory:`. */
  readonly database: string;
  /** Default 127.0.0.1; another address only together with an authorizer. */
  readonly host?: string;
  /** Default 0, any free port. */
  readonly port?: number;
  /** Layout of `Run` on the wire; `branch` for clients built from the mlmd-removal branch. Default `merged`. */
  readonly runLayout?: "merged" | "branch";
  /** False: answers are whole whatever the client can do without, as those of other servers are. Default true. */
  readonly leanAnswers?: boolean;
  /** Packages to serve; default both. */
  readonly packages?: readonly ApiPackage[];
  /** Default `complete`. */
  readonly hydration?: HydrationMode;
  /** Default `typed`, see ArtifactServiceDeps. */
  readonly outputLinkTypes?: "typed" | "branch";
  /** Page cap of ListRuns in FULL view; default 100, also for zero and less. */
  readonly fullViewMaxPageSize?: number;
  readonly engine?: EngineHooks;
  /** Default the system's clock. */
  readonly now?: () => Date;
  /** Default none. */
  readonly interceptor?: CallInterceptor;
  /** Default: tokens are accepted and ignored. */
  readonly authorizer?: Authorizer;
  readonly onInternalError?: (method: string, error: unknown) => void;
  /** Serves REST as well; default gRPC only. */
  readonly rest?: RestOptions;
}

/** A server that listens, and its inside for the engine in the same process. */
export interface ApiServer {
  /** `host:port`, as clients dial it. */
  readonly address: string;
  readonly host: string;
  readonly port: number;
  /** Where REST is served, if it is. */
  readonly rest: { readonly host: string; readonly port: number } | undefined;
  readonly store: Store;
  /** Runs and their states, for the engine in this process. */
  readonly runs: RunLifecycle;
  /** What is served over gRPC, for callers in this process. */
  readonly local: LocalCalls;
  /** What is served, for a second transport in this process. */
  readonly services: readonly ServedService[];
  /** Takes uploads. */
  readonly pipelines: PipelineCalls;
  /** Ends open calls within a second or cuts them, and closes the database. May be called twice. */
  close(): Promise<void>;
}

const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_FULL_VIEW_MAX_PAGE_SIZE = 100;

const positive = (size: number | undefined): number | undefined => (size !== undefined && size > 0 ? size : undefined);

/**
 * Opens the database and serves it.
 *
 * @throws {HostError} HOME_UNUSABLE when the database cannot be opened.
 * @throws {ApiError} API_UNAVAILABLE when the address cannot be bound.
 */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const clock = options.now ?? (() => new Date());
  const now: SecondsClock = () => Math.floor(clock().getTime() / 1000);
  const host = options.host ?? DEFAULT_HOST;
  const [{ openSqliteStore }, { startGrpcServer }, { createLocalCalls }] = await Promise.all([
    import("./sqlite/sqlite-store.ts"),
    import("./grpc/grpc-server.ts"),
    import("./grpc/local-calls.ts"),
  ]);
  const feed = new ChangeFeed(randomUUID());
  const opened = openSqliteStore({
    database: options.database,
    nowSeconds: now(),
    defaultExperimentId: randomUUID(),
  });
  // Only REST has somebody to tell of changes.
  const store = options.rest === undefined ? opened : notifyingStore(opened, feed);
  const runs = new RunLifecycle(store, now);
  const serviceDeps = {
    store,
    now,
    lifecycle: runs,
    hydration: options.hydration ?? "complete",
    engine: options.engine ?? {},
    fullViewMaxPageSize: positive(options.fullViewMaxPageSize) ?? DEFAULT_FULL_VIEW_MAX_PAGE_SIZE,
    outputLinkTypes: options.outputLinkTypes ?? "typed",
  } satisfies ServicesDeps;
  const pipelines = pipelineCalls(serviceDeps);
  const services = servedServices(serviceDeps, pipelines);
  const invoker = new CallInvoker({
    ...(options.interceptor === undefined ? {} : { interceptor: options.interceptor }),
    ...(options.authorizer === undefined ? {} : { authorizer: options.authorizer }),
    ...(options.onInternalError === undefined ? {} : { onInternalError: options.onInternalError }),
    runOfTask: (taskId) => store.tasks.find(taskId)?.runId,
  });
  const packages = options.packages ?? ["v2beta1", "v2"];
  const started: { close(): Promise<void> }[] = [];
  const closeAll = async (): Promise<void> => {
    await Promise.all(started.map(async (each) => await each.close()));
  };
  try {
    const runLayout = options.runLayout ?? "merged";
    const { port = 0, leanAnswers = true } = options;
    const served = { packages, runLayout, leanAnswers, services, invoker };
    const local = createLocalCalls(served);
    const grpc = await startGrpcServer({ host, port, ...served });
    started.push(local);
    started.push(grpc);
    const rest =
      options.rest === undefined
        ? undefined
        : await (
            await import("./rest/start-rest.ts")
          ).startRest(options.rest, {
            host,
            packages,
            services,
            store,
            feed,
            invoker,
            uploads: pipelines,
            onInternalError: options.onInternalError ?? (() => {}),
          });
    if (rest !== undefined) started.push(rest);
    let closing: Promise<void> | undefined;
    return {
      address: `${host}:${grpc.port}`,
      host,
      port: grpc.port,
      rest: rest === undefined ? undefined : { host: options.rest?.host ?? host, port: rest.port },
      store,
      runs,
      local,
      services,
      pipelines,
      close: async () => {
        closing ??= closeAll().finally(() => store.close());
        await closing;
      },
    };
  } catch (error) {
    await closeAll();
    store.close();
    throw error;
  }
}
