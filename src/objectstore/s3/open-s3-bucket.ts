/**
 * Opens a bucket of an S3 store: endpoint, region and credentials from the session or from the environment, and one of two clients.
 *
 * Source: docs/spec/object-stores.md#clients.
 *
 * @module
 */
import { StorageError } from "../../core/errors.ts";
import type { StoreSession } from "../../config/store-config.ts";
import type { ClientSettings, CredentialSource } from "../client-settings.ts";
import { findEnvironmentLogin } from "../credentials/environment-credentials.ts";
import type { EnvironmentLogin } from "../credentials/environment-credentials.ts";
import type { Environment } from "../http-agents.ts";
import type { BucketOpening, OpenedBucket } from "../providers.ts";
import { createS3Bucket } from "./s3-bucket.ts";
import type { S3Settings } from "./s3-client.ts";
import type { S3Requests } from "./s3-requests.ts";

const DEFAULT_REGION = "us-east-1";

/**
 * @throws {StorageError} STORE_CONFIG_INVALID for an endpoint that is not a URL; what reading credentials throws.
 */
export async function openS3Bucket(opening: BucketOpening): Promise<OpenedBucket> {
  const { bucket, session, environment, agents, idleTimeoutMs, connectTimeoutMs } = opening;
  const login = await logIn(opening);
  const endpoint = session.endpoint ?? environmentEndpoint(session, environment);
  const region = session.region ?? login.region ?? DEFAULT_REGION;
  const isPathStyle = session.forcePathStyle || session.query.hostnameImmutable === true;
  const settings = { bucket, region, isPathStyle, agents, idleTimeoutMs, connectTimeoutMs };
  const requests = await createRequests(session, settings, { endpoint, credentials: login.credentials });
  // Directory buckets answer tags that look like MD5 digests and are none.
  const tags = { areDigests: !bucket.endsWith("--x-s3") && environment["KFP_VERIFY_ETAG"] !== "off" };
  return { bucket: createS3Bucket(requests, tags), endpoint: endpoint ?? `AWS S3 (${region})`, region };
}

async function logIn({ session, readSecret, environment, clock, agents, retrier }: BucketOpening): Promise<EnvironmentLogin> {
  if (readSecret === undefined) {
    const { query, region } = session;
    const profile = query.profile === undefined ? {} : { profile: query.profile };
    const login = { environment, ...profile, ...(region === undefined ? {} : { region }) };
    return await findEnvironmentLogin({ clock, agents, retrier }, login);
  }
  const [accessKeyId = "", secretAccessKey = ""] = await readSecret();
  const region = environment["AWS_REGION"] ?? "";
  const keys = { accessKeyId, secretAccessKey };
  return { credentials: () => Promise.resolve(keys), ...(region === "" ? {} : { region }) };
}

/** Only who takes the credentials from the environment takes the endpoint from it. */
function environmentEndpoint(session: StoreSession, environment: Environment): string | undefined {
  if (session.credentials.kind !== "environment" || environment["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"]?.toLowerCase() === "true")
    return undefined;
  const named = [environment["AWS_ENDPOINT_URL_S3"], environment["AWS_ENDPOINT_URL"]].find(
    (url) => url !== undefined && url !== "",
  );
  return named;
}

interface ClientLogin {
  readonly endpoint: string | undefined;
  readonly credentials: CredentialSource;
}

/** Loads the client that a bucket of this session would have. Makes no request. */
export async function loadS3Client(session: StoreSession): Promise<void> {
  if (isOwnClient(session, session.endpoint)) await import("../minio/minio-client.ts");
  else await import("./s3-client.ts");
}

/** minio:// without an endpoint of its own, or with options that only AWS has, is S3. */
async function createRequests(session: StoreSession, settings: ClientSettings, login: ClientLogin): Promise<S3Requests> {
  const { endpoint, credentials } = login;
  const { query } = session;
  if (endpoint !== undefined && !isHttpUrl(endpoint)) {
    throw new StorageError("STORE_CONFIG_INVALID", `The endpoint of provider "${session.provider}" is not an http or https URL.`);
  }
  if (endpoint !== undefined && isOwnClient(session, endpoint)) {
    const { createMinioClient } = await import("../minio/minio-client.ts");
    return createMinioClient({ ...settings, endpoint, credentials });
  }
  const { createS3Client } = await import("./s3-client.ts");
  const s3: S3Settings = {
    ...settings,
    ...(endpoint === undefined ? {} : { endpoint }),
    credentials,
    isDualStack: query.dualStack ?? false,
    isFips: query.fips ?? false,
    isAccelerated: query.accelerate ?? false,
    ...(query.sseType === undefined ? {} : { sseType: query.sseType }),
    ...(query.kmsKeyId === undefined ? {} : { kmsKeyId: query.kmsKeyId }),
  };
  return createS3Client(s3);
}

function isOwnClient({ provider, query }: StoreSession, endpoint: string | undefined): boolean {
  const isPlainHost = endpoint !== undefined && URL.canParse(endpoint) && new URL(endpoint).pathname === "/";
  return provider === "minio" && isPlainHost && Object.keys(query).length === 0;
}

function isHttpUrl(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text);
}
