/**
 * Whom the user's container runs as: administrator first, then the step.
 *
 * Source: docs/spec/kubernetes-executor-config.md#security-context-and-administrator-defaults, docs/spec/pod-spec-patch.md#later-upstream.
 *
 * @module
 */
import type { ISecurityContext } from "kubernetes-models/v1";
import type { KubernetesExecutorConfig } from "../../../gen/kfp_kubernetes/kubernetes_executor_config_pb.js";
import type { AdministratorDefaults } from "../../options.ts";
import type { Contribution, ResolveDynamic } from "../contribution.ts";
import { exactInteger } from "./exact-integer.ts";

/** User, group and "not root" that the administrator wants; absent members are absent. */
export function administratorIdentity({ runAsUser, runAsGroup, runAsNonRoot }: AdministratorDefaults): ISecurityContext {
  return {
    ...(runAsUser === undefined ? {} : { runAsUser }),
    ...(runAsGroup === undefined ? {} : { runAsGroup }),
    ...(runAsNonRoot === undefined ? {} : { runAsNonRoot }),
  };
}

/** What the administrator wants on every step with a Kubernetes config. */
export function administratorDefaults(defaults: AdministratorDefaults): Contribution {
  const { hostUsers } = defaults;
  const securityContext = administratorIdentity(defaults);
  return {
    ...(Object.keys(securityContext).length === 0 ? {} : { main: { securityContext } }),
    ...(hostUsers === undefined ? {} : { pod: { hostUsers } }),
  };
}

/** The step's own wishes where the administrator has none; whoever has a word here runs without capabilities. */
export function securityContext(
  { securityContext: wished }: KubernetesExecutorConfig,
  defaults: AdministratorDefaults,
  resolve: ResolveDynamic,
): Contribution {
  if (wished === undefined) return {};
  const own: ISecurityContext = {};
  const integer = (name: "runAsUser" | "runAsGroup"): number | undefined => {
    const value = wished[name];
    return value === undefined ? undefined : exactInteger(value, `securityContext.${name}`, resolve);
  };
  const wishes = { runAsUser: integer("runAsUser"), runAsGroup: integer("runAsGroup"), runAsNonRoot: wished.runAsNonRoot };
  for (const name of ["runAsUser", "runAsGroup", "runAsNonRoot"] as const) {
    const value = wishes[name];
    if (value === undefined) continue;
    if (defaults[name] === undefined) Object.assign(own, { [name]: value });
    else {
      resolve.warn("Ignored: the administrator has set it", {
        member: `securityContext.${name}`,
        value: String(value),
        administrator: String(defaults[name]),
      });
    }
  }
  const isNonRoot = defaults.runAsNonRoot ?? wishes.runAsNonRoot;
  if (own.runAsUser === 0 && isNonRoot === true) {
    const reason = "runAsUser=0 (root) is not allowed: runAsNonRoot is true; use a non-root UID instead";
    throw resolve.refuse("securityContext.runAsUser", reason);
  }
  return { main: { securityContext: { ...own, capabilities: { drop: ["ALL"] } } } };
}
