/**
 * Which login a container of Azure Blob Storage is opened with.
 *
 * Order without a Secret: account key, shared access signature, connection string, each from its variable, then a login at Entra ID
 * (entra-tokens.ts).
 *
 * Source: docs/spec/object-stores.md#azure-blob-storage.
 *
 * @module
 */
import type { AzureSecretChoice } from "../../config/store-config.ts";
import { StorageError } from "../../core/errors.ts";
import type { TokenSource } from "../credentials/remembered-tokens.ts";
import type { Environment } from "../http-agents.ts";
import { parseConnectionString } from "./connection-string.ts";
import type { ConnectionString } from "./connection-string.ts";
import { findEntraTokens } from "./entra-tokens.ts";
import type { EntraDeps } from "./entra-tokens.ts";

/** A shared access signature. Never logged. */
export interface SasToken {
  /** As it is put into the query of requests, without question mark. */
  readonly text: string;
  /** In ms since 1970; absent where a policy of the container says when it expires. */
  readonly expiresAtMs?: number;
}

/** How requests are authorized. */
export type AzureLogin =
  | { readonly kind: "shared key"; readonly key: Buffer }
  | { readonly kind: "SAS"; readonly token: SasToken }
  | { readonly kind: "Entra ID"; readonly tokens: TokenSource };

/** A login, and what it tells of the account. */
export interface FoundLogin {
  readonly login: AzureLogin;
  readonly connection?: ConnectionString;
  readonly accountName?: string;
}

/** @param values Of the Secret, in the order of secret-credentials.ts. @throws {StorageError} STORE_CONFIG_INVALID */
export function readSecretLogin(choice: AzureSecretChoice, [value = "", accountName]: readonly string[]): FoundLogin {
  const origin = `the Secret ${choice.secretName}, key "${choice.loginKey}"`;
  const name = accountName === undefined ? {} : { accountName: accountName.trim() };
  switch (choice.login) {
    case "account key":
      return { ...name, login: { kind: "shared key", key: parseAccountKey(value, origin) } };
    case "SAS token":
      return { ...name, login: { kind: "SAS", token: parseSasToken(value, origin) } };
    case "connection string":
      return { ...name, ...connectionLogin(value, origin) };
  }
}

/** @throws {StorageError} STORE_CONFIG_INVALID for a login that is not one, OBJECT_ACCESS_DENIED when there is none. */
export function findEnvironmentLogin(deps: EntraDeps, environment: Environment): FoundLogin {
  const read = (name: string): string => environment[name] ?? "";
  const key = read("AZURE_STORAGE_KEY");
  if (read("AZURE_STORAGE_ACCOUNT") !== "" && key !== "") {
    return { login: { kind: "shared key", key: parseAccountKey(key, "AZURE_STORAGE_KEY") } };
  }
  const sas = read("AZURE_STORAGE_SAS_TOKEN");
  if (sas !== "") return { login: { kind: "SAS", token: parseSasToken(sas, "AZURE_STORAGE_SAS_TOKEN") } };
  for (const name of ["AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGEBLOB_CONNECTIONSTRING"]) {
    if (read(name) !== "") return connectionLogin(read(name), name);
  }
  return { login: { kind: "Entra ID", tokens: findEntraTokens(deps, environment) } };
}

function connectionLogin(text: string, origin: string): FoundLogin {
  const connection = parseConnectionString(text, origin);
  const { accountKey, sasToken = "" } = connection;
  if (accountKey === undefined) return { connection, login: { kind: "SAS", token: parseSasToken(sasToken, origin) } };
  return { connection, login: { kind: "shared key", key: parseAccountKey(accountKey, origin) } };
}

function parseAccountKey(text: string, origin: string): Buffer {
  const trimmed = text.trim();
  if (/^[A-Za-z0-9+/]{4,}={0,2}$/.test(trimmed)) return Buffer.from(trimmed, "base64");
  throw invalid(origin, "it is not a Base64 text");
}

function parseSasToken(text: string, origin: string): SasToken {
  const token = text.trim().replace(/^\?/, "");
  const fields = new URLSearchParams(token);
  if (!fields.has("sig") || /[\s#]/.test(token)) throw invalid(origin, "it is not a SAS token, which has a field sig");
  const expiresAtMs = Date.parse(fields.get("se") ?? "");
  return Number.isNaN(expiresAtMs) ? { text: token } : { text: token, expiresAtMs };
}

function invalid(origin: string, reason: string): StorageError {
  return new StorageError("STORE_CONFIG_INVALID", `Cannot log in to Azure Blob Storage with ${origin}: ${reason}.`);
}
