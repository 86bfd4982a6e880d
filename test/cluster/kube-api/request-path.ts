/**
 * Paths of the Kubernetes API, taken apart.
 *
 * Standard: Kubernetes API concepts, "Resource URIs".
 *
 * @module
 */
import { findResource, type Resource } from "./resources.ts";

export interface ResourceRequest {
  readonly resource: Resource;
  /** Empty: of the cluster, or of every namespace. */
  readonly namespace: string;
  /** Empty: of many. */
  readonly name: string;
  /** Empty: of the object itself. */
  readonly subresource: string;
}

/** @returns Undefined for what is no path of a resource that is served. */
export function parseRequestPath(path: string): ResourceRequest | undefined {
  const [, group = "", version = "", rest = ""] = /^(?:\/api|\/apis\/([^/]+))\/([^/]+)\/(.+?)\/?$/.exec(path) ?? [];
  const parts = rest.split("/").map(decodeURIComponent);
  const isInNamespace = parts[0] === "namespaces" && parts.length > 2;
  const [plural = "", name = "", subresource = "", ...more] = isInNamespace ? parts.slice(2) : parts;
  const resource = findResource(group, version, plural);
  if (resource === undefined || more.length > 0 || (isInNamespace && !resource.isNamespaced)) return undefined;
  const namespace = isInNamespace ? (parts[1] ?? "") : "";
  if (resource.isNamespaced && namespace === "" && name !== "") return undefined;
  return { resource, namespace, name, subresource };
}
