/**
 * How to log in to the store a bucket path lies in.
 *
 * Source: docs/spec/object-stores.md#from-path-to-session, #clients (state B of docs/spec/object-stores.md#later-upstream),
 * #configuration-cases.
 *
 * @module
 */
import { formatBucketPath } from "../core/executor/artifact-uri.ts";
import type { BucketPath } from "../core/executor/artifact-uri.ts";
import { StorageError } from "../core/errors.ts";
import { usesSettings } from "../core/executor/store-schemes.ts";
import type { ProviderName, SchemesWith } from "../core/executor/store-schemes.ts";
import { matchingOverride } from "./store-providers.ts";
import type {
  AzureProviderSettings,
  AzureSecretRef,
  BucketSelector,
  GcsProviderSettings,
  Providers,
  ProviderSection,
  S3ProviderSettings,
} from "./store-providers.ts";
import { parseAzureQuery, parseGcsQuery, parseS3Query } from "./store-query.ts";
import type { S3Query, StoreQuery } from "./store-query.ts";

export type { StoreQuery } from "./store-query.ts";

const DEFAULT_MINIO_HOST = "seaweedfs.kubeflow:9000";
const DEFAULT_MAX_ATTEMPTS = 5;

/** How to log in. Secrets lie in the run's namespace. */
export type CredentialChoice =
  | { readonly kind: "environment" }
  | { readonly kind: "secret"; readonly secretName: string; readonly accessKeyKey: string; readonly secretKeyKey: string }
  | { readonly kind: "gcs-secret"; readonly secretName: string; readonly tokenKey: string }
  | AzureSecretChoice;

/** What a Secret holds of a login to a storage account of Azure. */
export interface AzureSecretChoice {
  readonly kind: "azure-secret";
  readonly secretName: string;
  readonly login: "account key" | "SAS token" | "connection string";
  readonly loginKey: string;
  /** Absent: the name of the account is configured. */
  readonly accountNameKey?: string;
}

/** Everything a store client is made from. Two equal sessions may share a client. */
export interface StoreSession {
  readonly provider: ProviderName;
  /** A URL with scheme; absent where the library derives it from the region or the environment. */
  readonly endpoint?: string;
  /** Absent: the library's own chain decides. */
  readonly region?: string;
  /** Storage account of Azure of the provider section; absent: of the query, the Secret, the environment, or read from the endpoint. */
  readonly accountName?: string;
  /** Plain HTTP. An endpoint's own scheme has the last word. */
  readonly disableSsl: boolean;
  readonly forcePathStyle: boolean;
  /** Total attempts; absent: the library's default. */
  readonly maxAttempts?: number;
  readonly credentials: CredentialChoice;
  /** Options of the pipeline root's query that have no field above. */
  readonly query: StoreQuery;
}

/** Variables of the launcher's pod that move the built-in store. */
export interface StoreEnvironment {
  /** `OBJECT_STORE_HOST` */
  readonly objectStoreHost?: string | undefined;
  /** `OBJECT_STORE_PORT` */
  readonly objectStorePort?: string | undefined;
}

/**
 * The session for a bucket path, as `resolveBucket` of config/store-config.ts returns it.
 *
 * @throws {StorageError} STORE_CONFIG_INVALID when the provider's section lacks what the path needs, STORE_URI_INVALID when no
 *   provider serves the scheme.
 */
export function sessionFor(
  path: BucketPath,
  config: { readonly providers: Providers },
  environment: StoreEnvironment,
): StoreSession {
  const { scheme } = path;
  if (usesSettings(scheme, "s3")) return s3Session(path, scheme, config.providers[scheme], environment);
  if (usesSettings(scheme, "gcs")) return gcsSession(path, scheme, config.providers[scheme]);
  if (usesSettings(scheme, "azure")) return azureSession(path, scheme, config.providers[scheme]);
  throw new StorageError("STORE_URI_INVALID", `No provider serves ${formatBucketPath({ ...path, query: "" })}`);
}

function s3Session(
  path: BucketPath,
  provider: SchemesWith<"s3">,
  section: ProviderSection<S3ProviderSettings> | undefined,
  environment: StoreEnvironment,
): StoreSession {
  if (path.query !== undefined) return environmentSession(provider, parseS3Query(path.query));
  if (isUnset(section)) return provider === "minio" ? builtInMinioSession(environment) : environmentSession(provider, {});
  const place = `providers.${provider}`;
  const { settings, where } = effectiveSettings(section, path, place);
  const credentials = s3Credentials(settings, where);
  const region = settings.region ?? "";
  const maxAttempts = settings.maxRetries ?? DEFAULT_MAX_ATTEMPTS;
  return {
    provider,
    ...endpointOf(provider, settings, credentials, environment),
    ...(region === "" ? {} : { region }),
    forcePathStyle: settings.forcePathStyle ?? true,
    ...(maxAttempts === 0 ? {} : { maxAttempts }),
    credentials,
    query: {},
  };
}

function isUnset<Settings>(section: ProviderSection<Settings> | undefined): section is undefined {
  return section === undefined || (section.default === undefined && section.overrides === undefined);
}

function builtInMinioSession(environment: StoreEnvironment): StoreSession {
  return {
    provider: "minio",
    endpoint: `http://${builtInMinioHost(environment)}`,
    region: "minio",
    disableSsl: true,
    forcePathStyle: true,
    maxAttempts: DEFAULT_MAX_ATTEMPTS,
    credentials: {
      kind: "secret",
      secretName: "mlpipeline-minio-artifact",
      accessKeyKey: "accesskey",
      secretKeyKey: "secretkey",
    },
    query: {},
  };
}

function builtInMinioHost({ objectStoreHost = "", objectStorePort = "" }: StoreEnvironment): string {
  return objectStoreHost === "" || objectStorePort === "" ? DEFAULT_MINIO_HOST : `${objectStoreHost}:${objectStorePort}`;
}

/** Without a provider section nothing is configured but the query: path style is off unless it says otherwise. */
function environmentSession(provider: SchemesWith<"s3">, query: S3Query): StoreSession {
  const { region, endpoint = "", usePathStyle = false, disableHttps = false, ...rest } = query;
  const url = endpointUrl(endpoint, disableHttps);
  return {
    provider,
    ...(url === undefined ? {} : { endpoint: url }),
    ...(region === undefined || region === "" ? {} : { region }),
    disableSsl: disableHttps,
    forcePathStyle: usePathStyle,
    credentials: { kind: "environment" },
    query: rest,
  };
}

/** The default's settings with those of the first matching override on top; credentials are always the override's own. */
function effectiveSettings<Settings extends S3ProviderSettings | GcsProviderSettings | AzureProviderSettings>(
  section: ProviderSection<Settings>,
  path: BucketPath,
  place: string,
): { settings: Settings; where: string } {
  if (section.default?.credentials === undefined)
    throw badConfig(`missing default credentials: set ${place}.default.credentials`);
  const override = matchingOverride<Settings & BucketSelector>(section.overrides ?? [], path);
  if (override === undefined) return { settings: section.default, where: `${place}.default` };
  const where = `${place}.overrides[${section.overrides?.indexOf(override)}]`;
  if (override.credentials === undefined) throw badConfig(`missing override credentials: set ${where}.credentials`);
  const set = Object.entries(override).filter(([, value]) => value !== "");
  return { settings: { ...section.default, ...Object.fromEntries(set) }, where };
}

function s3Credentials(settings: S3ProviderSettings, where: string): CredentialChoice {
  if (settings.credentials?.fromEnv === true) return { kind: "environment" };
  const secret = settings.credentials?.secretRef;
  if (secret === undefined) throw missingSecret(where);
  assertSet(secret, ["secretName", "accessKeyKey", "secretKeyKey"], where);
  return { kind: "secret", ...secret };
}

function missingSecret(where: string): StorageError {
  const which = where.endsWith(".default") ? "default" : "override";
  return badConfig(`missing ${which} secretref: set ${where}.credentials.secretRef, or fromEnv: true`);
}

function assertSet<SecretRef>(secret: SecretRef, fields: ReadonlyArray<keyof SecretRef & string>, where: string): void {
  for (const field of fields) {
    if (secret[field] === "") throw badConfig(`${where}.credentials.secretRef.${field} is empty`);
  }
}

function badConfig(reason: string): StorageError {
  return new StorageError("STORE_CONFIG_INVALID", `invalid provider config: ${reason}`);
}

/**
 * With a Secret, a minio section without endpoint means the built-in store. Credentials from the environment mean that the
 * environment may name the endpoint too, so it is left to the library.
 */
function endpointOf(
  provider: SchemesWith<"s3">,
  settings: S3ProviderSettings,
  credentials: CredentialChoice,
  environment: StoreEnvironment,
): Pick<StoreSession, "endpoint" | "disableSsl"> {
  const configured = settings.endpoint ?? "";
  const builtIn = configured === "" && provider === "minio" && credentials.kind !== "environment";
  const disableSsl = settings.disableSsl ?? builtIn;
  const url = endpointUrl(builtIn ? builtInMinioHost(environment) : configured, disableSsl);
  return { ...(url === undefined ? {} : { endpoint: url }), disableSsl };
}

/** `undefined` for no endpoint and for the AWS host itself, whose regional form the library derives. */
function endpointUrl(endpoint: string, disableSsl: boolean): string | undefined {
  if (endpoint === "" || /^(https:\/\/)?s3\.amazonaws\.com(:\d+)?(\/|$)/i.test(endpoint)) return undefined;
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(endpoint)) return endpoint;
  return `${disableSsl ? "http" : "https"}://${endpoint}`;
}

function gcsSession(
  path: BucketPath,
  provider: SchemesWith<"gcs">,
  section: ProviderSection<GcsProviderSettings> | undefined,
): StoreSession {
  const query = parseGcsQuery(path.query);
  const shared = { provider, disableSsl: false, forcePathStyle: false, maxAttempts: DEFAULT_MAX_ATTEMPTS, query };
  if (isUnset(section)) return { ...shared, credentials: { kind: "environment" } };
  const { settings, where } = effectiveSettings(section, path, `providers.${provider}`);
  const endpoint = endpointUrl(settings.endpoint ?? "", false);
  return { ...shared, ...(endpoint === undefined ? {} : { endpoint }), credentials: gcsCredentials(settings, where) };
}

function gcsCredentials(settings: GcsProviderSettings, where: string): CredentialChoice {
  if (settings.credentials?.fromEnv === true) return { kind: "environment" };
  const secret = settings.credentials?.secretRef;
  if (secret === undefined) throw missingSecret(where);
  assertSet(secret, ["secretName", "tokenKey"], where);
  return { kind: "gcs-secret", ...secret };
}

/** A query means the environment's login, as with `s3://`. */
function azureSession(
  path: BucketPath,
  provider: SchemesWith<"azure">,
  section: ProviderSection<AzureProviderSettings> | undefined,
): StoreSession {
  const shared = { provider, disableSsl: false, forcePathStyle: false, maxAttempts: DEFAULT_MAX_ATTEMPTS };
  if (path.query !== undefined || isUnset(section)) {
    return { ...shared, credentials: { kind: "environment" }, query: parseAzureQuery(path.query) };
  }
  const { settings, where } = effectiveSettings(section, path, `providers.${provider}`);
  const { accountName = "" } = settings;
  const endpoint = endpointUrl(settings.endpoint ?? "", false);
  return {
    ...shared,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(accountName === "" ? {} : { accountName }),
    credentials: azureCredentials(settings, where),
    query: {},
  };
}

function azureCredentials(settings: AzureProviderSettings, where: string): CredentialChoice {
  if (settings.credentials?.fromEnv === true) return { kind: "environment" };
  const secret = settings.credentials?.secretRef;
  if (secret === undefined) throw missingSecret(where);
  assertSet(secret, ["secretName"], where);
  return { kind: "azure-secret", ...azureLogin(secret, where) };
}

function azureLogin(secret: AzureSecretRef, where: string): Omit<AzureSecretChoice, "kind"> {
  const { secretName, accountNameKey } = secret;
  const logins = [
    { login: "account key", loginKey: secret.accountKeyKey },
    { login: "SAS token", loginKey: secret.sasTokenKey },
    { login: "connection string", loginKey: secret.connectionStringKey },
  ] as const;
  const [chosen, ...others] = logins.filter(({ loginKey }) => loginKey !== "");
  if (chosen === undefined || others.length > 0) {
    throw badConfig(`${where}.credentials.secretRef needs exactly one of accountKeyKey, sasTokenKey and connectionStringKey`);
  }
  return { secretName, ...chosen, ...(accountNameKey === "" ? {} : { accountNameKey }) };
}
