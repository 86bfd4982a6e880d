/**
 * The `providers` section of the launcher configuration, checked field by field.
 *
 * Keys match whatever their case, unknown keys are ignored, a wrong type is an error that names provider and field. What belongs
 * together (a secret with its keys, a default with its credentials) is checked when a session is asked for, so that a broken
 * section harms only those who use it: config/store-session.ts.
 *
 * Source: docs/spec/object-stores.md#providers-format.
 *
 * @module
 */
import type { BucketPath } from "../core/executor/artifact-uri.ts";
import { StorageError } from "../core/errors.ts";
import { PROVIDER_NAMES, STORE_SCHEMES } from "../core/executor/store-schemes.ts";
import type { ProviderName, StoreSettingsKind } from "../core/executor/store-schemes.ts";
import { trimSlashes } from "../core/go/slash-path.ts";

/** Keys of an S3-compatible store in a Secret of the run's namespace. */
export interface S3SecretRef {
  readonly secretName: string;
  readonly accessKeyKey: string;
  readonly secretKeyKey: string;
}

/** Service account key of Google Cloud Storage in a Secret of the run's namespace. */
export interface GcsSecretRef {
  readonly secretName: string;
  readonly tokenKey: string;
}

/**
 * Login to a storage account of Azure in a Secret of the run's namespace: exactly one of account key, shared access signature and
 * connection string. "" = not set.
 */
export interface AzureSecretRef {
  readonly secretName: string;
  readonly accountKeyKey: string;
  readonly sasTokenKey: string;
  readonly connectionStringKey: string;
  /** Where the Secret holds the name of the account. */
  readonly accountNameKey: string;
}

/** Where a store's credentials come from: the environment of the process, or a Secret. */
export interface ProviderCredentials<SecretRef> {
  readonly fromEnv: boolean;
  readonly secretRef?: SecretRef;
}

/** Settings of an S3-compatible store; an absent one is not set. */
export interface S3ProviderSettings {
  readonly endpoint?: string;
  readonly region?: string;
  readonly disableSsl?: boolean;
  readonly forcePathStyle?: boolean;
  /** Total attempts; 0 leaves the number to the client library. */
  readonly maxRetries?: number;
  readonly credentials?: ProviderCredentials<S3SecretRef>;
}

/** Settings of Google Cloud Storage. */
export interface GcsProviderSettings {
  /** Ours: a private endpoint of the store, or an emulator. */
  readonly endpoint?: string;
  readonly credentials?: ProviderCredentials<GcsSecretRef>;
}

/** Ours: settings of Azure Blob Storage. */
export interface AzureProviderSettings {
  /** Address of the blob service; absent: made from the name of the account. */
  readonly endpoint?: string;
  readonly accountName?: string;
  readonly credentials?: ProviderCredentials<AzureSecretRef>;
}

/** What of a store an override is for. */
export interface BucketSelector {
  readonly bucketName: string;
  /** Path-segment prefix; empty means the whole bucket. */
  readonly keyPrefix: string;
}

/** Settings of one provider: those for all buckets, and those for some. */
export interface ProviderSection<Settings> {
  readonly default?: Settings;
  /** Absent is not the same as empty: an empty list makes a section that has no default credentials. */
  readonly overrides?: ReadonlyArray<Settings & BucketSelector>;
}

/** The settings of each kind of store. */
interface SettingsByKind {
  readonly s3: S3ProviderSettings;
  readonly gcs: GcsProviderSettings;
  readonly azure: AzureProviderSettings;
}

/** The settings of the stores of a scheme. */
export type SettingsOf<Name extends ProviderName> = SettingsByKind[(typeof STORE_SCHEMES)[Name]["settings"]];

/** The sections, by the scheme they are about. */
export type Providers = { readonly [Name in ProviderName]?: ProviderSection<SettingsOf<Name>> };

/**
 * Checks the parsed YAML of the key `providers`.
 *
 * @param json What the YAML parser returned; `undefined` or `null` when there is none.
 * @throws {StorageError} STORE_CONFIG_INVALID naming provider and field.
 */
export function parseProviders(json: unknown): Providers {
  const root = fieldsOf(json, "providers");
  const sections = PROVIDER_NAMES.map((name) =>
    optional(name, sectionOf<SettingsByKind[StoreSettingsKind]>(root, name, READERS[STORE_SCHEMES[name].settings])),
  );
  // Each section was read by the reader of its own kind, which the type system cannot follow through the table.
  return Object.assign({}, ...sections) as Providers;
}

/** The first override, in list order, whose bucket is the path's and whose prefix is one of the path's by whole segments. */
export function matchingOverride<Selector extends BucketSelector>(
  overrides: readonly Selector[],
  path: BucketPath,
): Selector | undefined {
  const prefix = trimSlashes(path.prefix);
  return overrides.find((override) => {
    const wanted = trimSlashes(override.keyPrefix);
    return override.bucketName === path.bucket && (wanted === "" || prefix === wanted || prefix.startsWith(`${wanted}/`));
  });
}

/** A mapping of the configuration together with its place in it, for messages. */
class Fields {
  readonly place: string;
  readonly #members: Map<string, unknown>;

  constructor(place: string, members: object) {
    this.place = place;
    const entries = Object.entries(members);
    // An exact spelling wins over one that differs in case only, so it goes in last.
    this.#members = new Map([
      ...entries.map(([key, value]): [string, unknown] => [key.toLowerCase(), value]),
      ...entries.map(([key, value]): [string, unknown] => [`=${key}`, value]),
    ]);
  }

  get(key: string): unknown {
    const exact = this.#members.get(`=${key}`);
    return exact ?? this.#members.get(key.toLowerCase()) ?? undefined;
  }

  /** A bare number or boolean given for a text is taken as its text. */
  text(key: string): string | undefined {
    const value = this.get(key);
    if (value === undefined || typeof value === "string") return value;
    if (typeof value === "number" || typeof value === "boolean") return String(value);
    throw this.#mistyped(key, "a text");
  }

  boolean(key: string): boolean | undefined {
    const value = this.get(key);
    if (value === undefined || typeof value === "boolean") return value;
    throw this.#mistyped(key, "true or false");
  }

  count(key: string): number | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    throw this.#mistyped(key, "a whole number, 0 or more");
  }

  child(key: string): Fields | undefined {
    const value = this.get(key);
    return value === undefined ? undefined : fieldsOf(value, `${this.place}.${key}`);
  }

  children(key: string): Fields[] | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) throw this.#mistyped(key, "a list");
    return value.map((item, index) => fieldsOf(item, `${this.place}.${key}[${index}]`));
  }

  #mistyped(key: string, wanted: string): StorageError {
    return new StorageError(
      "STORE_CONFIG_INVALID",
      `Cannot read the launcher configuration: ${this.place}.${key} must be ${wanted}`,
    );
  }
}

function fieldsOf(json: unknown, place: string): Fields {
  if (json === undefined || json === null) return new Fields(place, {});
  if (typeof json === "object" && !Array.isArray(json)) return new Fields(place, json);
  throw new StorageError("STORE_CONFIG_INVALID", `Cannot read the launcher configuration: ${place} must be a mapping`);
}

function sectionOf<Settings>(
  root: Fields,
  name: string,
  settingsOf: (fields: Fields) => Settings,
): ProviderSection<Settings> | undefined {
  const section = root.child(name);
  if (section === undefined) return undefined;
  const defaults = section.child("default");
  const overrides = section.children("overrides");
  return {
    ...(defaults === undefined ? {} : { default: settingsOf(defaults) }),
    ...(overrides === undefined ? {} : { overrides: overrides.map((each) => ({ ...selectorOf(each), ...settingsOf(each) })) }),
  };
}

function selectorOf(fields: Fields): BucketSelector {
  return { bucketName: fields.text("bucketName") ?? "", keyPrefix: fields.text("keyPrefix") ?? "" };
}

function s3Settings(fields: Fields): S3ProviderSettings {
  return {
    ...optional("endpoint", fields.text("endpoint")),
    ...optional("region", fields.text("region")),
    ...optional("disableSsl", fields.boolean("disableSSL")),
    ...optional("forcePathStyle", fields.boolean("forcePathStyle")),
    ...optional("maxRetries", fields.count("maxRetries")),
    ...optional(
      "credentials",
      credentialsOf(fields, (secret) => ({
        secretName: secret.text("secretName") ?? "",
        accessKeyKey: secret.text("accessKeyKey") ?? "",
        secretKeyKey: secret.text("secretKeyKey") ?? "",
      })),
    ),
  };
}

function gcsSettings(fields: Fields): GcsProviderSettings {
  return {
    ...optional("endpoint", fields.text("endpoint")),
    ...optional(
      "credentials",
      credentialsOf(fields, (secret) => ({
        secretName: secret.text("secretName") ?? "",
        tokenKey: secret.text("tokenKey") ?? "",
      })),
    ),
  };
}

function azureSettings(fields: Fields): AzureProviderSettings {
  return {
    ...optional("endpoint", fields.text("endpoint")),
    ...optional("accountName", fields.text("accountName")),
    ...optional(
      "credentials",
      credentialsOf(fields, (secret) => ({
        secretName: secret.text("secretName") ?? "",
        accountKeyKey: secret.text("accountKeyKey") ?? "",
        sasTokenKey: secret.text("sasTokenKey") ?? "",
        connectionStringKey: secret.text("connectionStringKey") ?? "",
        accountNameKey: secret.text("accountNameKey") ?? "",
      })),
    ),
  };
}

const READERS: { readonly [Kind in StoreSettingsKind]: (fields: Fields) => SettingsByKind[Kind] } = {
  s3: s3Settings,
  gcs: gcsSettings,
  azure: azureSettings,
};

function credentialsOf<SecretRef>(
  fields: Fields,
  secretOf: (secret: Fields) => SecretRef,
): ProviderCredentials<SecretRef> | undefined {
  const credentials = fields.child("credentials");
  if (credentials === undefined) return undefined;
  const secret = credentials.child("secretRef");
  return { fromEnv: credentials.boolean("fromEnv") ?? false, ...(secret === undefined ? {} : { secretRef: secretOf(secret) }) };
}

function optional<Key extends string, Value>(key: Key, value: Value | undefined): { readonly [K in Key]?: Value } {
  // The cast is needed because TypeScript widens a computed key to string.
  return (value === undefined ? {} : { [key]: value }) as { readonly [K in Key]?: Value };
}
