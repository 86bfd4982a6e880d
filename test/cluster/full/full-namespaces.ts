/**
 * What a whole Kubernetes needs of this machine, and how it is kept apart from the rest: namespaces of its own for network, mounts and
 * processes, so that nothing of it listens outside, lies in `/run`, `/var/lib` or `/var/log`, or is left when it ends.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { mkdir, readdir, rmdir } from "node:fs/promises";
import path from "node:path";
import { programExists } from "./program-exists.ts";
import { NETWORK_PLUGIN_FOLDERS } from "./container-node.ts";

/** Command line that runs what follows it in namespaces of its own, as all of their root. */
export const FULL_NAMESPACES: readonly [string, ...string[]] = [
  ...(["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c"] as const),
  // The kubelet sets what it finds otherwise in the machine's kernel: it finds what it wants.
  `set -e
ip link set lo up
for place in /run /var/lib /var/log; do mount -t tmpfs -o mode=755 tmpfs $place; done
mkdir /run/sysctl
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1; do
  file=/run/sysctl/$(basename \${setting%=*})
  echo \${setting#*=} > $file
  mount --bind $file /proc/sys/\${setting%=*}
done
"$0" "$@"`,
];

const CGROUPS = "/sys/fs/cgroup";

/** @returns One line that says what is missing; undefined when nothing is. */
export function missingOnMachine(): string | undefined {
  for (const program of ["containerd", "containerd-shim-runc-v2", "ctr", "runc", "iptables", "unshare", "ip"])
    if (!programExists(program)) return `a whole Kubernetes needs ${program}`;
  if (networkPluginFolder() === undefined)
    return `a whole Kubernetes needs the plugins of CNI in ${NETWORK_PLUGIN_FOLDERS.join(" or ")}`;
  return undefined;
}

export function networkPluginFolder(): string | undefined {
  return NETWORK_PLUGIN_FOLDERS.find((folder) => existsSync(path.join(folder, "bridge")));
}

/** Makes a cgroup of that name in every hierarchy. @returns Removes it, and all below, when no process is in it. */
export async function makeCgroups(name: string): Promise<() => Promise<void>> {
  const isUnified = existsSync(path.join(CGROUPS, "cgroup.controllers"));
  const hierarchies = isUnified ? [""] : await readdir(CGROUPS);
  const places = hierarchies.map((hierarchy) => path.join(CGROUPS, hierarchy, name));
  for (const place of places) await mkdir(place, { recursive: true });
  return async () => {
    for (const place of places) await removeCgroup(place);
  };
}

async function removeCgroup(place: string): Promise<void> {
  const entries = await readdir(place, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await removeCgroup(path.join(place, entry.name));
  // What is still in use stays: nothing here depends on it.
  await rmdir(place).catch(() => undefined);
}
