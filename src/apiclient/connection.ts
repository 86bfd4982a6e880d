/**
 * One channel with the clients made on it. A channel that failed is never asked again: until its own back-off is over it would answer
 * with the old error without dialling, so the transport makes the next try on a connection of its own.
 *
 * @module
 */
import { createClient, type Channel, type Client } from "nice-grpc";
import {
  apiPackageName,
  serviceDefinition,
  type ApiPackage,
  type BytesHook,
  type GrpcMethod,
  type GrpcServiceDefinition,
} from "../wire/grpc-definition.ts";
import { ArtifactService } from "../gen/kubeflow/pipelines/backend/api/v2beta1/artifact_pb.js";
import { PipelineService } from "../gen/kubeflow/pipelines/backend/api/v2beta1/pipeline_pb.js";
import { RunService, type GetRunRequest } from "../gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";

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

/** One channel with its clients. A connection that was replaced closes when the last call on it has ended. */
export class Connection {
  readonly #channel: Channel;
  readonly #hooks: BytesHooks;
  readonly #clients = new Map<ApiPackage, Clients>();
  #users = 0;
  #retired = false;

  constructor(channel: Channel, hooks: BytesHooks) {
    this.#channel = channel;
    this.#hooks = hooks;
  }

  clientsOf(apiPackage: ApiPackage): Clients {
    let clients = this.#clients.get(apiPackage);
    if (clients === undefined) {
      clients = createClients(this.#channel, apiPackageName(apiPackage), this.#hooks);
      this.#clients.set(apiPackage, clients);
    }
    return clients;
  }

  /** Makes a call on it; it stays open for as long. */
  async use<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#users += 1;
    try {
      return await work();
    } finally {
      this.#users -= 1;
      if (this.#retired && this.#users === 0) this.#channel.close();
    }
  }

  /** Closes it once the calls under way have ended. */
  retire(): void {
    this.#retired = true;
    if (this.#users === 0) this.#channel.close();
  }

  /** Closes it now. */
  close(): void {
    this.#channel.close();
  }
}

function createClients(channel: Channel, packageName: string, { sent, received }: BytesHooks): Clients {
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
