/**
 * Composition root of the embedded API server: store, services and gRPC put together.
 *
 * On a file it is the server of local runs; on `:memory:` it is the peer of the tests. Single user: tokens and other metadata are
 * accepted and ignored. Nothing is printed; the caller hears of internal errors through `onInternalError`.
 *
 * Source: docs/spec/api-server.md#minimal-profile-of-an-embedded-server.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import type { ApiPackage } from "../wire/grpc-definition.ts";
import { ArtifactService } from "../gen/kubeflow/pipelines/backend/api/v2beta1/artifact_pb.js";
import { RunService } from "../gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import { ArtifactCalls } from "./services/artifact-service.ts";
import type { CallInterceptor } from "./grpc/call-interceptor.ts";
import type { Handlers, ServedService } from "./grpc/grpc-server.ts";
import { RunLifecycle, type SecondsClock } from "./services/run-lifecycle.ts";
import { RunCalls, type EngineHooks } from "./services/run-service.ts";
import type { Store } from "./store.ts";
import type { HydrationMode } from "./services/task-hydration.ts";
import { TaskCalls } from "./services/task-service.ts";

/** Where the server keeps its data, where it listens, and in which details it behaves like which reference. */
export interface ApiServerOptions {
  /** Path of the database file, whose folder must exist, or `:memory:`. */
  readonly database: string;
  /** Default 127.0.0.1: there is no authentication. */
  readonly host?: string;
  /** Default 0, any free port. */
  readonly port?: number;
  /** Layout of `Run` on the wire; `branch` for clients built from the mlmd-removal branch. Default `merged`. */
  readonly runLayout?: "merged" | "branch";
  /** Packages to serve; default both. */
  readonly packages?: readonly ApiPackage[];
  /** Default `complete`. */
  readonly hydration?: HydrationMode;
  /** Default `typed`, see ArtifactServiceDeps. */
  readonly outputLinkTypes?: "typed" | "branch";
  /** Page cap of ListRuns in FULL view; default 100. */
  readonly fullViewMaxPageSize?: number;
  readonly engine?: EngineHooks;
  /** Default the system's clock. */
  readonly now?: () => Date;
  /** Default none. */
  readonly interceptor?: CallInterceptor;
  readonly onInternalError?: (method: string, error: unknown) => void;
}

/** A server that listens, and its inside for the engine in the same process. */
export interface ApiServer {
  /** `host:port`, as clients dial it. */
  readonly address: string;
  readonly host: string;
  readonly port: number;
  readonly store: Store;
  /** Runs and their states, for the engine in this process. */
  readonly runs: RunLifecycle;
  /** Ends open calls within a second or cuts them, and closes the database. May be called twice. */
  close(): Promise<void>;
}

const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_FULL_VIEW_MAX_PAGE_SIZE = 100;

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
  const [{ openSqliteStore }, { startGrpcServer, served }] = await Promise.all([
    import("./sqlite/sqlite-store.ts"),
    import("./grpc/grpc-server.ts"),
  ]);
  const store = openSqliteStore({
    database: options.database,
    nowSeconds: now(),
    defaultExperimentId: randomUUID(),
  });
  const runs = new RunLifecycle(store, now);
  const hydration = options.hydration ?? "complete";
  const services: ServedService[] = [
    served(
      RunService,
      runHandlers(
        new RunCalls({
          store,
          lifecycle: runs,
          hydration,
          engine: options.engine ?? {},
          fullViewMaxPageSize: options.fullViewMaxPageSize ?? DEFAULT_FULL_VIEW_MAX_PAGE_SIZE,
        }),
        new TaskCalls({ store, now, hydration }),
        runs,
      ),
    ),
    served(
      ArtifactService,
      artifactHandlers(new ArtifactCalls({ store, now, outputLinkTypes: options.outputLinkTypes ?? "typed" })),
    ),
  ];
  try {
    const grpc = await startGrpcServer({
      host,
      port: options.port ?? 0,
      packages: options.packages ?? ["v2beta1", "v2"],
      runLayout: options.runLayout ?? "merged",
      services,
      interceptor: options.interceptor ?? {},
      onInternalError: options.onInternalError ?? (() => {}),
    });
    let closing: Promise<void> | undefined;
    return {
      address: `${host}:${grpc.port}`,
      host,
      port: grpc.port,
      store,
      runs,
      close: async () => {
        closing ??= grpc.close().finally(() => store.close());
        await closing;
      },
    };
  } catch (error) {
    store.close();
    throw error;
  }
}

/** Archive, unarchive and retry are not part of this server yet and answer UNIMPLEMENTED. */
function runHandlers(runs: RunCalls, tasks: TaskCalls, lifecycle: RunLifecycle): Handlers<typeof RunService> {
  const unlessSealed = <Request extends { readonly runId: string }, Answer>(
    request: Request,
    handle: (request: Request) => Answer,
  ): Answer => {
    lifecycle.assertOpen(request.runId);
    return handle(request);
  };
  return {
    createRun: { purpose: "create a run", handle: (request) => runs.createRun(request) },
    getRun: { purpose: "get a run", handle: (request) => runs.getRun(request) },
    listRuns: { purpose: "list runs", handle: (request) => runs.listRuns(request) },
    terminateRun: { purpose: "terminate a run", handle: (request) => runs.terminateRun(request) },
    deleteRun: { purpose: "delete a run", handle: (request) => runs.deleteRun(request) },
    createTask: { purpose: "create a task", handle: (request) => unlessSealed(request, tasks.createTask.bind(tasks)) },
    updateTask: { purpose: "update a task", handle: (request) => unlessSealed(request, tasks.updateTask.bind(tasks)) },
    updateTasksBulk: { purpose: "update tasks", handle: (request) => unlessSealed(request, tasks.updateTasksBulk.bind(tasks)) },
    getTask: { purpose: "get a task", handle: (request) => tasks.getTask(request) },
    listTasks: { purpose: "list tasks", handle: (request) => tasks.listTasks(request) },
    findCachedTask: { purpose: "look up a cached task", handle: (request) => tasks.findCachedTask(request) },
  };
}

function artifactHandlers(artifacts: ArtifactCalls): Handlers<typeof ArtifactService> {
  return {
    createArtifact: { purpose: "create an artifact", handle: (request) => artifacts.createArtifact(request) },
    createArtifactsBulk: { purpose: "create artifacts", handle: (request) => artifacts.createArtifactsBulk(request) },
    getArtifact: { purpose: "get an artifact", handle: (request) => artifacts.getArtifact(request) },
    listArtifacts: { purpose: "list artifacts", handle: (request) => artifacts.listArtifacts(request) },
    createArtifactTask: { purpose: "create an artifact task", handle: (request) => artifacts.createArtifactTask(request) },
    createArtifactTasksBulk: {
      purpose: "create artifact tasks",
      handle: (request) => artifacts.createArtifactTasksBulk(request),
    },
    listArtifactTasks: { purpose: "list artifact tasks", handle: (request) => artifacts.listArtifactTasks(request) },
  };
}
