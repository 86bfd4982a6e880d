/**
 * Handlers behind gRPC: packages, layouts of Run, status details, metadata.
 *
 * Nothing here knows what a call does. Load with `await import()`: this module loads grpc-js.
 *
 * Source: docs/spec/run-and-artifact-messages.md#transport, docs/spec/json-and-rest.md#error-shapes,
 * docs/spec/api-versions.md#names, #two-layouts-of-run.
 *
 * @module
 */
import { Metadata, type ServiceDefinition, type UntypedServiceImplementation } from "@grpc/grpc-js";
import type { Message } from "@bufbuild/protobuf";
import { apiPackageName, serviceDefinition, type ApiPackage } from "../../wire/grpc-definition.ts";
import { decodeLeanAnswer, decodeListIteration, LEAN_ANSWER_HEADER, LIST_ITERATION_HEADER } from "../../wire/lean-answer.ts";
import { convertEmbeddedRuns, toBranchLayout, toMergedLayout } from "../../wire/run-layout.ts";
import type { CallInvoker } from "../calls/call-invoker.ts";
import type { CallContext, ServedService } from "../services/served-service.ts";
import { toGrpcStatus } from "../service-error.ts";

const AUTHORIZATION = "authorization";
const BOUND_RUN_ID = "x-kfp-bound-run-id";
const CLEAR_TAGS = "x-clear-tags";

/** The headers that a call is answered by. */
export const READ_HEADERS: readonly string[] = [
  AUTHORIZATION,
  BOUND_RUN_ID,
  CLEAR_TAGS,
  LEAN_ANSWER_HEADER,
  LIST_ITERATION_HEADER,
];

/** How calls are answered. */
export interface BindOptions {
  readonly runLayout: "merged" | "branch";
  /** Whether clients may ask for lean answers (wire/lean-answer.ts). */
  readonly leanAnswers: boolean;
  readonly invoker: CallInvoker;
}

/** A service under one package name, in the form that grpc-js takes. */
export function bindService(
  { service, handlers }: Pick<ServedService, "service" | "handlers">,
  apiPackage: ApiPackage,
  options: BindOptions,
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
function contextOf(metadata: Metadata, { leanAnswers }: Pick<BindOptions, "leanAnswers">): CallContext {
  const text = (key: string): string | undefined => metadata.get(key)[0]?.toString();
  const authorization = text(AUTHORIZATION);
  const boundRunId = text(BOUND_RUN_ID);
  return {
    ...(authorization === undefined ? {} : { authorization }),
    ...(boundRunId === undefined ? {} : { boundRunId }),
    ...(leanAnswers
      ? { lean: decodeLeanAnswer(text(LEAN_ANSWER_HEADER)), listIteration: decodeListIteration(text(LIST_ITERATION_HEADER)) }
      : {}),
    clearTags: text(CLEAR_TAGS) === "true",
  };
}
