/**
 * Image, accelerator and resource texts that refer to an input of the task.
 *
 * Only channels of the pipeline (`pipelinechannel--NAME`) are resolved, as in the reference; each in place, so that the text around it
 * stays.
 *
 * Source: docs/spec/pod-spec-patch.md#resources-and-accelerators, #image, docs/spec/resolver.md#drv-19.
 *
 * @module
 */
import { SpecError } from "../core/errors.ts";
import type { ExecutorInput } from "../core/kfp-types.ts";
import { substituteInputParameters } from "../core/placeholders/text.ts";
import { textOfValue } from "../core/values/value.ts";

const CHANNEL_PREFIX = "pipelinechannel--";

/** @throws {SpecError} PLACEHOLDER_INVALID when the task has no such input. */
export function resolveChannelText(text: string, executorInput: ExecutorInput): string {
  const values = executorInput.inputs?.parameterValues ?? {};
  return substituteInputParameters(text, (name) => {
    if (!name.startsWith(CHANNEL_PREFIX)) return undefined;
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined)
      throw new SpecError("PLACEHOLDER_INVALID", `Cannot resolve "${text}": the task has no input "${name}"`);
    return textOfValue(value);
  });
}
