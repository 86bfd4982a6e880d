/**
 * Chooses where credentials from the environment come from, in the order of the AWS chain of Go: keys in variables, web identity
 * (IRSA), shared profile files, container endpoint (pod identity), instance metadata.
 *
 * The choice is ours because the SDK's own chain reads the environment of the process, while ours is handed in, and because it puts a
 * profile before a web identity; what is chosen comes from the SDK (aws-providers.ts).
 *
 * Source: docs/spec/object-stores.md#clients; AWS SDKs and Tools Reference Guide, "Standardized credential providers".
 *
 * @module
 */
import { access } from "node:fs/promises";
import { join } from "node:path";
import { StorageError } from "../../core/errors.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Profile, ProfileFiles, ProviderDeps, ProviderOptions } from "./aws-providers.ts";
import type { CredentialSource, StoreCredentials } from "../client-settings.ts";
import type { Environment } from "../http-agents.ts";
import { noCredentials } from "./no-credentials.ts";

/** Time before expiry at which new credentials are fetched. */
const REFRESH_BEFORE_MS = 5 * 60_000;

/** What looking for credentials takes: requests go to metadata and token services. */
export interface ChainDeps extends ProviderDeps {
  readonly clock: Clock;
}

/** Where to look. */
export interface ChainOptions {
  readonly environment: Environment;
  /** Profile that the pipeline root's query names: goes before everything else. */
  readonly profile?: string | undefined;
  readonly region?: string | undefined;
  /** See ProviderOptions. */
  readonly longestLoginMs?: number;
}

/** Credentials that were found. */
export interface EnvironmentLogin {
  readonly credentials: CredentialSource;
  /** From the profile, where the environment names none. */
  readonly region?: string;
}

/** Chooses the source; the first fetch happens when the source is asked. */
export async function findEnvironmentLogin(deps: ChainDeps, options: ChainOptions): Promise<EnvironmentLogin> {
  const { environment } = options;
  const named = await findProfile(options);
  const region = nonEmpty(environment["AWS_REGION"]) ?? nonEmpty(environment["AWS_DEFAULT_REGION"]) ?? named?.profile["region"];
  const chosen = await choose(deps, { ...options, region: options.region ?? region }, named);
  const credentials = remembering(deps.clock, chosen);
  return { credentials, ...(region === undefined ? {} : { region }) };
}

interface NamedProfile {
  readonly name: string;
  readonly profile: Profile;
  readonly files: ProfileFiles;
}

async function choose(deps: ChainDeps, options: ProviderOptions & ChainOptions, named: NamedProfile | undefined) {
  const { environment } = options;
  const hasProfile = named !== undefined && holdsCredentials(named.profile);
  if (options.profile !== undefined) {
    if (hasProfile) return await profileSource(deps, options, named);
    throw new StorageError(
      "STORE_CONFIG_INVALID",
      `The AWS profile "${options.profile}" that the pipeline root names holds no credentials.`,
    );
  }
  const fixed = keyPair(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"], environment["AWS_SESSION_TOKEN"]);
  if (fixed !== undefined) return () => Promise.resolve(fixed);
  const tokenFile = nonEmpty(environment["AWS_WEB_IDENTITY_TOKEN_FILE"]);
  const roleArn = nonEmpty(environment["AWS_ROLE_ARN"]);
  if (tokenFile !== undefined && roleArn !== undefined) {
    const sessionName = nonEmpty(environment["AWS_ROLE_SESSION_NAME"]);
    return (await loadProviders()).webIdentitySource(deps, options, { tokenFile, roleArn, sessionName });
  }
  if (hasProfile) return await profileSource(deps, options, named);
  const endpoint =
    nonEmpty(environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]) ??
    nonEmpty(environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"]);
  if (endpoint !== undefined) return (await loadProviders()).containerSource(deps, options);
  if (environment["AWS_EC2_METADATA_DISABLED"]?.toLowerCase() === "true") return () => Promise.reject(noCredentials());
  return (await loadProviders()).instanceSource(deps, options);
}

/** Only who needs a service of AWS loads the SDK's providers. */
async function loadProviders() {
  return await import("./aws-providers.ts");
}

function holdsCredentials(profile: Profile): boolean {
  const names = ["role_arn", "sso_session", "sso_start_url", "credential_process", "login_session"];
  return (
    names.some((name) => profile[name] !== undefined) ||
    keyPair(profile["aws_access_key_id"], profile["aws_secret_access_key"]) !== undefined
  );
}

async function profileSource(deps: ChainDeps, options: ProviderOptions, named: NamedProfile): Promise<CredentialSource> {
  const { profile } = named;
  const roleArn = profile["role_arn"];
  const tokenFile = profile["web_identity_token_file"];
  const providers = await loadProviders();
  if (roleArn === undefined || tokenFile === undefined) return providers.profileSource(deps, options, named);
  return providers.webIdentitySource(deps, options, { tokenFile, roleArn, sessionName: profile["role_session_name"] });
}

function keyPair(accessKeyId = "", secretAccessKey = "", sessionToken = ""): StoreCredentials | undefined {
  if (accessKeyId === "" || secretAccessKey === "") return undefined;
  return { accessKeyId, secretAccessKey, ...(sessionToken === "" ? {} : { sessionToken }) };
}

/** Both files are optional. The home folder is the environment's, never looked up. */
async function findProfile({ environment, profile }: ChainOptions): Promise<NamedProfile | undefined> {
  const folder = join(nonEmpty(environment["HOME"]) ?? "/", ".aws");
  const files = {
    configFile: nonEmpty(environment["AWS_CONFIG_FILE"]) ?? join(folder, "config"),
    credentialsFile: nonEmpty(environment["AWS_SHARED_CREDENTIALS_FILE"]) ?? join(folder, "credentials"),
  };
  const areThere = await Promise.all(Object.values(files).map((file) => access(file).then(isDone, isMissing)));
  if (!areThere.includes(true)) return undefined;
  const name = profile ?? nonEmpty(environment["AWS_PROFILE"]) ?? "default";
  const found = await (await loadProviders()).readProfile(files, name);
  return found === undefined ? undefined : { name, profile: found, files };
}

const isDone = (): boolean => true;
const isMissing = (): boolean => false;

/** Keeps what it got until shortly before it expires, and when a refresh fails, until it expires. */
function remembering(clock: Clock, fetchFresh: CredentialSource): CredentialSource {
  let current: StoreCredentials | undefined;
  let pending: Promise<StoreCredentials> | undefined;
  const remainingMs = (): number =>
    current === undefined ? 0 : (current.expiration?.getTime() ?? Number.POSITIVE_INFINITY) - clock.now().getTime();
  return async () => {
    if (current !== undefined && remainingMs() > REFRESH_BEFORE_MS) return current;
    pending ??= fetchFresh().finally(() => (pending = undefined));
    try {
      current = await pending;
    } catch (error) {
      if (current === undefined || remainingMs() <= 0) throw error;
    }
    return current;
  };
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === "" ? undefined : text;
}
