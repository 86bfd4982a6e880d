/**
 * Shows folders at other paths to one program of this machine: in a mount namespace of its own, so that no other program sees them.
 *
 * Linux only, with `unshare` and `mount` of util-linux: as root, or in a user namespace where the system lets everybody have one. A path
 * has to exist to be mounted on; root makes it.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { SpecError } from "../../core/errors.ts";
import { isFolder } from "../../node/files/path-kind.ts";
import { makeFolder } from "../../node/files/make-folder.ts";
import type { FolderMount } from "../pods/pod-folders.ts";

/** How programs of this machine get namespaces, or why they do not. */
export type MountSupport = { readonly unshare: readonly string[] } | { readonly reason: string };

const AS_ROOT = ["unshare", "--mount", "--propagation", "private"];
const AS_USER = ["unshare", "--user", "--map-root-user", "--mount", "--propagation", "private"];
const PROBE_TIMEOUT_MS = 10_000;

/** Arguments: number of mounts, then source, path and mode of each, then the command. */
const SCRIPT = [
  'count="$1"; shift',
  'while [ "$count" -gt 0 ]; do',
  '  mount --bind "$1" "$2" || exit 1',
  '  if [ "$3" = ro ]; then mount -o remount,bind,ro "$2" || exit 1; fi',
  "  shift 3; count=$((count - 1))",
  "done",
  'exec "$@"',
].join("\n");

let support: MountSupport | undefined;

/** Tries it once in the life of this process. */
export function mountSupport(): MountSupport {
  support ??= probe();
  return support;
}

function probe(): MountSupport {
  if (process.platform !== "linux") return { reason: "only Linux can show a folder to a single program" };
  const unshare = process.getuid?.() === 0 ? AS_ROOT : AS_USER;
  const [command = "", ...args] = unshare;
  const result = spawnSync(command, [...args, "mount", "--bind", "/", "/"], {
    encoding: "utf8",
    timeout: PROBE_TIMEOUT_MS,
    stdio: ["ignore", "ignore", "pipe"],
  });
  if (result.error !== undefined) return { reason: `${command} cannot be started (${result.error.message})` };
  if (result.status === 0) return { unshare };
  return { reason: `this system gives no mount namespace to programs (${result.stderr.trim().split("\n").at(-1) ?? ""})` };
}

/**
 * Makes sure that folders can be shown at these paths.
 *
 * @throws {SpecError} FEATURE_UNSUPPORTED saying what is in the way and what to do.
 */
export async function assertMountable(paths: readonly string[]): Promise<void> {
  if (paths.length === 0) return;
  const found = mountSupport();
  const list = paths.join(", ");
  if ("reason" in found) {
    throw new SpecError("FEATURE_UNSUPPORTED", `Cannot mount volumes at ${list} on this machine: ${found.reason}`);
  }
  for (const path of paths) {
    if (await isFolder(path)) continue;
    try {
      await makeFolder(path);
    } catch (error) {
      const advice = `make the folder once, as sudo mkdir -p '${path}'`;
      throw new SpecError(
        "FEATURE_UNSUPPORTED",
        `Cannot mount a volume at ${path} on this machine: there is no such folder; ${advice}`,
        {
          cause: error,
        },
      );
    }
  }
}

/** The command with the folders mounted. The paths passed {@link assertMountable}. */
export function withMounts(mounts: readonly FolderMount[], command: readonly string[]): readonly string[] {
  const found = mountSupport();
  if (mounts.length === 0 || "reason" in found) return command;
  const words = mounts.flatMap(({ source, path, readOnly }) => [source, path, readOnly ? "ro" : "rw"]);
  return [...found.unshare, "sh", "-c", SCRIPT, "kfp-runtime-mount", String(mounts.length), ...words, ...command];
}
