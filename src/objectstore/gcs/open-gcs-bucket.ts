/**
 * Opens a bucket of Google Cloud Storage: endpoint and login from the session or from the environment.
 *
 * Source: docs/spec/object-stores.md#clients.
 *
 * @module
 */
import { StorageError } from "../../core/errors.ts";
import type { TokenSource } from "../credentials/remembered-tokens.ts";
import type { BucketOpening, OpenedBucket } from "../providers.ts";
import { findEnvironmentTokens, tokensOfDocument } from "./access-tokens.ts";
import { createGcsBucket } from "./gcs-bucket.ts";
import { createGcsHttp } from "./gcs-http.ts";

const DEFAULT_ENDPOINT = "https://storage.googleapis.com";
/** `access_id=-` in the query of a pipeline root. */
const ANONYMOUS = "-";

/** @throws {StorageError} STORE_CONFIG_INVALID for an endpoint or a login that is not one; what reading the Secret throws. */
export async function openGcsBucket(opening: BucketOpening): Promise<OpenedBucket> {
  const { bucket, agents, idleTimeoutMs, connectTimeoutMs } = opening;
  const endpoint = findEndpoint(opening);
  const tokens = await logIn(opening);
  const settings = { endpoint, agents, idleTimeoutMs, connectTimeoutMs, ...(tokens === undefined ? {} : { tokens }) };
  return { bucket: createGcsBucket(createGcsHttp(settings), bucket), endpoint, region: "" };
}

/** @returns nothing where requests are to be anonymous. */
async function logIn({ session, environment, readSecret, ...deps }: BucketOpening): Promise<TokenSource | undefined> {
  const { credentials, query, endpoint } = session;
  if (readSecret !== undefined && credentials.kind === "gcs-secret") {
    const [document = ""] = await readSecret();
    return tokensOfDocument(deps, document, `the Secret ${credentials.secretName}, key "${credentials.tokenKey}"`);
  }
  if (query.accessId === ANONYMOUS) return undefined;
  // As Google's libraries: an emulator asks for no login.
  if (endpoint === undefined && emulatorHost(environment) !== "") return undefined;
  return await findEnvironmentTokens(deps, environment);
}

function findEndpoint({ session, environment }: BucketOpening): string {
  const emulator = emulatorHost(environment);
  if (session.endpoint !== undefined) return parseEndpoint(session.endpoint, `The endpoint of provider "${session.provider}"`);
  if (emulator === "") return DEFAULT_ENDPOINT;
  return parseEndpoint(/^https?:\/\//i.test(emulator) ? emulator : `http://${emulator}`, "STORAGE_EMULATOR_HOST");
}

function emulatorHost(environment: BucketOpening["environment"]): string {
  return environment["STORAGE_EMULATOR_HOST"] ?? "";
}

/** Without path: some set `/storage/v1` there, which belongs to every request. */
function parseEndpoint(text: string, what: string): string {
  if (/^https?:\/\//i.test(text) && URL.canParse(text)) return new URL(text).origin;
  throw new StorageError("STORE_CONFIG_INVALID", `${what} is not an http or https URL.`);
}
