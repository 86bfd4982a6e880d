/**
 * Argo's controller and executor, built from the Go modules that test/cluster/argo pins, once per version, and kept in the cache folder
 * of the user (`$XDG_CACHE_HOME/kfp-runtime`, or `~/.cache/kfp-runtime`).
 *
 * The module is in no checksum database; go.sum has its sums, which are those in the go.sum of kubeflow/pipelines of its time.
 *
 * @module
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, copyFile, cp, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { buildWith, hasImage, type ContainerEngine } from "../../scripts/lib/container-engine.mjs";
import { exists } from "../../src/node/files/path-kind.ts";

export interface ArgoPrograms {
  readonly version: string;
  /** Path of the program. */
  readonly controller: string;
  /** Image of the executor. */
  readonly executorImage: string;
}

const MODULE = "github.com/argoproj/argo-workflows/v3";
const FOLDER = fileURLToPath(new URL("argo/", import.meta.url));
/** Two thousand packages on one slow core. */
const BUILD_TIMEOUT_MS = 90 * 60_000;

/** @returns One line that says what is missing, where they cannot be built. */
export async function provideArgo(
  engine: ContainerEngine,
  { mayBuild, say }: { readonly mayBuild: boolean; readonly say: (line: string) => void },
): Promise<ArgoPrograms | { readonly missing: string }> {
  const sums = await readFile(path.join(FOLDER, "go.sum"), "utf8");
  const version = new RegExp(`^${MODULE} (v\\S+) h1:`, "m").exec(sums)?.[1];
  if (version === undefined) throw new Error(`test/cluster/argo/go.sum names no ${MODULE}`);
  const main = await readFile(path.join(FOLDER, "controller/main.go"), "utf8");
  const key = `argo-${version}-${createHash("sha256").update(sums).update(main).digest("hex").slice(0, 12)}`;
  const place = path.join(cacheFolder(), key);
  const controller = path.join(place, "workflow-controller");
  const executor = path.join(place, "argoexec");
  if (!(await exists(controller)) || !(await exists(executor))) {
    if (!mayBuild) return { missing: `Argo Workflows ${version} is not built here; npm run test:cluster builds it, once` };
    say(`building Argo Workflows ${version} (once; it may take half an hour)`);
    const problem = await build(place, version);
    if (problem !== undefined) return { missing: problem };
  }
  const executorImage = `localhost/kfp-runtime-cluster/argoexec:${key}`;
  if (!hasImage(engine, executorImage)) await buildExecutorImage(engine, executor, executorImage);
  return { version, controller, executorImage };
}

function cacheFolder(): string {
  const base = process.env["XDG_CACHE_HOME"] ?? "";
  return path.join(base === "" ? path.join(homedir(), ".cache") : base, "kfp-runtime");
}

/** What is built, by the name of the program. */
const PACKAGES = { "workflow-controller": "./controller", argoexec: `${MODULE}/cmd/argoexec` };

async function build(place: string, version: string): Promise<string | undefined> {
  await mkdir(path.dirname(place), { recursive: true });
  const making = await mkdtemp(`${place}.`);
  try {
    const modfile = await withLinks(making);
    const flags = ["-modfile", modfile, "-mod=readonly", "-buildvcs=false", "-trimpath"];
    const stamp = ["-ldflags", `-s -w -X ${MODULE}.version=${version}`];
    for (const [program, from] of Object.entries(PACKAGES))
      await go("build", ...flags, ...stamp, "-o", path.join(making, program), from);
    await rm(path.join(making, "source"), { recursive: true });
    await rm(place, { recursive: true, force: true });
    await rename(making, place);
    return undefined;
  } catch (error) {
    const { code, path: missing, stderr = "" } = error as { code?: unknown; path?: unknown; stderr?: string };
    if (code === "ENOENT" && missing === "go") return "Go is not installed, and Argo is built from its Go modules";
    return `Argo cannot be built: ${stderr.trim().split("\n").at(-1) ?? String(error)}`;
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}

/**
 * Symbolic links are no part of a Go module, and one source file of the executor is one: it is put back into a copy of the module, whose
 * sum has been checked.
 *
 * @returns A go.mod that takes the copy.
 */
async function withLinks(folder: string): Promise<string> {
  const source = path.join(folder, "source");
  // A module that has not been downloaded has no folder.
  await go("mod", "download", MODULE);
  const module = (await go("list", "-mod=readonly", "-m", "-f", "{{.Dir}}", MODULE)).trim();
  await cp(module, source, { recursive: true });
  const place = path.join(source, "workflow/executor/osspecific");
  await chmod(place, 0o755);
  await symlink("signal_darwin.go", path.join(place, "signal_linux.go"));
  for (const name of ["go.mod", "go.sum"]) await copyFile(path.join(FOLDER, name), path.join(folder, name));
  const modfile = path.join(folder, "go.mod");
  await go("mod", "edit", "-replace", `${MODULE}=${source}`, modfile);
  return modfile;
}

async function go(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)("go", args, {
    cwd: FOLDER,
    timeout: BUILD_TIMEOUT_MS,
    maxBuffer: 1 << 26,
    env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "" },
  });
  return stdout;
}

/** As Argo's own for users other than root. */
async function buildExecutorImage(engine: ContainerEngine, executor: string, image: string): Promise<void> {
  const context = await mkdtemp(path.join(tmpdir(), "kfp-runtime-argoexec-"));
  try {
    await copyFile(executor, path.join(context, "argoexec"));
    const lines = ["FROM scratch", "COPY argoexec /bin/argoexec", "ENV PATH=/bin", "USER 8737", 'ENTRYPOINT ["argoexec"]'];
    await writeFile(path.join(context, "Dockerfile"), `${lines.join("\n")}\n`);
    buildWith(engine, ["-t", image, context]);
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}
