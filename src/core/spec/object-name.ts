/**
 * Names that may stand in the path of a Kubernetes request.
 *
 * An empty name turns the path of an object into that of the whole collection: reading becomes listing, and deleting deletes all. What
 * else a name must be, the API server says.
 *
 * Source: docs/spec/persistent-volume-claims.md#http-calls.
 *
 * @module
 */
import { SpecError } from "../errors.ts";

/** @throws {SpecError} SPEC_INVALID for an empty name, `.`, `..`, and names with `/` or `%`. */
export function assertObjectName(name: string): void {
  if (name === "") throw new SpecError("SPEC_INVALID", "resource name may not be empty");
  const invalid = (reason: string): SpecError => new SpecError("SPEC_INVALID", `invalid resource name "${name}": ${reason}`);
  if (name === "." || name === "..") throw invalid(`it may not be "${name}"`);
  for (const character of ["/", "%"]) {
    if (name.includes(character)) throw invalid(`it may not contain "${character}"`);
  }
}
