/**
 * The spec file behind `package_url`, fetched over HTTP.
 *
 * Source: docs/spec/pipelines-and-python-client.md#service-calls.
 *
 * @module
 */
import { errorMessage } from "../../core/errors.ts";
import { invalidArgument, ServiceError } from "../service-error.ts";

/** Bytes of a package at most, fetched or uploaded. */
export const MAX_PACKAGE_BYTES = 33_554_432;
const FETCH_TIMEOUT_MS = 60_000;

/** A package as it was fetched. */
export interface FetchedPackage {
  /** Last part of the URL's path. */
  readonly fileName: string;
  readonly bytes: Buffer;
}

/**
 * Fetches a package by GET.
 *
 * @throws {ServiceError} invalidArgument for a URL that is not one of HTTP, for another status than 2xx and for a package that is too
 * large; UNAVAILABLE when there is no connection, or no answer within a minute.
 */
export async function fetchPackage(url: string): Promise<FetchedPackage> {
  const parsed = URL.parse(url);
  if (parsed === null || (parsed.protocol !== "https:" && parsed.protocol !== "http:")) {
    throw invalidArgument(`${JSON.stringify(url)} is not an http:// or https:// URL of a pipeline package`);
  }
  const signal = AbortSignal.timeout(FETCH_TIMEOUT_MS);
  try {
    const response = await fetch(parsed, { signal });
    if (!response.ok) {
      await response.body?.cancel();
      throw invalidArgument(`Cannot fetch ${withoutSecrets(parsed)}: the answer is ${response.status}`);
    }
    const bytes = await limitedBytes(response, parsed);
    return { fileName: parsed.pathname.split("/").at(-1) ?? "", bytes };
  } catch (error) {
    if (error instanceof ServiceError) throw error;
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    const reason = signal.aborted ? `no answer within ${FETCH_TIMEOUT_MS / 1000} s` : errorMessage(cause);
    throw new ServiceError("UNAVAILABLE", `Cannot fetch ${withoutSecrets(parsed)}: ${reason}`, "", error);
  }
}

/**
 * Text of the spec file at a URL: a YAML or JSON file, or an archive, as for an upload.
 *
 * @throws {ServiceError} as {@link fetchPackage}.
 */
export async function fetchSpecFile(url: string): Promise<string> {
  const { fileName, bytes } = await fetchPackage(url);
  const { packageText } = await import("../rest/uploads/package-text.ts");
  return await packageText(fileName, bytes);
}

async function limitedBytes(response: Response, url: URL): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_PACKAGE_BYTES) {
      throw invalidArgument(`The package at ${withoutSecrets(url)} has more than ${MAX_PACKAGE_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Signed URLs carry their secret in the query. */
function withoutSecrets({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}
