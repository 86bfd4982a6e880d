/**
 * Kubernetes' own programs and etcd, built from the Go modules that test/cluster/full/kubernetes pins, once per version, and kept in the
 * cache folder of the user (`$XDG_CACHE_HOME/kfp-runtime`, or `~/.cache/kfp-runtime`).
 *
 * @module
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { exists } from "../../../src/node/files/path-kind.ts";

export interface KubernetesPrograms {
  readonly version: string;
  readonly etcdVersion: string;
  /** Path by name. */
  readonly programs: Readonly<Record<KubernetesProgram, string>>;
}

export type KubernetesProgram = keyof typeof PACKAGES;

/** Those that need least first: a build that is broken off goes on where it was. */
const PACKAGES = {
  etcd: "go.etcd.io/etcd/server/v3",
  "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
  "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
  kubelet: "k8s.io/kubernetes/cmd/kubelet",
  "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
  "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy",
} as const;

const FOLDER = fileURLToPath(new URL("kubernetes/", import.meta.url));
/** Two thousand packages on two slow cores that do other things as well. */
const BUILD_TIMEOUT_MS = 3 * 3600_000;

/** @returns One line that says what is missing, where they cannot be built. */
export async function provideKubernetes({
  mayBuild,
  say,
}: {
  readonly mayBuild: boolean;
  readonly say: (line: string) => void;
}): Promise<KubernetesPrograms | { readonly missing: string }> {
  const sums = await readFile(path.join(FOLDER, "go.sum"), "utf8");
  const version = versionOf("k8s.io/kubernetes", sums);
  const etcdVersion = versionOf("go.etcd.io/etcd/server/v3", sums);
  const key = `kubernetes-${version}-${createHash("sha256").update(sums).digest("hex").slice(0, 12)}`;
  const place = path.join(cacheFolder(), key);
  const names = Object.keys(PACKAGES) as KubernetesProgram[];
  if (!(await exists(place))) {
    if (!mayBuild) return { missing: `Kubernetes ${version} is not built here; npm run test:cluster -- --full builds it, once` };
    say(`building Kubernetes ${version} and etcd ${etcdVersion} (once; it takes from a quarter of an hour to two hours)`);
    const problem = await build(place, version, say);
    if (problem !== undefined) return { missing: problem };
  }
  const programs = Object.fromEntries(names.map((name) => [name, path.join(place, name)]));
  return { version, etcdVersion, programs: programs as Record<KubernetesProgram, string> };
}

function versionOf(module: string, sums: string): string {
  const version = new RegExp(`^${module} (v\\S+) h1:`, "m").exec(sums)?.[1];
  if (version === undefined) throw new Error(`test/cluster/full/kubernetes/go.sum names no ${module}`);
  return version;
}

function cacheFolder(): string {
  const base = process.env["XDG_CACHE_HOME"] ?? "";
  return path.join(base === "" ? path.join(homedir(), ".cache") : base, "kfp-runtime");
}

async function build(place: string, version: string, say: (line: string) => void): Promise<string | undefined> {
  await mkdir(path.dirname(place), { recursive: true });
  const making = await mkdtemp(`${place}.`);
  const [, major = "", minor = ""] = /^v(\d+)\.(\d+)/.exec(version) ?? [];
  const values = { gitVersion: version, gitMajor: major, gitMinor: minor };
  const stamps = Object.entries(values).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);
  try {
    for (const [name, from] of Object.entries(PACKAGES)) {
      const startedAt = performance.now();
      const flags = ["-mod=readonly", "-buildvcs=false", "-trimpath", "-ldflags", `-s -w ${stamps.join(" ")}`];
      await promisify(execFile)("go", ["build", ...flags, "-o", path.join(making, name), from], {
        ...{ cwd: FOLDER, timeout: BUILD_TIMEOUT_MS, maxBuffer: 1 << 26 },
        env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-p=2" },
      });
      say(`built ${name} in ${((performance.now() - startedAt) / 60_000).toFixed(0)} minutes`);
    }
    await rm(place, { recursive: true, force: true });
    await rename(making, place);
    return undefined;
  } catch (error) {
    const { code, path: missing, stderr = "" } = error as { code?: unknown; path?: unknown; stderr?: string };
    if (code === "ENOENT" && missing === "go") return "Go is not installed, and Kubernetes is built from its Go modules";
    return `Kubernetes cannot be built: ${stderr.trim().split("\n").at(-1) ?? String(error)}`;
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}
