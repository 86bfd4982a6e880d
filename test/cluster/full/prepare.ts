/**
 * What a whole Kubernetes needs before its namespaces are made: its programs, and images in files.
 *
 * @module
 */
import path from "node:path";
import type { ContainerEngine } from "../../../scripts/lib/container-engine.mjs";
import { manifestImages, PAUSE_IMAGE, providePauseImage, saveImages } from "./cluster-images.ts";
import type { Manifest } from "./apply-objects.ts";
import type { SavedImage } from "./container-node.ts";
import { missingOnMachine, networkPluginFolder } from "./full-namespaces.ts";
import { programExists } from "./program-exists.ts";
import { residentManifests } from "./resident-installation.ts";
import { provideKubernetes, type KubernetesPrograms } from "./kubernetes-programs.ts";

/** JSON only: it is handed to a process in the namespaces. */
export interface PreparedKubernetes extends KubernetesPrograms {
  readonly images: readonly SavedImage[];
  readonly pauseImage: string;
  readonly pluginFolder: string;
  readonly cgroupRoot: string;
  /** Image by that which a compiled workflow names. */
  readonly workflowImages: Readonly<Record<string, string>>;
  /** Manifests of the resident driver, where it is to drive. */
  readonly resident?: readonly Manifest[];
}

export interface PrepareOptions {
  readonly engine: ContainerEngine;
  readonly mayBuild: boolean;
  readonly say: (line: string) => void;
  /** Image of the engine by that which workflows and pipelines name. */
  readonly images: Readonly<Record<string, string>>;
  readonly executorImage: string;
  /** Removed by the caller. */
  readonly folder: string;
  readonly cgroupRoot: string;
  readonly isResident: boolean;
}

const COMPILED = { driver: "ghcr.io/kubeflow/kfp-driver:latest", launcher: "ghcr.io/kubeflow/kfp-launcher:latest" } as const;

export async function prepareKubernetes(options: PrepareOptions): Promise<PreparedKubernetes | { readonly missing: string }> {
  const { engine, images, executorImage, cgroupRoot } = options;
  const missing = missingOnMachine();
  if (missing !== undefined) return { missing };
  if (options.isResident && !programExists("kubectl"))
    return { missing: "the resident driver is installed by kubectl's kustomize" };
  const built = await provideKubernetes(options);
  if ("missing" in built) return built;
  const steps = images["alpine:3.22"];
  if (steps === undefined) throw new Error("there is no image for steps");
  providePauseImage(engine, steps);
  // An image called latest would be looked for at its registry again and again.
  const ours = manifestImages();
  const workflowImages = Object.fromEntries((["driver", "launcher"] as const).map((kind) => [COMPILED[kind], ours[kind]]));
  const named = Object.entries(images).map(([name, image]) => [workflowImages[name] ?? name, image] as const);
  const wanted = { ...Object.fromEntries(named), [executorImage]: executorImage, [PAUSE_IMAGE]: PAUSE_IMAGE };
  const saved = await saveImages(engine, wanted, path.join(options.folder, "images"));
  const pluginFolder = networkPluginFolder() ?? "";
  const resident = options.isResident ? { resident: residentManifests(path.join(options.folder, "kustomization")) } : {};
  return { ...built, ...resident, images: saved, pauseImage: PAUSE_IMAGE, pluginFolder, cgroupRoot, workflowImages };
}
