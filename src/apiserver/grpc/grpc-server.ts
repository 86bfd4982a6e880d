/**
 * Handlers behind gRPC: packages, layouts of Run, status details, message sizes, interceptor.
 *
 * Nothing here knows what a call does. Load with `await import()`: this module loads grpc-js.
 *
 * Source: docs/spec/run-and-artifact-messages.md#transport, docs/spec/json-and-rest.md#error-shapes,
 * docs/spec/api-versions.md#names, #two-layouts-of-run.
 *
 * @module
 */
import {
  logVerbosity,
  Metadata,
  Server,
  ServerCredentials,
  setLogVerbosity,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { Message } from "@bufbuild/protobuf";
import { ApiError } from "../../core/errors.ts";
import { apiPackageName, serviceDefinition, type ApiPackage } from "../../wire/grpc-definition.ts";
import { convertEmbeddedRuns, toBranchLayout, toMergedLayout } from "../../wire/run-layout.ts";
import type { CallInterceptor } from "./call-interceptor.ts";
import type { ServedService } from "../services/served-service.ts";
import { assertKnownValues } from "./request-check.ts";
import { toGrpcStatus, unimplemented, withContext } from "../service-error.ts";
import { grpcStatusCode } from "../../wire/grpc-status.ts";

/** What is served, where and in which layout. */
export interface GrpcServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly packages: readonly ApiPackage[];
  readonly runLayout: "merged" | "branch";
  readonly services: readonly ServedService[];
  readonly interceptor: CallInterceptor;
  /** Told about every answer with status INTERNAL. */
  readonly onInternalError: (method: string, error: unknown) => void;
}

/** A server that listens. */
export interface RunningGrpcServer {
  readonly port: number;
  /** Lets open calls end for a moment, then cuts them. */
  close(): Promise<void>;
}

/** The reference's receive limit (docs/spec/run-and-artifact-messages.md#transport). */
const MAX_RECEIVE_BYTES = 2_147_483_647;
const CLOSE_GRACE_MS = 1_000;
const INTERNAL = grpcStatusCode("INTERNAL");

/**
 * Starts serving.
 *
 * @throws {ApiError} API_UNAVAILABLE when the address cannot be bound.
 */
export async function startGrpcServer(options: GrpcServerOptions): Promise<RunningGrpcServer> {
  // grpc-js writes to stderr on its own; whatever it would say arrives here as an error, too.
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server({
    "grpc.max_receive_message_length": MAX_RECEIVE_BYTES,
    "grpc.max_send_message_length": -1,
  });
  for (const apiPackage of options.packages) {
    for (const { service, handlers } of options.services) {
      const { definition, implementation } = bind(service, handlers, apiPackage, options);
      server.addService(definition, implementation);
    }
  }
  const address = `${options.host}:${options.port}`;
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(new ApiError("API_UNAVAILABLE", `Cannot listen on ${address}: ${error.message}`, { cause: error }));
    });
  });
  return { port, close: async () => await shutDown(server) };
}

function bind(
  service: ServedService["service"],
  handlers: ServedService["handlers"],
  apiPackage: ApiPackage,
  options: GrpcServerOptions,
): { definition: ServiceDefinition; implementation: UntypedServiceImplementation } {
  const { interceptor, runLayout, onInternalError } = options;
  const branch = runLayout === "branch";
  const methods = serviceDefinition(service, apiPackageName(apiPackage), {
    received: (typeName, bytes, method) => {
      interceptor.received?.(method, bytes.length);
      return branch ? convertEmbeddedRuns(typeName, bytes, (run) => toMergedLayout(run, "branch")) : bytes;
    },
    sent: (typeName, bytes, method) => {
      const sent = branch ? convertEmbeddedRuns(typeName, bytes, toBranchLayout) : bytes;
      interceptor.sent?.(method, sent.length);
      return sent;
    },
  });
  const implementation: UntypedServiceImplementation = {};
  for (const { localName, name, input } of service.methods) {
    const handler = handlers[localName];
    const answer = (request: unknown): unknown => {
      if (handler === undefined) throw unimplemented(`${service.name}/${name} is not implemented by this server`);
      assertKnownValues(input, request as Message);
      return handler.handle(request as never);
    };
    implementation[localName] = (
      call: { readonly request: unknown },
      callback: (error: Failure | null, reply?: unknown) => void,
    ) => {
      const fail = (error: unknown) => {
        const status = toGrpcStatus(handler === undefined ? error : withContext(error, `Failed to ${handler.purpose}`));
        interceptor.failed?.(name);
        if (status.code === INTERNAL) onInternalError(name, error);
        const metadata = new Metadata();
        metadata.set("grpc-status-details-bin", Buffer.from(status.details));
        callback({ code: status.code, details: status.message, metadata });
      };
      // The answer is ready in the same turn, which keeps calls in the order of their arrival.
      let reply: unknown;
      try {
        const work = (): unknown => answer(call.request);
        reply = interceptor.around === undefined ? work() : interceptor.around(name, work);
      } catch (error) {
        fail(error);
        return;
      }
      if (reply instanceof Promise) void settle(reply, callback, fail);
      else callback(null, reply);
    };
  }
  return { definition: methods as unknown as ServiceDefinition, implementation };
}

async function settle(
  reply: Promise<unknown>,
  succeed: (error: null, reply: unknown) => void,
  fail: (error: unknown) => void,
): Promise<void> {
  let value: unknown;
  try {
    value = await reply;
  } catch (error) {
    fail(error);
    return;
  }
  succeed(null, value);
}

interface Failure {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

async function shutDown(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, CLOSE_GRACE_MS);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
