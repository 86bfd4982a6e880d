/**
 * Which login a bucket is opened with, and its access token, remembered until shortly before it expires.
 *
 * Order without a Secret, as everywhere at Google ("application default credentials"): the file that GOOGLE_APPLICATION_CREDENTIALS
 * names, the file that gcloud left in the home folder, the metadata server (workload identity in a cluster, the account of a machine).
 *
 * Source: docs/spec/object-stores.md#clients.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { errorMessage, StorageError } from "../../core/errors.ts";
import { rememberTokens } from "../credentials/remembered-tokens.ts";
import type { AccessToken, TokenSource } from "../credentials/remembered-tokens.ts";
import type { Environment } from "../http-agents.ts";
import { StoreFailure } from "../store-failure.ts";
import { fetchText } from "../http/fetch-text.ts";
import { parseCredentials } from "./credentials-document.ts";
import { fetchToken, loginRefused, readToken, STORAGE_SCOPE } from "./fetch-token.ts";
import type { TokenDeps } from "./fetch-token.ts";

/** Time before expiry at which a new token is fetched. The metadata server hands out the old one until about four minutes before. */
const REFRESH_BEFORE_MS = 225_000;
const METADATA_TIMEOUT_MS = 3_000;
const METADATA_HOST = "169.254.169.254";
const METADATA_PATH = "/computeMetadata/v1/instance/service-accounts/default/token";

/** Tokens for the document of a Secret. @throws {StorageError} STORE_CONFIG_INVALID when it is not a login. */
export function tokensOfDocument(deps: TokenDeps, text: string, origin: string): TokenSource {
  const credentials = parseCredentials(text, origin);
  return rememberTokens(deps.clock, REFRESH_BEFORE_MS, () => fetchToken(deps, credentials));
}

/** Chooses the login; the first token is fetched when the source is asked. */
export async function findEnvironmentTokens(deps: TokenDeps, environment: Environment): Promise<TokenSource> {
  const named = environment["GOOGLE_APPLICATION_CREDENTIALS"] ?? "";
  if (named !== "") {
    const text = await readNamed(named);
    return tokensOfDocument(deps, text, `${named} (GOOGLE_APPLICATION_CREDENTIALS)`);
  }
  const path = wellKnownPath(environment);
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text !== undefined) return tokensOfDocument(deps, text, path);
  return rememberTokens(deps.clock, REFRESH_BEFORE_MS, () => askMetadataServer(deps, environment));
}

async function readNamed(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new StorageError(
      "STORE_CONFIG_INVALID",
      `Cannot read the file that GOOGLE_APPLICATION_CREDENTIALS names: ${errorMessage(error)}`,
    );
  }
}

/** The home folder is the environment's, never looked up: a container with an unknown user has none. */
function wellKnownPath(environment: Environment): string {
  const configured = environment["CLOUDSDK_CONFIG"] ?? "";
  const folder = configured === "" ? join(environment["HOME"] || "/", ".config", "gcloud") : configured;
  return join(folder, "application_default_credentials.json");
}

/** Always directly: it is an address of the own machine. */
async function askMetadataServer({ clock, retrier }: TokenDeps, environment: Environment): Promise<AccessToken> {
  const host = environment["GCE_METADATA_HOST"] || environment["GCE_METADATA_ROOT"] || METADATA_HOST;
  const what = "the metadata server";
  const query = new URLSearchParams({ scopes: STORAGE_SCOPE }).toString();
  const request = {
    url: `http://${host}${METADATA_PATH}?${query}`,
    headers: { "metadata-flavor": "Google" },
    timeoutMs: METADATA_TIMEOUT_MS,
  };
  let text: string;
  try {
    // A pod may start before its metadata server does, so that a refused connection is worth another try.
    text = await retrier.run(() => fetchText(request));
  } catch (error) {
    if (error instanceof StoreFailure && error.status !== undefined) throw loginRefused(error, what);
    throw noCredentials(error);
  }
  return readToken(text, what, clock);
}

function noCredentials(cause: unknown): StorageError {
  return new StorageError(
    "OBJECT_ACCESS_DENIED",
    "No Google credentials found in the environment: GOOGLE_APPLICATION_CREDENTIALS is not set, and no metadata server answers. Set it, give the pod a workload identity, or configure a Secret for provider gs in kfp-launcher.",
    { cause },
  );
}
