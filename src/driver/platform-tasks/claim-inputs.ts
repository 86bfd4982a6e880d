/**
 * The inputs of CreatePVC and DeletePVC, read as a claim.
 *
 * All that can be said without the cluster is said here, before a row exists: the reference drops access modes it does not know, and
 * ends in a crash for a size that is not a quantity.
 *
 * Source: docs/spec/persistent-volume-claims.md#inputs-and-output.
 *
 * @module
 */
import { errorMessage, SpecError } from "../../core/errors.ts";
import type { ExecutorInput } from "../../core/kfp-types.ts";
import { assertObjectName } from "../../core/spec/object-name.ts";
import { isNullValue, textOfValue, valueKind, valueToJson, type JsonObject, type Value } from "../../core/values/value.ts";
import type { VolumeClaimSpec } from "../../ports/kube-api.ts";
import { canonicalQuantity } from "../pod-spec-patch/quantity.ts";

/** A claim of CreatePVC; its name is given, or its suffix. */
export interface ClaimInputs {
  readonly name: string;
  readonly nameSuffix: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: VolumeClaimSpec;
}

const ACCESS_MODES = ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"];
/** Of a component without the input, which no component of the SDK is. */
const IMPLICIT_STORAGE_CLASS = "standard";

/** @throws {SpecError} SPEC_INVALID naming the input. */
export function claimInputs(executorInput: ExecutorInput): ClaimInputs {
  const inputs = new ClaimParameters(executorInput, "create");
  const accessModes = accessModesOf(inputs);
  const name = inputs.text("pvc_name") ?? "";
  const nameSuffix = inputs.text("pvc_name_suffix") ?? "";
  if (name !== "" && nameSuffix !== "") {
    throw inputs.refuse("at most one of pvc_name and pvc_name_suffix can be non-empty");
  }
  const size = inputs.text("size");
  // The first words are those of the reference.
  if (size === undefined) throw inputs.refuse('parameter volumeSize not provided: the task has no value for input "size"');
  const volumeName = inputs.text("volume_name") ?? "";
  const dataSource = dataSourceOf(inputs);
  return {
    name,
    nameSuffix,
    annotations: annotationsOf(inputs),
    spec: {
      accessModes,
      resources: { requests: { storage: storageOf(inputs, size) } },
      storageClassName: inputs.has("storage_class_name") ? (inputs.text("storage_class_name") ?? "") : IMPLICIT_STORAGE_CLASS,
      ...(volumeName === "" ? {} : { volumeName }),
      ...(dataSource === undefined ? {} : { dataSource }),
    },
  };
}

/** @throws {SpecError} SPEC_INVALID when there is no name, or one that the API would read as something else. */
export function claimToDelete(executorInput: ExecutorInput): string {
  const inputs = new ClaimParameters(executorInput, "delete");
  const name = inputs.text("pvc_name");
  if (name === undefined) throw inputs.refuse("required parameter pvc_name not provided");
  inputs.assertName(name);
  return name;
}

class ClaimParameters {
  readonly #values: Readonly<Record<string, Value>>;
  readonly #verb: "create" | "delete";

  constructor(executorInput: ExecutorInput, verb: "create" | "delete") {
    this.#values = executorInput.inputs?.parameterValues ?? {};
    this.#verb = verb;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#values, name);
  }

  /** `undefined` for an absent value and for null. */
  value(name: string): Value | undefined {
    const value = this.has(name) ? this.#values[name] : undefined;
    return value === undefined || isNullValue(value) ? undefined : value;
  }

  text(name: string): string | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (value.kind.case !== "stringValue") throw this.refuse(`parameter ${name} must be a string, not a ${valueKind(value)}`);
    return value.kind.value;
  }

  struct(name: string): JsonObject | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (value.kind.case !== "structValue") throw this.refuse(`parameter ${name} must be a struct, not a ${valueKind(value)}`);
    return valueToJson(value) as JsonObject;
  }

  assertName(name: string): void {
    try {
      assertObjectName(name);
    } catch (error) {
      throw this.refuse(errorMessage(error));
    }
  }

  refuse(reason: string): SpecError {
    return new SpecError("SPEC_INVALID", `failed to ${this.#verb} pvc: ${reason}`);
  }
}

function accessModesOf(inputs: ClaimParameters): string[] {
  const value = inputs.value("access_modes");
  if (value === undefined) throw inputs.refuse("parameter access_modes not provided");
  const allowed = `must be a list of ${ACCESS_MODES.join(", ")}`;
  if (value.kind.case !== "listValue") throw inputs.refuse(`parameter access_modes ${allowed}, not a ${valueKind(value)}`);
  const modes = value.kind.value.values.map((mode) => (mode.kind.case === "stringValue" ? mode.kind.value : textOfValue(mode)));
  if (modes.length === 0) throw inputs.refuse(`parameter access_modes ${allowed}, and it is empty`);
  const unknown = modes.find((mode) => !ACCESS_MODES.includes(mode));
  if (unknown !== undefined) throw inputs.refuse(`parameter access_modes ${allowed}, not "${unknown}"`);
  return modes;
}

function storageOf(inputs: ClaimParameters, size: string): string {
  try {
    return canonicalQuantity(size, "size");
  } catch (error) {
    throw inputs.refuse(`failed to parse pvc size "${size}": ${errorMessage(error)}`);
  }
}

/** Numbers and truth values as the text that they would be in YAML; the reference makes them empty. */
function annotationsOf(inputs: ClaimParameters): Record<string, string> {
  const value = inputs.value("annotations");
  if (value === undefined) return {};
  if (value.kind.case !== "structValue") throw inputs.refuse(`parameter annotations must be a struct, not a ${valueKind(value)}`);
  return Object.fromEntries(Object.entries(value.kind.value.fields).map(([key, text]) => [key, textOfValue(text)]));
}

/** Members by their name in any case, as the reference reads them; others are ignored, the SDK documents three. */
function dataSourceOf(inputs: ClaimParameters): VolumeClaimSpec["dataSource"] {
  const source = inputs.struct("data_source");
  if (source === undefined || Object.keys(source).length === 0) return undefined;
  const member = (name: string): string | null => {
    const exact = Object.hasOwn(source, name) ? name : undefined;
    const key = exact ?? Object.keys(source).find((other) => other.toLowerCase() === name.toLowerCase());
    const value = key === undefined ? null : (source[key] ?? null);
    if (value !== null && typeof value !== "string") {
      throw inputs.refuse(`failed to build data source: ${name} must be a string, not ${JSON.stringify(value)}`);
    }
    return value;
  };
  return { apiGroup: member("apiGroup"), kind: member("kind") ?? "", name: member("name") ?? "" };
}
