/**
 * Which input artifacts lie in the workspace already: those that an importer was told to download there.
 *
 * Source: docs/spec/resolver.md#artifacts (workspace), docs/spec/task-config-workspace-modelcar.md#drv-21.
 *
 * @module
 */
import type { JsonValue } from "@bufbuild/protobuf";
import { TaskType } from "../../core/kfp-types.ts";
import type { PipelineTask } from "../../core/kfp-types.ts";
import type { ArtifactGroup } from "./artifact-groups.ts";
import type { ResolveContext } from "./resolve-context.ts";
import { isJsonObject } from "../../core/values/json-object.ts";

/** Ids of the artifacts among these that an importer put into the workspace. */
export function workspaceArtifactIds({ rows }: ResolveContext, groups: Iterable<ArtifactGroup>): Set<string> {
  const downloaded = new Set(
    rows.index
      .all()
      .filter(downloadsToWorkspace)
      .flatMap((task) => task.outputs?.artifacts ?? [])
      .flatMap(({ artifacts }) => artifacts.map(({ artifactId }) => artifactId)),
  );
  const ids = new Set<string>();
  for (const { artifacts, owner } of groups) {
    for (const { artifactId } of artifacts) {
      // Two importers may share one artifact row; where the writer is known, it decides.
      if (owner === undefined ? downloaded.has(artifactId) : downloadsToWorkspace(owner)) ids.add(artifactId);
    }
  }
  return ids;
}

function downloadsToWorkspace({ type, typeAttributes }: PipelineTask): boolean {
  return type === TaskType.IMPORTER && typeAttributes?.downloadToWorkspace === true;
}

/** Whether the writer of an artifact must be looked for among rows that were not read. */
export function needsOwners({ rows, spec }: Pick<ResolveContext, "rows" | "spec">): boolean {
  if (rows.index.isComplete) return false;
  const executors = member(spec.deploymentSpec, "executors");
  return Object.values(isJsonObject(executors) ? executors : {}).some(
    (executor) => member(member(executor, "importer"), "downloadToWorkspace") === true,
  );
}

function member(json: JsonValue | undefined, key: string): JsonValue | undefined {
  return isJsonObject(json) && Object.hasOwn(json, key) ? json[key] : undefined;
}
