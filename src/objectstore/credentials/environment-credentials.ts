/**
 * Credentials from the environment, in the order of the AWS chain: keys in variables, web identity (IRSA), shared profile files,
 * container endpoint (pod identity), instance metadata.
 *
 * Written out here because the SDK's chain reads the environment of the process, while ours is handed in, and because it serves
 * both clients. Profiles that need a signed call, a login session or a program are left to the SDK.
 *
 * Source: docs/spec/object-stores.md#clients; AWS SDKs and Tools Reference Guide, "Standardized credential providers".
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { errorMessage, StorageError } from "../../core/errors.ts";
import type { Clock } from "../../ports/clock.ts";
import { parseProfiles } from "./aws-profiles.ts";
import type { Profile } from "./aws-profiles.ts";
import { StoreFailure } from "../blob-client.ts";
import type { CredentialSource, StoreCredentials } from "../client-settings.ts";
import { fetchText } from "../transfer/fetch-text.ts";
import type { FetchTextOptions } from "../transfer/fetch-text.ts";
import type { Environment, HttpAgents } from "../http-agents.ts";
import { elementText } from "../s3/list-objects-xml.ts";
import type { Retrier } from "../retry.ts";

/** Time before expiry at which new credentials are fetched. */
const REFRESH_BEFORE_MS = 5 * 60_000;
const METADATA_TIMEOUT_MS = 2_000;
const STS_TIMEOUT_MS = 15_000;

export interface ChainDeps {
  readonly clock: Clock;
  readonly agents: HttpAgents;
  readonly retrier: Retrier;
}

export interface ChainOptions {
  readonly environment: Environment;
  /** Profile that the pipeline root's query names: goes before everything else. */
  readonly profile?: string;
  readonly region?: string;
}

export interface EnvironmentLogin {
  readonly credentials: CredentialSource | { readonly sdkProfile: string };
  /** From the profile, where the environment names none. */
  readonly region?: string;
}

/** Chooses the source; the first fetch happens when the source is asked. */
export async function findEnvironmentLogin(deps: ChainDeps, options: ChainOptions): Promise<EnvironmentLogin> {
  const { environment } = options;
  const profileName = options.profile ?? nonEmpty(environment["AWS_PROFILE"]) ?? "default";
  const profile = await readProfile(environment, profileName);
  const region = nonEmpty(environment["AWS_REGION"]) ?? nonEmpty(environment["AWS_DEFAULT_REGION"]) ?? profile?.["region"];
  const withRegion = region === undefined ? options : { ...options, region: options.region ?? region };
  const credentials = choose(deps, withRegion, { profileName, profile });
  return { credentials, ...(region === undefined ? {} : { region }) };
}

interface NamedProfile {
  readonly profileName: string;
  readonly profile: Profile | undefined;
}

function choose(deps: ChainDeps, options: ChainOptions, named: NamedProfile): EnvironmentLogin["credentials"] {
  const { environment } = options;
  const fromProfile = profileSource(deps, options, named);
  if (options.profile !== undefined) {
    if (fromProfile !== undefined) return fromProfile;
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
    return remembering(deps.clock, () => assumeRole(deps, options, { tokenFile, roleArn, sessionName }));
  }
  if (fromProfile !== undefined) return fromProfile;
  if (
    nonEmpty(environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]) ??
    nonEmpty(environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
  ) {
    return remembering(deps.clock, () => askContainerEndpoint(deps, environment));
  }
  return remembering(deps.clock, () => askInstanceMetadata(deps, environment));
}

function profileSource(deps: ChainDeps, options: ChainOptions, named: NamedProfile): EnvironmentLogin["credentials"] | undefined {
  const { profile } = named;
  if (profile === undefined) return undefined;
  const roleArn = profile["role_arn"];
  const tokenFile = profile["web_identity_token_file"];
  if (roleArn !== undefined && tokenFile !== undefined) {
    return remembering(deps.clock, () =>
      assumeRole(deps, options, { tokenFile, roleArn, sessionName: profile["role_session_name"] }),
    );
  }
  const needsSdk = ["role_arn", "sso_session", "sso_start_url", "credential_process", "login_session"];
  if (needsSdk.some((name) => profile[name] !== undefined)) return { sdkProfile: named.profileName };
  const fixed = keyPair(profile["aws_access_key_id"], profile["aws_secret_access_key"], profile["aws_session_token"]);
  return fixed === undefined ? undefined : () => Promise.resolve(fixed);
}

function keyPair(accessKeyId = "", secretAccessKey = "", sessionToken = ""): StoreCredentials | undefined {
  if (accessKeyId === "" || secretAccessKey === "") return undefined;
  return { accessKeyId, secretAccessKey, ...(sessionToken === "" ? {} : { sessionToken }) };
}

/** Both files are optional; what the credentials file says wins. The home folder is the environment's, never looked up. */
async function readProfile(environment: Environment, name: string): Promise<Profile | undefined> {
  const folder = join(nonEmpty(environment["HOME"]) ?? "/", ".aws");
  const [config, credentials] = await Promise.all([
    readFile(nonEmpty(environment["AWS_CONFIG_FILE"]) ?? join(folder, "config"), "utf8").catch(() => ""),
    readFile(nonEmpty(environment["AWS_SHARED_CREDENTIALS_FILE"]) ?? join(folder, "credentials"), "utf8").catch(() => ""),
  ]);
  const found = [parseProfiles(config).get(name), parseProfiles(credentials).get(name)];
  return found.every((profile) => profile === undefined) ? undefined : { ...found[0], ...found[1] };
}

function remembering(clock: Clock, fetchFresh: () => Promise<StoreCredentials>): CredentialSource {
  let current: StoreCredentials | undefined;
  let pending: Promise<StoreCredentials> | undefined;
  return async () => {
    const expiresMs = current?.expiration?.getTime() ?? Number.POSITIVE_INFINITY;
    if (current !== undefined && expiresMs - clock.now().getTime() > REFRESH_BEFORE_MS) return current;
    pending ??= fetchFresh().finally(() => (pending = undefined));
    current = await pending;
    return current;
  };
}

interface WebIdentity {
  readonly tokenFile: string;
  readonly roleArn: string;
  readonly sessionName: string | undefined;
}

/** AssumeRoleWithWebIdentity is the one call of the token service that needs no signature. */
async function assumeRole(deps: ChainDeps, options: ChainOptions, identity: WebIdentity): Promise<StoreCredentials> {
  const token = await readSecretFile(identity.tokenFile, "AWS_WEB_IDENTITY_TOKEN_FILE");
  const body = new URLSearchParams({
    Action: "AssumeRoleWithWebIdentity",
    Version: "2011-06-15",
    RoleArn: identity.roleArn,
    RoleSessionName: identity.sessionName ?? `kfp-runtime-${deps.clock.now().getTime()}`,
    WebIdentityToken: token,
  }).toString();
  const url = tokenServiceUrl(options);
  const xml = await fetchCredentials(deps, "the AWS token service", {
    url,
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body,
    timeoutMs: STS_TIMEOUT_MS,
    agent: url.startsWith("https:") ? deps.agents.https : deps.agents.http,
  });
  return answered("the AWS token service", {
    AccessKeyId: elementText(xml, "AccessKeyId"),
    SecretAccessKey: elementText(xml, "SecretAccessKey"),
    Token: elementText(xml, "SessionToken"),
    Expiration: elementText(xml, "Expiration"),
  });
}

function tokenServiceUrl({ environment, region = "us-east-1" }: ChainOptions): string {
  const configured = nonEmpty(environment["AWS_ENDPOINT_URL_STS"]) ?? nonEmpty(environment["AWS_ENDPOINT_URL"]);
  return configured ?? `https://sts.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}/`;
}

async function askContainerEndpoint(deps: ChainDeps, environment: Environment): Promise<StoreCredentials> {
  const relative = nonEmpty(environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]);
  const url =
    relative === undefined ? (environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] ?? "") : `http://169.254.170.2${relative}`;
  const tokenFile = nonEmpty(environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]);
  const token =
    tokenFile === undefined
      ? nonEmpty(environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"])
      : await readSecretFile(tokenFile, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  const headers = token === undefined ? {} : { authorization: token };
  const what = "the container credentials endpoint";
  return answered(what, parseJson(what, await fetchCredentials(deps, what, { url, headers, timeoutMs: METADATA_TIMEOUT_MS })));
}

async function askInstanceMetadata(deps: ChainDeps, environment: Environment): Promise<StoreCredentials> {
  const what = "the instance metadata service";
  if (environment["AWS_EC2_METADATA_DISABLED"]?.toLowerCase() === "true") throw noCredentials();
  const base = nonEmpty(environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"]) ?? "http://169.254.169.254";
  const at = (path: string): string => new URL(path, base).href;
  const timeoutMs = METADATA_TIMEOUT_MS;
  const list = "/latest/meta-data/iam/security-credentials/";
  let token: string;
  try {
    const lifetime = { "x-aws-ec2-metadata-token-ttl-seconds": "21600" };
    token = await fetchText({ url: at("/latest/api/token"), method: "PUT", headers: lifetime, timeoutMs });
  } catch (error) {
    throw noCredentials(error);
  }
  const headers = { "x-aws-ec2-metadata-token": token };
  const role = (await fetchCredentials(deps, what, { url: at(list), headers, timeoutMs })).trim().split("\n")[0] ?? "";
  return answered(what, parseJson(what, await fetchCredentials(deps, what, { url: at(list + role), headers, timeoutMs })));
}

async function fetchCredentials(deps: ChainDeps, what: string, request: FetchTextOptions): Promise<string> {
  try {
    return await deps.retrier.run(() => fetchText(request));
  } catch (error) {
    const status = error instanceof StoreFailure && error.status !== undefined ? `HTTP ${error.status}` : errorMessage(error);
    throw new StorageError("OBJECT_ACCESS_DENIED", `Cannot get credentials from ${what}: ${status}`, {
      details: { transient: !(error instanceof StoreFailure) || error.status === undefined },
    });
  }
}

/** The answers of all three services, whose JSON forms share their names. */
function answered(what: string, answer: unknown): StoreCredentials {
  const field = (name: string): string => {
    const value: unknown = typeof answer === "object" && answer !== null ? Reflect.get(answer, name) : undefined;
    return typeof value === "string" ? value : "";
  };
  const pair = keyPair(field("AccessKeyId"), field("SecretAccessKey"), field("Token"));
  if (pair === undefined) throw new StorageError("OBJECT_ACCESS_DENIED", `${what} answered without credentials`);
  const expiration = new Date(field("Expiration"));
  return Number.isNaN(expiration.getTime()) ? pair : { ...pair, expiration };
}

function parseJson(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new StorageError("OBJECT_ACCESS_DENIED", `${what} answered something that is no JSON`);
  }
}

async function readSecretFile(path: string, variable: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    throw new StorageError("STORE_CONFIG_INVALID", `Cannot read ${path}, which ${variable} names: ${errorMessage(error)}`);
  }
}

function noCredentials(cause?: unknown): StorageError {
  return new StorageError(
    "OBJECT_ACCESS_DENIED",
    "No credentials found in the environment. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a web identity, a profile or a pod identity, or configure a Secret for the provider in kfp-launcher.",
    { cause },
  );
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === "" ? undefined : text;
}
