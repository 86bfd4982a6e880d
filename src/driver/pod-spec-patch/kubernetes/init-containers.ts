/**
 * Containers that run before the step, or beside it.
 *
 * Source: docs/spec/kubernetes-executor-config.md#init-containers-of-later-upstream, docs/spec/kubernetes-executor-config.md#ups-13.
 *
 * @module
 */
import type { IContainer } from "kubernetes-models/v1";
import { errorMessage } from "../../../core/errors.ts";
import type { InitContainer, KubernetesExecutorConfig } from "../../../gen/kfp_kubernetes/kubernetes_executor_config_pb.js";
import type { AdministratorDefaults } from "../../options.ts";
import type { Contribution, ResolveDynamic } from "../contribution.ts";
import { canonicalQuantity } from "../quantity.ts";
import { administratorIdentity } from "./security-context.ts";

/** Containers of the template, of Argo and of the patch itself: the merge by name would change them. */
const OWN_CONTAINERS = new Set(["main", "kfp-launcher", "wait", "init"]);

/** Hardened like the user's container; `Always` as restart policy makes a sidecar. */
export function initContainers(
  config: KubernetesExecutorConfig,
  defaults: AdministratorDefaults,
  resolve: ResolveDynamic,
): Contribution {
  const taken = new Set(OWN_CONTAINERS);
  const containers = config.initContainers.map((entry, index) => {
    const member = `initContainers[${index}]`;
    if (entry.name === "") throw resolve.refuse(`${member}.name`, "init container name must not be empty");
    if (taken.has(entry.name)) {
      throw resolve.refuse(
        `${member}.name`,
        `init container name "${entry.name}" conflicts with an existing container in the pod`,
      );
    }
    taken.add(entry.name);
    return containerOf(entry, { member, defaults, resolve });
  });
  return containers.length === 0 ? {} : { initContainers: containers };
}

interface Place {
  readonly member: string;
  readonly defaults: AdministratorDefaults;
  readonly resolve: ResolveDynamic;
}

function containerOf(entry: InitContainer, { member, defaults, resolve }: Place): IContainer {
  const { name, image, command, args, env, volumeMounts, restartPolicy = "", resources } = entry;
  const refuse = (where: string, reason: string): Error =>
    resolve.refuse(`${member}.${where}`, `init container "${name}" ${reason}`);
  if (image === "") throw refuse("image", "must specify an image");
  if (restartPolicy !== "" && restartPolicy !== "Always") {
    throw refuse("restartPolicy", `restart policy must be "Always", got "${restartPolicy}"`);
  }
  const quantities = (kind: "request" | "limit", texts: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(
      Object.entries(texts).map(([key, text]) => {
        try {
          return [key, canonicalQuantity(text, `${kind} ${key}`)];
        } catch (error) {
          throw refuse("resources", `has an invalid resource ${kind} ${key}="${text}": ${errorMessage(error)}`);
        }
      }),
    );
  const requests = quantities("request", resources?.requests ?? {});
  const limits = quantities("limit", resources?.limits ?? {});
  if (env.some((variable) => variable.name === "")) throw refuse("env", "has an environment variable with an empty name");
  for (const { volumeName, mountPath } of volumeMounts) {
    if (volumeName === "") throw refuse("volumeMounts", "has a volume mount with an empty volume name");
    if (!mountPath.startsWith("/")) throw refuse("volumeMounts", `volume mount "${volumeName}" must use an absolute mount path`);
  }
  return {
    name,
    image,
    ...(command.length === 0 ? {} : { command: [...command] }),
    ...(args.length === 0 ? {} : { args: [...args] }),
    ...(env.length === 0
      ? {}
      : { env: env.map((variable) => ({ name: variable.name, ...(variable.value === "" ? {} : { value: variable.value }) })) }),
    resources: {
      ...(Object.keys(limits).length === 0 ? {} : { limits }),
      ...(Object.keys(requests).length === 0 ? {} : { requests }),
    },
    ...(restartPolicy === "" ? {} : { restartPolicy }),
    ...(volumeMounts.length === 0
      ? {}
      : { volumeMounts: volumeMounts.map(({ volumeName, mountPath }) => ({ name: volumeName, mountPath })) }),
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
      ...administratorIdentity(defaults),
    },
  };
}
