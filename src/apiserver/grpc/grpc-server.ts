/**
 * Handlers behind gRPC: packages, layouts of Run, status details, metadata, message sizes.
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
import { decodeLeanAnswer, decodeListIteration, LEAN_ANSWER_HEADER, LIST_ITERATION_HEADER } from "../../wire/lean-answer.ts";
import { convertEmbeddedRuns, toBranchLayout, toMergedLayout } from "../../wire/run-layout.ts";
import type { CallInvoker } from "../calls/call-invoker.ts";
import type { CallContext, ServedService } from "../services/served-service.ts";
import { toGrpcStatus } from "../service-error.ts";

/** What is served, where and in which layout. */
export interface GrpcServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly packages: readonly ApiPackage[];
  readonly runLayout: "merged" | "branch";
  /** Whether clients may ask for lean answers (wire/lean-answer.ts). */
  readonly leanAnswers: boolean;
  readonly services: readonly ServedService[];
  readonly invoker: CallInvoker;
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
  // An address of IPv6 is told from its port by brackets.
  const address = `${options.host.includes(":") ? `[${options.host}]` : options.host}:${options.port}`;
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
  const { invoker, runLayout } = options;
  const { interceptor } = invoker;
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
  for (const method of service.methods) {
    const target = { service, method, handler: handlers[method.localName] };
    implementation[method.localName] = (call: ReceivedCall, callback: Callback) => {
      const fail = (error: unknown) => {
        callback(failureOf(error));
      };
      let reply: unknown;
      try {
        reply = invoker.invoke(target, call.request, contextOf(call.metadata, options));
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

interface ReceivedCall {
  readonly request: Message;
  readonly metadata: Metadata;
}

interface Failure {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

type Callback = (error: Failure | null, reply?: unknown) => void;

function failureOf(error: unknown): Failure {
  const status = toGrpcStatus(error);
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", Buffer.from(status.details));
  return { code: status.code, details: status.message, metadata };
}

/** Source: docs/spec/json-and-rest.md#rest-gateway (the marker of the gateway), docs/spec/api-server.md#calls-that-accept-run-scoped-tokens, #lean-answers. */
function contextOf(metadata: Metadata, { leanAnswers }: Pick<GrpcServerOptions, "leanAnswers">): CallContext {
  const text = (key: string): string | undefined => metadata.get(key)[0]?.toString();
  const authorization = text("authorization");
  const boundRunId = text("x-kfp-bound-run-id");
  return {
    ...(authorization === undefined ? {} : { authorization }),
    ...(boundRunId === undefined ? {} : { boundRunId }),
    ...(leanAnswers
      ? { lean: decodeLeanAnswer(text(LEAN_ANSWER_HEADER)), listIteration: decodeListIteration(text(LIST_ITERATION_HEADER)) }
      : {}),
    clearTags: text("x-clear-tags") === "true",
  };
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
