/**
 * What the kubelet makes of the `main` container of a pod spec patch: the process to start and its environment.
 *
 * `$(NAME)` in command, arguments and values becomes the value of that variable of the container; `$$` becomes `$`; a name the
 * container does not have stays as it is. Argo's own `{{...}}` tags are not expanded: a local run has no workflow.
 *
 * Source: docs/spec/pod-spec-patch.md#how-it-is-consumed; Kubernetes' dependent environment variables.
 *
 * @module
 */
import type { IEnvVar } from "kubernetes-models/v1";
import type { ContainerPatch } from "../../driver/pod-spec-patch/pod-spec.ts";

/** What a pod would be called; every attempt has one of its own. */
export interface PodIdentity {
  readonly name: string;
  readonly uid: string;
  readonly namespace: string;
}

/** A container as a process. */
export interface PodCommand {
  /** Launcher, its flags, `--`, then the user's command. */
  readonly argv: readonly string[];
  /** The container's own variables, to be put over whatever the image (here: the host) provides. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The value of a variable that comes from elsewhere; `undefined`: the container does not have it. */
export type ValueOf = (name: string, from: NonNullable<IEnvVar["valueFrom"]>) => string | undefined;

/**
 * The command and variables of a patched container, with `$(NAME)` expanded and values from elsewhere filled in, as the kubelet does it.
 *
 * @throws What `valueOf` throws.
 */
export function podCommand(container: ContainerPatch, valueOf: ValueOf): PodCommand {
  const environment: Record<string, string> = {};
  for (const { name, value, valueFrom } of container.env) {
    const found = valueFrom === undefined ? expandReferences(value ?? "", environment) : valueOf(name, valueFrom);
    if (found !== undefined) environment[name] = found;
  }
  const argv = [...container.command, ...(container.args ?? [])].map((text) => expandReferences(text, environment));
  return { argv, environment };
}

/** The fields of a pod that say which one it is; no others. */
export function podIdentityFields(pod: PodIdentity): ValueOf {
  const fields: Readonly<Record<string, string>> = {
    "metadata.name": pod.name,
    "metadata.uid": pod.uid,
    "metadata.namespace": pod.namespace,
  };
  return (_name, { fieldRef }) => (fieldRef === undefined ? undefined : fields[fieldRef.fieldPath]);
}

/** One pass from left to right; what was inserted is not looked at again. */
export function expandReferences(text: string, environment: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\$|\$\(([^)]*)\)/g, (match, name: string | undefined) => {
    if (name === undefined) return "$";
    return Object.hasOwn(environment, name) ? (environment[name] as string) : match;
  });
}
