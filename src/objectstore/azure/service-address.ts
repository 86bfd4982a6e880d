/**
 * Which storage account of Azure is meant, and the address of its blob service. Pure.
 *
 * Source: docs/spec/object-stores.md#azure-blob-storage.
 *
 * @module
 */
import type { StoreSession } from "../../config/store-config.ts";
import { StorageError } from "../../core/errors.ts";
import { parseGoBool } from "../../core/go/number.ts";
import type { Environment } from "../http-agents.ts";
import type { ConnectionString } from "./connection-string.ts";

/** The blob service of an account. */
export interface ServiceAddress {
  /** Origin, and the path before the container, without trailing slash. */
  readonly url: string;
  readonly accountName: string;
}

/** What besides the session says where the service is. */
export interface AddressSources {
  readonly session: StoreSession;
  /** Empty where the login is a Secret's: what is configured for a Secret must not depend on the pod. */
  readonly environment: Environment;
  readonly connection?: ConnectionString | undefined;
  /** Of the Secret. */
  readonly accountName?: string | undefined;
}

const DEFAULT_DOMAIN = "blob.core.windows.net";

/** @throws {StorageError} STORE_CONFIG_INVALID when the account is not known, or an address is not one. */
export function findService(sources: AddressSources): ServiceAddress {
  const { session, environment, connection } = sources;
  const named =
    session.query.accountName ??
    session.accountName ??
    sources.accountName ??
    connection?.accountName ??
    nonEmpty(environment["AZURE_STORAGE_ACCOUNT"]);
  const endpoint = session.endpoint ?? connection?.blobEndpoint;
  if (endpoint !== undefined) {
    const what = session.endpoint === undefined ? "BlobEndpoint of the connection string" : `The endpoint of provider "azblob"`;
    const url = parseAddress(endpoint, what);
    return { url, accountName: named ?? accountOf(url) };
  }
  if (named === undefined) {
    throw invalid(
      "the storage account is not known: set AZURE_STORAGE_ACCOUNT, storage_account= in the query of the pipeline root, or accountName or endpoint of provider azblob",
    );
  }
  if (!/^[a-z0-9-]{1,63}$/.test(named)) throw invalid(`${JSON.stringify(named)} cannot be the name of a storage account`);
  const { query } = session;
  const domain = query.domain ?? connection?.domain ?? nonEmpty(environment["AZURE_STORAGE_DOMAIN"]) ?? DEFAULT_DOMAIN;
  const protocol = query.protocol ?? connection?.protocol ?? nonEmpty(environment["AZURE_STORAGE_PROTOCOL"]) ?? "https";
  const isCdn = query.isCdn ?? isTrue(environment["AZURE_STORAGE_IS_CDN"]);
  const isEmulator = query.isLocalEmulator ?? isTrue(environment["AZURE_STORAGE_IS_LOCAL_EMULATOR"]);
  const host =
    isEmulator || /^(localhost|127\.0\.0\.1)(:|$)/.test(domain) ? `${domain}/${named}` : isCdn ? domain : `${named}.${domain}`;
  return { url: parseAddress(`${protocol}://${host}`, "The address made of protocol, account and domain"), accountName: named };
}

/** A token may be sent there: nobody on the way can read it. */
export function isPrivate(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" || /^(localhost|127\.0\.0\.1|\[::1\])$/.test(hostname);
}

/** `https://<account>.blob...`, or, as emulators have it, `http://host/<account>`. */
function accountOf(address: string): string {
  const { hostname, pathname } = new URL(address);
  const [, fromHost] = /^([a-z0-9-]+?)(?:-secondary)?\.(?:z\d+\.)?blob\./.exec(hostname) ?? [];
  const name = fromHost ?? pathname.split("/")[1] ?? "";
  if (name === "") throw invalid(`the endpoint ${address} does not tell the storage account: set accountName of provider azblob`);
  return name;
}

function parseAddress(text: string, what: string): string {
  if (/^https?:\/\//i.test(text) && URL.canParse(text)) {
    const { origin, pathname, username, search, hash } = new URL(text);
    if (username === "" && search === "" && hash === "") return `${origin}${pathname.replace(/\/+$/, "")}`;
  }
  // Not quoted: it may hold a SAS token.
  throw invalid(`${what} is not an http or https URL without query`);
}

function isTrue(text: string | undefined): boolean {
  return parseGoBool(text ?? "") ?? false;
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === "" ? undefined : text;
}

function invalid(reason: string): StorageError {
  return new StorageError("STORE_CONFIG_INVALID", `Cannot open Azure Blob Storage: ${reason}.`);
}
