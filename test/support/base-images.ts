/**
 * Stand-ins for base images on a machine that reaches no image registry, under the very names that are pulled elsewhere: Debian by
 * debootstrap, Node and npm from npm.
 *
 * An image that is there already, or that can be pulled, is taken as it is. Stand-ins stay in the engine's store and are made again
 * when what they are made of changes. By hand, before `npm run images`: `node test/support/base-images.ts`.
 *
 * @module
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { buildWith, findEngine, hasImage, runEngine, type ContainerEngine } from "../../scripts/lib/container-engine.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const cache = path.join(root, "node_modules/.cache/kfp-runtime-test");
const npmVersion = "11.21.2";
const suite = "bookworm";
const standInLabel = "kfp-runtime.stand-in";

/** What the quickstart's steps ask for; Debian with Node. */
export const stepImage = "docker.io/library/node:24-bookworm-slim";

/** The base that both Dockerfiles name. */
export function builderImage(): string {
  const image = /^ARG NODE_IMAGE=(\S+)$/m.exec(readFileSync(path.join(root, "Dockerfile.driver"), "utf8"))?.[1];
  if (image === undefined) throw new Error("Dockerfile.driver names no NODE_IMAGE");
  return image;
}

/**
 * Makes sure that the engine has the images.
 *
 * @returns Undefined when all are there, else one line that says what is in the way.
 */
export function provideBaseImages(
  engine: ContainerEngine,
  images: readonly string[] = [builderImage(), stepImage],
): string | undefined {
  const missing = images.filter((image) => !isThere(engine, image) && !canPull(engine, image));
  if (missing.length === 0) return undefined;
  const nodePackage = `node-linux-${process.arch}`;
  const node = path.join(root, "node_modules", nodePackage, "bin/node");
  if (!existsSync(node)) return `${missing.join(" and ")} cannot be pulled, and ${nodePackage} is not installed`;
  if (spawnSync("debootstrap", ["--version"]).error !== undefined || process.getuid?.() !== 0)
    return `${missing.join(" and ")} cannot be pulled, and a stand-in needs debootstrap and root`;
  const context = mkdtempSync(path.join(tmpdir(), "kfp-runtime-base-"));
  try {
    copyFileSync(debianArchive(), path.join(context, "debian.tar"));
    execFileSync("npm", ["pack", `npm@${npmVersion}`, "--silent", "--pack-destination", context], {
      cwd: context,
      stdio: ["ignore", "ignore", "pipe"],
    });
    const modules = path.join(context, "usr/local/lib/node_modules");
    const bin = path.join(context, "usr/local/bin");
    for (const folder of [path.join(modules, "npm"), bin]) mkdirSync(folder, { recursive: true });
    execFileSync("tar", [
      "-xzf",
      path.join(context, `npm-${npmVersion}.tgz`),
      "-C",
      path.join(modules, "npm"),
      "--strip-components=1",
    ]);
    copyFileSync(node, path.join(bin, "node"));
    for (const name of ["npm", "npx"]) symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, path.join(bin, name));
    writeFileSync(
      path.join(context, "Dockerfile"),
      `FROM scratch\nADD debian.tar /\nCOPY usr /usr\nENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nLABEL ${standInLabel}=${recipe()}\nCMD ["node"]\n`,
    );
    buildWith(engine, [...missing.flatMap((image) => ["-t", image]), context]);
    return undefined;
  } catch (error) {
    return `${missing.join(" and ")} cannot be pulled, and no stand-in can be made: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

/** A stand-in of an older recipe does not count. */
function isThere(engine: ContainerEngine, image: string): boolean {
  if (!hasImage(engine, image)) return false;
  const inspected = runEngine(engine, ["inspect", "--type", "image", image]);
  return !inspected.includes(standInLabel) || inspected.includes(recipe());
}

function canPull(engine: ContainerEngine, image: string): boolean {
  if (hasImage(engine, image)) return false;
  return (
    spawnSync(engine.name, ["pull", image], { stdio: "ignore", timeout: 300_000, env: { ...process.env, ...engine.env } })
      .status === 0
  );
}

function recipe(): string {
  const { version } = JSON.parse(
    readFileSync(path.join(root, `node_modules/node-linux-${process.arch}/package.json`), "utf8"),
  ) as { version: string };
  return createHash("sha256").update(`2 ${suite} ${npmVersion} ${version} ${process.arch}`).digest("hex").slice(0, 16);
}

/** A minimal Debian as an archive, kept between runs. */
function debianArchive(): string {
  const kept = path.join(cache, `${suite}.tar`);
  if (existsSync(kept)) return kept;
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(path.join(tmpdir(), "kfp-runtime-debian-"));
  try {
    execFileSync("debootstrap", ["--variant=minbase", suite, path.join(folder, "root")], {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 600_000,
      maxBuffer: 1 << 26,
    });
    const making = `${kept}.${String(process.pid)}`;
    execFileSync("tar", [
      "-C",
      path.join(folder, "root"),
      "--exclude=./var/cache/apt/archives/*.deb",
      "--exclude=./dev/*",
      "-cf",
      making,
      ".",
    ]);
    renameSync(making, kept);
    return kept;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const { engine, reasons } = findEngine();
  const problem = engine === undefined ? `no container engine works here:\n${reasons.join("\n")}` : provideBaseImages(engine);
  console.log(problem ?? `${builderImage()} and ${stepImage} are there`);
  process.exitCode = problem === undefined ? 0 : 1;
}
