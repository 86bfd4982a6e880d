/**
 * The launcher's pass over the user's command line: one pass from left to right, and inserted text is never looked at again.
 *
 * A parameter value is data: whatever it holds, it is never read for placeholders. The exception is a value that is, word for word, the
 * constant or the default that the author of the pipeline wrote for this input: then the driver has left it as it is (the reference
 * does), and its references to other inputs and to facts of the run are resolved here, leaf by leaf, so that a number stands inside the
 * quotes of the string it is mentioned in and no value can break the JSON of `{{$}}`. Resolving what our own driver has resolved is
 * harmless: where the result is the template itself, resolving it once more gives the same.
 *
 * Source: docs/spec/placeholders.md#launcher-pass, #placeholder-table, #rendering-of-values, #ifpresent-in-the-driver,
 * #the-whole-executor-input, #lau-14, #lau-15, #lau-16, #lau-17, #placeholder-cases,
 * docs/spec/inputs-and-user-command.md#local-paths,
 * docs/spec/task-config-workspace-modelcar.md#workspace-artifacts-in-the-launcher.
 *
 * @module
 */
import { clone } from "@bufbuild/protobuf";
import { localPathForUri, workspacePathForUri } from "../executor/artifact-uri.ts";
import type { LocalPathOptions } from "../executor/artifact-uri.ts";
import { StorageError } from "../errors.ts";
import { executorInputJson, WORKSPACE_MARKER_KEY } from "../executor/executor-input.ts";
import { withLocalPaths } from "../executor/foreign-uris.ts";
import { goJson } from "../go/json.ts";
import { ExecutorInputSchema, RuntimeArtifactSchema } from "../kfp-types.ts";
import type { ExecutorInput, RuntimeArtifact } from "../kfp-types.ts";
import { evaluateClause, parseClause } from "./clause.ts";
import { jobPlaceholderValue } from "./context.ts";
import type { PlaceholderContext } from "./context.ts";
import { replacePlaceholders } from "./text.ts";
import type { Placeholder, PlaceholderReference } from "./text.ts";
import { printJson } from "../protojson/protojson.ts";
import { isNullValue, jsonToValue, textOfValue, valuesEqual } from "../values/value.ts";
import type { Value } from "../values/value.ts";

/** What the placeholders of a command line are resolved from. */
export interface LauncherArgumentsContext extends LocalPathOptions {
  /** After retry qualification of the logs. */
  readonly executorInput: ExecutorInput;
  /** Facts of run and task; `taskId` is the task's own. */
  readonly run: PlaceholderContext;
  /** By input: the constant of the task spec or the default of the component, as written. */
  readonly templates?: ReadonlyMap<string, Value>;
}

/**
 * Resolves the command line. Unknown placeholders stay as they are; a null parameter is empty text.
 *
 * @param elements The command followed by its arguments.
 * @throws {StorageError} LOCAL_PATH_INVALID when an output artifact, or an input artifact in the workspace, has no local path,
 *   whether or not the command line asks for it.
 * @throws {SpecError} PLACEHOLDER_INVALID for a malformed clause.
 * @throws {ResolveError} VALUE_INVALID for a value without text form.
 */
export function resolveLauncherArguments(elements: readonly string[], context: LauncherArgumentsContext): string[] {
  const resolver = new LauncherResolver(context);
  const resolveText = (text: string): string => replacePlaceholders(text, (placeholder) => resolver.textOf(placeholder));
  return elements.flatMap((element) => {
    const clause = parseClause(element);
    if (clause === undefined) return [resolveText(element)];
    return evaluateClause(clause, { isPresent: (name) => resolver.isPresent(name), resolveText });
  });
}

/**
 * A copy of the executor input in which the values that are still templates have their references to input parameters, run and task
 * resolved. References are resolved once: what a reference inserts is not searched again.
 */
export function resolveParameterReferences(
  executorInput: ExecutorInput,
  { run, templates = new Map() }: Pick<LauncherArgumentsContext, "run" | "templates">,
): ExecutorInput {
  const resolved = clone(ExecutorInputSchema, executorInput);
  if (resolved.inputs === undefined) return resolved;
  const original = new Map(Object.entries(executorInput.inputs?.parameterValues ?? {}));
  const textOf = ({ reference }: Placeholder): string | undefined => {
    if (reference.kind === "context") return jobPlaceholderValue(reference.name, run);
    const value = reference.kind === "input-parameter" ? original.get(reference.name) : undefined;
    return value === undefined ? undefined : textOfValue(value);
  };
  for (const [name, value] of Object.entries(resolved.inputs.parameterValues)) {
    const template = templates.get(name);
    if (template === undefined || !valuesEqual(value, template)) continue;
    replaceStrings(value, (text) => replacePlaceholders(text, textOf));
  }
  return resolved;
}

function replaceStrings({ kind }: Value, replace: (text: string) => string): void {
  if (kind.case === "stringValue") kind.value = replace(kind.value);
  if (kind.case === "listValue") for (const item of kind.value.values) replaceStrings(item, replace);
  if (kind.case === "structValue") for (const field of Object.values(kind.value.fields)) replaceStrings(field, replace);
}

class LauncherResolver {
  readonly #context: LauncherArgumentsContext;
  readonly #executorInput: ExecutorInput;
  readonly #parameters: ReadonlyMap<string, Value>;
  readonly #artifacts: Readonly<Record<"inputs" | "outputs", ReadonlyMap<string, readonly RuntimeArtifact[]>>>;
  readonly #outputPaths: ReadonlyMap<string, string>;
  readonly #inputPaths: ReadonlyMap<string, string | undefined>;
  #json: string | undefined;

  constructor(context: LauncherArgumentsContext) {
    this.#context = context;
    this.#executorInput = resolveParameterReferences(context.executorInput, context);
    const { inputs, outputs } = this.#executorInput;
    this.#parameters = new Map(Object.entries(inputs?.parameterValues ?? {}));
    this.#artifacts = { inputs: listsOf(inputs?.artifacts), outputs: listsOf(outputs?.artifacts) };
    this.#inputPaths = mapFirst(this.#artifacts.inputs, (artifact, name) => inputArtifactPath(artifact, name, context));
    this.#outputPaths = mapFirst(this.#artifacts.outputs, (artifact, name) => outputArtifactPath(artifact, name, context));
  }

  isPresent(name: string): boolean {
    const value = this.#parameters.get(name);
    if (value?.kind.case !== undefined && !isNullValue(value)) return true;
    return (this.#artifacts.inputs.get(name)?.length ?? 0) > 0;
  }

  textOf({ reference }: Placeholder): string | undefined {
    switch (reference.kind) {
      case "executor-input":
        return (this.#json ??= executorInputJson(withLocalPaths(this.#executorInput, this.#context)));
      case "input-parameter": {
        const value = this.#parameters.get(reference.name);
        return value === undefined ? undefined : textOfValue(value);
      }
      case "output-parameter-file":
        return new Map(Object.entries(this.#executorInput.outputs?.parameters ?? {})).get(reference.name)?.outputFile;
      case "executor-output-file":
        return this.#executorInput.outputs?.outputFile || undefined;
      case "context":
        return jobPlaceholderValue(reference.name, this.#context.run);
      case "artifact":
        return this.#artifactText(reference);
      case "unknown":
        return undefined;
    }
  }

  #artifactText({ side, name, field, metadataKey }: Extract<PlaceholderReference, { kind: "artifact" }>): string | undefined {
    const list = this.#artifacts[side].get(name);
    if (list === undefined) return undefined;
    if (field === "list") return `[${list.map((artifact) => printJson(RuntimeArtifactSchema, artifact, {})).join(",")}]`;
    const [first] = list;
    if (first === undefined) return undefined;
    switch (field) {
      case "uri":
        return first.uri;
      case "path":
        return (side === "inputs" ? this.#inputPaths : this.#outputPaths).get(name);
      case "metadata":
        return metadataText(first, metadataKey);
    }
  }
}

function metadataText({ metadata = {} }: RuntimeArtifact, key: string | undefined): string | undefined {
  if (key === undefined) return goJson(metadata);
  const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
  return value === undefined ? undefined : textOfValue(jsonToValue(value));
}

function listsOf(
  lists: Readonly<Record<string, { artifacts: RuntimeArtifact[] }>> | undefined,
): ReadonlyMap<string, readonly RuntimeArtifact[]> {
  return new Map(Object.entries(lists ?? {}).map(([name, { artifacts }]) => [name, artifacts]));
}

function mapFirst<T>(
  lists: ReadonlyMap<string, readonly RuntimeArtifact[]>,
  map: (artifact: RuntimeArtifact, name: string) => T,
): ReadonlyMap<string, T> {
  const mapped = new Map<string, T>();
  for (const [name, [first]] of lists) if (first !== undefined) mapped.set(name, map(first, name));
  return mapped;
}

/** A custom path wins over the mapping of the URI, even an empty one. */
function artifactPath({ customPath, uri }: RuntimeArtifact, options: LocalPathOptions): string | undefined {
  return customPath ?? localPathForUri(uri, options);
}

function inputArtifactPath(artifact: RuntimeArtifact, name: string, options: LocalPathOptions): string | undefined {
  if (artifact.metadata?.[WORKSPACE_MARKER_KEY] !== true) return artifactPath(artifact, options);
  const path = workspacePathForUri(artifact.uri, options);
  if (path !== undefined) return path;
  throw unmapped(`input artifact "${name}" to a path in the workspace`, artifact.uri);
}

function outputArtifactPath(artifact: RuntimeArtifact, name: string, options: LocalPathOptions): string {
  const path = artifactPath(artifact, options);
  if (path !== undefined) return path;
  throw unmapped(`output artifact "${name}" to a local path`, artifact.uri);
}

function unmapped(what: string, uri: string): StorageError {
  return new StorageError("LOCAL_PATH_INVALID", `Cannot map ${what}: the storage scheme of ${JSON.stringify(uri)} has none`);
}
