/**
 * Strategic merge patch of a pod spec, as far as patches of steps need it, and the rules of pods that schemas do not tell.
 *
 * Source: docs/spec/pod-spec-patch.md#how-it-is-consumed; k8s.io/api core/v1/types.go for merge keys, k8s.io/apimachinery
 * pkg/util/strategicpatch/patch.go (mergeSlice, mergeSortedSlice) for the order.
 */
import type { JsonObject, JsonValue } from "../../src/core/values/value.ts";

/** Merge keys of lists of objects by the name of their member; other lists are replaced, tolerations and `resources.claims` too. */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  containers: "name",
  initContainers: "name",
  volumes: "name",
  volumeMounts: "mountPath",
  volumeDevices: "devicePath",
  env: "name",
  ports: "containerPort",
  imagePullSecrets: "name",
  resourceClaims: "name",
  hostAliases: "ip",
  schedulingGates: "name",
  topologySpreadConstraints: "topologyKey",
};

export function strategicMerge(original: JsonObject, patch: JsonObject): JsonObject {
  const merged: JsonObject = { ...original };
  for (const [key, value] of Object.entries(patch)) {
    const before = merged[key];
    const mergeKey = MERGE_KEYS[key];
    if (value === null) delete merged[key];
    else if (Array.isArray(value) && mergeKey !== undefined)
      merged[key] = mergeList(asObjects(before ?? []), asObjects(value), mergeKey);
    else if (isObject(value) && isObject(before)) merged[key] = strategicMerge(before, value);
    else merged[key] = value;
  }
  return merged;
}

/** Items of the patch keep its order; one that the patch does not name stands before the first of its items that stood behind it. */
function mergeList(original: readonly JsonObject[], patch: readonly JsonObject[], mergeKey: string): JsonObject[] {
  const placeOf = (item: JsonObject): number => original.findIndex((other) => other[mergeKey] === item[mergeKey]);
  const patched = new Map<JsonValue | undefined, JsonObject>();
  for (const item of patch) {
    const before = patched.get(item[mergeKey]) ?? original[placeOf(item)];
    patched.set(item[mergeKey], before === undefined ? item : strategicMerge(before, item));
  }
  const others = original.filter((item) => !patched.has(item[mergeKey]));
  const merged: JsonObject[] = [];
  for (const item of patched.values()) {
    const place = placeOf(item);
    const behind = others.findIndex((other) => place < 0 || placeOf(other) > place);
    merged.push(...others.splice(0, behind < 0 ? others.length : behind), item);
  }
  return [...merged, ...others];
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
