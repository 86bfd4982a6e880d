/**
 * Images that are not ours, each with files in /etc and /lib that would break our process if they reached it: Debian with Node, an
 * older glibc, busybox, musl, and an empty one.
 *
 * @module
 */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { buildWith } from "../../scripts/lib/container-engine.mjs";
import { stepImage } from "./base-images.ts";
import type { Containers } from "./containers.ts";
import { compileStatic } from "./portable.ts";
import { root } from "./probe.ts";
import { skipUnless } from "./skip.ts";

export interface ForeignImage {
  readonly name: string;
  readonly image: string;
  /** The same files as a folder, for processes without a container; absent for Debian. */
  readonly folder?: string;
}

const architecture = process.arch === "x64" ? { debian: "amd64", machine: "x86_64" } : { debian: "arm64", machine: "aarch64" };

/** Where an older glibc may be had, oldest first. */
const olderDebian = [
  { mirror: "http://archive.debian.org/debian", suite: "stretch", packages: ["libc6", "dash"] },
  { mirror: "http://deb.debian.org/debian", suite: "bullseye", packages: ["libc6", "dash"] },
];

/** @param folder For the files of the images; kept as long as they are used. */
export function buildForeignImages({ engine }: Containers, folder: string): ForeignImage[] {
  const hostile = path.join(folder, "hostile.so");
  execFileSync("gcc", ["-shared", "-fPIC", "-o", hostile, path.join(root, "test/fixtures/portable/hostile.c")]);
  const step = path.join(folder, "step");
  compileStatic("step.c", step);
  chmodSync(step, 0o755);
  const fill: Record<string, (place: string) => boolean> = {
    empty: () => true,
    busybox: addBusybox,
    musl: addMusl,
    "old glibc": addOldGlibc,
  };
  const images: ForeignImage[] = [];
  for (const [name, add] of Object.entries(fill)) {
    const place = path.join(folder, name.replace(" ", "-"));
    addHostileFiles(place, hostile, step);
    if (!add(place)) continue;
    images.push({ name, image: build(engine, name, "scratch", place), folder: place });
  }
  const debian = path.join(folder, "debian");
  addHostileFiles(debian, hostile, step);
  // Merged directories: /lib is a link in Debian.
  mkdirSync(path.join(debian, "usr"), { recursive: true });
  execFileSync("mv", [path.join(debian, "lib"), path.join(debian, "usr/lib")]);
  images.push({ name: "debian", image: build(engine, "debian", stepImage, debian) });
  return images;
}

function build(engine: Containers["engine"], name: string, base: string, place: string): string {
  const image = `localhost/kfp-runtime-test/foreign-${name.replace(" ", "-")}:${String(process.pid)}`;
  const dockerfile = `${place}.Dockerfile`;
  writeFileSync(dockerfile, `FROM ${base}\nCOPY . /\nENV PATH=/usr/local/bin:/usr/bin:/bin\n`);
  buildWith(engine, ["-f", dockerfile, "-t", image, place]);
  return image;
}

export function removeForeignImages({ engine }: Containers, images: readonly ForeignImage[]): void {
  if (images.length === 0) return;
  const names = images.map(({ image }) => image);
  spawnSync(engine.name, [engine.name === "docker" ? "rmi" : "rmi", ...names], {
    env: { ...process.env, ...engine.env },
    stdio: "ignore",
  });
}

function addHostileFiles(place: string, hostile: string, step: string): void {
  for (const folder of ["etc", "t", "lib", "proc", "kfp-launcher", "tmp"])
    mkdirSync(path.join(place, folder), { recursive: true });
  chmodSync(path.join(place, "tmp"), 0o1777);
  copyFileSync(step, path.join(place, "t/step"));
  copyFileSync(hostile, path.join(place, "t/hostile.so"));
  copyFileSync(hostile, path.join(place, "lib/libnss_foo.so.2"));
  // A container gets one from its engine; the root without /proc has only this.
  writeFileSync(path.join(place, "etc/hosts"), "127.0.0.1 localhost\n");
  writeFileSync(path.join(place, "etc/nsswitch.conf"), "hosts: foo files dns\n");
  writeFileSync(path.join(place, "etc/ld.so.preload"), "/t/hostile.so\n");
  writeFileSync(path.join(place, "package.json"), "{ broken");
}

function addBusybox(place: string): boolean {
  if (skipUnless(existsSync("/bin/busybox"), "the busybox image: busybox-static is missing")) return false;
  mkdirSync(path.join(place, "bin"), { recursive: true });
  copyFileSync("/bin/busybox", path.join(place, "bin/busybox"));
  symlinkSync("busybox", path.join(place, "bin/sh"));
  return true;
}

function addMusl(place: string): boolean {
  const library = `/usr/lib/${architecture.machine}-linux-musl/libc.so`;
  if (skipUnless(existsSync(library), "the musl image: the package musl is missing")) return false;
  copyFileSync(library, path.join(place, "lib", `ld-musl-${architecture.machine}.so.1`));
  return true;
}

function addOldGlibc(place: string): boolean {
  const kept = path.join(root, "node_modules/.cache/kfp-runtime-test/old-glibc");
  if (!existsSync(kept)) {
    const got = olderDebian.some((source) => fetchPackages(source, kept));
    if (skipUnless(got, "the image with an older glibc: no Debian archive with one can be reached")) return false;
  }
  execFileSync("cp", ["-a", `${kept}/.`, place]);
  return true;
}

/** Unpacks a few packages of an archive; their signatures do not matter for a file system that is thrown away. */
function fetchPackages({ mirror, suite, packages }: (typeof olderDebian)[number], target: string): boolean {
  const folder = mkdtempSync(path.join(tmpdir(), "kfp-runtime-old-"));
  try {
    const get = (url: string, file: string) =>
      execFileSync("curl", ["-fsS", "-m", "60", "-o", path.join(folder, file), url], { stdio: "ignore" });
    get(`${mirror}/dists/${suite}/main/binary-${architecture.debian}/Packages.xz`, "Packages.xz");
    const list = execFileSync("xz", ["-dc", path.join(folder, "Packages.xz")], { encoding: "utf8", maxBuffer: 1 << 28 });
    for (const name of packages) {
      const entry = list.split("\n\n").find((text) => text.startsWith(`Package: ${name}\n`));
      const file = /^Filename: (.+)$/m.exec(entry ?? "")?.[1];
      if (file === undefined) return false;
      get(`${mirror}/${file}`, `${name}.deb`);
      execFileSync("dpkg-deb", ["-x", path.join(folder, `${name}.deb`), path.join(folder, "root")]);
    }
    rmSync(path.join(folder, "root/usr/share"), { recursive: true, force: true });
    mkdirSync(path.dirname(target), { recursive: true });
    execFileSync("mv", [path.join(folder, "root"), target]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
