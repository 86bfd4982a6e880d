/**
 * Access tokens of Entra ID for storage: workload identity (the token of a file for a token of the service), client secret, managed
 * identity (the metadata service of the machine).
 *
 * The variables are those of Azure's own libraries; the webhook of workload identities sets them in the pod.
 *
 * Source: docs/spec/object-stores.md#azure-blob-storage; RFC 7523 (an assertion of the client); Microsoft identity platform, "Client
 * credentials flow"; "How managed identities work with virtual machines".
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { errorMessage, StorageError } from "../../core/errors.ts";
import type { Clock } from "../../ports/clock.ts";
import { rememberTokens } from "../credentials/remembered-tokens.ts";
import type { AccessToken, TokenSource } from "../credentials/remembered-tokens.ts";
import type { Environment, HttpAgents } from "../http-agents.ts";
import { fetchText } from "../http/fetch-text.ts";
import type { FetchTextOptions } from "../http/fetch-text.ts";
import type { Retrier } from "../retry.ts";
import { StoreFailure } from "../store-failure.ts";
import { isPrivate } from "./service-address.ts";

/** What logging in takes. */
export interface EntraDeps {
  readonly clock: Clock;
  readonly agents: HttpAgents;
  readonly retrier: Retrier;
}

const RESOURCE = "https://storage.azure.com/";
const ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const DEFAULT_AUTHORITY = "https://login.microsoftonline.com/";
const METADATA_HOST = "http://169.254.169.254";
const METADATA_VERSION = "2018-02-01";
/** Tokens live an hour or more; the metadata service hands out a new one when half of the life is over. */
const REFRESH_BEFORE_MS = 5 * 60_000;
const SERVICE_TIMEOUT_MS = 15_000;
const METADATA_TIMEOUT_MS = 3_000;

/**
 * Chooses the login; the first token is fetched when the source is asked.
 *
 * @throws {StorageError} STORE_CONFIG_INVALID for a login that is not supported or not whole.
 */
export function findEntraTokens(deps: EntraDeps, environment: Environment): TokenSource {
  const read = (name: string): string => environment[name] ?? "";
  const clientId = read("AZURE_CLIENT_ID");
  const secret = read("AZURE_CLIENT_SECRET");
  const tokenFile = read("AZURE_FEDERATED_TOKEN_FILE");
  if (secret !== "" || tokenFile !== "") {
    const url = tokenUrl(environment);
    if (clientId === "") throw invalid("AZURE_CLIENT_ID is not set");
    const proof =
      secret === "" ? () => assertionOf(tokenFile) : () => Promise.resolve<Record<string, string>>({ client_secret: secret });
    return rememberTokens(deps.clock, REFRESH_BEFORE_MS, async () => await askEntra(deps, { url, clientId, proof }));
  }
  if (read("AZURE_CLIENT_CERTIFICATE_PATH") !== "") {
    throw invalid("logins with a certificate (AZURE_CLIENT_CERTIFICATE_PATH) are not supported: use a workload identity");
  }
  const host = read("AZURE_POD_IDENTITY_AUTHORITY_HOST") || METADATA_HOST;
  if (!/^https?:\/\//i.test(host) || !URL.canParse(host)) throw invalid("AZURE_POD_IDENTITY_AUTHORITY_HOST is not a URL");
  return rememberTokens(deps.clock, REFRESH_BEFORE_MS, async () => await askMetadataService(deps, host, clientId));
}

function tokenUrl(environment: Environment): string {
  const tenant = environment["AZURE_TENANT_ID"] ?? "";
  if (!/^[\w.-]{1,200}$/.test(tenant)) throw invalid("AZURE_TENANT_ID is not set, or is not the id of a tenant");
  const authority = environment["AZURE_AUTHORITY_HOST"] || DEFAULT_AUTHORITY;
  if (!URL.canParse(authority) || !isPrivate(authority)) throw invalid("AZURE_AUTHORITY_HOST is not an https URL");
  return `${new URL(authority).origin}/${tenant}/oauth2/v2.0/token`;
}

/** The file is read each time: its token lives an hour at most and is written anew. */
async function assertionOf(path: string): Promise<Record<string, string>> {
  let assertion: string;
  try {
    assertion = (await readFile(path, "utf8")).trim();
  } catch (error) {
    throw invalid(`the file that AZURE_FEDERATED_TOKEN_FILE names cannot be read: ${errorMessage(error)}`);
  }
  if (assertion === "") throw invalid(`${path} (AZURE_FEDERATED_TOKEN_FILE) is empty`);
  return { client_assertion_type: ASSERTION_TYPE, client_assertion: assertion };
}

interface ClientLogin {
  readonly url: string;
  readonly clientId: string;
  readonly proof: () => Promise<Record<string, string>>;
}

async function askEntra({ clock, agents, retrier }: EntraDeps, { url, clientId, proof }: ClientLogin): Promise<AccessToken> {
  const what = `Entra ID (${new URL(url).host})`;
  const form = {
    grant_type: "client_credentials",
    client_id: clientId,
    scope: `${RESOURCE}.default`,
    ...(await proof()),
  };
  return await ask(retrier, clock, what, {
    url,
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(form).toString(),
    timeoutMs: SERVICE_TIMEOUT_MS,
    agent: url.startsWith("https:") ? agents.https : agents.http,
  });
}

/** Always directly: it is an address of the own machine. */
async function askMetadataService({ clock, retrier }: EntraDeps, host: string, clientId: string): Promise<AccessToken> {
  const query = new URLSearchParams({
    "api-version": METADATA_VERSION,
    resource: RESOURCE,
    ...(clientId === "" ? {} : { client_id: clientId }),
  });
  return await ask(retrier, clock, "the metadata service (managed identity)", {
    url: `${new URL(host).origin}/metadata/identity/oauth2/token?${query.toString()}`,
    headers: { metadata: "true" },
    timeoutMs: METADATA_TIMEOUT_MS,
  });
}

async function ask(retrier: Retrier, clock: Clock, what: string, request: FetchTextOptions): Promise<AccessToken> {
  try {
    const text = await retrier.run(() => fetchText({ ...request, reasonOf }));
    return readToken(text, what, clock);
  } catch (error) {
    throw refused(error, what);
  }
}

function readToken(text: string, what: string, clock: Clock): AccessToken {
  const fields = parseFields(text);
  const token = fields.get("access_token");
  // The metadata service writes the number as a text.
  const lifetimeSeconds = Number(fields.get("expires_in") ?? Number.NaN);
  if (typeof token === "string" && token !== "" && lifetimeSeconds > 0) {
    return { token, expiresAtMs: clock.now().getTime() + lifetimeSeconds * 1000 };
  }
  throw new StorageError("OBJECT_ACCESS_DENIED", `Cannot log in to Azure Blob Storage: ${what} answered without a token.`);
}

function parseFields(text: string): ReadonlyMap<string, unknown> {
  try {
    const json: unknown = JSON.parse(text);
    return new Map(typeof json === "object" && json !== null ? Object.entries(json) : []);
  } catch {
    return new Map();
  }
}

/** The number of the error, else its word: never the text beside it. */
function reasonOf(text: string): string | undefined {
  const fields = parseFields(text);
  const description = fields.get("error_description");
  const [number] = typeof description === "string" ? (/\bAADSTS\d{4,9}\b/.exec(description) ?? []) : [];
  const word = fields.get("error");
  return number ?? (typeof word === "string" && /^\w{1,60}$/.test(word) ? word : undefined);
}

const ADVICE: Readonly<Record<string, string>> = {
  AADSTS700016: "The client is not known in this tenant: check AZURE_CLIENT_ID and AZURE_TENANT_ID.",
  AADSTS90002: "The tenant is not known: check AZURE_TENANT_ID and AZURE_AUTHORITY_HOST.",
  AADSTS7000215: "The client secret is wrong: check AZURE_CLIENT_SECRET.",
  AADSTS7000222: "The client secret has expired: make a new one.",
  AADSTS70021: "No federated credential of the identity matches the service account: check issuer and subject.",
  AADSTS700211: "No federated credential of the identity matches the service account: check the issuer.",
  AADSTS700213: "No federated credential of the identity matches the service account: check the subject.",
  AADSTS700024: "The token of the service account has expired, or the clock of this machine is wrong.",
  invalid_request: "No such managed identity on this machine: check AZURE_CLIENT_ID, and that the identity is assigned.",
};

function refused(error: unknown, what: string): unknown {
  if (error instanceof StorageError) return error;
  const { status, reason = "" } = error instanceof StoreFailure ? error : new StoreFailure("");
  if (status === undefined && what.startsWith("the metadata")) return noLogin(error);
  const said = status === undefined ? errorMessage(error) : `HTTP ${status}${reason === "" ? "" : ` ${reason}`}`;
  const advice = ADVICE[reason];
  return new StorageError(
    "OBJECT_ACCESS_DENIED",
    `Cannot log in to Azure Blob Storage: ${what} gave no token: ${said}.${advice === undefined ? "" : ` ${advice}`}`,
    { details: { transient: status === undefined } },
  );
}

function noLogin(cause: unknown): StorageError {
  return new StorageError(
    "OBJECT_ACCESS_DENIED",
    "No Azure credentials found in the environment: neither AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN, a connection string nor AZURE_FEDERATED_TOKEN_FILE is set, and no metadata service answers. Set one, give the pod a workload identity, or configure a Secret for provider azblob in kfp-launcher.",
    { cause },
  );
}

function invalid(reason: string): StorageError {
  return new StorageError("STORE_CONFIG_INVALID", `Cannot log in to Azure Blob Storage: ${reason}.`);
}
