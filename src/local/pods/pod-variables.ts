/**
 * Variables of a container whose values a pod takes from elsewhere: keys of secrets and config maps, and its own fields.
 *
 * @module
 */
import type { IEnvVar } from "kubernetes-models/v1";
import { SpecError } from "../../core/errors.ts";
import type { PodIdentity } from "../engine/pod-command.ts";
import { describeKind, type LocalObjects, type ObjectKind } from "../objects/local-objects.ts";

/** What variables are looked up in. */
export interface VariableSources {
  readonly objects: LocalObjects;
  /** Variables of this machine, which stand in for objects that are not there. */
  readonly host: Readonly<Record<string, string>>;
  /** What this machine is called: where a pod has its node. */
  readonly hostName: string;
}

type ValueFrom = NonNullable<IEnvVar["valueFrom"]>;

/**
 * The value of a variable, `undefined` when it comes from something optional that is not there.
 *
 * A key is taken from the objects of this run; where there is none, from a variable of this machine with the same name.
 *
 * @throws {SpecError} FEATURE_UNSUPPORTED naming the object and the key that are missing, or the field that nobody knows here.
 */
export function variableFrom(sources: VariableSources, pod: PodIdentity, name: string, from: ValueFrom): string | undefined {
  const { secretKeyRef, configMapKeyRef, fieldRef } = from;
  if (fieldRef !== undefined) return podField(fieldRef.fieldPath, pod, sources.hostName);
  if (secretKeyRef !== undefined) return keyOf(sources, "Secret", { variable: name, ...secretKeyRef });
  if (configMapKeyRef !== undefined) return keyOf(sources, "ConfigMap", { variable: name, ...configMapKeyRef });
  throw new SpecError(
    "FEATURE_UNSUPPORTED",
    `A local run cannot give variable ${name} its value: only keys and fields are known`,
  );
}

interface KeyReference {
  readonly variable: string;
  readonly name?: string;
  readonly key: string;
  readonly optional?: boolean;
}

function keyOf({ objects, host }: VariableSources, kind: ObjectKind, reference: KeyReference): string | undefined {
  const { variable, name = "", key, optional = false } = reference;
  const data = objects.find(kind, name);
  const value = data?.get(key);
  if (value !== undefined) return Buffer.from(value).toString("utf8");
  if (Object.hasOwn(host, variable)) return host[variable];
  if (optional) return undefined;
  const what = describeKind(kind);
  const missing = data === undefined ? `there is no ${what} "${name}"` : `${what} "${name}" has no key "${key}"`;
  throw new SpecError(
    "FEATURE_UNSUPPORTED",
    `Cannot set variable ${variable}: ${missing}; pass it with --secrets, or set ${variable} in your own environment`,
  );
}

const LOOPBACK = "127.0.0.1";

/** What a field of the pod is on this machine. A label or annotation that is not there is empty, as the kubelet has it. */
function podField(path: string, pod: PodIdentity, hostName: string): string {
  const known: Readonly<Record<string, string>> = {
    "metadata.name": pod.name,
    "metadata.uid": pod.uid,
    "metadata.namespace": pod.namespace,
    "spec.nodeName": hostName,
    "spec.serviceAccountName": "default",
    "status.hostIP": LOOPBACK,
    "status.hostIPs": LOOPBACK,
    "status.podIP": LOOPBACK,
    "status.podIPs": LOOPBACK,
  };
  const value = Object.hasOwn(known, path) ? known[path] : undefined;
  if (value !== undefined) return value;
  if (/^metadata\.(labels|annotations)(\['[^']*'\])?$/.test(path)) return "";
  throw new SpecError(
    "FEATURE_UNSUPPORTED",
    `A local run has no pod field "${path}": known are ${Object.keys(known).join(", ")}`,
  );
}
