/**
 * Which local artifacts a step's container has to see: its inputs to read, the places of its outputs to write, and no others.
 *
 * @module
 */
import { dirname } from "node:path";
import { fromJsonString } from "@bufbuild/protobuf";
import { isLocalUri } from "../../core/executor/artifact-uri.ts";
import { ExecutorInputSchema } from "../../core/kfp-types.ts";

/** Absolute paths, each once. */
export interface ArtifactPaths {
  /** Files or folders to read. */
  readonly inputs: readonly string[];
  /** Folders to write to. */
  readonly outputFolders: readonly string[];
}

/** @param executorInput JSON of ExecutorInput, as the launcher gets it. */
export function artifactPaths(executorInput: string): ArtifactPaths {
  const { inputs, outputs } = fromJsonString(ExecutorInputSchema, executorInput, { ignoreUnknownFields: true });
  const urisOf = (lists: Readonly<Record<string, { readonly artifacts: readonly { readonly uri: string }[] }>> = {}): string[] =>
    Object.values(lists)
      .flatMap(({ artifacts }) => artifacts.map(({ uri }) => uri))
      .filter(isLocalUri);
  return {
    inputs: [...new Set(urisOf(inputs?.artifacts))],
    outputFolders: [...new Set(urisOf(outputs?.artifacts).map((uri) => dirname(uri)))],
  };
}
