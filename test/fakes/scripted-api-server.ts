/**
 * A real gRPC server on 127.0.0.1 whose answers a test writes down, for what no server does on request: statuses in a given order,
 * raw bytes, silence. Everything else is tested against src/apiserver.
 *
 * @module
 */
import { create, toBinary, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { createServer, ServerError, Status, type CallContext } from "nice-grpc";
import { apiPackageName, serviceDefinition, type ApiPackage } from "../../src/wire/grpc-definition.ts";
import { RunSchema } from "../../src/core/kfp-types.ts";
import { ArtifactService } from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/artifact_pb.js";
import { PipelineService } from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/pipeline_pb.js";
import { RunService } from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";

export interface ReceivedCall {
  readonly apiPackage: ApiPackage;
  /** Local name, such as `getRun`. */
  readonly method: string;
  readonly request: unknown;
  readonly authorization: string | undefined;
  readonly boundRunId: string | undefined;
}

/** A status to fail with, or the answer: what the method's output type is created from, bytes of a Run, or `silence` until the call ends. */
export type Script =
  { readonly status: keyof typeof Status; readonly details?: string } | { readonly answer: unknown } | "silence";

export interface ScriptedServerOptions {
  /** Default both. */
  readonly packages?: readonly ApiPackage[];
  /** Answers call number `index` (from 0, over all methods). */
  readonly script: (call: ReceivedCall, index: number) => Script;
}

export async function startScriptedServer({ packages = ["v2beta1", "v2"], script }: ScriptedServerOptions) {
  const calls: ReceivedCall[] = [];
  const server = createServer();
  for (const apiPackage of packages) {
    for (const service of [RunService, ArtifactService, PipelineService] as const) {
      const definition = serviceDefinition(service as typeof RunService, apiPackageName(apiPackage));
      const raw = {
        ...definition,
        ...("getRun" in definition
          ? { getRun: { ...definition.getRun, responseSerialize: (bytes: unknown) => Buffer.from(bytes as Uint8Array) } }
          : {}),
      };
      const implementation = Object.fromEntries(
        service.methods.map(({ localName: method, output }) => [
          method,
          (request: unknown, context: CallContext) => answer({ apiPackage, method, output }, request, context),
        ]),
      );
      server.add(raw as never, implementation as never);
    }
  }

  interface Rpc {
    readonly apiPackage: ApiPackage;
    readonly method: string;
    readonly output: DescMessage;
  }

  async function answer({ apiPackage, method, output }: Rpc, request: unknown, context: CallContext): Promise<unknown> {
    const call: ReceivedCall = {
      apiPackage,
      method,
      request,
      authorization: context.metadata.get("authorization"),
      boundRunId: context.metadata.get("x-kfp-bound-run-id"),
    };
    calls.push(call);
    const scripted = script(call, calls.length - 1);
    if (scripted === "silence") {
      await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      throw new ServerError(Status.CANCELLED, "the caller went away");
    }
    if ("status" in scripted) throw new ServerError(Status[scripted.status], scripted.details ?? "scripted");
    return scripted.answer instanceof Uint8Array ? scripted.answer : create(output, scripted.answer as Record<string, unknown>);
  }

  const port = await server.listen("127.0.0.1:0");
  return { port, calls, close: () => server.forceShutdown() };
}

/** Bytes of a run in the merged layout, for the answer to getRun. */
export function runBytes(init: MessageInitShape<typeof RunSchema>): Uint8Array {
  return toBinary(RunSchema, create(RunSchema, init));
}
