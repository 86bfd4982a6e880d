/**
 * No volume of a step may hide the workspace, or part of it.
 *
 * The reference looks before the step's own volumes are there, so it finds nothing.
 *
 * Source: docs/spec/task-config-workspace-modelcar.md#k8s-5.
 *
 * @module
 */
import { WORKSPACE_PATH } from "../../core/executor/artifact-uri.ts";
import { SpecError } from "../../core/errors.ts";
import { cleanPath } from "../../core/go/slash-path.ts";
import type { NamedContribution } from "./volume-names.ts";
import { WORKSPACE_MEMBER } from "./workspace.ts";

/**
 * @param contributions To one place: a pod, or a task configuration. Without the workspace among them there is nothing to hide.
 * @throws {SpecError} SPEC_INVALID naming the mount.
 */
export function assertWorkspaceIsFree(contributions: readonly NamedContribution[]): void {
  if (!contributions.some(({ member }) => member === WORKSPACE_MEMBER)) return;
  for (const { member, volumeMounts } of contributions) {
    if (member === WORKSPACE_MEMBER) continue;
    for (const { mountPath } of volumeMounts) {
      const path = cleanPath(mountPath);
      if (path !== WORKSPACE_PATH && !path.startsWith(`${WORKSPACE_PATH}/`)) continue;
      throw new SpecError(
        "SPEC_INVALID",
        `failed to validate volume mounts: user volume mount at ${mountPath} conflicts with workspace mount at ${WORKSPACE_PATH} ` +
          `(${member}); mount it at another path`,
      );
    }
  }
}
