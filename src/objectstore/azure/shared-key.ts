/**
 * The signature of a request with the key of a storage account ("Shared Key"). Pure.
 *
 * Source: docs/spec/object-stores.md#azure-blob-storage; Azure Storage REST API, "Authorize with Shared Key".
 *
 * @module
 */
import { createHmac } from "node:crypto";

/** Login with the key of a storage account. Never logged. */
export interface SharedKey {
  readonly accountName: string;
  readonly key: Buffer;
}

/** What is signed of a request. */
export interface SignableRequest {
  readonly method: string;
  /** As it is sent, query included. */
  readonly url: URL;
  /** All of them, names in lower case; `x-ms-date` and `x-ms-version` among them. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Headers that are signed by their place. The date is the one of `x-ms-date`. */
const PLACES = [
  ...["content-encoding", "content-language", "content-length", "content-md5", "content-type", "date"],
  ...["if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range"],
];

/** The value of the header `authorization`. */
export function signRequest(login: SharedKey, request: SignableRequest): string {
  const signature = createHmac("sha256", login.key).update(textToSign(login.accountName, request)).digest("base64");
  return `SharedKey ${login.accountName}:${signature}`;
}

/** The text whose signature is sent. */
export function textToSign(accountName: string, { method, url, headers }: SignableRequest): string {
  const placed = PLACES.map((name) => {
    const value = headers[name] ?? "";
    return name === "content-length" && value === "0" ? "" : value;
  });
  const own = Object.keys(headers)
    .filter((name) => name.startsWith("x-ms-"))
    .toSorted()
    .map((name) => `${name}:${headers[name]?.trim().replaceAll(/\s+/g, " ") ?? ""}`);
  return [method, ...placed, ...own, canonicalResource(accountName, url)].join("\n");
}

/** The path as it is sent, the options decoded, in the order of their names. */
function canonicalResource(accountName: string, { pathname, searchParams }: URL): string {
  const names = [...new Set(searchParams.keys())].toSorted();
  const options = names.map((name) => `\n${name.toLowerCase()}:${searchParams.getAll(name).toSorted().join(",")}`);
  return `/${accountName}${pathname}${options.join("")}`;
}
