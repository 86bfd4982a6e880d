/**
 * A run as it is answered: the stored bytes, of which next to nothing is decoded. A page of 200 runs would otherwise be read, copied and
 * written anew for every client that polls, and a run of a wide loop with all its items for every step.
 *
 * Source: docs/spec/api-server.md#runs, #lists.
 *
 * @module
 */
import { RunSchema } from "../../core/kfp-types.ts";
import { RuntimeConfigSchema } from "../../gen/kubeflow/pipelines/backend/api/v2beta1/runtime_config_pb.js";
import { fieldsOf, lengthDelimited, varintField } from "../message-fields.ts";
import type { ListedRun } from "../store.ts";

const RUN = RunSchema.field;

/** What is shown of a run, and what besides its own row. */
export interface ListedRunParts {
  /** The inline spec even of a run made from a pipeline version: run-scoped tokens may not read the version. Default false. */
  readonly specAlways?: boolean;
  /** Default true. */
  readonly withParameters?: boolean;
  readonly taskCount: number;
  /** Encoded tasks; empty in the basic view. */
  readonly tasks: readonly Uint8Array[];
}

/**
 * The encoded Run. Unless `specAlways`, the inline spec is left out where the run refers to a pipeline version.
 *
 * @throws {Error} When the stored bytes are no message.
 */
export function encodeListedRun(
  { body, storageState, pipelineSpec }: ListedRun,
  { specAlways = false, withParameters = true, taskCount, tasks }: ListedRunParts,
): Uint8Array {
  const fields = fieldsOf(body);
  const isSource = (number: number): boolean => number === RUN.pipelineVersionReference.number;
  const isInline = pipelineSpec !== undefined && (specAlways || !fields.some(({ number }) => isSource(number)));
  const parts: Uint8Array[] = [];
  for (const { number, raw, value } of fields) {
    if (number === RUN.storageState.number || (isInline && isSource(number))) continue;
    if (number !== RUN.runtimeConfig.number || value === undefined) parts.push(raw);
    else parts.push(...runtimeConfig(value, withParameters));
  }
  parts.push(...varintField(RUN.storageState.number, storageState));
  if (isInline) parts.push(...lengthDelimited(RUN.pipelineSpec.number, pipelineSpec));
  if (taskCount > 0) parts.push(...varintField(RUN.taskCount.number, taskCount));
  for (const task of tasks) parts.push(...lengthDelimited(RUN.tasks.number, task));
  return Buffer.concat(parts);
}

/** An empty configuration is none. */
function runtimeConfig(value: Uint8Array, withParameters: boolean): readonly Uint8Array[] {
  const kept = withParameters
    ? [value]
    : fieldsOf(value)
        .filter(({ number }) => number !== RuntimeConfigSchema.field.parameters.number)
        .map(({ raw }) => raw);
  const config = Buffer.concat(kept);
  return config.length === 0 ? [] : lengthDelimited(RUN.runtimeConfig.number, config);
}
