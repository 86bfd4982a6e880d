/**
 * The run's shared workspace volume.
 *
 * Source: docs/spec/task-config-workspace-modelcar.md#workspace, #workspace-and-modelcars-in-short.
 *
 * @module
 */
import { WORKSPACE_PATH } from "../../core/executor/artifact-uri.ts";
import { SpecError } from "../../core/errors.ts";
import { WORKSPACE_MARKER_KEY } from "../../core/executor/executor-input.ts";
import type { ExecutorInput } from "../../core/kfp-types.ts";
import type { Volume, VolumeMount } from "./pod-spec.ts";

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

export function workspaceVolume(runName: string): { volume: Volume; mount: VolumeMount } {
  return {
    volume: { name: VOLUME_NAME, persistentVolumeClaim: { claimName: workspaceClaimName(runName) } },
    mount: { name: VOLUME_NAME, mountPath: WORKSPACE_PATH },
  };
}
