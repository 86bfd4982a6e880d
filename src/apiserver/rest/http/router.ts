/**
 * Finds the endpoint of a request. Pure.
 *
 * Source: docs/spec/json-and-rest.md#rest-gateway (unknown paths and wrong methods), docs/spec/api-versions.md#names.
 *
 * @module
 */
import type { ApiPackage } from "../../../wire/grpc-definition.ts";
import type { RestEndpoint } from "./endpoint.ts";
import { RequestProblem } from "./error-answer.ts";
import { compareTemplates, matchPath, type PathVariables } from "./path-template.ts";

/** No endpoint has the path, whatever the method. */
export class UnknownPath extends RequestProblem {
  constructor() {
    super("Not Found", { status: "NOT_FOUND" });
    this.name = "UnknownPath";
  }
}

/** An endpoint, and the variables of its path. */
export interface FoundEndpoint {
  readonly endpoint: RestEndpoint;
  readonly variables: PathVariables;
}

/** Finds by method and path, which is still encoded and has no query. */
export type Router = (method: string, path: string) => FoundEndpoint;

/**
 * Makes a router. Of endpoints with the same path and method the first one wins.
 *
 * The router throws a RequestProblem: UnknownPath, UNIMPLEMENTED (501) for another method of a known path, INVALID_ARGUMENT for bad escapes.
 */
export function createRouter(endpoints: readonly RestEndpoint[], packages: readonly ApiPackage[]): Router {
  const ordered = endpoints.toSorted((left, right) => compareTemplates(left.path, right.path));
  return (method, path) => {
    const wanted = method === "HEAD" ? "GET" : method;
    const canonical = canonicalPath(path, packages);
    const others = new Set<string>();
    for (const endpoint of ordered) {
      let variables: PathVariables | undefined;
      try {
        variables = canonical === undefined ? undefined : matchPath(endpoint.path, canonical);
      } catch {
        throw new RequestProblem("The path is not well percent-encoded");
      }
      if (variables === undefined) continue;
      if (endpoint.method === wanted) return { endpoint, variables };
      others.add(endpoint.method);
    }
    if (others.size === 0) throw new UnknownPath();
    throw new RequestProblem("Method Not Allowed", {
      status: "UNIMPLEMENTED",
      headers: { allow: [...others].sort().join(", ") },
    });
  };
}

/** Endpoints have the paths of v2beta1; those of v2 are the same. `undefined` for a package that is not served. */
function canonicalPath(path: string, packages: readonly ApiPackage[]): string | undefined {
  const [, name] = /^\/apis\/(v2|v2beta1)(?=\/)/.exec(path) ?? [];
  if (name === undefined) return path;
  if (!packages.includes(name as ApiPackage)) return undefined;
  return name === "v2" ? path.replace("/apis/v2/", "/apis/v2beta1/") : path;
}
