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
import { InternalError } from "../../core/errors.ts";
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

/**
 * The command and variables of a patched container, with `$(NAME)` expanded and the pod's own facts filled in, as the kubelet does it.
 *
 * @throws {InternalError} INVARIANT_BROKEN for a field of the pod that no driver asks for.
 */
export function podCommand(container: ContainerPatch, pod: PodIdentity): PodCommand {
  const environment: Record<string, string> = {};
  for (const { name, value, valueFrom } of container.env) {
    if (valueFrom === undefined) environment[name] = expandReferences(value ?? "", environment);
    // Secrets and config maps are not here: the checks before the run let only optional ones through, without their variables.
    else if (valueFrom.fieldRef !== undefined) environment[name] = downwardApi(valueFrom.fieldRef.fieldPath, pod);
  }
  const argv = [...container.command, ...(container.args ?? [])].map((text) => expandReferences(text, environment));
  return { argv, environment };
}

function downwardApi(fieldPath: string, pod: PodIdentity): string {
  switch (fieldPath) {
    case "metadata.name":
      return pod.name;
    case "metadata.uid":
      return pod.uid;
    case "metadata.namespace":
      return pod.namespace;
    default:
      throw new InternalError("INVARIANT_BROKEN", `A local run has no pod field "${fieldPath}"`);
  }
}

/** One pass from left to right; what was inserted is not looked at again. */
export function expandReferences(text: string, environment: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\$|\$\(([^)]*)\)/g, (match, name: string | undefined) => {
    if (name === undefined) return "$";
    return Object.hasOwn(environment, name) ? (environment[name] as string) : match;
  });
}
