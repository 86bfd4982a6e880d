/**
 * Image, accelerator and resource texts that refer to an input of the task.
 *
 * Each is replaced in place, so that the text around it stays. A channel of the pipeline (`pipelinechannel--NAME`) that the task does not
 * have is an error; what looks like another input and is none stays as it is.
 *
 * Source: docs/spec/pod-spec-patch.md#resources-and-accelerators, #image, #k8s-11, docs/spec/resolver.md#drv-19.
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
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined && !name.startsWith(CHANNEL_PREFIX)) return undefined;
    if (value === undefined)
      throw new SpecError("PLACEHOLDER_INVALID", `Cannot resolve "${text}": the task has no input "${name}"`);
    return textOfValue(value);
  });
}
