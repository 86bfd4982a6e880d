/**
 * Keys of secrets and config maps as environment variables.
 *
 * Source: docs/spec/kubernetes-executor-config.md#secret-configmap-and-field-path-variables.
 *
 * @module
 */
import type { IEnvVar } from "kubernetes-models/v1";
import type { KubernetesExecutorConfig } from "../../../gen/kfp_kubernetes/kubernetes_executor_config_pb.js";
import type { Contribution, ResolveDynamic } from "../contribution.ts";
import { isReservedVariable, reservedVariable } from "../environment.ts";
import { objectName, type ObjectName } from "./object-name.ts";

type Selector = { readonly name: string; readonly key: string; readonly optional?: boolean };

interface KeyedObject extends ObjectName {
  readonly keys: ReadonlyArray<{ readonly key: string; readonly envVar: string }>;
  readonly optional: boolean | undefined;
  readonly valueFrom: (selector: Selector) => IEnvVar["valueFrom"] & {};
}

/** One variable per key; `optional` only where it was said. */
export async function secretVariables({ secretAsEnv }: KubernetesExecutorConfig, resolve: ResolveDynamic): Promise<Contribution> {
  const objects = secretAsEnv.map((entry, index): KeyedObject => ({
    member: `secretAsEnv[${index}]`,
    parameterMember: "secretNameParameter",
    parameter: entry.secretNameParameter,
    name: entry.secretName,
    what: "secret name",
    missing: "missing either SecretName or SecretNameParameter for secret environment variable in executor config",
    keys: entry.keyToEnv.map(({ secretKey, envVar }) => ({ key: secretKey, envVar })),
    optional: entry.optional,
    valueFrom: (secretKeyRef) => ({ secretKeyRef }),
  }));
  return { env: await variables(objects, resolve) };
}

/** As {@link secretVariables}. */
export async function configMapVariables(
  { configMapAsEnv }: KubernetesExecutorConfig,
  resolve: ResolveDynamic,
): Promise<Contribution> {
  const objects = configMapAsEnv.map((entry, index): KeyedObject => ({
    member: `configMapAsEnv[${index}]`,
    parameterMember: "configMapNameParameter",
    parameter: entry.configMapNameParameter,
    name: entry.configMapName,
    what: "configmap name",
    missing: "missing either ConfigMapName or ConfigNameParameter for configmap environment variable in executor config",
    keys: entry.keyToEnv.map(({ configMapKey, envVar }) => ({ key: configMapKey, envVar })),
    optional: entry.optional,
    valueFrom: (configMapKeyRef) => ({ configMapKeyRef }),
  }));
  return { env: await variables(objects, resolve) };
}

/** A reserved name fails even where the object has no name; an object without keys is not looked at. */
async function variables(objects: readonly KeyedObject[], resolve: ResolveDynamic): Promise<IEnvVar[]> {
  const env: IEnvVar[] = [];
  for (const object of objects) {
    for (const [index, { key, envVar }] of object.keys.entries()) {
      const member = `${object.member}.keyToEnv[${index}]`;
      if (isReservedVariable(envVar)) throw resolve.refuse(member, reservedVariable(envVar));
      const name = await objectName(object, resolve);
      if (name === undefined) continue;
      const optional = object.optional === undefined ? {} : { optional: object.optional };
      env.push({ name: envVar, valueFrom: object.valueFrom({ name, key, ...optional }) });
    }
  }
  return env;
}
