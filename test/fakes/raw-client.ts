/**
 * A client of the API without any logic of ours: one gRPC call for each method, for tests and for programs that are not tests.
 *
 * @module
 */
import { credentials, Client, type Metadata, type ServiceError } from "@grpc/grpc-js";
import { create, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import {
  apiPackageName,
  serviceDefinition,
  type ApiPackage,
  type GrpcMethod,
  type ServiceDefinitionOptions,
} from "../../src/wire/grpc-definition.ts";
import { ArtifactService } from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/artifact_pb.js";
import { AuthService } from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/auth_pb.js";
import { ExperimentService } from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/experiment_pb.js";
import { HealthzService } from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/healthz_pb.js";
import { PipelineService } from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/pipeline_pb.js";
import { RecurringRunService } from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/recurring_run_pb.js";
import { RunService } from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";

type Methods<Service extends { readonly method: object }> = {
  [Name in keyof Service["method"]]: Service["method"][Name] extends {
    input: infer Input extends DescMessage;
    output: infer Output extends DescMessage;
  }
    ? (request: MessageInitShape<Input>, metadata?: Metadata) => Promise<MessageShape<Output>>
    : never;
};

/** Every call of all services, by local name. */
export type RawApiClient = Methods<typeof RunService> &
  Methods<typeof ArtifactService> &
  Methods<typeof PipelineService> &
  Methods<typeof ExperimentService> &
  Methods<typeof RecurringRunService> &
  Methods<typeof HealthzService> &
  Methods<typeof AuthService> & { close(): void };

const SERVICES = [
  RunService,
  ArtifactService,
  PipelineService,
  ExperimentService,
  RecurringRunService,
  HealthzService,
  AuthService,
];

export interface RawApiClientOptions extends ServiceDefinitionOptions {
  readonly package?: ApiPackage;
}

/** Close it. Rejections are grpc-js ServiceErrors. */
export function createRawClient(address: string, options: RawApiClientOptions = {}): RawApiClient {
  const channel = new Client(address, credentials.createInsecure(), { "grpc.max_receive_message_length": -1 });
  const calls: Record<string, unknown> = { close: () => channel.close() };
  for (const service of SERVICES) {
    const table = serviceDefinition(service, apiPackageName(options.package ?? "v2beta1"), options);
    for (const method of service.methods) {
      const definition = (table as Record<string, GrpcMethod<unknown, unknown>>)[method.localName];
      if (definition === undefined) continue;
      calls[method.localName] = async (request: Record<string, unknown>, ...metadata: [Metadata?]) =>
        await new Promise((resolve, reject) => {
          const done = (error: ServiceError | null, reply?: unknown) => {
            if (error === null) resolve(reply);
            else reject(error);
          };
          const { path, requestSerialize, responseDeserialize } = definition;
          const message = create(method.input, request);
          if (metadata[0] === undefined) {
            channel.makeUnaryRequest(path, requestSerialize, responseDeserialize, message, done);
          } else {
            channel.makeUnaryRequest(path, requestSerialize, responseDeserialize, message, metadata[0], done);
          }
        });
    }
  }
  return calls as unknown as RawApiClient;
}
