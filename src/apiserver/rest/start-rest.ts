/**
 * REST put together: every endpoint of the server, and who may use it.
 *
 * @module
 */
import type { ApiPackage } from "../../wire/grpc-definition.ts";
import type { CallInvoker } from "../calls/call-invoker.ts";
import type { ServedService } from "../services/served-service.ts";
import type { Store } from "../store.ts";
import { artifactEndpoints } from "./artifacts/artifact-endpoints.ts";
import { artifactFiles, type RunArtifacts } from "./artifacts/artifact-files.ts";
import type { ChangeFeed } from "../changes/change-feed.ts";
import { eventsEndpoint } from "./events/events-endpoint.ts";
import { runReader } from "./events/run-reader.ts";
import { gatewayEndpoints } from "./gateway/gateway-endpoints.ts";
import { healthzEndpoints, type ServerBuild } from "./healthz.ts";
import type { AllowedCallers } from "./http/host-check.ts";
import { logEndpoints } from "./logs/log-endpoint.ts";
import type { LiveLogs } from "./logs/task-log.ts";
import { openApiEndpoint } from "./openapi/openapi-document.ts";
import { startRestServer, type RestLimits, type RunningRestServer } from "./rest-server.ts";
import { uploadEndpoints, type PipelineUploads } from "./uploads/upload-endpoints.ts";

/** Where REST is served, and what only it needs. */
export interface RestOptions {
  /** Default that of gRPC. */
  readonly host?: string;
  /** Default 0, any free port. */
  readonly port?: number;
  /** What `healthz` says. */
  readonly build: ServerBuild;
  /** Names and origins besides those of this machine; default none. */
  readonly allowed?: AllowedCallers;
  readonly limits?: Partial<RestLimits>;
  /** Largest JSON body; default 32 MiB. */
  readonly maxBodyBytes?: number;
  /** Time between signs of life of event streams; default 15 s. */
  readonly heartbeatMs?: number;
  /** Absolute folders whose files may be read as artifacts; default none. */
  readonly artifactRoots?: readonly string[];
  /** What runs may read besides; default nothing. */
  readonly runArtifacts?: (store: Store) => RunArtifacts;
  /** What steps print while they run; default nothing, their published logs alone. */
  readonly liveLogs?: (store: Store) => LiveLogs;
}

/** What REST shares with gRPC. */
export interface RestDeps {
  readonly host: string;
  readonly packages: readonly ApiPackage[];
  readonly services: readonly ServedService[];
  readonly store: Store;
  /** Of what is written to the store. */
  readonly feed: ChangeFeed;
  readonly invoker: CallInvoker;
  /** Absent: uploads are unknown paths. */
  readonly uploads?: PipelineUploads;
  readonly onInternalError: (what: string, error: unknown) => void;
}

const DEFAULT_MAX_BODY_BYTES = 32 * 1024 * 1024;

/**
 * Starts serving.
 *
 * @throws {ApiError} API_UNAVAILABLE when the address cannot be bound.
 */
export async function startRest(options: RestOptions, deps: RestDeps): Promise<RunningRestServer> {
  const maxBodyBytes = options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES;
  const files = artifactFiles(options.artifactRoots ?? [], options.runArtifacts?.(deps.store));
  const { authorizer } = deps.invoker;
  const endpoints = [
    ...healthzEndpoints(options.build),
    ...(deps.uploads === undefined ? [] : uploadEndpoints(deps.uploads, authorizer)),
    ...artifactEndpoints({ store: deps.store, files, authorizer }),
    ...logEndpoints({
      ...{ store: deps.store, files, feed: deps.feed, authorizer },
      ...(options.liveLogs === undefined ? {} : { live: options.liveLogs(deps.store) }),
    }),
    eventsEndpoint({
      feed: deps.feed,
      reader: runReader(deps.services, deps.store),
      authorizer,
      ...(options.heartbeatMs === undefined ? {} : { heartbeatMs: options.heartbeatMs }),
    }),
    ...gatewayEndpoints(deps.services, deps.invoker, { maxBodyBytes }),
  ];
  return await startRestServer({
    host: options.host ?? deps.host,
    port: options.port ?? 0,
    packages: deps.packages,
    endpoints: [openApiEndpoint(endpoints, { version: options.build.version, packages: deps.packages }), ...endpoints],
    allowed: options.allowed ?? { hosts: [], origins: [] },
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    onInternalError: deps.onInternalError,
  });
}
