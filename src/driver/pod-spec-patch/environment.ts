/**
 * Environment of the user's container.
 *
 * Source: docs/spec/pod-spec-patch.md#environment.
 *
 * @module
 */
import { SpecError } from "../../core/errors.ts";
import { proxyEnvironment, type ProxySettings } from "./proxy.ts";
import type { EnvironmentEntry } from "./pod-spec.ts";

/** Filled by the downward API; the launcher's own flags are expanded from them. */
const IDENTITY = new Map([
  ["KFP_POD_NAME", "metadata.name"],
  ["KFP_POD_UID", "metadata.uid"],
  ["NAMESPACE", "metadata.namespace"],
]);

/**
 * The container's own variables, then the proxy's, then the pod's identity: the later entry of a name wins in the merge.
 *
 * @throws {SpecError} SPEC_INVALID when the container claims a name of the identity.
 */
export function mainEnvironment(
  containerEnv: ReadonlyArray<{ readonly name: string; readonly value: string }>,
  proxy: ProxySettings,
): EnvironmentEntry[] {
  for (const { name } of containerEnv) {
    if (IDENTITY.has(name))
      throw new SpecError("SPEC_INVALID", `environment variable "${name}" is reserved for KFP runtime identity`);
  }
  return [
    ...[...containerEnv, ...proxyEnvironment(proxy)].map(({ name, value }) => (value === "" ? { name } : { name, value })),
    ...[...IDENTITY].map(([name, fieldPath]) => ({ name, valueFrom: { fieldRef: { fieldPath } } })),
  ];
}
