/**
 * The JSON documents that Google's tools write for a login: keys of service accounts, logins of a person, federated identities, and
 * service accounts that are impersonated.
 *
 * Pure. What a document holds is never part of a message, only the names of its fields.
 *
 * Source: docs/spec/object-stores.md#clients; Google Cloud, "Application Default Credentials" and AIP-4117 (external accounts).
 *
 * @module
 */
import { StorageError } from "../../core/errors.ts";

/** The key of a service account. */
export interface ServiceAccountKey {
  readonly type: "service_account";
  readonly clientEmail: string;
  /** PEM. */
  readonly privateKey: string;
  readonly privateKeyId: string;
  readonly tokenUrl: string;
}

/** The login of a person, as `gcloud auth application-default login` leaves it. */
export interface UserLogin {
  readonly type: "authorized_user";
  readonly clientId: string;
  readonly clientSecret: string;
  readonly refreshToken: string;
  readonly tokenUrl: string;
}

/** Where the token of the other identity provider is found. */
export interface SubjectTokenSource {
  readonly place: { readonly file: string } | { readonly url: string; readonly headers: Readonly<Record<string, string>> };
  /** Field of a JSON object that holds the token. Absent: the whole text is the token. */
  readonly field?: string;
}

/** A login of another identity provider that Google exchanges for one of its own (workload identity federation). */
export interface ExternalAccount {
  readonly type: "external_account";
  readonly audience: string;
  readonly subjectTokenType: string;
  readonly tokenUrl: string;
  readonly source: SubjectTokenSource;
  readonly impersonation?: { readonly url: string; readonly lifetimeSeconds: number };
  /** Of the client that makes the exchange. */
  readonly client?: { readonly id: string; readonly secret: string };
  /** Project that is charged for the exchange of a workforce identity. */
  readonly userProject?: string;
}

/** A service account that another login may act as. */
export interface ImpersonatedAccount {
  readonly type: "impersonated_service_account";
  readonly url: string;
  readonly delegates: readonly string[];
  readonly source: GoogleCredentials;
}

/** A login, read from its document. */
export type GoogleCredentials = ServiceAccountKey | UserLogin | ExternalAccount | ImpersonatedAccount;

const TOKEN_URL = "https://oauth2.googleapis.com/token";
const DEFAULT_LIFETIME_SECONDS = 3600;
/** An impersonated account may name another one, and so on. */
const MOST_NESTED = 4;

/**
 * @param text The document.
 * @param origin Where it lies, for messages: `Secret team-a/gcs, key "key.json"`.
 * @throws {StorageError} STORE_CONFIG_INVALID when it is not such a document, or of a kind that is not supported.
 */
export function parseCredentials(text: string, origin: string): GoogleCredentials {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw invalid(origin, "it is not JSON");
  }
  return credentialsOf(new Document(json, origin, ""), 0);
}

function credentialsOf(document: Document, depth: number): GoogleCredentials {
  const type = document.text("type");
  switch (type) {
    case "service_account":
      return {
        type,
        clientEmail: document.text("client_email"),
        privateKey: document.text("private_key"),
        privateKeyId: document.optionalText("private_key_id") ?? "",
        tokenUrl: document.url("token_uri", TOKEN_URL),
      };
    case "authorized_user":
      return {
        type,
        clientId: document.text("client_id"),
        clientSecret: document.text("client_secret"),
        refreshToken: document.text("refresh_token"),
        tokenUrl: document.url("token_uri", TOKEN_URL),
      };
    case "external_account":
      return externalAccount(document);
    case "impersonated_service_account":
      if (depth >= MOST_NESTED) throw document.wrong("source_credentials", "is nested too deeply");
      return {
        type,
        url: document.url("service_account_impersonation_url"),
        delegates: document.texts("delegates"),
        source: credentialsOf(document.child("source_credentials"), depth + 1),
      };
    default:
      throw document.wrong(
        "type",
        `is ${JSON.stringify(type.slice(0, 60))}, known are service_account, authorized_user, external_account and impersonated_service_account`,
      );
  }
}

function externalAccount(document: Document): ExternalAccount {
  const impersonationUrl = document.optionalText("service_account_impersonation_url");
  const clientId = document.optionalText("client_id");
  const userProject = document.optionalText("workforce_pool_user_project");
  const lifetimeSeconds = document.optionalChild("service_account_impersonation")?.count("token_lifetime_seconds");
  return {
    type: "external_account",
    audience: document.text("audience"),
    subjectTokenType: document.text("subject_token_type"),
    tokenUrl: document.url("token_url"),
    source: subjectTokenSource(document.child("credential_source")),
    ...(impersonationUrl === undefined
      ? {}
      : {
          impersonation: {
            url: document.url("service_account_impersonation_url"),
            lifetimeSeconds: lifetimeSeconds ?? DEFAULT_LIFETIME_SECONDS,
          },
        }),
    ...(clientId === undefined ? {} : { client: { id: clientId, secret: document.optionalText("client_secret") ?? "" } }),
    ...(userProject === undefined ? {} : { userProject }),
  };
}

function subjectTokenSource(source: Document): SubjectTokenSource {
  for (const [field, kind] of UNSUPPORTED_SOURCES) {
    if (source.has(field)) throw source.wrong(field, `asks for ${kind}, which is not supported: use a file or a URL`);
  }
  const format = source.optionalChild("format");
  const isJson = format?.optionalText("type") === "json";
  const file = source.optionalText("file");
  const place = file === undefined ? { url: source.url("url"), headers: source.textMap("headers") } : { file };
  return { place, ...(format !== undefined && isJson ? { field: format.text("subject_token_field_name") } : {}) };
}

const UNSUPPORTED_SOURCES = [
  ["environment_id", "an AWS identity"],
  ["executable", "the output of a program"],
  ["certificate", "a client certificate"],
] as const;

/** An object of the document, with its place for messages. */
class Document {
  readonly #members: ReadonlyMap<string, unknown>;
  readonly #origin: string;
  readonly #place: string;

  constructor(json: unknown, origin: string, place: string) {
    this.#origin = origin;
    this.#place = place;
    if (typeof json !== "object" || json === null || Array.isArray(json)) {
      throw invalid(origin, `${place === "" ? "it" : place} is not a JSON object`);
    }
    this.#members = new Map(Object.entries(json));
  }

  has(field: string): boolean {
    return this.#members.has(field);
  }

  text(field: string): string {
    const value = this.optionalText(field);
    if (value === undefined) throw this.wrong(field, "is missing or empty");
    return value;
  }

  optionalText(field: string): string | undefined {
    const value = this.#members.get(field);
    if (value === undefined || value === null || value === "") return undefined;
    if (typeof value !== "string") throw this.wrong(field, "is not a text");
    return value;
  }

  url(field: string, fallback?: string): string {
    const value = this.optionalText(field) ?? fallback ?? this.text(field);
    if (!/^https?:\/\//i.test(value) || !URL.canParse(value)) throw this.wrong(field, "is not an http or https URL");
    return value;
  }

  count(field: string): number | undefined {
    const value = this.#members.get(field);
    if (value === undefined || value === null) return undefined;
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value <= 0)
      throw this.wrong(field, "is not a number of seconds");
    return value;
  }

  texts(field: string): string[] {
    const value: unknown = this.#members.get(field) ?? [];
    if (!Array.isArray(value) || !value.every((item) => typeof item === "string"))
      throw this.wrong(field, "is not a list of texts");
    return value;
  }

  textMap(field: string): Record<string, string> {
    const value: unknown = this.#members.get(field) ?? {};
    const entries = typeof value === "object" && value !== null ? Object.entries(value) : undefined;
    if (entries?.every((entry): entry is [string, string] => typeof entry[1] === "string") !== true) {
      throw this.wrong(field, "is not a mapping of texts");
    }
    return Object.fromEntries(entries);
  }

  child(field: string): Document {
    return new Document(this.#members.get(field), this.#origin, this.#name(field));
  }

  optionalChild(field: string): Document | undefined {
    return this.has(field) ? this.child(field) : undefined;
  }

  wrong(field: string, problem: string): StorageError {
    return invalid(this.#origin, `${this.#name(field)} ${problem}`);
  }

  #name(field: string): string {
    return this.#place === "" ? field : `${this.#place}.${field}`;
  }
}

function invalid(origin: string, problem: string): StorageError {
  return new StorageError("STORE_CONFIG_INVALID", `Cannot log in to Google Cloud Storage with ${origin}: ${problem}.`);
}
