/**
 * When is an existing artifact the one an importer asks for?
 *
 * Type, uri, name, description and metadata must agree; `number_value` is not part of it.
 *
 * Source: docs/spec/api-server.md#reuse-of-artifacts.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Artifact } from "../../core/kfp-types.ts";
import { canonicalMembers } from "./stored-value.ts";

/** Text that two artifacts share when one may be reused for the other. */
export function reuseMark(artifact: Artifact): string {
  const { type, uri = "", name, description, metadata } = artifact;
  const parts = JSON.stringify([type, uri, name, description, canonicalMembers(metadata)]);
  return createHash("sha256").update(parts).digest("hex");
}
