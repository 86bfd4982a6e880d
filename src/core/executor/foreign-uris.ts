/**
 * URIs of schemes that the SDK does not know, as programs of the SDK can use them.
 *
 * The SDK derives the local path of an artifact from its URI, for the schemes that it knows, and takes any other URI for a path. So
 * `{{$}}` tells it the local path in place of such a URI, and what it reports is read back.
 *
 * Source: docs/spec/object-stores.md#azure-in-programs-of-the-sdk.
 *
 * @module
 */
import { clone } from "@bufbuild/protobuf";
import { ExecutorInputSchema } from "../kfp-types.ts";
import type { ExecutorInput, RuntimeArtifact } from "../kfp-types.ts";
import { localPathForUri } from "./artifact-uri.ts";
import type { LocalPathOptions } from "./artifact-uri.ts";
import { FOREIGN_SCHEMES } from "./store-schemes.ts";

/** A copy whose artifacts have local paths where the SDK does not know the scheme of their URIs; the same where there is none. */
export function withLocalPaths(executorInput: ExecutorInput, options: LocalPathOptions): ExecutorInput {
  if (!artifactsOf(executorInput).some(({ uri }) => isForeign(uri))) return executorInput;
  const copy = clone(ExecutorInputSchema, executorInput);
  for (const artifact of artifactsOf(copy)) {
    if (isForeign(artifact.uri)) artifact.uri = localPathForUri(artifact.uri, options) ?? artifact.uri;
  }
  return copy;
}

/** The URI that the program means: the inverse of {@link withLocalPaths} for one URI of a report. */
export function uriOfReport(uri: string, { artifactLocalPath = "" }: LocalPathOptions): string {
  for (const { scheme, folder } of FOREIGN_SCHEMES) {
    const root = `${artifactLocalPath}/${folder}/`;
    if (uri.startsWith(root)) return `${scheme}://${uri.slice(root.length)}`;
  }
  return uri;
}

/** Folders of the local disk that artifacts of such schemes need, each once. */
export function foreignFoldersOf(executorInput: ExecutorInput): string[] {
  const uris = artifactsOf(executorInput).map(({ uri }) => uri);
  return FOREIGN_SCHEMES.filter(({ scheme }) => uris.some((uri) => uri.startsWith(`${scheme}://`))).map(({ folder }) => folder);
}

function isForeign(uri: string): boolean {
  return FOREIGN_SCHEMES.some(({ scheme }) => uri.startsWith(`${scheme}://`));
}

function artifactsOf({ inputs, outputs }: ExecutorInput): RuntimeArtifact[] {
  return [inputs, outputs].flatMap((side) => Object.values(side?.artifacts ?? {}).flatMap(({ artifacts }) => artifacts));
}
