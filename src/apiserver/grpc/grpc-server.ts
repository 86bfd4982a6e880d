/**
 * Services behind a port of their own. Load with `await import()`: this module loads grpc-js.
 *
 * Source: docs/spec/run-and-artifact-messages.md#transport.
 *
 * @module
 */
import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from "@grpc/grpc-js";
import { ApiError } from "../../core/errors.ts";
import type { ApiPackage } from "../../wire/grpc-definition.ts";
import type { ServedService } from "../services/served-service.ts";
import { bindService, type BindOptions } from "./bound-service.ts";

/** What is served, where and in which layout. */
export interface GrpcServerOptions extends BindOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly packages: readonly ApiPackage[];
  readonly services: readonly ServedService[];
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
      const { definition, implementation } = bindService({ service, handlers }, apiPackage, options);
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
