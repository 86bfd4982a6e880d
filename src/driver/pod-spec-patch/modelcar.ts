/**
 * Models in OCI images (modelcars): for each image a container of the pod that shows the model to the user's container.
 *
 * The image is pulled and checked by an init container; then a container of it puts a link to its own `/models` into a folder that both
 * share, and ends when the launcher says so. The link goes through `/proc`, so the containers share their processes, and reading needs
 * the user's and the model's container to run as the same user.
 *
 * Source: docs/spec/task-config-workspace-modelcar.md#modelcars, #k8s-16.
 *
 * @module
 */
import type { IContainer, IEnvVar, ISecurityContext, IVolumeMount } from "kubernetes-models/v1";
import { localPathForUri } from "../../core/executor/artifact-uri.ts";
import { SpecError } from "../../core/errors.ts";
import { compareUtf8 } from "../../core/go/unicode.ts";
import type { ExecutorInput } from "../../core/kfp-types.ts";
import type { AttributedContribution } from "./contribution.ts";
import { isImageReference } from "./image-reference.ts";

export interface ModelcarOptions {
  /** As the driver's and the launcher's environment have it. */
  readonly artifactLocalPath?: string | undefined;
  /** Of the user's container, as it is without the Kubernetes config. */
  readonly env: readonly IEnvVar[];
  /** Who the user's container runs as, where that is known here. */
  readonly runAs: Pick<ISecurityContext, "runAsUser" | "runAsGroup" | "runAsNonRoot">;
}

const SCHEME = "oci://";
const MODELS = "/models";

interface Modelcar {
  readonly uri: string;
  readonly image: string;
  /** Where the launcher looks for the model. */
  readonly localPath: string;
  readonly mountPath: string;
}

/**
 * @returns `undefined` when no input is in an image.
 * @throws {SpecError} SPEC_INVALID for a URI that names no image, and for two images that would share a folder.
 */
export function modelcars(executorInput: ExecutorInput, options: ModelcarOptions): AttributedContribution | undefined {
  const cars = distinctModelcars(executorInput, options);
  if (cars.length === 0) return undefined;
  const parts = cars.map((car, index) => partsOf(car, index, options));
  return {
    member: "modelcar",
    pod: { shareProcessNamespace: true },
    volumes: parts.map(({ volume }) => volume),
    containers: parts.map(({ sidecar }) => sidecar),
    initContainers: parts.map(({ prepull }) => prepull),
  };
}

/** By name of the input and index in its list, as one text; an image that several inputs have comes once. */
function distinctModelcars(executorInput: ExecutorInput, options: ModelcarOptions): Modelcar[] {
  const entries = Object.entries(executorInput.inputs?.artifacts ?? {})
    .flatMap(([name, { artifacts }]) => artifacts.map(({ uri }, index) => ({ key: `${name}-${index}`, input: name, uri })))
    .filter(({ uri }) => uri.startsWith(SCHEME))
    .toSorted((left, right) => compareUtf8(left.key, right.key));
  const byPath = new Map<string, Modelcar>();
  for (const { input, uri } of entries) {
    const car = modelcarOf(input, uri, options);
    const other = byPath.get(car.localPath);
    if (other !== undefined && other.uri !== uri) {
      throw new SpecError(
        "SPEC_INVALID",
        `Cannot mount model images ${other.uri} and ${uri}: both would be at ${car.localPath}; give one of them another name`,
      );
    }
    if (other === undefined) byPath.set(car.localPath, car);
  }
  return [...byPath.values()];
}

function modelcarOf(input: string, uri: string, { artifactLocalPath }: ModelcarOptions): Modelcar {
  const image = uri.slice(SCHEME.length);
  if (!isImageReference(image)) {
    throw new SpecError("SPEC_INVALID", `Cannot mount input artifact "${input}": ${JSON.stringify(uri)} does not name an image`);
  }
  const localPath = localPathForUri(uri, { artifactLocalPath }) as string;
  return { uri, image, localPath, mountPath: localPath.slice(0, -MODELS.length) };
}

interface Parts {
  readonly volume: NonNullable<AttributedContribution["volumes"]>[number];
  readonly prepull: IContainer;
  readonly sidecar: IContainer;
}

function partsOf({ image, localPath, mountPath }: Modelcar, index: number, { env, runAs }: ModelcarOptions): Parts {
  const name = `oci-${index}`;
  const mount = { mountPath, subPath: mountPath.slice(mountPath.lastIndexOf("/") + 1) };
  const securityContext: ISecurityContext = {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"] },
    seccompProfile: { type: "RuntimeDefault" },
    ...runAs,
  };
  const common = {
    image,
    env: [...env],
    resources: {},
    securityContext,
    terminationMessagePolicy: "FallbackToLogsOnError" as const,
  };
  const sharedMount: IVolumeMount = { name, ...mount };
  return {
    volume: { preferredName: name, isFixedName: true, source: { emptyDir: {} }, mount },
    prepull: { name: `oci-prepull-${index}`, ...common, command: ["sh", "-c", escapeForKubelet(checkScript(image))] },
    sidecar: {
      name,
      ...common,
      imagePullPolicy: "IfNotPresent",
      command: ["sh", "-c", escapeForKubelet(serveScript(localPath, mountPath))],
      volumeMounts: [sharedMount],
    },
  };
}

function checkScript(image: string): string {
  return [
    `if [ -d ${MODELS} ] && [ -n "$(ls -A ${MODELS})" ]`,
    `then echo ${quoted(`Model image ${image} is there`)}`,
    `else echo ${quoted(`Model image ${image} has no files in ${MODELS}`)} >&2`,
    "exit 1",
    "fi",
  ].join("; ");
}

/** After a restart of the container its process has another number, so an old link is replaced. */
function serveScript(localPath: string, mountPath: string): string {
  return [
    `rm -f ${quoted(localPath)}`,
    `ln -s /proc/$$/root${MODELS} ${quoted(localPath)}`,
    `until [ -f ${quoted(`${mountPath}/launcher-complete`)} ]; do sleep 1; done`,
  ].join(" && ");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** The kubelet makes one `$` of two, and takes `$(NAME)` for a variable. */
function escapeForKubelet(script: string): string {
  return script.split("$").join("$$");
}
