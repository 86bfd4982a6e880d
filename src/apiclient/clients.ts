/**
 * The clients of the services that are called, and what they are made on: a channel, or the server in this process.
 *
 * @module
 */
import { createClient, type Channel, type Client, type CompatServiceDefinition } from "nice-grpc";
import { ArtifactService } from "../gen/kubeflow/pipelines/backend/api/v2beta1/artifact_pb.js";
import { PipelineService } from "../gen/kubeflow/pipelines/backend/api/v2beta1/pipeline_pb.js";
import { RunService, type GetRunRequest } from "../gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import {
  apiPackageName,
  serviceDefinition,
  type ApiPackage,
  type BytesHook,
  type GrpcMethod,
  type GrpcServiceDefinition,
} from "../wire/grpc-definition.ts";
import { LocalCallError, type LocalCalls } from "../wire/local-calls.ts";

/** GetRun answers with the bytes themselves: which layout they have is known only after looking at them. */
type RunDefinition = Omit<GrpcServiceDefinition<typeof RunService>, "getRun"> & {
  readonly getRun: GrpcMethod<GetRunRequest, Uint8Array>;
};

/** The services of one package name. */
export interface Clients {
  readonly run: Client<RunDefinition>;
  readonly artifact: Client<GrpcServiceDefinition<typeof ArtifactService>>;
  readonly pipeline: Client<GrpcServiceDefinition<typeof PipelineService>>;
}

/** Sees every message in its encoded form. */
export interface BytesHooks {
  readonly sent: BytesHook;
  readonly received: BytesHook;
}

/** Where clients come from, until it is closed. */
export interface ClientSource {
  clientsOf(apiPackage: ApiPackage, hooks: BytesHooks): Clients;
  /** Calls under way end, and later ones fail. */
  close(): void;
}

/** Clients on a channel. */
export function channelClients(channel: Channel): ClientSource {
  const makeClient: MakeClient = (definition) => createClient(definition, channel);
  return {
    clientsOf: (apiPackage, hooks) => createClients(makeClient, apiPackageName(apiPackage), hooks),
    close: () => channel.close(),
  };
}

/** Clients of the server in this process. */
export function localClients(calls: LocalCalls): ClientSource {
  const closed = new AbortController();
  const makeClient: MakeClient = (definition) => {
    const methods = Object.entries(definition as unknown as Record<string, GrpcMethod<unknown, unknown>>);
    return Object.fromEntries(
      methods.map(([name, method]) => [
        name,
        async (request: unknown, { metadata, signal }: LocalCallOptions) => {
          const header = (key: string): string | undefined => {
            const value = metadata?.get(key);
            return typeof value === "string" ? value : undefined;
          };
          const answer = calls.call(method.path, method.requestSerialize(request), header);
          return method.responseDeserialize(Buffer.from(await unlessAborted([closed.signal, signal], answer)));
        },
      ]),
    ) as unknown as Client<typeof definition>;
  };
  return {
    clientsOf: (apiPackage, hooks) => createClients(makeClient, apiPackageName(apiPackage), hooks),
    close: () => closed.abort(CLOSED),
  };
}

/** What is taken of the options that every call has. */
interface LocalCallOptions {
  readonly metadata?: { get(key: string): unknown };
  readonly signal: AbortSignal;
}

const CLOSED = "the connection was closed";

/** As a channel does: whoever gives up hears of it at once, and the server goes on. */
async function unlessAborted<Result>(signals: readonly AbortSignal[], work: Promise<Result>): Promise<Result> {
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(new LocalCallError("CANCELLED", CLOSED));
    for (const signal of signals) signal.addEventListener("abort", stop, { once: true });
    if (signals.some((signal) => signal.aborted)) stop();
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    for (const signal of signals) if (stop !== undefined) signal.removeEventListener("abort", stop);
  }
}

/** Makes the client of a service. */
type MakeClient = <Service extends CompatServiceDefinition>(definition: Service) => Client<Service>;

function createClients(makeClient: MakeClient, packageName: string, { sent, received }: BytesHooks): Clients {
  const runs = serviceDefinition(RunService, packageName, { sent, received });
  const run: RunDefinition = {
    ...runs,
    getRun: {
      ...runs.getRun,
      responseSerialize: (bytes) => Buffer.from(bytes),
      responseDeserialize: (bytes) => received("", bytes, "GetRun"),
    },
  };
  let artifact: Clients["artifact"] | undefined;
  let pipeline: Clients["pipeline"] | undefined;
  return {
    run: makeClient(run),
    // Made when they are asked for: most programs call the first service only.
    get artifact() {
      artifact ??= makeClient(serviceDefinition(ArtifactService, packageName, { sent, received }));
      return artifact;
    },
    get pipeline() {
      pipeline ??= makeClient(serviceDefinition(PipelineService, packageName, { sent, received }));
      return pipeline;
    },
  };
}
