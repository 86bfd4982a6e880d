/**
 * The URI schemes of object stores, one row each: all that the programs know about a scheme before a client is opened.
 *
 * A row with `settings` gets a section `providers.<scheme>` in the launcher configuration (config/store-providers.ts) and a session
 * (config/store-session.ts). Which of them have a client is the table of objectstore/providers.ts.
 *
 * Source: docs/spec/object-stores.md#uri-parsing, #providers-format, docs/spec/inputs-and-user-command.md#local-paths.
 *
 * @module
 */

/** Kinds of stores that are configured alike: the same fields in a provider section, the same options in a query. */
export type StoreSettingsKind = "s3" | "gcs" | "azure";

interface StoreSchemeFacts {
  /** Folder of the local disk below which the artifacts of the scheme lie. Absent: they have no local path. */
  readonly folder?: string;
  /** Absent: the scheme parses, but no provider serves it. */
  readonly settings?: StoreSettingsKind;
  /** The SDK does not know the scheme: programs are told the local path in place of the URI (executor/foreign-uris.ts). */
  readonly isForeign?: true;
}

/** By scheme, in the order in which messages list them. */
export const STORE_SCHEMES = {
  gs: { folder: "gcs", settings: "gcs" },
  s3: { folder: "s3", settings: "s3" },
  minio: { folder: "minio", settings: "s3" },
  azblob: { folder: "azblob", settings: "azure", isForeign: true },
  mem: {},
} as const satisfies Readonly<Record<string, StoreSchemeFacts>>;

/** Schemes that a bucket path may have. */
export type BucketScheme = keyof typeof STORE_SCHEMES;

/** Schemes whose stores are configured in one way. */
export type SchemesWith<Kind extends StoreSettingsKind> = {
  [Scheme in BucketScheme]: (typeof STORE_SCHEMES)[Scheme] extends { readonly settings: Kind } ? Scheme : never;
}[BucketScheme];

/** Schemes that some provider serves; each is the name of its section in the launcher configuration. */
export type ProviderName = SchemesWith<StoreSettingsKind>;

const FACTS: Readonly<Record<BucketScheme, StoreSchemeFacts>> = STORE_SCHEMES;

/** Whether the text is a scheme of the table. */
export function isBucketScheme(scheme: string): scheme is BucketScheme {
  return Object.hasOwn(FACTS, scheme);
}

/** Whether stores of this scheme are configured in this way. */
export function usesSettings<Kind extends StoreSettingsKind>(scheme: BucketScheme, kind: Kind): scheme is SchemesWith<Kind> {
  return FACTS[scheme].settings === kind;
}

/** Whether some provider serves the scheme. */
export function isProviderName(scheme: string): scheme is ProviderName {
  return isBucketScheme(scheme) && FACTS[scheme].settings !== undefined;
}

/** All schemes that some provider serves, in the table's order. */
export const PROVIDER_NAMES: readonly ProviderName[] = Object.keys(FACTS).filter(isProviderName);

/** The folder of the local disk that stands for a scheme; `undefined` for a scheme without local paths. */
export function localFolderOf(scheme: string): string | undefined {
  return isBucketScheme(scheme) ? FACTS[scheme].folder : undefined;
}

/** Schemes that the SDK does not know, with their folders. */
export const FOREIGN_SCHEMES: ReadonlyArray<{ readonly scheme: string; readonly folder: string }> = Object.entries(FACTS).flatMap(
  ([scheme, { folder, isForeign }]) => (isForeign === true && folder !== undefined ? [{ scheme, folder }] : []),
);
