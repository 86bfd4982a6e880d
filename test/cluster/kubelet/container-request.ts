/**
 * A container of a pod as the runtime is asked for it.
 *
 * @module
 */
import path from "node:path";
import type { IContainer } from "kubernetes-models/v1";
import { expandReferences } from "../../../src/local/engine/pod-command.ts";
import type { ContainerMount, ContainerRequest, ImageFacts } from "./container-runtime.ts";
import { containerVariables } from "./container-variables.ts";
import { NotReadyError, type Pod, type PodSources } from "./pod-objects.ts";
import { parseQuantity } from "./quantity.ts";

export interface NodeFacts {
  /** Where pods find the Kubernetes API. */
  readonly apiServer: { readonly host: string; readonly port: number };
  /** Folder with token, ca.crt and namespace of the pod's service account. */
  readonly serviceAccountFolder: string;
  readonly volumes: ReadonlyMap<string, string>;
  readonly sources: PodSources;
  readonly containerName: string;
  /** Of the container that holds the processes of the pod, where its containers share them. */
  readonly processesOf?: string;
  readonly logFile: string;
}

const SERVICE_ACCOUNT_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** @throws {NotReadyError} CreateContainerConfigError. */
export function containerRequest(pod: Pod, container: IContainer, image: ImageFacts, node: NodeFacts): ContainerRequest {
  const { podSpec } = pod;
  const { securityContext = {}, resources = {} } = container;
  const variables = {
    KUBERNETES_SERVICE_HOST: node.apiServer.host,
    KUBERNETES_SERVICE_PORT: String(node.apiServer.port),
    ...containerVariables(pod, container, node.sources),
  };
  const expand = (words: readonly string[]): string[] => words.map((word) => expandReferences(word, variables));
  const user = securityContext.runAsUser ?? podSpec.securityContext?.runAsUser;
  const group = securityContext.runAsGroup ?? podSpec.securityContext?.runAsGroup;
  const isNonRoot = securityContext.runAsNonRoot ?? podSpec.securityContext?.runAsNonRoot ?? false;
  if (isNonRoot) checkUser(container.name, user, image);
  const memory = resources.limits?.["memory"];
  const cpu = resources.limits?.["cpu"];
  return {
    name: node.containerName,
    image: container.image ?? "",
    ...(container.command === undefined ? {} : { command: expand(container.command) }),
    ...(container.args === undefined ? {} : { args: expand(container.args) }),
    env: variables,
    mounts: mounts(pod, container, node),
    ...(user === undefined ? {} : { user }),
    ...(group === undefined ? {} : { group }),
    ...(container.workingDir === undefined ? {} : { workingDir: container.workingDir }),
    readOnlyRoot: securityContext.readOnlyRootFilesystem ?? false,
    dropsAllCapabilities: (securityContext.capabilities?.drop ?? []).includes("ALL"),
    noNewPrivileges: securityContext.allowPrivilegeEscalation === false,
    ...(memory === undefined ? {} : { memoryBytes: Math.ceil(parseQuantity(String(memory))) }),
    ...(cpu === undefined ? {} : { cpus: parseQuantity(String(cpu)) }),
    ...(node.processesOf === undefined ? {} : { processesOf: node.processesOf }),
    logFile: node.logFile,
  };
}

function mounts(pod: Pod, { name, volumeMounts = [] }: IContainer, node: NodeFacts): ContainerMount[] {
  const made = volumeMounts.map(({ name: volume, mountPath, subPath = "", readOnly = false }) => {
    const folder = node.volumes.get(volume);
    if (folder === undefined)
      throw new NotReadyError("CreateContainerConfigError", `container ${name} mounts the unknown volume ${volume}`);
    return { inside: mountPath, outside: path.join(folder, subPath), readOnly };
  });
  const isMounted = made.some(({ inside }) => inside === SERVICE_ACCOUNT_MOUNT);
  if (isMounted || pod.podSpec.automountServiceAccountToken === false) return made;
  return [...made, { inside: SERVICE_ACCOUNT_MOUNT, outside: node.serviceAccountFolder, readOnly: true }];
}

/** As the kubelet's verifyRunAsNonRoot. */
function checkUser(container: string, user: number | undefined, image: ImageFacts): void {
  const [imageUser = ""] = image.user.split(":");
  const problem = (text: string): NotReadyError =>
    new NotReadyError("CreateContainerConfigError", `container has runAsNonRoot and ${text} (container: ${container})`);
  if (user === 0) throw problem("runAsUser is root");
  if (user !== undefined) return;
  if (imageUser === "" || imageUser === "0") throw problem("image will run as root");
  if (!/^\d+$/.test(imageUser)) throw problem(`image has non-numeric user (${imageUser}), cannot verify user is non-root`);
}
