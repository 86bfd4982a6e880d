/**
 * Models in images (modelcars) for steps in containers: what a sidecar of the pod would show, copied out of its image.
 *
 * A pod has a container of the image that links its own `/models` into a folder that it shares with the step. Containers of this machine
 * share no processes, so the files are copied into that folder, and go with it when the attempt has ended.
 *
 * Source: docs/spec/task-config-workspace-modelcar.md#modelcars.
 *
 * @module
 */
import type { IContainer } from "kubernetes-models/v1";
import { HostError } from "../../core/errors.ts";
import type { FolderMount } from "../pods/pod-folders.ts";
import { askEngine, type ContainerEngine } from "./container-engine.ts";

const MODELS = "/models";
/** A large model on a slow disk. */
const COPY_TIMEOUT_MS = 3_600_000;

/** How the container that is copied from is made; it never runs. */
export interface ModelContainer {
  readonly name: string;
  /** `key=value`. */
  readonly label: string;
  readonly signal: AbortSignal;
}

/**
 * Copies the models of a pod's sidecars to where the step looks for them.
 *
 * @param sidecars Containers of the pod beside the step's own; their images are there.
 * @param folders Of the step.
 * @throws {HostError} CONTAINERS_UNAVAILABLE with the engine's words when an image has no models, or they cannot be copied.
 */
export async function copyModels(
  engine: ContainerEngine,
  { sidecars, folders }: { readonly sidecars: readonly IContainer[]; readonly folders: readonly FolderMount[] },
  { name, label, signal }: ModelContainer,
): Promise<void> {
  for (const { image = "", volumeMounts = [] } of sidecars) {
    const folder = folders.find(({ path }) => volumeMounts.some(({ mountPath }) => mountPath === path));
    if (folder === undefined) continue;
    const options = { timeoutMs: COPY_TIMEOUT_MS, signal };
    try {
      // The command is for images that have none; it is never run.
      const made = await askEngine(engine, ["create", "--name", name, "--label", label, image, "true"], options);
      const copied = made.code === 0 ? await askEngine(engine, ["cp", `${name}:${MODELS}`, folder.source], options) : made;
      if (copied.code !== 0) {
        throw new HostError("CONTAINERS_UNAVAILABLE", `Cannot copy ${MODELS} out of model image ${image}: ${copied.problem}`);
      }
    } finally {
      await askEngine(engine, ["rm", "--force", name]);
    }
  }
}
