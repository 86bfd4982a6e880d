/**
 * Arguments of the root component as the workflow compiler hands them to the root driver: what was given, else the default, else null
 * for an optional input.
 *
 * Source: kubeflow/pipelines test_data/compiled-workflows @ e2520ff3becd0c29aa02ddcbd281bb68a4750354 (`runtime-config`);
 * docs/spec/driver-flows.md#root_dag.
 *
 * @module
 */
import { toJson, type JsonValue } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import type { PipelineSpec } from "../../core/kfp-types.ts";

/** @param given Checked already (core/values/runtime-parameters.ts). */
export function rootParameters(
  spec: Pick<PipelineSpec, "root">,
  given: Readonly<Record<string, JsonValue>>,
): Record<string, JsonValue> {
  const declared = Object.entries(spec.root?.inputDefinitions?.parameters ?? {});
  const defaults = declared.map(([name, { defaultValue }]): [string, JsonValue] => [
    name,
    defaultValue === undefined ? null : toJson(ValueSchema, defaultValue),
  ]);
  return { ...Object.fromEntries(defaults), ...given };
}
