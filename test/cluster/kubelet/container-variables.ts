/**
 * Variables of a container: literals with references, keys of secrets and config maps, fields of the pod, resources of the container.
 *
 * Standard: Kubernetes documentation, "Define Dependent Environment Variables", "Downward API".
 *
 * @module
 */
import type { IContainer } from "kubernetes-models/v1";
import { expandReferences } from "../../../src/local/engine/pod-command.ts";
import { NotReadyError, type Pod, type PodSources } from "./pod-objects.ts";
import { parseQuantity } from "./quantity.ts";

/** @throws {NotReadyError} CreateContainerConfigError for what is missing and not optional. */
export function containerVariables(
  pod: Pod,
  { env = [], envFrom = [], resources }: IContainer,
  sources: PodSources,
): Record<string, string> {
  const { namespace = "" } = pod.metadata;
  const variables: Record<string, string> = {};
  const data = (
    kind: "configMap" | "secret",
    { name = "", optional }: { name?: string; optional?: boolean },
  ): ReadonlyMap<string, Buffer> => {
    const found = sources[kind](namespace, name);
    if (found !== undefined) return found;
    if (optional === true) return new Map();
    throw missing(`${kind.toLowerCase()} "${name}" not found`);
  };
  for (const { prefix = "", configMapRef, secretRef } of envFrom) {
    const values = [
      ...(configMapRef === undefined ? [] : data("configMap", configMapRef)),
      ...(secretRef === undefined ? [] : data("secret", secretRef)),
    ];
    for (const [key, value] of values) variables[prefix + key] = value.toString("utf8");
  }
  for (const { name, value, valueFrom } of env) {
    if (valueFrom === undefined) {
      variables[name] = expandReferences(value ?? "", variables);
      continue;
    }
    const { fieldRef, resourceFieldRef } = valueFrom;
    for (const kind of ["configMap", "secret"] as const) {
      const reference = valueFrom[`${kind}KeyRef`];
      if (reference === undefined) continue;
      const found = data(kind, reference).get(reference.key);
      if (found !== undefined) variables[name] = found.toString("utf8");
      else if (reference.optional !== true)
        throw missing(
          `couldn't find key ${reference.key} in ${kind === "secret" ? "Secret" : "ConfigMap"} ${namespace}/${reference.name ?? ""}`,
        );
    }
    if (fieldRef !== undefined) variables[name] = podField(pod, fieldRef.fieldPath);
    if (resourceFieldRef !== undefined) variables[name] = resourceField(resources ?? {}, resourceFieldRef.resource);
  }
  return variables;
}

/** @throws {NotReadyError} CreateContainerConfigError for a field that a kubelet does not tell. */
export function podField({ metadata, podSpec }: Pod, path: string): string {
  const [, map, key = ""] = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path) ?? [];
  if (map === "labels" || map === "annotations") return metadata[map]?.[key] ?? "";
  const fields: Readonly<Record<string, string | undefined>> = {
    "metadata.name": metadata.name,
    "metadata.namespace": metadata.namespace,
    "metadata.uid": metadata.uid,
    "spec.nodeName": podSpec.nodeName,
    "spec.serviceAccountName": podSpec.serviceAccountName ?? "default",
    "status.hostIP": "127.0.0.1",
    "status.podIP": "127.0.0.1",
    "metadata.labels": mapText(metadata.labels),
    "metadata.annotations": mapText(metadata.annotations),
  };
  const value = fields[path];
  if (value === undefined) throw missing(`unsupported fieldPath: ${path}`);
  return value;
}

function mapText(map: Readonly<Record<string, string>> = {}): string {
  return Object.entries(map)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join("\n");
}

function resourceField({ limits = {}, requests = {} }: NonNullable<IContainer["resources"]>, resource: string): string {
  const [, kind, name = ""] = /^(limits|requests)\.(.+)$/.exec(resource) ?? [];
  const quantity = (kind === "limits" ? limits : requests)[name];
  return quantity === undefined ? "0" : String(Math.ceil(parseQuantity(String(quantity))));
}

function missing(message: string): NotReadyError {
  return new NotReadyError("CreateContainerConfigError", message);
}
