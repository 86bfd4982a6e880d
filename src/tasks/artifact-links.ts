/**
 * Links of the artifacts a task takes or gives, without repeats.
 *
 * One list may hold an artifact twice (two iterations that hit the same cache entry, or import the same URI). The executor input keeps
 * the repeat; the server has room for one link only and would refuse the whole request.
 *
 * Source: docs/spec/driver-flows.md#drv-18, docs/spec/api-server.md#createartifacttask.
 *
 * @module
 */
import { InternalError } from "../core/errors.ts";
import type { IoArtifact } from "../core/kfp-types.ts";
import type { ArtifactTaskInit } from "../ports/kfp-api.ts";
import { linkIdentity } from "../resolver/run/io-entries.ts";

/** The task that is linked. */
export interface LinkTarget {
  readonly runId: string;
  readonly taskId: string;
}

/**
 * One link per artifact of resolved inputs, or of outputs cloned from a cached task; type, key and producer are the entry's.
 *
 * @throws {InternalError} INVARIANT_BROKEN for an artifact without id or an entry without producer, which the server would refuse.
 */
export function artifactLinks({ runId, taskId }: LinkTarget, entries: Iterable<IoArtifact>): ArtifactTaskInit[] {
  const links = new Map<string, ArtifactTaskInit>();
  for (const { artifactKey: key, artifacts, producer, type } of entries) {
    for (const { artifactId } of artifacts) {
      if (artifactId === "" || producer === undefined) {
        const lack = artifactId === "" ? "id" : "producer";
        throw new InternalError("INVARIANT_BROKEN", `Cannot link artifact "${key}" to task "${taskId}": it has no ${lack}`);
      }
      const link: ArtifactTaskInit = { artifactId, runId, taskId, key, type, producer };
      const identity = linkIdentity(link);
      if (!links.has(identity)) links.set(identity, link);
    }
  }
  return [...links.values()];
}
