/**
 * Makes the volumes of one pod on the disk, and says what lies where.
 *
 * @module
 */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SpecError } from "../../core/errors.ts";
import { makeFolder } from "../../node/files/make-folder.ts";
import { isFolder } from "../../node/files/path-kind.ts";
import { claimFolder } from "../objects/volume-claims.ts";
import { describeKind, type LocalObjects } from "../objects/local-objects.ts";
import type { PodMount } from "./pod-volumes.ts";

/** Where volumes come from. */
export interface PodFolderOptions {
  /** Of this pod alone, absolute; made when something needs it. */
  readonly folder: string;
  /** Folder of the claims, absolute. */
  readonly volumes: string;
  readonly objects: LocalObjects;
  /** The claim that belongs to the run, by name, and its folder: the workspace. */
  readonly ownClaims: ReadonlyMap<string, string>;
}

/** A folder of this machine, and where the step sees it. */
export interface FolderMount {
  /** Absolute, exists. */
  readonly source: string;
  readonly path: string;
  readonly readOnly: boolean;
}

/** Everybody may use it: an image has its own user. */
const OPEN_MODE = 0o777;

/**
 * @throws {SpecError} FEATURE_UNSUPPORTED for a secret, config map or claim that is not there, saying what to do.
 * @throws The error of the file system.
 */
export async function makePodFolders(mounts: readonly PodMount[], options: PodFolderOptions): Promise<FolderMount[]> {
  const made = new Map<string, Promise<string>>();
  const folders: FolderMount[] = [];
  for (const mount of mounts) {
    let folder = made.get(mount.volume);
    if (folder === undefined) {
      folder = makeVolume(mount, options);
      made.set(mount.volume, folder);
    }
    const root = await folder;
    const source = mount.subPath === "" ? root : join(root, mount.subPath);
    // As the kubelet does it; a file of a secret is there already.
    if (mount.source.kind !== "object") await makeFolder(source);
    folders.push({ source, path: mount.path, readOnly: mount.readOnly });
  }
  return folders;
}

async function makeVolume({ volume, source }: PodMount, options: PodFolderOptions): Promise<string> {
  switch (source.kind) {
    case "claim":
      return await claimOf(source.name, options);
    case "temporary": {
      const folder = join(options.folder, volume);
      await mkdir(folder, { recursive: true });
      await chmod(folder, OPEN_MODE);
      return folder;
    }
    case "object": {
      const data = options.objects.find(source.object, source.name);
      if (data === undefined && !source.optional) {
        const what = `${describeKind(source.object)} "${source.name}"`;
        throw new SpecError("FEATURE_UNSUPPORTED", `Cannot mount ${what}: it is not there; pass it with --secrets`);
      }
      const folder = join(options.folder, volume);
      await mkdir(folder, { recursive: true });
      for (const [key, value] of data ?? []) await writeFile(join(folder, key), value, { mode: 0o644 });
      return folder;
    }
  }
}

async function claimOf(name: string, { volumes, ownClaims }: PodFolderOptions): Promise<string> {
  const own = ownClaims.get(name);
  if (own !== undefined) {
    await makeFolder(own);
    return own;
  }
  const folder = claimFolder(volumes, name);
  if (await isFolder(folder)) return folder;
  const advice = `a task of the pipeline may create it, or you do: mkdir -p '${folder}'`;
  throw new SpecError("FEATURE_UNSUPPORTED", `Cannot mount volume claim "${name}": it is not there; ${advice}`);
}
