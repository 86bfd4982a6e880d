/**
 * Store options in the query string of a pipeline root, as in `s3://lake/kfp?region=eu&endpoint=https://ceph.local`.
 *
 * Both spelling families of the reference are understood, whatever `awssdk` says; an unknown name is an error.
 *
 * Source: docs/spec/object-stores.md#clients, #lau-36.
 *
 * @module
 */
import { StorageError } from "../core/errors.ts";
import { parseGoBool } from "../core/go/number.ts";

/** Options that have no counterpart in a provider section. */
export interface StoreQuery {
  readonly profile?: string;
  readonly hostnameImmutable?: boolean;
  readonly dualStack?: boolean;
  readonly fips?: boolean;
  readonly accelerate?: boolean;
  /** Server-side encryption: `AES256`, `aws:kms` and so on. */
  readonly sseType?: string;
  readonly kmsKeyId?: string;
  readonly rateLimiterCapacity?: number;
  /** `gs` only; `-` asks for anonymous access. */
  readonly accessId?: string;
  /** `gs` only. */
  readonly privateKeyPath?: string;
  /** `azblob` only: the storage account. */
  readonly accountName?: string;
  /** `azblob` only; default `blob.core.windows.net`. */
  readonly domain?: string;
  /** `azblob` only: `http` or `https`. */
  readonly protocol?: string;
  /** `azblob` only: the domain is not preceded by the name of the account. */
  readonly isCdn?: boolean;
  /** `azblob` only: the name of the account is the first element of the path. */
  readonly isLocalEmulator?: boolean;
}

/** What the query of an `s3://` or `minio://` pipeline root sets. */
export interface S3Query extends StoreQuery {
  readonly region?: string;
  readonly endpoint?: string;
  readonly usePathStyle?: boolean;
  readonly disableHttps?: boolean;
}

type Reader = (text: string, name: string) => string | number | boolean;

const S3_NAMES: Readonly<Record<string, readonly [field: keyof S3Query | undefined, read: Reader]>> = {
  region: ["region", asText],
  endpoint: ["endpoint", asText],
  profile: ["profile", asText],
  use_path_style: ["usePathStyle", asBoolean],
  s3ForcePathStyle: ["usePathStyle", asBoolean],
  s3_force_path_style: ["usePathStyle", asBoolean],
  disable_https: ["disableHttps", asBoolean],
  disableSSL: ["disableHttps", asBoolean],
  disable_ssl: ["disableHttps", asBoolean],
  hostname_immutable: ["hostnameImmutable", asBoolean],
  dualstack: ["dualStack", asBoolean],
  fips: ["fips", asBoolean],
  accelerate: ["accelerate", asBoolean],
  ssetype: ["sseType", asText],
  kmskeyid: ["kmsKeyId", asText],
  rate_limiter_capacity: ["rateLimiterCapacity", asCount],
  // Chose between two SDK generations, which decided the spelling of the other options.
  awssdk: [undefined, asText],
};

const GCS_NAMES: Readonly<Record<string, readonly [field: keyof StoreQuery | undefined, read: Reader]>> = {
  access_id: ["accessId", asText],
  private_key_path: ["privateKeyPath", asText],
};

const AZURE_NAMES: Readonly<Record<string, readonly [field: keyof StoreQuery | undefined, read: Reader]>> = {
  storage_account: ["accountName", asText],
  domain: ["domain", asText],
  protocol: ["protocol", asText],
  cdn: ["isCdn", asBoolean],
  localemu: ["isLocalEmulator", asBoolean],
};

/**
 * Parses the query of an `s3://` or `minio://` root; of a repeated option the first one counts.
 *
 * @throws {StorageError} STORE_CONFIG_INVALID for an unknown name or a value that is not what the name asks for.
 */
export function parseS3Query(query: string | undefined): S3Query {
  return parseQuery(query, S3_NAMES);
}

/** As {@link parseS3Query}, for `gs://`. */
export function parseGcsQuery(query: string | undefined): StoreQuery {
  return parseQuery(query, GCS_NAMES);
}

/** As {@link parseS3Query}, for `azblob://`. */
export function parseAzureQuery(query: string | undefined): StoreQuery {
  return parseQuery(query, AZURE_NAMES);
}

function parseQuery<Query extends StoreQuery>(
  query: string | undefined,
  names: Readonly<Record<string, readonly [field: keyof Query | undefined, read: Reader]>>,
): Query {
  const parsed = new Map<keyof Query, string | number | boolean>();
  for (const [name, text] of new URLSearchParams(query ?? "")) {
    const known = Object.hasOwn(names, name) ? names[name] : undefined;
    if (known === undefined) {
      const hint = name === "prefix" ? "write the prefix into the path" : `known: ${Object.keys(names).join(", ")}`;
      throw new StorageError("STORE_CONFIG_INVALID", `Unknown option "${name}" in the query of the pipeline root (${hint})`);
    }
    const [field, read] = known;
    const value = read(text, name);
    if (field !== undefined && !parsed.has(field)) parsed.set(field, value);
  }
  // The table pairs each field with the reader of its type, which the type system cannot follow through a map.
  return Object.fromEntries(parsed) as unknown as Query;
}

function asText(text: string): string {
  return text;
}

function asBoolean(text: string, name: string): boolean {
  const value = parseGoBool(text);
  if (value === undefined)
    throw new StorageError("STORE_CONFIG_INVALID", `Option "${name}" of the pipeline root must be true or false`);
  return value;
}

function asCount(text: string, name: string): number {
  if (!/^\d{1,9}$/.test(text))
    throw new StorageError("STORE_CONFIG_INVALID", `Option "${name}" of the pipeline root must be a whole number`);
  return Number(text);
}
