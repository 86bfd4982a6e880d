/**
 * Strategic merge patch of a pod spec, as far as patches of steps need it, and the rules of pods that schemas do not tell.
 *
 * Source: docs/spec/pod-spec-patch.md#how-it-is-consumed.
 */
import type { JsonObject, JsonValue } from "../../src/core/values/value.ts";

/** Merge keys of lists of objects by the name of their member; other lists are replaced. */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  containers: "name",
  initContainers: "name",
  volumes: "name",
  volumeMounts: "mountPath",
  env: "name",
  imagePullSecrets: "name",
  resourceClaims: "name",
  claims: "name",
};

export function strategicMerge(original: JsonObject, patch: JsonObject): JsonObject {
  const merged: JsonObject = { ...original };
  for (const [key, value] of Object.entries(patch)) {
    const before = merged[key];
    const mergeKey = MERGE_KEYS[key];
    if (Array.isArray(value) && mergeKey !== undefined)
      merged[key] = mergeList(asObjects(before ?? []), asObjects(value), mergeKey);
    else if (isObject(value) && isObject(before)) merged[key] = strategicMerge(before, value);
    else merged[key] = value;
  }
  return merged;
}

function mergeList(original: readonly JsonObject[], patch: readonly JsonObject[], mergeKey: string): JsonObject[] {
  const merged = [...original];
  for (const item of patch) {
    const index = merged.findIndex((other) => other[mergeKey] === item[mergeKey]);
    const before = merged[index];
    if (before === undefined) merged.push(item);
    else merged[index] = strategicMerge(before, item);
  }
  return merged;
}

/** What the API server would say about a pod spec, beyond its schema; empty when it is fine. */
export function podProblems(spec: JsonObject): string[] {
  const volumes = asObjects(spec["volumes"] ?? []);
  const names = new Set(volumes.map(({ name }) => name));
  const containers = [...asObjects(spec["containers"] ?? []), ...asObjects(spec["initContainers"] ?? [])];
  return [
    ...volumes.flatMap((volume) => [
      ...(Object.keys(volume).length === 2 ? [] : [`volume ${nameOf(volume)} has not exactly one source`]),
      ...(/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(nameOf(volume)) ? [] : [`volume name ${nameOf(volume)}`]),
    ]),
    ...containers.flatMap((container) => {
      const mounts = asObjects(container["volumeMounts"] ?? []);
      const paths = mounts.map(({ mountPath }) => mountPath);
      const variables = asObjects(container["env"] ?? []);
      return [
        ...mounts.filter(({ name }) => !names.has(name as string)).map((mount) => `mount of unknown volume ${nameOf(mount)}`),
        ...(new Set(paths).size === paths.length ? [] : [`mount paths ${JSON.stringify(paths)}`]),
        ...variables
          .filter((variable) => "value" in variable && "valueFrom" in variable)
          .map((variable) => `variable ${nameOf(variable)} has two values`),
        ...variables
          .filter(({ valueFrom }) => isObject(valueFrom) && Object.keys(valueFrom).length !== 1)
          .map((variable) => `variable ${nameOf(variable)} has several sources`),
      ];
    }),
  ];
}

function nameOf({ name }: JsonObject): string {
  return typeof name === "string" ? name : JSON.stringify(name);
}

function asObjects(value: JsonValue): JsonObject[] {
  if (!Array.isArray(value) || !value.every(isObject)) throw new Error("a list of objects was expected");
  return value;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
