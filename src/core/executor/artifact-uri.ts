/**
 * Artifact URIs: where they lie in a store, and where they lie on the local disk.
 *
 * `gs://`, `s3://` and `minio://` name an object or a prefix in a bucket, `oci://` an image. An absolute path is a URI of its own
 * kind: the artifact lies on this disk, the local path is the URI itself and nothing is copied
 * (docs/spec/object-stores.md#decision-local-files). No URI maps to a path outside its bucket's folder below the mount.
 *
 * Source: docs/spec/executor-input.md#pipeline-root, #provisioned-outputs, docs/spec/inputs-and-user-command.md#local-paths,
 * docs/spec/task-config-workspace-modelcar.md#workspace-artifacts-in-the-launcher, docs/spec/importer.md#artifact-construction,
 * docs/spec/object-stores.md#uri-parsing.
 *
 * @module
 */
import { StorageError } from "../errors.ts";
import { baseName, cleanPath, climbsOut, folderOf, isFileName, trimTrailingSlashes } from "../go/slash-path.ts";
import { isBucketScheme, localFolderOf, PROVIDER_NAMES } from "./store-schemes.ts";
import type { BucketScheme } from "./store-schemes.ts";

/** Where the workspace volume is mounted in every container that uses it. */
export const WORKSPACE_PATH = "/kfp-workspace";

export type { BucketScheme } from "./store-schemes.ts";

/** A bucket and a prefix in it. */
export interface BucketPath {
  readonly scheme: BucketScheme;
  readonly bucket: string;
  /** Without leading slash; ends with `/` unless empty. */
  readonly prefix: string;
  /** The text after `?`, never empty. */
  readonly query?: string;
}

/** An artifact URI taken apart. The object key is `prefix + base`. */
export interface ArtifactUri {
  /** Empty for an absolute path. */
  readonly scheme: BucketScheme | "";
  /** Empty for an absolute path. */
  readonly bucket: string;
  /** Of the directory: without leading slash, ending with `/` unless empty. */
  readonly prefix: string;
  /** `scheme://bucket/dir`, decoded and cleaned; for an absolute path its folder. */
  readonly directory: string;
  /** Last element, decoded; `.` when the URI names a whole bucket. */
  readonly base: string;
}

/** What local paths of artifacts depend on besides the URI. */
export interface LocalPathOptions {
  /** `ARTIFACT_LOCAL_PATH`: a folder put before every mapped path; empty in a container. Absolute paths are not affected. */
  readonly artifactLocalPath?: string | undefined;
}

/** Whether the URI is an absolute path on this disk. */
export function isLocalUri(uri: string): boolean {
  return uri.startsWith("/");
}

/**
 * Appends path elements to a pipeline root.
 *
 * The text before a single `?` is the root and the rest its query; with two or more `?` nothing is split, and neither is an absolute
 * path: a folder's name may hold a question mark. Trailing slashes of the root go away, empty elements are dropped and the joined elements are cleaned, so that `..` cannot leave the root.
 *
 * @param options.keepQuery Whether the query is put back at the end.
 */
export function joinPipelineRoot(root: string, elements: readonly string[], options: { readonly keepQuery: boolean }): string {
  // In a path on this disk a question mark is a character like any other.
  const parts = isLocalUri(root) ? [root] : root.split("?");
  const [base, query] = parts.length === 2 ? [parts[0] ?? "", `?${parts[1] ?? ""}`] : [root, ""];
  const tail = cleanPath(`/${elements.filter((element) => element !== "").join("/")}`);
  return `${trimTrailingSlashes(base)}${tail}${options.keepQuery ? query : ""}`;
}

/**
 * The path of an artifact on the local disk. The URI's text is used as it is: no percent-decoding, no query stripping.
 *
 * @returns `undefined` when the scheme has no local mapping.
 * @throws {StorageError} LOCAL_PATH_INVALID when the path would leave its bucket's folder or holds a NUL character.
 */
export function localPathForUri(uri: string, options: LocalPathOptions = {}): string | undefined {
  if (isLocalUri(uri)) {
    if (uri.includes("\0") || uri.split("/").includes("..")) throw escapes(uri);
    return uri;
  }
  const root = options.artifactLocalPath ?? "";
  if (uri.startsWith("oci://")) {
    const image = uri.slice("oci://".length).replaceAll("/", "_");
    if (!isFileName(image)) throw escapes(uri);
    return `${root}/oci/${image}/models`;
  }
  const [scheme = ""] = uri.split("://", 1);
  const folder = localFolderOf(scheme);
  if (folder === undefined || !uri.startsWith(`${scheme}://`)) return undefined;
  const rest = uri.slice(`${scheme}://`.length);
  const slash = rest.indexOf("/");
  const bucket = slash < 0 ? rest : rest.slice(0, slash);
  const key = slash < 0 ? "" : rest.slice(slash + 1);
  if (uri.includes("\0") || bucket === "." || bucket === ".." || climbsOut(key)) throw escapes(uri);
  return `${root}/${folder}/${rest}`;
}

/**
 * The path of an artifact that was downloaded to the workspace: its local path below `/kfp-workspace/.artifacts`.
 *
 * @returns `undefined` for `oci://` and for schemes without local mapping.
 * @throws {StorageError} LOCAL_PATH_INVALID as {@link localPathForUri}.
 */
export function workspacePathForUri(uri: string, options: LocalPathOptions = {}): string | undefined {
  if (uri.startsWith("oci://")) return undefined;
  const localPath = localPathForUri(uri, options);
  return localPath === undefined ? undefined : cleanPath(`${WORKSPACE_PATH}/.artifacts/${localPath}`);
}

function escapes(uri: string): StorageError {
  return new StorageError(
    "LOCAL_PATH_INVALID",
    `Cannot map artifact URI ${quote(uri)} to a local path: it would leave its folder`,
  );
}

function bucketScheme(scheme: string, text: string): BucketScheme {
  if (!isBucketScheme(scheme)) throw invalid(text, `unsupported Cloud bucket (known: ${PROVIDER_NAMES.join(", ")})`);
  return scheme;
}

/**
 * Parses `<scheme>://<bucket>[/<prefix>][?<query>]`.
 *
 * @throws {StorageError} STORE_URI_INVALID: unrecognized format, unsupported scheme, or `?`, `&`, `#` percent-encoded in the path.
 */
export function parseBucketPath(text: string): BucketPath {
  const match = /^([a-z][a-z0-9]+):\/\/([^/?]+)(\/[^?]*)?(\?.+)?$/s.exec(text);
  if (match === null) throw invalid(text, "unrecognized pipeline root format, expected <scheme>://<bucket>[/<prefix>][?<query>]");
  const [, scheme = "", bucket = "", path = "", query = ""] = match;
  refuseEncodedDelimiters(path, text);
  if (query.includes("?", 1)) throw invalid(text, "it has more than one question mark; options are separated by &");
  const prefix = path.replace(/^\//, "");
  return {
    scheme: bucketScheme(scheme, text),
    bucket,
    prefix: prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`,
    ...(query === "" ? {} : { query: query.slice(1) }),
  };
}

/**
 * The prefix of a root as the keys of artifacts below it begin: percent-decoded and cleaned, as {@link parseArtifactUri} does with
 * whole URIs. Compared as it is written, a root such as `s3://b/p%20q` or `s3://b/a//b` would hold none of its own artifacts.
 *
 * @throws {StorageError} STORE_URI_INVALID for a bad escape.
 */
export function keyPrefixOf(root: BucketPath): string {
  const clean = cleanPath(`/${decodePath(root.prefix, formatBucketPath(root))}`);
  return clean === "/" ? "" : `${clean.slice(1)}/`;
}

/** The inverse of {@link parseBucketPath}, up to a trailing slash. */
export function formatBucketPath(path: BucketPath): string {
  return `${path.scheme}://${path.bucket}${path.prefix === "" ? "" : `/${path.prefix}`}${path.query === undefined ? "" : `?${path.query}`}`;
}

/**
 * Takes an artifact URI apart. The query is dropped; a `#` belongs to the path, as object keys may hold it and no artifact has a
 * fragment. The path is percent-decoded, and `.`, `..`, double and trailing
 * slashes are resolved before anybody compares it with a root. An absolute path is not decoded.
 *
 * @throws {StorageError} STORE_URI_INVALID for a bad escape, encoded `?`, `&` or `#`, another scheme, or a last element `..`.
 */
export function parseArtifactUri(uri: string): ArtifactUri {
  if (isLocalUri(uri)) {
    if (uri.includes("\0")) throw invalid(uri, "it holds a NUL character");
    const path = cleanPath(uri);
    const folder = folderOf(path);
    const prefix = folder.slice(1);
    return { scheme: "", bucket: "", prefix: prefix === "" ? "" : `${prefix}/`, directory: folder, base: baseName(path) };
  }
  const { scheme, host, path } = parseUri(uri);
  const known = bucketScheme(scheme, uri);
  if (host === "" || host.includes("@")) throw invalid(uri, "it names no bucket");
  if (/(^|\/)\.\.?\/*$/.test(path)) throw invalid(uri, 'its last element is "." or ".."');
  const clean = cleanPath(`/${path}`);
  const folder = folderOf(clean);
  return {
    scheme: known,
    bucket: host,
    prefix: folder === "/" ? "" : `${folder.slice(1)}/`,
    directory: `${known}://${host}${folder === "/" ? "" : folder}`,
    base: clean === "/" ? "." : baseName(clean),
  };
}

/**
 * The name an importer gives to an artifact: the last element of the decoded path, `.` when there is no path, `/` when it is one
 * slash. An absolute path is not decoded.
 *
 * @throws {StorageError} STORE_URI_INVALID when the text is not a URI.
 */
export function artifactNameFromUri(uri: string): string {
  return isLocalUri(uri) ? baseName(uri) : baseName(parseUri(uri, { delimiters: "allowed" }).path);
}

interface UriParts {
  readonly scheme: string;
  readonly host: string;
  /** Percent-decoded. */
  readonly path: string;
}

function parseUri(uri: string, options: { readonly delimiters?: "allowed" } = {}): UriParts {
  if (Array.from(uri).some((char) => char < " " || char === "\x7f")) throw invalid(uri, "it holds a control character");
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([^?]*)/.exec(uri);
  if (match === null) throw invalid(uri, "expected <scheme>://<bucket>/<path> or an absolute path");
  const [, scheme = "", host = "", escapedPath = ""] = match;
  if (/[\s%]/.test(host)) throw invalid(uri, "bad character in the bucket name");
  if (options.delimiters !== "allowed") refuseEncodedDelimiters(escapedPath, uri);
  const isBucket = isBucketScheme(scheme.toLowerCase());
  const [page = ""] = escapedPath.split("#");
  return { scheme: scheme.toLowerCase(), host, path: decodePath(isBucket ? escapedPath : page, uri) };
}

function decodePath(escaped: string, uri: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(escaped);
  } catch (error) {
    throw invalid(uri, "bad percent-escape", error);
  }
  if (decoded.includes("\0")) throw invalid(uri, "it holds a NUL character");
  return decoded;
}

/** A decoded `?` would later read as the start of store options: an artifact could name its own endpoint. */
function refuseEncodedDelimiters(escapedPath: string, text: string): void {
  if (/%(3f|26|23)/i.test(escapedPath)) throw invalid(text, "encoded query delimiters are not allowed in object paths");
}

function invalid(text: string, reason: string, cause?: unknown): StorageError {
  return new StorageError("STORE_URI_INVALID", `Cannot parse artifact location ${quote(text)}: ${reason}`, { cause });
}

/** A query may hold store options nobody should read in a log. */
function quote(text: string): string {
  return JSON.stringify(text.split("?")[0]);
}
