/**
 * Outputs of a cached task, made the outputs of the task that hit it.
 *
 * Source: docs/spec/cache-and-fingerprint.md#cloning-outputs; the check of custom keys is
 * docs/spec/cache-and-fingerprint.md#ups-17.
 *
 * @module
 */
import { clone, create } from "@bufbuild/protobuf";
import {
  type ComponentSpec,
  type InputOutputs,
  InputOutputsSchema,
  IoProducerSchema,
  IoType,
  type PipelineTask,
} from "../../core/kfp-types.ts";

/** The task that becomes the producer. */
export interface CachedOutputsOptions {
  /** Key of the task that hit the cache. */
  readonly taskName: string;
  readonly iterationIndex?: number | undefined;
}

/** Every parameter and artifact of the cached task, re-stamped with the hitting task as producer. Artifact ids are reused. */
export function cloneCachedOutputs(cached: PipelineTask, { taskName, iterationIndex }: CachedOutputsOptions): InputOutputs {
  const outputs = cached.outputs === undefined ? create(InputOutputsSchema) : clone(InputOutputsSchema, cached.outputs);
  const type = iterationIndex === undefined ? IoType.OUTPUT : IoType.ITERATOR_OUTPUT;
  for (const entry of [...outputs.parameters, ...outputs.artifacts]) {
    entry.type = type;
    entry.producer = create(IoProducerSchema, {
      taskName,
      ...(iterationIndex === undefined ? {} : { iteration: BigInt(iterationIndex) }),
    });
  }
  return outputs;
}

/**
 * Names of declared outputs that a cached task does not have. A custom cache key ignores the outputs, so a component that gained one
 * would hit old entries for ever; such a hit counts as a miss. Metrics without entries register nothing, so artifacts that may
 * legitimately be absent (system.Metrics) are not asked for.
 */
export function missingCachedOutputs(cached: PipelineTask, component: ComponentSpec): string[] {
  const parameters = new Set(cached.outputs?.parameters.map((entry) => entry.parameterKey));
  const artifacts = new Set(cached.outputs?.artifacts.map((entry) => entry.artifactKey));
  const declared = component.outputDefinitions;
  return [
    ...Object.keys(declared?.parameters ?? {}).filter((key) => !parameters.has(key)),
    ...Object.entries(declared?.artifacts ?? {})
      .filter(([key, spec]) => !artifacts.has(key) && !mayBeEmpty(spec.artifactType?.kind.value))
      .map(([key]) => key),
  ].toSorted();
}

function mayBeEmpty(schemaTitle: string | undefined): boolean {
  return (
    schemaTitle === "system.Metrics" ||
    schemaTitle === "system.ClassificationMetrics" ||
    schemaTitle === "system.SlicedClassificationMetrics"
  );
}
