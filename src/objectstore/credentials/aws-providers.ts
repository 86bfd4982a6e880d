/**
 * Credentials that AWS services hand out, through the providers of the AWS SDK: web identity, profiles, container endpoint, instance
 * metadata.
 *
 * What a provider would look up in the environment of the process is given explicitly, an empty text where there is nothing. What the
 * SDK has no parameter for stays with the environment of the process: the address of the instance metadata service, the folder of
 * single sign-on tokens, and what a profile with a program or `credential_source = Environment` uses. Loaded with a dynamic import:
 * static keys need none of this.
 *
 * The providers for the container and the instance read answers of any length; they speak to the own machine, its pod agent or over
 * https only, and are given up after a time.
 *
 * Source: docs/spec/object-stores.md#clients; AWS SDKs and Tools Reference Guide, "Standardized credential providers".
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import type { Readable } from "node:stream";
import { fromHttp, fromIni, fromInstanceMetadata, fromWebToken } from "@aws-sdk/credential-providers";
import { loadSharedConfigFiles } from "@smithy/core/config";
import { errorMessage, StorageError } from "../../core/errors.ts";
import { StoreFailure } from "../store-failure.ts";
import type { CredentialSource, StoreCredentials } from "../client-settings.ts";
import type { Environment, HttpAgents } from "../http-agents.ts";
import type { Retrier } from "../retry.ts";
import { readDocument } from "../transfer/read-body.ts";
import { errorCode } from "../store-errors.ts";
import { noCredentials } from "./no-credentials.ts";

/** Of one silence of the instance metadata service, which most machines do not have. */
const INSTANCE_TIMEOUT_MS = 1_000;
/** Of one answer of the container endpoint. */
const CONTAINER_TIMEOUT_MS = 10_000;
/** Where the SDK only prints a warning when its limit is reached, and ours ends the wait. */
const NO_TIMEOUT_MS = 24 * 60 * 60_000;
const STS_TIMEOUT_MS = 15_000;
/** Of one try to log in; a profile may start a program or ask several services. */
const LONGEST_LOGIN_MS = 60_000;

export interface ProviderDeps {
  readonly agents: HttpAgents;
  readonly retrier: Retrier;
}

export interface ProviderOptions {
  readonly environment: Environment;
  readonly region: string | undefined;
  /** Of one try to log in; default a minute, for the container endpoint ten seconds. */
  readonly longestLoginMs?: number;
}

/** Settings of a profile. */
export type Profile = Readonly<Record<string, string | undefined>>;

export interface ProfileFiles {
  readonly configFile: string;
  readonly credentialsFile: string;
}

/** Settings of one profile in both files; what the credentials file says wins. A file that is not there is empty. */
export async function readProfile(files: ProfileFiles, name: string): Promise<Profile | undefined> {
  const loaded = await loadSharedConfigFiles({ ...fileOptions(files), ignoreCache: true });
  const found = [loaded.configFile, loaded.credentialsFile].map((profiles) =>
    Object.hasOwn(profiles, name) ? profiles[name] : undefined,
  );
  return found.every((profile) => profile === undefined) ? undefined : { ...found[0], ...found[1] };
}

export interface WebIdentity {
  readonly tokenFile: string;
  readonly roleArn: string;
  readonly sessionName: string | undefined;
}

/** The token is read again each time: it is rotated. */
export function webIdentitySource(deps: ProviderDeps, options: ProviderOptions, identity: WebIdentity): CredentialSource {
  const what = "the AWS token service";
  return async () => {
    const webIdentityToken = await readSecretFile(identity.tokenFile, "AWS_WEB_IDENTITY_TOKEN_FILE");
    return await login(deps, options, what, () =>
      fromWebToken({
        webIdentityToken,
        roleArn: identity.roleArn,
        ...(identity.sessionName === undefined ? {} : { roleSessionName: identity.sessionName }),
        clientConfig: { ...tokenServiceConfig(deps, options), region: options.region ?? "us-east-1" },
      })(),
    );
  };
}

/** Any kind of profile: keys, roles, single sign-on, login sessions, programs. */
export function profileSource(
  deps: ProviderDeps,
  options: ProviderOptions,
  named: { readonly name: string; readonly profile: Profile; readonly files: ProfileFiles },
): CredentialSource {
  const { endpoint, ...config } = tokenServiceConfig(deps, options);
  const isSso = Object.keys(named.profile).some((key) => key.startsWith("sso_"));
  return () =>
    login(deps, options, `the AWS profile "${named.name}"`, () =>
      fromIni({
        profile: named.name,
        ...fileOptions(named.files),
        ignoreCache: true,
        // Without a region: the SDK would ask the sign-on service of that region instead of the profile's.
        clientConfig: isSso || endpoint === undefined ? config : { ...config, endpoint },
        parentClientConfig: { region: options.region ?? "us-east-1" },
      })(),
    );
}

export function containerSource(deps: ProviderDeps, options: ProviderOptions): CredentialSource {
  const { environment } = options;
  const tokenFile = environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] ?? "";
  return async () => {
    const token =
      tokenFile === ""
        ? (environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] ?? "")
        : await readSecretFile(tokenFile, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const relative = environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] ?? "";
    return await login(deps, { longestLoginMs: CONTAINER_TIMEOUT_MS, ...options }, "the container credentials endpoint", () =>
      fromHttp({
        awsContainerCredentialsRelativeUri: relative,
        awsContainerCredentialsFullUri: relative === "" ? (environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] ?? "") : "",
        awsContainerAuthorizationToken: token,
        awsContainerAuthorizationTokenFile: "",
        timeout: NO_TIMEOUT_MS,
        logger: silentLogger,
        // Its pauses are as long as its timeout; ours repeats.
        maxRetries: 0,
      })(),
    );
  };
}

/** The last resort: when nobody answers, there are no credentials at all. */
export function instanceSource(deps: ProviderDeps, options: ProviderOptions): CredentialSource {
  const provider = fromInstanceMetadata({
    timeout: INSTANCE_TIMEOUT_MS,
    maxRetries: 1,
    logger: silentLogger,
    ec2MetadataV1Disabled: isTrue(options.environment["AWS_EC2_METADATA_V1_DISABLED"]),
  });
  return () =>
    login(deps, options, "the instance metadata service", async () => {
      try {
        return await provider();
      } catch (error) {
        // Who cannot be reached has a code; the SDK tells a silence by its message alone.
        const isSilent = errorCode(error) !== undefined || errorMessage(error).startsWith("TimeoutError");
        throw isSilent && statusOf(error) === undefined ? noCredentials(error) : error;
      }
    });
}

/** The SDK would warn on the console, which belongs to the user's program. */
const silentLogger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
function ignore(): void {}

function fileOptions(files: ProfileFiles): { filepath: string; configFilepath: string } {
  return { filepath: files.credentialsFile, configFilepath: files.configFile };
}

/** Each value that is missing here would be read from the environment of the process or from the home folder. */
function tokenServiceConfig({ agents }: ProviderDeps, { environment, region = "us-east-1" }: ProviderOptions) {
  const configured = [environment["AWS_ENDPOINT_URL_STS"], environment["AWS_ENDPOINT_URL"]].find((url) => (url ?? "") !== "");
  const isIgnored = isTrue(environment["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"]);
  return {
    ignoreConfiguredEndpointUrls: true,
    ...(configured === undefined || isIgnored ? {} : { endpoint: configured }),
    useDualstackEndpoint: isTrue(environment["AWS_USE_DUALSTACK_ENDPOINT"]),
    useFipsEndpoint: isTrue(environment["AWS_USE_FIPS_ENDPOINT"]),
    maxAttempts: 1,
    retryMode: "standard",
    defaultsMode: "standard" as const,
    authSchemePreference: ["aws.auth#sigv4"],
    sigv4aSigningRegionSet: [region],
    userAgentAppId: "kfp-runtime",
    streamCollector: (stream: Readable) => readDocument(stream),
    requestHandler: {
      httpAgent: agents.http,
      httpsAgent: agents.https,
      connectionTimeout: STS_TIMEOUT_MS,
      requestTimeout: STS_TIMEOUT_MS,
      throwOnRequestTimeout: true,
      socketAcquisitionWarningTimeout: NO_TIMEOUT_MS,
    },
  };
}

interface ProviderAnswer {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  readonly expiration?: Date | undefined;
}

/** Asks with retries and a limit of time, and says in our words what went wrong. */
async function login(
  deps: ProviderDeps,
  options: ProviderOptions,
  what: string,
  ask: () => Promise<ProviderAnswer>,
): Promise<StoreCredentials> {
  const askOnce = async (): Promise<ProviderAnswer> => {
    try {
      return await within(options.longestLoginMs ?? LONGEST_LOGIN_MS, ask());
    } catch (error) {
      throw toFailure(error);
    }
  };
  let answer: ProviderAnswer;
  try {
    answer = await deps.retrier.run(askOnce);
  } catch (error) {
    if (error instanceof StorageError) throw error;
    const { message, status, reason } = error instanceof StoreFailure ? error : new StoreFailure(errorMessage(error));
    const text = status === undefined ? message : `HTTP ${status}${reason === undefined ? "" : ` ${reason}`}`;
    throw new StorageError("OBJECT_ACCESS_DENIED", `Cannot get credentials from ${what}: ${text}`, {
      details: { transient: status === undefined },
    });
  }
  const { accessKeyId, secretAccessKey, sessionToken = "", expiration } = answer;
  if (accessKeyId === "" || secretAccessKey === "") {
    throw new StorageError("OBJECT_ACCESS_DENIED", `${what} answered without credentials`);
  }
  return {
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === "" ? {} : { sessionToken }),
    ...(expiration === undefined || Number.isNaN(expiration.getTime()) ? {} : { expiration }),
  };
}

async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new StoreFailure(`no answer within ${timeoutMs / 1000} s`, { reason: "TIMEOUT" })),
      timeoutMs,
    );
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}

function toFailure(error: unknown): StoreFailure | StorageError {
  if (error instanceof StoreFailure || error instanceof StorageError) return error;
  // Its message quotes the answer, which may hold keys.
  if (error instanceof SyntaxError) return new StoreFailure("the answer is not JSON");
  const status = statusOf(error);
  const code = errorCode(error);
  const name = error instanceof Error && "$metadata" in error ? error.name : undefined;
  const reason = name ?? code;
  // Several lines of advice for people with a shell follow in some messages.
  return new StoreFailure((errorMessage(error).split("\n")[0] ?? "").slice(0, 500), {
    ...(status === undefined ? {} : { status }),
    ...(reason === undefined ? {} : { reason }),
  });
}

/** Clients of the SDK keep it in `$metadata`, the metadata provider in `statusCode`, and the one for containers in its message. */
function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  const { $metadata, statusCode } = error as { $metadata?: { httpStatusCode?: unknown }; statusCode?: unknown };
  const found = [$metadata?.httpStatusCode, statusCode].find((status) => typeof status === "number");
  const [, written] = /responded with status: (\d{3})$/.exec(error.message) ?? [];
  return found ?? (written === undefined ? undefined : Number(written));
}

async function readSecretFile(path: string, variable: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    throw new StorageError("STORE_CONFIG_INVALID", `Cannot read ${path}, which ${variable} names: ${errorMessage(error)}`);
  }
}

function isTrue(text: string | undefined): boolean {
  return text?.toLowerCase() === "true";
}
