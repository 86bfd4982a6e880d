/**
 * Finds, among the output artifacts a task already has, the one a create request would make again. Pure.
 *
 * Same artifact: same key, name, type and URI. A metric has no URI and is the same when its value is; other artifacts without URI
 * (classification metrics) when their metadata are.
 *
 * Source: docs/spec/output-propagation.md#lau-13.
 *
 * @module
 */
import { create, equals } from "@bufbuild/protobuf";
import { ArtifactSchema, ArtifactType, type Artifact, type PipelineTask } from "../core/kfp-types.ts";
import type { CreateArtifactInit } from "../ports/kfp-api.ts";

interface Candidate {
  readonly taskId: string;
  readonly key: string;
  readonly artifact: Artifact;
}

/**
 * Finds the stored artifact that a request would make once more. Each is found once, so that equal requests get different
 * artifacts.
 */
export class ArtifactMatcher {
  readonly #candidates = new Map<string, Candidate>();
  readonly #taken = new Set<string>();

  /** Adds the outputs of a hydrated task; what was taken stays taken. */
  addTask(task: PipelineTask): void {
    for (const entry of task.outputs?.artifacts ?? []) {
      for (const artifact of entry.artifacts) {
        const { artifactId } = artifact;
        this.#candidates.set(`${task.taskId} ${artifactId}`, { taskId: task.taskId, key: entry.artifactKey, artifact });
      }
    }
  }

  /** The artifact to use instead of creating one. Each is handed out once, so equal requests keep their number. */
  take(request: CreateArtifactInit): Artifact | undefined {
    const wanted = create(ArtifactSchema, request.artifact ?? {});
    for (const [id, { taskId, key, artifact }] of this.#candidates) {
      if (this.#taken.has(id) || taskId !== request.taskId || key !== request.producerKey) continue;
      if (!isSameArtifact(artifact, wanted)) continue;
      this.#taken.add(id);
      return artifact;
    }
    return undefined;
  }
}

function isSameArtifact(a: Artifact, b: Artifact): boolean {
  if (a.name !== b.name || a.type !== b.type) return false;
  if (a.type === ArtifactType.Metric) return a.numberValue === b.numberValue;
  if ((a.uri ?? "") !== (b.uri ?? "")) return false;
  if ((a.uri ?? "") !== "") return true;
  return equals(
    ArtifactSchema,
    create(ArtifactSchema, { metadata: a.metadata }),
    create(ArtifactSchema, { metadata: b.metadata }),
  );
}
