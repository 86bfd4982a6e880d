/**
 * Which stores this program has a client for: one opener for each kind of store, imported when the first bucket is opened.
 *
 * A new kind gets a folder with an opener here, and its schemes a row in core/executor/store-schemes.ts.
 *
 * @module
 */
import type { StoreSession } from "../config/store-config.ts";
import { STORE_SCHEMES } from "../core/executor/store-schemes.ts";
import type { ProviderName, StoreSettingsKind } from "../core/executor/store-schemes.ts";
import type { Clock } from "../ports/clock.ts";
import type { Bucket } from "./bucket.ts";
import type { Environment, HttpAgents } from "./http-agents.ts";
import type { Retrier } from "./retry.ts";

/** What a bucket is opened with. */
export interface BucketOpening {
  /** Name of the bucket. */
  readonly bucket: string;
  readonly session: StoreSession;
  /**
   * Reads the values of the Secret that the session names, in the order of its keys (credentials/secret-credentials.ts). Absent when
   * the credentials come from the environment.
   */
  readonly readSecret?: () => Promise<readonly string[]>;
  /** Of the process: credentials, endpoints. Proxies and certificates are in the agents already. */
  readonly environment: Environment;
  readonly agents: HttpAgents;
  /** Time without a byte after which a request is given up. */
  readonly idleTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** Repeats requests of the login; the same one repeats those of transfers. */
  readonly retrier: Retrier;
  readonly clock: Clock;
}

/** An open bucket, and what messages say about it. */
export interface OpenedBucket {
  readonly bucket: Bucket;
  /** Address, or name of the service where the client library knows the address. */
  readonly endpoint: string;
  /** Requests are signed for it; "" where the provider knows no regions. */
  readonly region: string;
}

/**
 * Opens a bucket: finds the credentials, makes the client. Sends nothing to the store itself.
 *
 * @throws {StorageError} STORE_CONFIG_INVALID; what reading credentials throws.
 */
export type OpenBucket = (opening: BucketOpening) => Promise<OpenedBucket>;

const OPENERS: { readonly [Kind in StoreSettingsKind]: () => Promise<OpenBucket> } = {
  azure: async () => (await import("./azure/open-azure-bucket.ts")).openAzureBucket,
  gcs: async () => (await import("./gcs/open-gcs-bucket.ts")).openGcsBucket,
  s3: async () => (await import("./s3/open-s3-bucket.ts")).openS3Bucket,
};

/** Loads the client of a provider. */
export function loadProvider(provider: ProviderName): Promise<OpenBucket> {
  return OPENERS[STORE_SCHEMES[provider].settings]();
}

/** Loads all code that transfers with this session will run, the client library included. */
export async function loadClient(session: StoreSession): Promise<void> {
  await loadProvider(session.provider);
  if (STORE_SCHEMES[session.provider].settings === "s3") await (await import("./s3/open-s3-bucket.ts")).loadS3Client(session);
}
