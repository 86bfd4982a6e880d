/**
 * The run's shared workspace volume.
 *
 * Source: docs/spec/task-config-workspace-modelcar.md#workspace.
 *
 * @module
 */
import { WORKSPACE_PATH } from "../../core/executor/artifact-uri.ts";
import { SpecError } from "../../core/errors.ts";
import { WORKSPACE_MARKER_KEY } from "../../core/executor/executor-input.ts";
import type { ExecutorInput } from "../../core/kfp-types.ts";
import type { AttributedContribution } from "./contribution.ts";

/** Who contributes the workspace. */
export const WORKSPACE_MEMBER = "workspace";

const VOLUME_NAME = "kfp-workspace";
const PLACEHOLDER = "{{$.workspace_path}}";

/** True when a string parameter mentions the workspace, or the first artifact of an input lives in it. */
export function needsWorkspace(executorInput: ExecutorInput): boolean {
  const { parameterValues = {}, artifacts = {} } = executorInput.inputs ?? {};
  const mentioned = Object.values(parameterValues).some(
    ({ kind }) => kind.case === "stringValue" && (kind.value.includes(PLACEHOLDER) || kind.value.includes(WORKSPACE_PATH)),
  );
  return mentioned || Object.values(artifacts).some((list) => list.artifacts[0]?.metadata?.[WORKSPACE_MARKER_KEY] === true);
}

/** @throws {SpecError} SPEC_INVALID without a run name: the claim is named after it. */
export function workspaceClaimName(runName: string): string {
  if (runName === "") throw new SpecError("SPEC_INVALID", "run name is required when workspace is used: pass --run_name");
  return `${runName}-kfp-workspace`;
}

/** The claim of the run, where the workspace is. */
export function workspaceVolume(runName: string): AttributedContribution {
  const source = { persistentVolumeClaim: { claimName: workspaceClaimName(runName) } };
  return {
    member: WORKSPACE_MEMBER,
    passthrough: "KUBERNETES_VOLUMES",
    volumes: [{ preferredName: VOLUME_NAME, isFixedName: true, source, mount: { mountPath: WORKSPACE_PATH } }],
  };
}
