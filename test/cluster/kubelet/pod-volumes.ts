/**
 * Folders for the volumes of a pod: empty ones, the data of config maps and secrets, tokens, fields of the pod, and claims, each of
 * which is a folder of the node.
 *
 * Standard: Kubernetes documentation, "Volumes", "Projected Volumes".
 *
 * @module
 */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import type { IVolume } from "kubernetes-models/v1";
import { podField } from "./container-variables.ts";
import { NotReadyError, type Pod, type PodSources } from "./pod-objects.ts";

interface KeyItem {
  readonly key: string;
  readonly path: string;
}

export interface VolumeFolders {
  /** Of this pod, removed with it. */
  readonly pod: string;
  /** Of all claims. */
  readonly claims: string;
}

/**
 * @returns By name of the volume.
 * @throws {NotReadyError} While something that a volume names is not there.
 */
export async function makeVolumes(pod: Pod, sources: PodSources, folders: VolumeFolders): Promise<Map<string, string>> {
  const made = new Map<string, string>();
  for (const volume of pod.podSpec.volumes ?? []) {
    const files = volumeFiles(pod, volume, sources);
    const claim = volume.persistentVolumeClaim?.claimName;
    if (claim !== undefined && !sources.hasClaim(pod.metadata.namespace ?? "", claim))
      throw new NotReadyError("ContainerCreating", `persistentvolumeclaim "${claim}" not found`);
    if (files === undefined && claim === undefined && volume.emptyDir === undefined)
      throw new NotReadyError("ContainerCreating", `a test cluster has no volumes such as "${volume.name}"`);
    const folder =
      claim === undefined
        ? path.join(folders.pod, "volumes", volume.name)
        : path.join(folders.claims, pod.metadata.namespace ?? "", claim);
    await openFolder(folder);
    for (const [name, content] of files ?? []) {
      await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
      await writeFile(path.join(folder, name), content);
    }
    made.set(volume.name, folder);
  }
  return made;
}

/** Anybody may write, as in an emptyDir. */
export async function openFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o777);
}

/** Of a volume that is made of data. */
function volumeFiles(
  pod: Pod,
  { configMap, secret, projected, downwardAPI }: IVolume,
  sources: PodSources,
): Map<string, Buffer> | undefined {
  if (configMap !== undefined) return dataFiles(pod, sources, { kind: "configMap", name: configMap.name ?? "", ...configMap });
  if (secret !== undefined) return dataFiles(pod, sources, { kind: "secret", name: secret.secretName ?? "", ...secret });
  if (downwardAPI !== undefined) return fieldFiles(pod, downwardAPI.items);
  if (projected === undefined) return undefined;
  const files = new Map<string, Buffer>();
  for (const source of projected.sources ?? []) {
    const { serviceAccountToken, configMap: map, secret: hidden, downwardAPI: fields } = source;
    const found = [
      ...(map === undefined ? [] : dataFiles(pod, sources, { kind: "configMap", name: map.name ?? "", ...map })),
      ...(hidden === undefined ? [] : dataFiles(pod, sources, { kind: "secret", name: hidden.name ?? "", ...hidden })),
      ...(fields === undefined ? [] : fieldFiles(pod, fields.items)),
    ];
    for (const [name, content] of found) files.set(name, content);
    if (serviceAccountToken !== undefined) {
      const token = sources.token(pod.metadata.namespace ?? "", pod.podSpec.serviceAccountName ?? "default");
      files.set(serviceAccountToken.path, Buffer.from(token));
    }
  }
  return files;
}

function dataFiles(
  pod: Pod,
  sources: PodSources,
  wanted: {
    readonly kind: "configMap" | "secret";
    readonly name: string;
    readonly items?: readonly KeyItem[];
    readonly optional?: boolean;
  },
): Map<string, Buffer> {
  const { kind, name, items, optional = false } = wanted;
  const data = sources[kind](pod.metadata.namespace ?? "", name);
  if (data === undefined) {
    if (optional) return new Map();
    throw new NotReadyError("ContainerCreating", `${kind.toLowerCase()} "${name}" not found`);
  }
  if (items === undefined) return new Map(data);
  return new Map(
    items.flatMap((item): [string, Buffer][] => {
      const value = data.get(item.key);
      if (value !== undefined) return [[item.path, value]];
      if (optional) return [];
      throw new NotReadyError("ContainerCreating", `references non-existent ${kind.toLowerCase()} key: ${item.key}`);
    }),
  );
}

function fieldFiles(
  pod: Pod,
  items: readonly { readonly path: string; readonly fieldRef?: { readonly fieldPath: string } }[] = [],
): Map<string, Buffer> {
  return new Map(
    items.flatMap(({ path: file, fieldRef }) =>
      fieldRef === undefined ? [] : [[file, Buffer.from(podField(pod, fieldRef.fieldPath))] as const],
    ),
  );
}
