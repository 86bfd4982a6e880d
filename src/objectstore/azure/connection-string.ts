/**
 * Connection strings of storage accounts: `AccountName=...;AccountKey=...;EndpointSuffix=...`. Pure.
 *
 * Source: docs/spec/object-stores.md#azure-blob-storage; Azure Storage, "Configure connection strings".
 *
 * @module
 */
import { StorageError } from "../../core/errors.ts";

/** What a connection string says. Never logged. */
export interface ConnectionString {
  readonly accountName?: string;
  readonly accountKey?: string;
  readonly sasToken?: string;
  readonly blobEndpoint?: string;
  readonly protocol?: string;
  /** Host of the blob service without the name of the account. */
  readonly domain?: string;
}

/** @param origin Where the text comes from, for messages. @throws {StorageError} STORE_CONFIG_INVALID for a text that is not one. */
export function parseConnectionString(text: string, origin: string): ConnectionString {
  const fields = new Map<string, string>();
  for (const part of text.trim().split(";")) {
    if (part.trim() === "") continue;
    const equals = part.indexOf("=");
    if (equals <= 0) throw invalid(origin, "it is not a list of Name=Value, separated by semicolons");
    const value = part.slice(equals + 1).trim();
    if (value !== "") fields.set(part.slice(0, equals).trim().toLowerCase(), value);
  }
  const suffix = fields.get("endpointsuffix");
  const found = {
    accountName: fields.get("accountname"),
    accountKey: fields.get("accountkey"),
    sasToken: fields.get("sharedaccesssignature"),
    blobEndpoint: fields.get("blobendpoint"),
    protocol: fields.get("defaultendpointsprotocol"),
    domain: suffix === undefined ? undefined : `blob.${suffix}`,
  };
  if (found.accountKey === undefined && found.sasToken === undefined) {
    throw invalid(origin, "it holds neither AccountKey nor SharedAccessSignature");
  }
  if (found.accountName === undefined && found.blobEndpoint === undefined) {
    throw invalid(origin, "it holds neither AccountName nor BlobEndpoint");
  }
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

function invalid(origin: string, reason: string): StorageError {
  return new StorageError(
    "STORE_CONFIG_INVALID",
    `Cannot log in to Azure Blob Storage: the connection string of ${origin} cannot be read: ${reason}.`,
  );
}
