/**
 * Volume claims as folders: `HOME/volumes/NAME` is what a pod would have mounted.
 *
 * Size, access modes and storage class of a claim have no meaning here.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { assertObjectName } from "../../core/spec/object-name.ts";
import { makeFolder } from "../../node/files/make-folder.ts";
import { isFolder } from "../../node/files/path-kind.ts";
import { removePath } from "../../node/files/remove-path.ts";
import type { VolumeClaimApi } from "../../ports/kube-api.ts";

/** Where the files of a claim lie. @throws {SpecError} SPEC_INVALID for a name that is not one of Kubernetes. */
export function claimFolder(volumes: string, name: string): string {
  assertObjectName(name);
  return join(volumes, name);
}

/**
 * Claims below a folder, which is made with the first of them. The namespace is not looked at.
 *
 * @param volumes Absolute.
 */
export function createLocalVolumeClaims(volumes: string): VolumeClaimApi {
  return {
    async createVolumeClaim(_namespace, { name }) {
      const folder = claimFolder(volumes, name);
      await makeFolder(volumes);
      try {
        await mkdir(folder);
        return "created";
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "EEXIST") return "exists";
        throw error;
      }
    },
    async findVolumeClaim(_namespace, name) {
      return (await isFolder(claimFolder(volumes, name))) ? "present" : "absent";
    },
    async deleteVolumeClaim(_namespace, name) {
      // Out of the way in one step: a claim of this name may be made again while the old files are removed.
      const trash = join(volumes, `.deleted-${randomUUID()}`);
      try {
        await rename(claimFolder(volumes, name), trash);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return "absent";
        throw error;
      }
      await removePath(trash);
      return "deleted";
    },
  };
}
