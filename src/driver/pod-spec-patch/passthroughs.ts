/**
 * Which settings a component takes as task configuration, and which of them stay with its own pod.
 *
 * Source: docs/spec/task-config-workspace-modelcar.md#taskconfig-passthrough.
 *
 * @module
 */
import { ParameterType, type ComponentSpec } from "../../core/kfp-types.ts";
import { TaskConfigPassthroughType_TaskConfigPassthroughTypeEnum as Field } from "../../gen/ml_pipelines/pipeline_spec_pb.js";
import type { PassthroughField } from "./contribution.ts";

export interface Passthroughs {
  /** Whether the setting becomes part of the task configuration. */
  captures(field: PassthroughField): boolean;
  /** Whether the pod has the setting; everything that is not captured, at least. */
  appliesToPod(field: PassthroughField): boolean;
}

/** Of a component that takes none. */
export const NO_PASSTHROUGHS: Passthroughs = { captures: () => false, appliesToPod: () => true };

/** Of a field that is listed twice the last entry decides. */
export function passthroughsOf(component: ComponentSpec): Passthroughs {
  const listed = new Map<string | undefined, boolean>();
  for (const { field, applyToTask } of component.taskConfigPassthroughs) listed.set(Field[field], applyToTask);
  return {
    captures: (field) => listed.has(field),
    appliesToPod: (field) => listed.get(field) ?? true,
  };
}

/** The inputs that get the configuration, which no other task and no run can give. */
export function taskConfigInputs(component: ComponentSpec): string[] {
  return Object.entries(component.inputDefinitions?.parameters ?? {})
    .filter(([, { parameterType }]) => parameterType === ParameterType.TASK_CONFIG)
    .map(([name]) => name);
}
