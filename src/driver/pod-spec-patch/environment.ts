/**
 * Environment of the user's container.
 *
 * Source: docs/spec/pod-spec-patch.md#environment.
 *
 * @module
 */
import type { IEnvVar } from "kubernetes-models/v1";
import { SpecError } from "../../core/errors.ts";
import { NO_PASSTHROUGHS, type Passthroughs } from "./passthroughs.ts";
import { proxyEnvironment, type ProxySettings } from "./proxy.ts";

/** Filled by the downward API; the launcher's own flags are expanded from them. */
const IDENTITY = new Map([
  ["KFP_POD_NAME", "metadata.name"],
  ["KFP_POD_UID", "metadata.uid"],
  ["NAMESPACE", "metadata.namespace"],
]);

/** Whether a variable belongs to the pod's identity; names are case-sensitive. */
export function isReservedVariable(name: string): boolean {
  return IDENTITY.has(name);
}

/** Why such a variable is refused. */
export function reservedVariable(name: string): string {
  return `environment variable "${name}" is reserved for KFP runtime identity`;
}

/**
 * Both lists as one, where a later variable replaces an earlier one of its name, at its place.
 *
 * The merge would put two of one name together member by member; of a `value` and a `valueFrom` that makes an invalid pod.
 */
export function mergeEnvironment(...lists: ReadonlyArray<readonly IEnvVar[]>): IEnvVar[] {
  return [...new Map(lists.flat().map((variable) => [variable.name, variable])).values()];
}

/**
 * The container's own variables, then the proxy's: the later entry of a name wins in the merge.
 *
 * @throws {SpecError} SPEC_INVALID when the container claims a name of the identity.
 */
export function ownEnvironment(
  containerEnv: ReadonlyArray<{ readonly name: string; readonly value: string }>,
  proxy: ProxySettings,
): IEnvVar[] {
  for (const { name } of containerEnv) {
    if (isReservedVariable(name)) throw new SpecError("SPEC_INVALID", reservedVariable(name));
  }
  return [...containerEnv, ...proxyEnvironment(proxy)].map(({ name, value }) => (value === "" ? { name } : { name, value }));
}

/** What the pod has of it, and the pod's identity, which it always has. @throws {SpecError} as {@link ownEnvironment}. */
export function mainEnvironment(
  containerEnv: ReadonlyArray<{ readonly name: string; readonly value: string }>,
  proxy: ProxySettings,
  passthroughs: Passthroughs = NO_PASSTHROUGHS,
): IEnvVar[] {
  const own = ownEnvironment(containerEnv, proxy);
  return [
    ...(passthroughs.appliesToPod("ENV") ? own : []),
    ...[...IDENTITY].map(([name, fieldPath]) => ({ name, valueFrom: { fieldRef: { fieldPath } } })),
  ];
}
