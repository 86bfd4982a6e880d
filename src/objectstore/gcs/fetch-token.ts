/**
 * Access tokens from Google's token services: one token for one login, without memory (access-tokens.ts remembers).
 *
 * Source: docs/spec/object-stores.md#clients; RFC 7523 (a signed assertion for a token), RFC 8693 (token exchange), AIP-4117.
 *
 * @module
 */
import { createPrivateKey, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { errorMessage, StorageError } from "../../core/errors.ts";
import type { Clock } from "../../ports/clock.ts";
import type { AccessToken } from "../credentials/remembered-tokens.ts";
import type { HttpAgents } from "../http-agents.ts";
import type { Retrier } from "../retry.ts";
import { StoreFailure } from "../store-failure.ts";
import { fetchText } from "../http/fetch-text.ts";
import type { FetchTextOptions } from "../http/fetch-text.ts";
import type {
  ExternalAccount,
  GoogleCredentials,
  ImpersonatedAccount,
  ServiceAccountKey,
  SubjectTokenSource,
} from "./credentials-document.ts";

export interface TokenDeps {
  readonly clock: Clock;
  readonly agents: HttpAgents;
  readonly retrier: Retrier;
}

/** What the tokens may be used for: reading and writing objects. */
export const STORAGE_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write";
/** A token that is exchanged for an impersonated one must be good for asking for that. */
const PLATFORM_SCOPE = "https://www.googleapis.com/auth/cloud-platform";
const ASSERTION_LIFETIME_SECONDS = 3600;
const IMPERSONATION_LIFETIME_SECONDS = 3600;
const TOKEN_SERVICE_TIMEOUT_MS = 15_000;
const SUBJECT_TOKEN_TIMEOUT_MS = 10_000;

/**
 * @throws {StorageError} OBJECT_ACCESS_DENIED when the service refuses or cannot be reached, STORE_CONFIG_INVALID for a key or a
 *   file that cannot be read.
 */
export async function fetchToken(deps: TokenDeps, credentials: GoogleCredentials, scope = STORAGE_SCOPE): Promise<AccessToken> {
  switch (credentials.type) {
    case "service_account":
      return await postForm(deps, "the token service of Google", credentials.tokenUrl, {
        grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
        assertion: signAssertion(credentials, scope, deps.clock.now()),
      });
    case "authorized_user":
      return await postForm(deps, "the token service of Google", credentials.tokenUrl, {
        grant_type: "refresh_token",
        client_id: credentials.clientId,
        client_secret: credentials.clientSecret,
        refresh_token: credentials.refreshToken,
      });
    case "external_account":
      return await exchange(deps, credentials, scope);
    case "impersonated_service_account":
      return await actAs(deps, credentials, scope);
  }
}

/** A claim of the service account about itself, signed with its key. */
function signAssertion(key: ServiceAccountKey, scope: string, now: Date): string {
  const issuedAt = Math.floor(now.getTime() / 1000);
  const header = { alg: "RS256", typ: "JWT", ...(key.privateKeyId === "" ? {} : { kid: key.privateKeyId }) };
  const claims = { iss: key.clientEmail, scope, aud: key.tokenUrl, iat: issuedAt, exp: issuedAt + ASSERTION_LIFETIME_SECONDS };
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  return `${text}.${sign("RSA-SHA256", Buffer.from(text), readKey(key)).toString("base64url")}`;
}

function readKey({ privateKey }: ServiceAccountKey): KeyObject {
  try {
    const key = createPrivateKey(privateKey);
    if (key.asymmetricKeyType === "rsa") return key;
  } catch {
    // What the library says may hold a piece of the key.
  }
  throw new StorageError(
    "STORE_CONFIG_INVALID",
    "Cannot log in to Google Cloud Storage: private_key of the service account key is not an RSA key in PEM form.",
  );
}

async function exchange(deps: TokenDeps, account: ExternalAccount, scope: string): Promise<AccessToken> {
  const { impersonation, client, userProject } = account;
  const what = "the token exchange of Google";
  const basic =
    client === undefined ? undefined : Buffer.from(`${encodeURIComponent(client.id)}:${encodeURIComponent(client.secret)}`);
  const form = {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    audience: account.audience,
    scope: impersonation === undefined ? scope : PLATFORM_SCOPE,
    requested_token_type: "urn:ietf:params:oauth:token-type:access_token",
    subject_token: await readSubjectToken(deps, account.source),
    subject_token_type: account.subjectTokenType,
    ...(userProject === undefined ? {} : { options: JSON.stringify({ userProject }) }),
  };
  const headers = basic === undefined ? {} : { authorization: `Basic ${basic.toString("base64")}` };
  const federated = await postForm(deps, what, account.tokenUrl, form, headers);
  if (impersonation === undefined) return federated;
  const { url, lifetimeSeconds } = impersonation;
  return await impersonate(deps, federated, { url, lifetimeSeconds, delegates: [], scope });
}

async function readSubjectToken(deps: TokenDeps, { place, field }: SubjectTokenSource): Promise<string> {
  const where = "file" in place ? place.file : place.url;
  const text = "file" in place ? await readTokenFile(place.file) : await fetchSubjectToken(deps, place);
  const token: unknown = field === undefined ? text.trim() : parseFields(text).get(field);
  if (typeof token === "string" && token !== "") return token;
  throw new StorageError(
    "OBJECT_ACCESS_DENIED",
    `Cannot log in to Google Cloud Storage: ${where} holds no token${field === undefined ? "" : ` in its field "${field}"`}.`,
  );
}

async function readTokenFile(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new StorageError(
      "STORE_CONFIG_INVALID",
      `Cannot log in to Google Cloud Storage: the file with the token of the identity provider cannot be read: ${errorMessage(error)}`,
    );
  }
}

async function fetchSubjectToken(
  deps: TokenDeps,
  { url, headers }: { readonly url: string; readonly headers: Readonly<Record<string, string>> },
): Promise<string> {
  return await askService(deps, "the identity provider", { url, headers, timeoutMs: SUBJECT_TOKEN_TIMEOUT_MS });
}

async function actAs(deps: TokenDeps, account: ImpersonatedAccount, scope: string): Promise<AccessToken> {
  const source = await fetchToken(deps, account.source, PLATFORM_SCOPE);
  const { url, delegates } = account;
  return await impersonate(deps, source, { url, delegates, scope, lifetimeSeconds: IMPERSONATION_LIFETIME_SECONDS });
}

interface Impersonation {
  readonly url: string;
  readonly delegates: readonly string[];
  readonly lifetimeSeconds: number;
  readonly scope: string;
}

async function impersonate(deps: TokenDeps, source: AccessToken, wanted: Impersonation): Promise<AccessToken> {
  const { url, delegates, lifetimeSeconds, scope } = wanted;
  const what = "the service that lets a login act as a service account";
  const text = await askService(deps, what, {
    url,
    method: "POST",
    headers: { authorization: `Bearer ${source.token}`, "content-type": "application/json" },
    body: JSON.stringify({ scope: [scope], lifetime: `${lifetimeSeconds}s`, ...(delegates.length === 0 ? {} : { delegates }) }),
    timeoutMs: TOKEN_SERVICE_TIMEOUT_MS,
  });
  const fields = parseFields(text);
  const token = fields.get("accessToken");
  const expireTime = fields.get("expireTime");
  const expiresAtMs = typeof expireTime === "string" ? Date.parse(expireTime) : Number.NaN;
  if (typeof token !== "string" || token === "" || Number.isNaN(expiresAtMs)) throw withoutToken(what);
  return { token, expiresAtMs };
}

async function postForm(
  deps: TokenDeps,
  what: string,
  url: string,
  form: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<AccessToken> {
  const text = await askService(deps, what, {
    url,
    method: "POST",
    headers: { ...headers, "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(form).toString(),
    timeoutMs: TOKEN_SERVICE_TIMEOUT_MS,
  });
  return readToken(text, what, deps.clock);
}

/** The answer of a token service or of the metadata server. @throws {StorageError} OBJECT_ACCESS_DENIED when it holds no token. */
export function readToken(text: string, what: string, clock: Clock): AccessToken {
  const fields = parseFields(text);
  const token = fields.get("access_token");
  const lifetimeSeconds = Number(fields.get("expires_in") ?? Number.NaN);
  if (typeof token !== "string" || token === "" || !(lifetimeSeconds > 0)) throw withoutToken(what);
  return { token, expiresAtMs: clock.now().getTime() + lifetimeSeconds * 1000 };
}

function withoutToken(what: string): StorageError {
  return new StorageError("OBJECT_ACCESS_DENIED", `Cannot log in to Google Cloud Storage: ${what} answered without a token.`);
}

/** Members of a JSON object; empty for anything else. */
function parseFields(text: string): ReadonlyMap<string, unknown> {
  try {
    const json: unknown = JSON.parse(text);
    return new Map(typeof json === "object" && json !== null ? Object.entries(json) : []);
  } catch {
    return new Map();
  }
}

async function askService({ agents, retrier }: TokenDeps, what: string, request: FetchTextOptions): Promise<string> {
  const agent = request.url.startsWith("https:") ? agents.https : agents.http;
  try {
    return await retrier.run(() => fetchText({ ...request, agent, reasonOf: oauthReason }));
  } catch (error) {
    throw loginRefused(error, `${what} (${new URL(request.url).host})`);
  }
}

/** The OAuth error code of a refusal, or the status word of a Google service: a word, never the text beside it. */
function oauthReason(text: string): string | undefined {
  const error = parseFields(text).get("error");
  const code: unknown = typeof error === "object" && error !== null ? Reflect.get(error, "status") : error;
  return typeof code === "string" && /^\w{1,60}$/.test(code) ? code : undefined;
}

const LOGIN_ADVICE: Readonly<Record<string, string>> = {
  invalid_grant: "The key or the login was deleted, disabled or revoked, or the clock of this machine is wrong.",
  invalid_client: "The service account or the client is not known: check client_email or client_id.",
  unauthorized_client: "The client may not ask for such a token: check the account's settings.",
  invalid_target: "The audience is not known: check audience, and that the identity pool and its provider exist.",
  PERMISSION_DENIED:
    "The login may not act as this service account: grant it roles/iam.serviceAccountTokenCreator or workloadIdentityUser.",
};

/** The error for anything that a request for a token failed with. */
export function loginRefused(error: unknown, what: string): unknown {
  if (error instanceof StorageError) return error;
  const failure = error instanceof StoreFailure ? error : undefined;
  const { status, reason = "" } = failure ?? {};
  const said = status === undefined ? errorMessage(error) : `HTTP ${status}${reason === "" ? "" : ` ${reason}`}`;
  const advice = LOGIN_ADVICE[reason];
  return new StorageError(
    "OBJECT_ACCESS_DENIED",
    `Cannot log in to Google Cloud Storage: ${what} gave no token: ${said}.${advice === undefined ? "" : ` ${advice}`}`,
    { details: { transient: status === undefined } },
  );
}
