/**
 * What the user's program left behind: its executor output file and the files of its output parameters.
 *
 * Source: docs/spec/outputs.md#executor-output, #output-parameters, #artifact-data-the-executor-reports.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { errorMessage, UserCodeError } from "../../core/errors.ts";
import { findRoundedParameter, mergeArtifactReports, parseExecutorOutput } from "../../core/executor/executor-output.ts";
import {
  ExecutorOutputSchema,
  ParameterType,
  type ComponentSpec,
  type ExecutorInput,
  type ExecutorOutput,
} from "../../core/kfp-types.ts";
import { planOutputArtifacts, type OutputArtifactPlan } from "../../core/executor/output-artifacts.ts";
import { textToValue } from "../../core/values/text-to-value.ts";
import { valueToJson, type Value } from "../../core/values/value.ts";
import type { FileSystem } from "../../ports/file-system.ts";
import type { Logger } from "../../ports/logger.ts";
import { warnOfUnknownFields } from "../../program/unknown-fields.ts";
import type { OutputLimits } from "../settings.ts";

/** What reading outputs takes. */
export interface CollectDeps {
  readonly fileSystem: FileSystem;
  readonly logger: Logger;
}

/** Which outputs are expected, and where. */
export interface CollectOptions {
  readonly executorInput: ExecutorInput;
  readonly component: ComponentSpec;
  readonly namespace: string;
  readonly artifactLocalPath?: string | undefined;
  /** Read instead of the file the executor input names. */
  readonly executorOutputPath?: string | undefined;
  readonly limits: OutputLimits;
}

/** The outputs of a program that has ended, before anything is transferred. */
export interface CollectedOutputs {
  /** By key, in the order of the keys. */
  readonly parameters: ReadonlyMap<string, Value>;
  readonly artifacts: readonly OutputArtifactPlan[];
}

/** @throws {UserCodeError} EXECUTOR_OUTPUT_INVALID, OUTPUT_PARAMETER_INVALID or METRIC_INVALID; and as planOutputArtifacts. */
export async function collectOutputs(deps: CollectDeps, options: CollectOptions): Promise<CollectedOutputs> {
  const { executorInput, component, namespace, artifactLocalPath } = options;
  const path = options.executorOutputPath ?? executorInput.outputs?.outputFile ?? "";
  const executorOutput = await readExecutorOutput(deps, { path, component, limit: options.limits.executorOutput });
  const parameters = await readParameters(deps, options, executorOutput);
  const merged = mergeArtifactReports(executorInput, component, executorOutput, { artifactLocalPath });
  const artifacts = planOutputArtifacts(merged, { namespace, artifactLocalPath });
  deps.logger.info("Outputs collected", { parameters: parameters.size, artifacts: artifacts.length });
  return { parameters, artifacts };
}

/**
 * Reads the executor output file. One that does not exist is an empty output.
 *
 * @throws {UserCodeError} EXECUTOR_OUTPUT_INVALID
 */
export async function readExecutorOutput(
  { fileSystem, logger }: CollectDeps,
  {
    path,
    component,
    limit,
  }: { readonly path: string; readonly component: ComponentSpec; readonly limit: OutputLimits["executorOutput"] },
): Promise<ExecutorOutput> {
  try {
    const text = path === "" ? undefined : await fileSystem.readRegularText(path, { ...limit, strictUtf8: true });
    if (text === undefined) return create(ExecutorOutputSchema);
    const parsed = parseExecutorOutput(text, { path });
    const { output, unknownFields } = parsed;
    const types = Object.entries(component.outputDefinitions?.parameters ?? {});
    const rounded = findRoundedParameter(parsed, new Map(types.map(([key, { parameterType }]) => [key, parameterType])));
    if (rounded !== undefined) throw new Error(`output parameter "${rounded.key}": ${rounded.problem}`);
    warnOfUnknownFields(logger, `the executor output in ${path}`, unknownFields);
    logger.verbose(4, "Executor output", () => ({ path, text }));
    return output;
  } catch (error) {
    const message = `failed to unmarshall ExecutorOutput in file "${path}": ${errorMessage(error)}`;
    throw new UserCodeError("EXECUTOR_OUTPUT_INVALID", message, { details: { path }, cause: error });
  }
}

async function readParameters(
  deps: CollectDeps,
  { executorInput, component, limits }: CollectOptions,
  executorOutput: ExecutorOutput,
): Promise<Map<string, Value>> {
  const values = new Map(Object.entries(executorOutput.parameterValues));
  for (const [key, { outputFile }] of Object.entries(executorInput.outputs?.parameters ?? {}).toSorted(byKey)) {
    // What the metadata file says wins; the parameter's own file is not even read.
    if (!values.has(key)) values.set(key, await readParameter(deps, { component, limits }, key, outputFile));
  }
  return new Map([...values].toSorted(byKey));
}

function byKey([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number {
  return left < right ? -1 : Number(left > right);
}

/**
 * Reads the file of an output parameter.
 *
 * @throws {UserCodeError} OUTPUT_PARAMETER_INVALID, also when there is no file.
 */
export async function readParameter(
  { fileSystem }: CollectDeps,
  { component, limits }: Pick<CollectOptions, "component" | "limits">,
  key: string,
  path: string,
): Promise<Value> {
  const declared = new Map(Object.entries(component.outputDefinitions?.parameters ?? {})).get(key);
  const type = declared?.parameterType ?? ParameterType.PARAMETER_TYPE_ENUM_UNSPECIFIED;
  const fail = (reason: string, cause?: unknown): UserCodeError => {
    const what = `output parameter name="${key}" type="${ParameterType[type] ?? type}" path="${path}"`;
    return new UserCodeError("OUTPUT_PARAMETER_INVALID", `failed to read ${what}: ${reason}`, { details: { path }, cause });
  };
  if (declared === undefined) throw fail("the component does not declare it");
  try {
    const text = await fileSystem.readRegularText(path, { ...limits.parameter, strictUtf8: true });
    if (text === undefined) throw fail("the program did not write that file");
    const value = textToValue(text, type);
    // The API server has no place for NaN and infinities; it is better said here, with the name, than by its answer.
    valueToJson(value);
    return value;
  } catch (error) {
    if (error instanceof UserCodeError && error.details.path === path) throw error;
    throw fail(errorMessage(error), error);
  }
}
