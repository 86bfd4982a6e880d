/**
 * Images of the small cluster, as files that containerd takes, under the names that a cluster with our manifests has for them.
 *
 * @module
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse } from "yaml";
import { buildWith, runEngine, type ContainerEngine } from "../../../scripts/lib/container-engine.mjs";
import type { SavedImage } from "./container-node.ts";

export const PAUSE_IMAGE = "localhost/kfp-runtime-cluster/pause:1";

const MANIFEST = new URL("../../../manifests/components/runtime/api-server.yaml", import.meta.url);

/**
 * Our images by those that compiled workflows of the conformance set name: KFP's API server is told by our manifests what to write there.
 */
export function manifestImages(): { readonly driver: string; readonly launcher: string } {
  const deployment = parse(readFileSync(MANIFEST, "utf8")) as {
    readonly spec: { readonly template: { readonly spec: { readonly containers: readonly Container[] } } };
  };
  const variables = deployment.spec.template.spec.containers.flatMap(({ env }) => env);
  const imageOf = (name: string): string => {
    const { value } = variables.find((one) => one.name === name) ?? {};
    if (value === undefined) throw new Error(`manifests/components/runtime/api-server.yaml sets no ${name}`);
    return value;
  };
  return { driver: imageOf("V2_DRIVER_IMAGE"), launcher: imageOf("V2_LAUNCHER_IMAGE") };
}

interface Container {
  readonly env: readonly { readonly name: string; readonly value: string }[];
}

/** A program that waits and has no shell's needs: what keeps the namespaces of a pod. */
export function providePauseImage(engine: ContainerEngine, steps: string): void {
  const context = mkdtempSync(path.join(tmpdir(), "kfp-runtime-pause-"));
  try {
    writeFileSync(path.join(context, "Dockerfile"), `FROM ${steps}\nENTRYPOINT ["/bin/sleep", "2147483647"]\n`);
    buildWith(engine, ["-t", PAUSE_IMAGE, context]);
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

/**
 * @param images Image of the engine by the name that pods have for it.
 * @param folder Takes the files.
 */
export async function saveImages(
  engine: ContainerEngine,
  images: Readonly<Record<string, string>>,
  folder: string,
): Promise<SavedImage[]> {
  await mkdir(folder, { recursive: true });
  return Object.entries(images).map(([alias, name], index) => {
    const file = path.join(folder, `${String(index)}.tar`);
    runEngine(engine, ["save", "--quiet", "--format", "docker-archive", "--output", file, name]);
    return { file, name, ...(alias === name ? {} : { alias: withRegistry(alias) }) };
  });
}

/** Pods may leave the registry out, containerd does not. */
export function withRegistry(image: string): string {
  const [first = "", ...rest] = image.split("/");
  if (rest.length === 0) return `docker.io/library/${image}`;
  return /[.:]/.test(first) || first === "localhost" ? image : `docker.io/${image}`;
}
