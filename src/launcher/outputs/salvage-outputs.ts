/**
 * What a failed program left behind, as far as it can be read: each output by itself, so that one that is missing or wrong costs no
 * other.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { errorMessage } from "../../core/errors.ts";
import { EXECUTOR_LOGS_KEY } from "../../core/executor/executor-input.ts";
import { mergeArtifactReports } from "../../core/executor/executor-output.ts";
import { planOutputArtifacts, type OutputArtifactPlan } from "../../core/executor/output-artifacts.ts";
import { ExecutorOutputSchema, type ExecutorOutput } from "../../core/kfp-types.ts";
import { valueToJson, type Value } from "../../core/values/value.ts";
import {
  readExecutorOutput,
  readParameter,
  type CollectDeps,
  type CollectedOutputs,
  type CollectOptions,
} from "./collect-outputs.ts";

/** Collects every output that can be read, without the log. What cannot is a warning; a parameter without a file is not even that. */
export async function salvageOutputs(deps: CollectDeps, options: CollectOptions): Promise<CollectedOutputs> {
  const executorOutput = await salvageExecutorOutput(deps, options);
  const parameters = await salvageParameters(deps, options, executorOutput);
  return { parameters, artifacts: salvageArtifacts(deps, options, executorOutput) };
}

async function salvageExecutorOutput(
  deps: CollectDeps,
  { executorInput, component, limits }: CollectOptions,
): Promise<ExecutorOutput> {
  const path = executorInput.outputs?.outputFile ?? "";
  try {
    return await readExecutorOutput(deps, { path, component, limit: limits.executorOutput });
  } catch (error) {
    leaveOut(deps, "the executor output", error);
    return create(ExecutorOutputSchema);
  }
}

async function salvageParameters(
  deps: CollectDeps,
  { executorInput, component, limits }: CollectOptions,
  { parameterValues }: ExecutorOutput,
): Promise<Map<string, Value>> {
  const values = new Map<string, Value>();
  const salvage = async (key: string, read: () => Promise<Value> | Value): Promise<void> => {
    try {
      const value = await read();
      // The server has no place for NaN and infinities, and would refuse the others with them.
      valueToJson(value);
      values.set(key, value);
    } catch (error) {
      leaveOut(deps, `output parameter "${key}"`, error);
    }
  };
  for (const [key, value] of Object.entries(parameterValues)) await salvage(key, () => value);
  for (const [key, { outputFile }] of Object.entries(executorInput.outputs?.parameters ?? {})) {
    if (Object.hasOwn(parameterValues, key)) continue;
    const exists = await deps.fileSystem.stat(outputFile).catch(() => undefined);
    if (exists !== undefined) await salvage(key, () => readParameter(deps, { component, limits }, key, outputFile));
  }
  return new Map([...values].toSorted(([left], [right]) => (left < right ? -1 : 1)));
}

function salvageArtifacts(
  deps: CollectDeps,
  { executorInput, component, namespace, artifactLocalPath }: CollectOptions,
  executorOutput: ExecutorOutput,
): OutputArtifactPlan[] {
  return mergeArtifactReports(executorInput, component, executorOutput, { artifactLocalPath }).flatMap((output) => {
    if (output.key === EXECUTOR_LOGS_KEY) return [];
    try {
      return planOutputArtifacts([output], { namespace, artifactLocalPath });
    } catch (error) {
      leaveOut(deps, `output artifact "${output.key}"`, error);
      return [];
    }
  });
}

function leaveOut({ logger }: CollectDeps, what: string, error: unknown): void {
  logger.warn(`The step failed and ${what} is not published`, { reason: errorMessage(error) });
}
