/**
 * Loads what the KFP SDK compiles: a pipeline spec, alone or followed by a platform spec document, as YAML or JSON.
 *
 * Everything that can be said about the file before anything runs is said here; what is said is one line.
 *
 * @module
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { KfpError, SpecError, UsageError } from "../../core/errors.ts";
import { fileProblem } from "../../node/files/file-problem.ts";
import { parsePipelineSpec, SCHEMA_VERSION, type ParsedPipeline } from "../../core/spec/pipeline-spec.ts";
import type { SpecProblem } from "../../core/spec-check/problem.ts";
import type { FileSystem } from "../../ports/file-system.ts";
import { checkPipeline } from "./pipeline-checks.ts";
import { isJsonObject } from "../../core/values/json-object.ts";
import { FILE_SIZE_LIMIT, readTextDocuments } from "../../core/values/text-documents.ts";
import { oneLine } from "../../core/one-line.ts";

/** A pipeline that could be read. */
export interface PipelineDocument {
  /** As given on the command line. */
  readonly path: string;
  readonly name: string;
  /** What CreateRun takes: the spec, or `{pipeline_spec, platform_spec}`. */
  readonly source: JsonObject;
  readonly parsed: ParsedPipeline;
}

/** A pipeline that has passed the static check. */
export interface LoadedPipeline extends PipelineDocument {
  /** What the static check found: warnings only. */
  readonly problems: readonly SpecProblem[];
}

/** What is read from the disk. */
type Files = Pick<FileSystem, "readText"> & Partial<Pick<FileSystem, "stat">>;

export { FILE_SIZE_LIMIT };

/** Members every compiled pipeline has. */
const REQUIRED_MEMBERS = ["pipelineInfo", "root", "deploymentSpec", "schemaVersion"];

/** Reads and checks a file, see {@link readPipelineFile} and {@link checkDocument}. */
export async function loadPipelineFile(files: Files, path: string): Promise<LoadedPipeline> {
  return await checkDocument(await readPipelineFile(files, path));
}

/**
 * @throws {UsageError} FILE_UNREADABLE when it cannot be read, is not YAML, or is not a pipeline.
 * @throws {SpecError} when the first thing wrong hides all else.
 */
export async function readPipelineFile(files: Files, path: string): Promise<PipelineDocument> {
  return await parsePipelineText(await readFile(files, path), path);
}

/**
 * The same for a text that was read already.
 *
 * @throws {UsageError} FILE_UNREADABLE when it is not YAML, or is not a pipeline.
 * @throws {SpecError} when the first thing wrong hides all else.
 */
export async function parsePipelineText(text: string, path: string): Promise<PipelineDocument> {
  return pipelineDocument(pipelineSource(await readDocuments(text, path), path), path);
}

/**
 * Checks a pipeline that came from elsewhere than a file.
 *
 * @param source The spec, or `{pipeline_spec, platform_spec}`, as JSON.
 * @param path The file, or what else it is called in messages.
 * @throws {SpecError} for everything the static check finds (core/spec-check), a line for each.
 */
export async function loadPipelineSource(source: JsonObject, path: string): Promise<LoadedPipeline> {
  return await checkDocument(pipelineDocument(source, path));
}

/** @throws {SpecError} for everything the static check finds (core/spec-check), a line for each. */
export async function checkDocument(document: PipelineDocument): Promise<LoadedPipeline> {
  return { ...document, problems: await checkPipeline(document.parsed, refusalOf(document.path)) };
}

function refusalOf(path: string): string {
  return `Cannot run ${path}`;
}

function pipelineDocument(source: JsonObject, path: string): PipelineDocument {
  let parsed: ParsedPipeline;
  let name: string;
  try {
    parsed = parsePipelineSpec(source);
    const { pipelineInfo, schemaVersion } = parsed.spec;
    if (schemaVersion !== SCHEMA_VERSION) {
      throw new SpecError("SPEC_INVALID", `its schemaVersion is "${schemaVersion}", only ${SCHEMA_VERSION} is known`);
    }
    name = pipelineInfo?.name ?? "";
    if (name === "") throw new SpecError("SPEC_INVALID", "it has no pipelineInfo.name");
    // Read on demand: a malformed one is an error of the file, too.
    void parsed.deployment;
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    throw error.withMessage(`${refusalOf(path)}: ${oneLine(error.message)}`);
  }
  return { path, name, source, parsed };
}

/** A text file named on the command line. @throws {UsageError} FILE_UNREADABLE */
export async function readFile(files: Files, path: string): Promise<string> {
  let text: string | undefined;
  try {
    const sizeBytes = (await files.stat?.(path))?.sizeBytes ?? 0;
    if (sizeBytes > FILE_SIZE_LIMIT) throw tooLarge(sizeBytes);
    text = await files.readText(path);
  } catch (error) {
    const reason = error instanceof KfpError && error.cause !== undefined ? fileProblem(error.cause) : fileProblem(error);
    throw new UsageError("FILE_UNREADABLE", `Cannot read ${path}: ${oneLine(reason)}`, { cause: error });
  }
  if (text === undefined) throw new UsageError("FILE_UNREADABLE", `Cannot read ${path}: there is no such file`);
  return text;
}

function tooLarge(sizeBytes: number): Error {
  return new Error(`it has ${sizeBytes.toLocaleString("en")} bytes, the limit is ${FILE_SIZE_LIMIT.toLocaleString("en")}`);
}

/**
 * The documents of a YAML or JSON text.
 *
 * @param tooDeep Why a text that is nested too deeply is refused, for callers that take even fewer levels.
 * @throws {UsageError} FILE_UNREADABLE naming line and column.
 */
export async function readDocuments(text: string, path: string, tooDeep?: string): Promise<readonly JsonValue[]> {
  const read = await readTextDocuments(text, tooDeep);
  if ("problem" in read) {
    throw new UsageError("FILE_UNREADABLE", `Cannot read ${path}${read.problem}`, { details: { path, ...read.place } });
  }
  return read.documents;
}

function pipelineSource(documents: readonly JsonValue[], path: string): JsonObject {
  const noPipeline = (reason: string): UsageError =>
    new UsageError("FILE_UNREADABLE", `${path} is not a compiled pipeline: ${reason}`);
  const [first, second, ...more] = documents;
  if (first === undefined) throw noPipeline("it is empty");
  if (!isJsonObject(first)) throw noPipeline("it holds no map");
  if (more.length > 0) throw noPipeline("it has more than two documents");
  if (second !== undefined && !isJsonObject(second)) throw noPipeline("its second document is not a platform spec");
  const wrapped = first["pipeline_spec"] ?? first["pipelineSpec"];
  const spec = wrapped ?? first;
  if (!isJsonObject(spec)) throw noPipeline("its pipeline_spec is not a map");
  const missing = REQUIRED_MEMBERS.filter((name) => !Object.hasOwn(spec, name) && !Object.hasOwn(spec, snakeCase(name)));
  if (missing.length > 0) {
    const kind = typeof spec["kind"] === "string" ? ` (it is a Kubernetes object of kind ${spec["kind"]})` : "";
    throw noPipeline(`it has no ${missing.join(", no ")}${kind}; compile it with the KFP SDK, version 2`);
  }
  const platformSpec = second ?? first["platform_spec"] ?? first["platformSpec"];
  if (platformSpec === undefined) return spec;
  if (!isJsonObject(platformSpec)) throw noPipeline("its platform spec is not a map");
  if (!Object.hasOwn(platformSpec, "platforms"))
    throw noPipeline("its second document is not a platform spec: it has no platforms");
  return { pipeline_spec: spec, platform_spec: platformSpec };
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
