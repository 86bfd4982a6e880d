/**
 * ExecutorOutput, the file user code may leave behind, and what it changes about the declared output artifacts.
 *
 * Source: docs/spec/outputs.md#executor-output, #artifact-data-the-executor-reports, #lau-23, docs/spec/json-and-rest.md#lau-5.
 *
 * @module
 */
import { clone, create } from "@bufbuild/protobuf";
import { UserCodeError } from "../errors.ts";
import type { LocalPathOptions } from "./artifact-uri.ts";
import { EXECUTOR_LOGS_KEY } from "./executor-input.ts";
import { uriOfReport } from "./foreign-uris.ts";
import { ExecutorOutputSchema, ParameterType, RuntimeArtifactSchema } from "../kfp-types.ts";
import type { ComponentSpec, ExecutorInput, ExecutorOutput, RuntimeArtifact } from "../kfp-types.ts";
import { jsonPathText, type JsonPath } from "../values/json-text.ts";
import { parseLenient } from "../protojson/protojson.ts";
import { compareUtf8 } from "../go/unicode.ts";
import { isUnsafeInteger, UNSAFE_INTEGER } from "../values/value.ts";

/** The executor output file as a message, with what was odd about its text. */
export interface ParsedExecutorOutput {
  readonly output: ExecutorOutput;
  /** JSON paths of unknown fields; worth one warning. */
  readonly unknownFields: readonly string[];
  /** Integers of the text that a double rounds. */
  readonly roundedIntegers: readonly JsonPath[];
}

/**
 * Reads the executor output file.
 *
 * @param text Content of a file that exists; a missing file is an empty output, which is the caller's to know.
 * @param options.path Where the file lies, for messages.
 * @throws {UserCodeError} EXECUTOR_OUTPUT_INVALID for an empty file, text that is not JSON (`NaN` included), repeated keys and wrong
 *   types. The message holds no value.
 */
export function parseExecutorOutput(text: string, options: { readonly path: string }): ParsedExecutorOutput {
  const { message, ...found } = parseLenient(ExecutorOutputSchema, text, {
    what: `executor output ${options.path}`,
    error: (problem) => new UserCodeError("EXECUTOR_OUTPUT_INVALID", problem + hint(text), { details: { path: options.path } }),
  });
  return { output: message, ...found };
}

/**
 * The first output parameter whose number is not what the program wrote: an integer beyond 2^53, alone or inside a list or struct.
 *
 * NUMBER_DOUBLE is exempt, it promises no exact digits.
 *
 * @param types Declared types by output parameter; undeclared ones are looked at too.
 * @returns Its key, and the words for what is wrong with it.
 */
export function findRoundedParameter(
  { output, roundedIntegers }: ParsedExecutorOutput,
  types: ReadonlyMap<string, ParameterType>,
): { readonly key: string; readonly problem: string } | undefined {
  for (const [key, { kind }] of Object.entries(output.parameterValues)) {
    if (types.get(key) === ParameterType.NUMBER_DOUBLE) continue;
    const path = roundedIntegers.find(([field, name]) => isParameterValues(field) && name === key)?.slice(2);
    const isUnsafe =
      kind.case === "numberValue" && types.get(key) === ParameterType.NUMBER_INTEGER && isUnsafeInteger(kind.value);
    if (path === undefined && !isUnsafe) continue;
    const subject = path === undefined || path.length === 0 ? "it" : `member ${jsonPathText(path)}`;
    return { key, problem: `${subject} is ${UNSAFE_INTEGER}` };
  }
  return undefined;
}

function isParameterValues(field: string | number | undefined): boolean {
  return field === "parameterValues" || field === "parameter_values";
}

function hint(text: string): string {
  // Python's json module writes them unless told not to.
  return /[:[,]\s*-?(NaN|Infinity)\b/.test(text) ? " (NaN and Infinity are not JSON)" : "";
}

/** The artifacts of one output, as provisioned and then changed by what user code reported. */
export interface MergedOutput {
  readonly key: string;
  /** Copies; one element unless the output is a declared list. */
  readonly artifacts: readonly RuntimeArtifact[];
}

/**
 * Applies the executor's reports to the provisioned output artifacts.
 *
 * Of a report only URI (not empty), metadata (key by key) and custom path (not empty) count. For an output declared as a list every
 * reported element becomes an artifact, with its own name, and a reported empty list means that there is none; for any other output
 * elements beyond the provisioned ones are ignored. The log artifact cannot be changed by a report. A local path that stands for a URI
 * of a scheme that the SDK does not know becomes that URI again (executor/foreign-uris.ts).
 *
 * @returns Outputs in the order of their keys.
 */
export function mergeArtifactReports(
  executorInput: ExecutorInput,
  component: ComponentSpec,
  executorOutput: ExecutorOutput,
  options: LocalPathOptions = {},
): MergedOutput[] {
  const reports = new Map(Object.entries(executorOutput.artifacts).map(([key, { artifacts }]) => [key, artifacts]));
  const declared = new Map(Object.entries(component.outputDefinitions?.artifacts ?? {}));
  return Object.entries(executorInput.outputs?.artifacts ?? {})
    .toSorted(([left], [right]) => compareUtf8(left, right))
    .map(([key, { artifacts }]) => {
      const reported = key === EXECUTOR_LOGS_KEY ? undefined : reports.get(key);
      if (declared.get(key)?.isArtifactList === true && reported !== undefined) {
        return { key, artifacts: mergedList(key, artifacts, reported, options) };
      }
      return { key, artifacts: artifacts.map((artifact, index) => merged(artifact, reported?.[index], options)) };
    });
}

function mergedList(
  key: string,
  provisioned: readonly RuntimeArtifact[],
  reported: readonly RuntimeArtifact[],
  options: LocalPathOptions,
): RuntimeArtifact[] {
  return reported.map((report, index) => {
    const artifact = merged(provisioned[index] ?? furtherElement(provisioned), report, options);
    artifact.name = report.name === "" ? key : report.name;
    return artifact;
  });
}

/** An element beyond the provisioned ones shares their type and static metadata; where it lies only the report can say. */
function furtherElement([first]: readonly RuntimeArtifact[]): RuntimeArtifact {
  return create(RuntimeArtifactSchema, {
    ...(first?.type === undefined ? {} : { type: first.type }),
    ...(first?.metadata === undefined ? {} : { metadata: first.metadata }),
  });
}

function merged(artifact: RuntimeArtifact, report: RuntimeArtifact | undefined, options: LocalPathOptions): RuntimeArtifact {
  const result = clone(RuntimeArtifactSchema, artifact);
  if (report === undefined) return result;
  if (report.uri !== "") result.uri = uriOfReport(report.uri, options);
  if (report.metadata !== undefined) result.metadata = { ...result.metadata, ...report.metadata };
  if (report.customPath !== undefined && report.customPath !== "") result.customPath = report.customPath;
  return result;
}
