/**
 * The same services for callers in this process, without a connection: what grpc-js and HTTP/2 cost is most of what a small call costs.
 *
 * @module
 */
import { Metadata } from "@grpc/grpc-js";
import { setImmediate } from "node:timers/promises";
import { errorMessage } from "../../core/errors.ts";
import type { ApiPackage } from "../../wire/grpc-definition.ts";
import { LocalCallError, type LocalCalls } from "../../wire/local-calls.ts";
import type { ServedService } from "../services/served-service.ts";
import { bindService, READ_HEADERS, type BindOptions } from "./bound-service.ts";

/** What is served. */
export interface LocalCallsOptions extends BindOptions {
  readonly packages: readonly ApiPackage[];
  readonly services: readonly ServedService[];
}

type Answer = (request: Buffer, metadata: Metadata) => Promise<Uint8Array>;

/** Answers every call as the server behind a port does, until it is closed. */
export function createLocalCalls(options: LocalCallsOptions): LocalCalls & { close(): Promise<void> } {
  const answers = new Map<string, Answer>();
  for (const apiPackage of options.packages) {
    for (const service of options.services) {
      for (const [path, answer] of answersOf(service, apiPackage, options)) answers.set(path, answer);
    }
  }
  let isClosed = false;
  return {
    close: () => {
      isClosed = true;
      return Promise.resolve();
    },
    async call(path, request, header) {
      const answer = answers.get(path);
      if (answer === undefined) throw new LocalCallError("UNIMPLEMENTED", `The server does not implement ${path}`);
      // Whoever makes call after call lets others have their turn.
      await setImmediate();
      if (isClosed) throw new LocalCallError("UNAVAILABLE", "The server is closed");
      return await answer(Buffer.from(request), metadataOf(header));
    },
  };
}

function answersOf(service: ServedService, apiPackage: ApiPackage, options: BindOptions): [path: string, answer: Answer][] {
  const { definition, implementation } = bindService(service, apiPackage, options);
  return Object.entries(definition).map(([name, method]) => {
    const handle = implementation[name] as (
      call: { readonly request: unknown; readonly metadata: Metadata },
      callback: (failure: { readonly code: number; readonly details: string } | null, reply?: unknown) => void,
    ) => void;
    return [
      method.path,
      (bytes, metadata) =>
        new Promise<Uint8Array>((resolve, reject) => {
          const request: unknown = decoded(method, bytes);
          handle({ request, metadata }, (failure, reply) => {
            if (failure !== null) reject(new LocalCallError(failure.code, failure.details));
            else resolve(method.responseSerialize(reply));
          });
        }),
    ];
  });
}

function decoded(method: { requestDeserialize(bytes: Buffer): unknown }, bytes: Buffer): unknown {
  try {
    return method.requestDeserialize(bytes);
  } catch (error) {
    throw new LocalCallError("INTERNAL", `Cannot read the request: ${errorMessage(error)}`);
  }
}

/** Of the headers that a call may have, those that handlers look at. */
function metadataOf(header: (name: string) => string | undefined): Metadata {
  const metadata = new Metadata();
  for (const name of READ_HEADERS) {
    const value = header(name);
    if (value !== undefined) metadata.set(name, value);
  }
  return metadata;
}
