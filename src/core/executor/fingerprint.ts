/**
 * Fingerprint of a container task, the string the cache is looked up by.
 *
 * Two tasks of one pipeline share it when they would produce the same outputs. The API server compares the string alone, so it
 * must equal, byte for byte, what the Go driver computes. Pure; the lookup is the container driver's.
 *
 * Source: docs/spec/cache-and-fingerprint.md#computation, #worked-fingerprints, #later-upstream, #the-cachekey-message.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { SpecError } from "../errors.ts";
import { goJson } from "../go/json.ts";
import { ParameterType } from "../kfp-types.ts";
import type { ExecutorInput, RuntimeArtifact } from "../kfp-types.ts";
import { compareUtf8 } from "../go/unicode.ts";
import { valueToJson } from "../values/value.ts";
import type { JsonObject, JsonValue } from "../values/value.ts";

/** A variable of the container's environment. */
export interface CacheKeyVariable {
  readonly name: string;
  readonly value: string;
}

/** What decides whether two tasks are the same. Empty members do not count; insertion order of the records does not matter. */
export interface CacheKey {
  readonly containerSpec: {
    /** As in the spec, placeholders unresolved. */
    readonly image?: string;
    /** Command, then arguments, then `__kfp_pipeline_name=<pipeline>`. */
    readonly cmdArgs?: readonly string[];
    /** In spec order, repeats kept. */
    readonly env?: readonly CacheKeyVariable[];
    /** Hashed in the given order. */
    readonly pvcNames?: readonly string[];
  };
  /** Ids of the artifacts of each input, the name where there is no id. */
  readonly inputArtifactNames?: Readonly<Record<string, readonly string[]>>;
  readonly inputParameterValues?: Readonly<Record<string, JsonValue>>;
  /** Name, type and metadata of the first artifact of each output, in protojson form. */
  readonly outputArtifactsSpec?: Readonly<Record<string, JsonObject>>;
  /** Declared type of each output parameter, by enum name. */
  readonly outputParametersSpec?: Readonly<Record<string, string>>;
}

/**
 * The text that is hashed.
 *
 * @throws {ResolveError} VALUE_INVALID when a value has no JSON form.
 */
export function cacheKeyText(key: CacheKey): string {
  const { image, cmdArgs, env, pvcNames } = key.containerSpec;
  const containerSpec = withoutEmpty({
    image,
    cmdArgs: cmdArgs && [...cmdArgs],
    env: env?.map(({ name, value }) => withoutEmpty({ name, value })),
    pvcNames: pvcNames && [...pvcNames],
  });
  const inputArtifactNames = mapRecord(key.inputArtifactNames, (names) => withoutEmpty({ artifactNames: [...names] }));
  return goJson({
    ...withoutEmpty({
      inputArtifactNames,
      inputParameterValues: mapRecord(key.inputParameterValues, (value) => value),
      outputArtifactsSpec: mapRecord(key.outputArtifactsSpec, (artifact) => artifact),
      outputParametersSpec: mapRecord(key.outputParametersSpec, (typeName) => typeName),
    }),
    // The one member that is there even when empty.
    containerSpec,
  });
}

function withoutEmpty(members: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  const kept: JsonObject = {};
  for (const [name, member] of Object.entries(members)) {
    if (member !== undefined && member !== "" && !isEmptyObject(member)) kept[name] = member;
  }
  return kept;
}

function isEmptyObject(value: JsonValue): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

function mapRecord<T>(record: Readonly<Record<string, T>> | undefined, map: (value: T) => JsonValue): JsonObject {
  return Object.fromEntries(Object.entries(record ?? {}).map(([key, value]) => [key, map(value)]));
}

/**
 * The fingerprint of a cache key: SHA-256 of {@link cacheKeyText}.
 *
 * @returns 64 lowercase hex digits.
 * @throws {ResolveError} VALUE_INVALID when a value has no JSON form.
 */
export function fingerprint(key: CacheKey): string {
  return sha256(cacheKeyText(key));
}

/**
 * The fingerprint of a task with a cache key of its author's choice: nothing but that key and the component counts.
 *
 * @param componentName `componentRef.name` of the task spec; empty when it has none.
 * @param key `cachingOptions.cacheKey`, not empty.
 * @returns 64 lowercase hex digits.
 */
export function customFingerprint(componentName: string, key: string): string {
  return sha256(componentName === "" ? key : `${componentName}\0${key}`);
}

export interface FingerprintSalt {
  /** Text of the operator's choice, not empty. */
  readonly salt: string;
  /** Image of the container as the spec has it; its digest counts, where it carries one. */
  readonly image: string;
}

/**
 * A fingerprint that only tasks with the same salt and the same image digest share. A custom cache key ignores the image; with a salt,
 * another digest is another task all the same.
 *
 * @param ownFingerprint Of the cache key, or of the custom key.
 * @returns 64 lowercase hex digits.
 */
export function saltedFingerprint(ownFingerprint: string, { salt, image }: FingerprintSalt): string {
  const at = image.lastIndexOf("@");
  const digest = at === -1 ? "" : image.slice(at + 1);
  return sha256(`${ownFingerprint}\0${digest}\0${salt}`);
}

/**
 * Digests of the parts of a cache key by name, for people who compare two tasks: `image`, `command`, `env`, `claims`, `outputs`,
 * `artifact.NAME` and `parameter.NAME` for each input. Absent parts are left out. The digests are short; they say same or different, not what.
 *
 * @throws {ResolveError} VALUE_INVALID when a value has no JSON form.
 */
export function cacheKeyParts(key: CacheKey): Readonly<Record<string, string>> {
  const { image, cmdArgs = [], env = [], pvcNames = [] } = key.containerSpec;
  const outputs = withoutEmpty({
    artifacts: mapRecord(key.outputArtifactsSpec, (artifact) => artifact),
    parameters: mapRecord(key.outputParametersSpec, (typeName) => typeName),
  });
  const parts: [string, JsonValue][] = [];
  if (image !== undefined && image !== "") parts.push(["image", image]);
  parts.push(["command", [...cmdArgs]]);
  if (env.length > 0) parts.push(["env", env.map(({ name, value }) => [name, value])]);
  if (pvcNames.length > 0) parts.push(["claims", [...pvcNames]]);
  if (Object.keys(outputs).length > 0) parts.push(["outputs", outputs]);
  for (const [name, ids] of sortedEntries(key.inputArtifactNames)) parts.push([`artifact.${name}`, [...ids]]);
  for (const [name, value] of sortedEntries(key.inputParameterValues)) parts.push([`parameter.${name}`, value]);
  return Object.fromEntries(parts.map(([name, part]) => [name, partDigest(part)]));
}

/** Tells values apart without showing them: 12 hex digits. */
export function partDigest(part: JsonValue): string {
  return sha256(goJson(part)).slice(0, PART_DIGEST_LENGTH);
}

function sortedEntries<T>(record: Readonly<Record<string, T>> | undefined): [string, T][] {
  return Object.entries(record ?? {}).toSorted(([left], [right]) => compareUtf8(left, right));
}

/** Enough to tell parts apart. */
const PART_DIGEST_LENGTH = 12;

function sha256(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

/** What a cache key is made from. */
export interface CacheKeyOptions {
  /** Container spec of the executor, placeholders unresolved. */
  readonly containerSpec: {
    readonly image: string;
    readonly command: readonly string[];
    readonly args: readonly string[];
    readonly env: readonly CacheKeyVariable[];
  };
  readonly pipelineName: string;
  /** Claims the pod will mount, the workspace's included; any order, repeats allowed. */
  readonly pvcNames: readonly string[];
  /** Resolved inputs and provisioned outputs. */
  readonly executorInput: ExecutorInput;
  /** `component.outputDefinitions?.parameters ?? {}`. */
  readonly outputParameterTypes: Readonly<Record<string, { readonly parameterType: ParameterType }>>;
  /** False gives the fingerprint of drivers that ignore the container's environment (`KFP_FINGERPRINT_ENV=off`). */
  readonly includeEnv: boolean;
}

/**
 * Collects the cache key of a container task. Output URIs are left out: they differ in every run.
 *
 * @throws {SpecError} OUTPUT_PARAMETER_UNKNOWN when an output parameter has no declared type.
 * @throws {ResolveError} VALUE_INVALID when a parameter has no kind or is not finite.
 */
export function buildCacheKey(options: CacheKeyOptions): CacheKey {
  const { containerSpec, executorInput } = options;
  const { inputs, outputs } = executorInput;
  return {
    containerSpec: {
      image: containerSpec.image,
      cmdArgs: [...containerSpec.command, ...containerSpec.args, `__kfp_pipeline_name=${options.pipelineName}`],
      env: options.includeEnv ? containerSpec.env.map(({ name, value }) => ({ name, value })) : [],
      pvcNames: [...new Set(options.pvcNames)].toSorted(compareUtf8),
    },
    inputArtifactNames: recordOf(inputs?.artifacts, ({ artifacts }) =>
      artifacts.map(({ artifactId, name }) => artifactId || name),
    ),
    inputParameterValues: recordOf(inputs?.parameterValues, valueToJson),
    outputArtifactsSpec: recordOf(outputs?.artifacts, ({ artifacts: [first] }) => first && artifactIdentity(first)),
    outputParametersSpec: recordOf(outputs?.parameters, (_, name) => declaredType(options.outputParameterTypes, name)),
  };
}

function recordOf<T, R>(
  record: Readonly<Record<string, T>> | undefined,
  map: (value: T, key: string) => R | undefined,
): Record<string, R> {
  const entries: [string, R][] = [];
  for (const [key, value] of Object.entries(record ?? {})) {
    const mapped = map(value, key);
    if (mapped !== undefined) entries.push([key, mapped]);
  }
  return Object.fromEntries(entries);
}

function artifactIdentity({ name, type, metadata }: RuntimeArtifact): JsonObject {
  const identity: JsonObject = {};
  if (name !== "") identity["name"] = name;
  if (type !== undefined) {
    const { kind, schemaVersion } = type;
    identity["type"] = { ...(kind.case && { [kind.case]: kind.value }), ...(schemaVersion !== "" && { schemaVersion }) };
  }
  if (metadata !== undefined) identity["metadata"] = metadata;
  return identity;
}

function declaredType(types: CacheKeyOptions["outputParameterTypes"], name: string): string {
  const declared = Object.hasOwn(types, name) ? types[name] : undefined;
  if (declared === undefined) {
    throw new SpecError(
      "OUTPUT_PARAMETER_UNKNOWN",
      `Cannot compute the fingerprint: output parameter "${name}" is not declared by the component`,
    );
  }
  return ParameterType[declared.parameterType] ?? String(declared.parameterType);
}
