/**
 * What the tests of the portable folder need beyond npm: C compilers, root rights, foreign root file systems.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { root } from "./probe.ts";
import { skipUnless } from "./skip.ts";

const fixtures = path.join(root, "test/fixtures/portable");

function isThere(command: string): boolean {
  return spawnSync("/bin/sh", ["-c", `command -v ${command}`]).status === 0;
}

/** True (and said once) where the entry point cannot be compiled. */
export function muslMissing(): boolean {
  return skipUnless(
    process.platform === "linux" && isThere("musl-gcc"),
    "the portable entry point: musl-gcc (package musl-tools) is missing",
  );
}

/** True (and said once) where no portable folder can be built. */
export function portableToolsMissing(): boolean {
  const missing = ["musl-gcc", "strip", "patchelf", "ldd", "gcc"].filter((tool) => !isThere(tool));
  return skipUnless(
    missing.length === 0,
    `the portable folder: ${missing.join(", ")} missing (musl-tools, binutils, patchelf, gcc)`,
  );
}

/** True (and said once) where a process cannot have mounts, processes and a network of its own. */
export function namespacesMissing(): boolean {
  const works = spawnSync("unshare", ["--mount", "--pid", "--net", "--fork", "true"]).status === 0;
  return skipUnless(works && process.getuid?.() === 0, "foreign root file systems: needs root and unshare");
}

export function compileStatic(source: string, out: string, defines: readonly string[] = []): void {
  compile("musl-gcc", ["-static", "-Os", "-s", ...defines, "-o", out, path.resolve(fixtures, source)]);
}

/** Compiles portable/launch.c as scripts/build-portable.mjs does, with sanitising compiler warnings as errors. */
export function compileEntry(
  out: string,
  program: string,
  home: string,
  kind: { userImage: boolean } = { userImage: true },
): void {
  const defines = [`-DPROGRAM="${program}"`, `-DHOME_DIR="${home}"`, `-DUSER_IMAGE=${kind.userImage ? 1 : 0}`];
  defines.push('-DNODE_ARGUMENTS="--first=1","--second"', '-DLATE_AUTHORITIES="--late"');
  compileStatic(path.join(root, "portable/launch.c"), out, ["-std=gnu11", "-Wall", "-Wextra", "-Werror", ...defines]);
}

function compile(compiler: string, args: readonly string[]): void {
  const result = spawnSync(compiler, args, { encoding: "utf8" });
  if (result.status !== 0) throw new Error(`${compiler} failed: ${result.stderr}`);
}

/** Root file systems by name; each has the user's program at /t/child and hostile files in /etc and /lib. */
export function makeRoots(folder: string): Record<string, string> {
  const roots: Record<string, string> = { empty: path.join(folder, "empty") };
  if (existsSync("/bin/busybox")) roots["busybox"] = path.join(folder, "busybox");
  const muslLibrary = `/usr/lib/${process.arch === "x64" ? "x86_64" : "aarch64"}-linux-musl/libc.so`;
  if (existsSync(muslLibrary)) roots["musl"] = path.join(folder, "musl");
  const debian = debianRoot();
  if (debian !== undefined) roots["debian"] = debian;
  const hostile = path.join(folder, "hostile.so");
  compile("gcc", ["-shared", "-fPIC", "-o", hostile, path.join(fixtures, "hostile.c")]);
  const child = path.join(folder, "child");
  compileStatic("child.c", child);
  for (const [name, place] of Object.entries(roots)) {
    for (const sub of ["proc", "etc", "t", "kfp-launcher", "lib"]) mkdirSync(path.join(place, sub), { recursive: true });
    copyFileSync(child, path.join(place, "t/child"));
    copyFileSync(hostile, path.join(place, "t/hostile.so"));
    copyFileSync(hostile, path.join(place, "lib/libnss_foo.so.2"));
    chmodSync(path.join(place, "t/child"), 0o755);
    writeFileSync(path.join(place, "etc/hosts"), "127.0.0.1 localhost\n10.9.8.7 only-in-hosts\n");
    writeFileSync(path.join(place, "etc/resolv.conf"), "nameserver 127.0.0.1\noptions ndots:5 timeout:1 attempts:1\n");
    writeFileSync(path.join(place, "etc/nsswitch.conf"), "hosts: foo files dns\n");
    writeFileSync(path.join(place, "etc/ld.so.preload"), "/t/hostile.so\n");
    writeFileSync(path.join(place, "package.json"), "{ broken");
    if (name === "musl") {
      const loader = `ld-musl-${process.arch === "x64" ? "x86_64" : "aarch64"}.so.1`;
      copyFileSync(muslLibrary, path.join(place, "lib", loader));
    }
    if (name === "busybox" || name === "musl") {
      mkdirSync(path.join(place, "bin"), { recursive: true });
      copyFileSync("/bin/busybox", path.join(place, "bin/busybox"));
      rmSync(path.join(place, "bin/sh"), { force: true });
      symlinkSync("busybox", path.join(place, "bin/sh"));
    }
  }
  return roots;
}

/** A minimal Debian, made once and kept in node_modules; undefined (and said once) where it cannot be had. */
function debianRoot(): string | undefined {
  const kept = path.join(root, "node_modules/.cache/kfp-runtime-test/debian");
  if (existsSync(kept)) return kept;
  if (skipUnless(isThere("debootstrap"), "the Debian root: debootstrap is missing")) return undefined;
  const making = `${kept}.${String(process.pid)}`;
  mkdirSync(making, { recursive: true });
  const made = spawnSync("debootstrap", ["--variant=minbase", "bookworm", making], { timeout: 240_000 });
  if (skipUnless(made.status === 0, "the Debian root: debootstrap cannot fetch its packages here")) {
    rmSync(making, { recursive: true, force: true });
    return undefined;
  }
  renameSync(making, kept);
  return kept;
}

export interface InRootOptions {
  readonly root: string;
  readonly volume: string;
  readonly enter: string;
  readonly user: number;
  readonly proc: boolean;
  readonly env?: Record<string, string>;
}

/** The arguments of in-root.sh, its own path first. */
export function inRoot(options: InRootOptions, command: readonly string[]): [string, ...string[]] {
  const variables = Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`);
  const proc = options.proc ? "proc" : "no-proc";
  const { root: place, volume, enter, user } = options;
  return [path.join(fixtures, "in-root.sh"), proc, place, volume, enter, String(user), ...variables, "--", ...command];
}
