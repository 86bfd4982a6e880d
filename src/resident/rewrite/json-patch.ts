/**
 * The part of JSON Patch that changes to Kubernetes objects need: members that are added, replaced or removed.
 *
 * Standard: RFC 6902, RFC 6901.
 *
 * @module
 */
import { InternalError } from "../../core/errors.ts";
import { isJsonObject } from "../../core/values/json-object.ts";
import type { JsonValue } from "../../core/values/value.ts";

/** One operation; `add` of a member that exists replaces it. */
export type PatchOperation =
  | { readonly op: "add" | "replace"; readonly path: string; readonly value: JsonValue }
  | { readonly op: "remove"; readonly path: string };

/** The JSON Pointer to a member, its names and indices from the outside in. */
export function jsonPointer(...keys: readonly (string | number)[]): string {
  return keys.map((key) => `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/**
 * The document with all operations done, in order; the given one stays as it is.
 *
 * @throws {InternalError} INVARIANT_BROKEN for an operation that does not fit the document.
 */
export function applyJsonPatch(document: JsonValue, patch: readonly PatchOperation[]): JsonValue {
  return patch.reduce((current, operation) => applied(current, pointerKeys(operation.path), operation), document);
}

function pointerKeys(path: string): string[] {
  return path
    .split("/")
    .slice(1)
    .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function applied(value: JsonValue, [key, ...inside]: readonly string[], operation: PatchOperation): JsonValue {
  const misfit = (): InternalError =>
    new InternalError("INVARIANT_BROKEN", `Cannot ${operation.op} ${operation.path}: the document has no such place`);
  if (key === undefined) {
    if (operation.op === "remove") throw misfit();
    return operation.value;
  }
  if (Array.isArray(value)) {
    const isEnd = inside.length === 0;
    const index = key === "-" ? value.length : Number(key);
    if (!/^(?:-|0|[1-9]\d*)$/.test(key) || index > value.length) throw misfit();
    if (isEnd && operation.op === "add") return value.toSpliced(index, 0, operation.value);
    const item = value[index];
    if (item === undefined) throw misfit();
    if (isEnd && operation.op === "remove") return value.toSpliced(index, 1);
    return value.with(index, applied(item, inside, operation));
  }
  if (!isJsonObject(value)) throw misfit();
  const has = Object.hasOwn(value, key);
  if (inside.length === 0 && operation.op !== "add" && !has) throw misfit();
  if (inside.length === 0 && operation.op === "remove") {
    return Object.fromEntries(Object.entries(value).filter(([name]) => name !== key));
  }
  if (inside.length > 0 && !has) throw misfit();
  // fromEntries defines own properties, so a key like "__proto__" is an ordinary one.
  const next = applied(value[key] ?? null, inside, operation);
  const entries = Object.entries(value);
  return Object.fromEntries(has ? entries.map(([name, old]) => [name, name === key ? next : old]) : [...entries, [key, next]]);
}
