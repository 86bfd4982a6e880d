/**
 * One call, the same over gRPC and REST: interceptor, access, checks of the request, handler, context of errors, news of changes.
 *
 * @module
 */
import type { DescMethod, Message } from "@bufbuild/protobuf";
import { ServiceError, unimplemented, withContext } from "../service-error.ts";
import { openToAll, type Authorizer } from "./authorizer.ts";
import { boundRunsOf, type RunOfTask } from "./bound-runs.ts";
import type { CallInterceptor } from "./call-interceptor.ts";
import { assertKnownValues } from "./request-check.ts";
import type { CallContext, Handler, ServedService } from "../services/served-service.ts";

/** What every call passes. */
export interface CallInvokerOptions {
  readonly interceptor?: CallInterceptor;
  /** Default: everybody may do everything. */
  readonly authorizer?: Authorizer;
  readonly runOfTask?: RunOfTask;
  /** Told about every answer with status INTERNAL. */
  readonly onInternalError?: (method: string, error: unknown) => void;
  /** Told about every call that succeeded, before its answer goes out. Must not throw. */
  readonly onSuccess?: (method: string, request: unknown, reply: unknown) => void;
}

/** One method of a service, with who answers it. */
export interface CallTarget {
  readonly service: ServedService["service"];
  readonly method: Pick<DescMethod, "name" | "input">;
  /** Absent: UNIMPLEMENTED. */
  readonly handler: Handler<never, unknown> | undefined;
}

/** Carries calls out. */
export class CallInvoker {
  readonly #options: CallInvokerOptions;
  readonly #authorizer: Authorizer;

  constructor(options: CallInvokerOptions = {}) {
    this.#options = options;
    this.#authorizer = options.authorizer ?? openToAll;
  }

  /** Access to what is outside the protos. */
  get authorizer(): Authorizer {
    return this.#authorizer;
  }

  get interceptor(): CallInterceptor {
    return this.#options.interceptor ?? {};
  }

  /**
   * Answers a call. The answer is ready in the same turn unless the handler or the interceptor needs longer, which keeps calls in the
   * order of their arrival.
   *
   * @returns The reply, a message or an EncodedMessage, or a promise of one.
   * @throws {ServiceError} At once or by rejection; its message begins with what the call was for.
   */
  invoke(target: CallTarget, request: Message, context: CallContext): unknown {
    const { interceptor = {}, onSuccess } = this.#options;
    const { name } = target.method;
    const succeed = (reply: unknown): unknown => {
      onSuccess?.(name, request, reply);
      return reply;
    };
    const work = (): unknown => {
      const reply = this.#answer(target, request, context);
      return reply instanceof Promise ? reply.then(succeed) : succeed(reply);
    };
    try {
      const reply = interceptor.around === undefined ? work() : interceptor.around(name, work);
      if (!(reply instanceof Promise)) return reply;
      return reply.catch((error: unknown) => {
        throw this.#failure(target, error);
      });
    } catch (error) {
      throw this.#failure(target, error);
    }
  }

  #answer({ service, method, handler }: CallTarget, request: Message, context: CallContext): unknown {
    const runIds = boundRunsOf(method.name, request, context, this.#options.runOfTask ?? (() => undefined));
    this.#authorizer.authorize(context.authorization, {
      operation: method.name,
      ...(runIds === undefined ? {} : { runIds }),
    });
    if (handler === undefined) throw unimplemented(`${service.name}/${method.name} is not implemented by this server`);
    assertKnownValues(method.input, request);
    return handler.handle(request as never, context);
  }

  #failure({ method, handler }: CallTarget, error: unknown): ServiceError {
    const failure =
      handler === undefined && error instanceof ServiceError
        ? error
        : withContext(error, handler === undefined ? "Failed to handle the call" : `Failed to ${handler.purpose}`);
    const { interceptor, onInternalError } = this.#options;
    interceptor?.failed?.(method.name);
    if (failure.status === "INTERNAL") onInternalError?.(method.name, error);
    return failure;
  }
}
