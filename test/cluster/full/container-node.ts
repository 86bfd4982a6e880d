/**
 * containerd and its network for one node, with images that were saved to files.
 *
 * Standard: containerd 1.6's config.toml, version 2; CNI 1.0.
 *
 * @module
 */
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { errorMessage } from "../../../src/core/errors.ts";
import { BRIDGE, POD_RANGE } from "./addresses.ts";
import { startProgram, type ProgramProcess } from "./program-process.ts";

/** An image in a file. */
export interface SavedImage {
  readonly file: string;
  /** Which it has in the file. */
  readonly name: string;
  /** Which pods call it by, with its registry. */
  readonly alias?: string;
}

export interface ContainerNode extends ProgramProcess {
  readonly socket: string;
}

export interface ContainerNodeOptions {
  readonly folder: string;
  readonly images: readonly SavedImage[];
  readonly pauseImage: string;
  readonly onProblem: (message: string) => void;
}

/** Where Debian's containernetworking-plugins are, and where others put them. */
export const NETWORK_PLUGIN_FOLDERS = ["/usr/lib/cni", "/opt/cni/bin"] as const;
const START_TIMEOUT_MS = 60_000;
const IMPORT_TIMEOUT_MS = 300_000;
const NAMESPACE = "k8s.io";

export async function startContainerNode(
  options: ContainerNodeOptions & { readonly pluginFolder: string },
): Promise<ContainerNode> {
  const { folder, images } = options;
  const socket = path.join("/run/containerd", "containerd.sock");
  await mkdir(path.join(folder, "cni"), { recursive: true });
  await writeFile(path.join(folder, "cni/10-bridge.conflist"), JSON.stringify(networkConfiguration(folder)));
  const config = path.join(folder, "containerd.toml");
  await writeFile(config, runtimeConfiguration(options, socket));
  const args = ["--config", config];
  const process = startProgram({ ...options, name: "containerd", program: "containerd", args });
  const ctr = async (...words: readonly string[]): Promise<void> => {
    await promisify(execFile)("ctr", ["--address", socket, "--namespace", NAMESPACE, ...words], { timeout: IMPORT_TIMEOUT_MS });
  };
  await untilItWorks("containerd answers", async () => await ctr("images", "list", "--quiet"));
  for (const { file, name, alias } of images) {
    await ctr("images", "import", "--snapshotter", "overlayfs", file);
    if (alias !== undefined) await ctr("images", "tag", name, alias);
  }
  return { socket, stop: async () => await process.stop() };
}

/** A wait with an end. @throws With what was wrong last. */
export async function untilItWorks(what: string, attempt: () => Promise<void>, timeoutMs = START_TIMEOUT_MS): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline)
        throw new Error(`not within ${String(timeoutMs / 1000)} s: ${what}: ${errorMessage(error)}`, { cause: error });
    }
    await sleep(250);
  }
}

function networkConfiguration(folder: string): object {
  const ipam = { type: "host-local", ranges: [[{ subnet: POD_RANGE }]], dataDir: path.join(folder, "cni-addresses") };
  return {
    cniVersion: "1.0.0",
    name: "pods",
    plugins: [{ type: "bridge", bridge: BRIDGE, isDefaultGateway: true, ipMasq: false, hairpinMode: true, ipam }],
  };
}

function runtimeConfiguration(
  { folder, pauseImage, pluginFolder }: ContainerNodeOptions & { readonly pluginFolder: string },
  socket: string,
): string {
  const text = JSON.stringify;
  return `version = 2
root = ${text(path.join(folder, "containerd"))}
state = "/run/containerd/state"
[grpc]
  address = ${text(socket)}
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = ${text(pauseImage)}
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = ${text(pluginFolder)}
    conf_dir = ${text(path.join(folder, "cni"))}
`;
}
