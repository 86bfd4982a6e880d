/**
 * Virtual environments of the build and of the tests, made once and kept below node_modules/.cache.
 *
 * Needs `python3` with its module venv, and a package index the first time.
 * @module
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { root } from "./project.mjs";

const cache = path.join(root, "node_modules/.cache/kfp-runtime-python");
const timeoutMs = 600_000;

/**
 * The environment with what a lock file names, hashes checked.
 *
 * @param {string} lockFile As `uv pip compile --generate-hashes` writes it; relative to the repository.
 * @returns {string} Its folder; call its interpreter by path, `bin/python`.
 * @throws {Error} With what pip said.
 */
export function lockedEnvironment(lockFile) {
  return keptEnvironment(lockName(lockFile), ["--require-hashes", "--requirement", path.resolve(root, lockFile)]);
}

/**
 * The environment with these packages.
 *
 * @param {readonly string[]} requirements Such as `kfp==2.17.3`.
 * @returns {string} Its folder.
 * @throws {Error} With what pip said.
 */
export function environmentWith(requirements) {
  return keptEnvironment(requirements.join("-").replaceAll(/[^\w.]+/g, "-"), requirements);
}

/**
 * The wheels that a lock file names, for installations without an index: `pip install --no-index --find-links FOLDER`.
 *
 * @param {string} lockFile Relative to the repository.
 * @returns {string} Their folder.
 * @throws {Error} With what pip said.
 */
export function lockedWheels(lockFile) {
  return keptFolder(`${lockName(lockFile)}-wheels`, (making) => {
    const python = path.join(environmentWith([]), "bin/python");
    const lock = path.resolve(root, lockFile);
    // Some packages are published as sources alone: pip checks those, and builds wheels of them.
    run(python, ["-m", "pip", "wheel", "--quiet", "--require-hashes", "--no-deps", "--wheel-dir", making, "-r", lock]);
  });
}

/** Another interpreter takes other wheels. */
function lockName(lockFile) {
  const { stdout } = spawnSync("python3", ["--version"], { encoding: "utf8" });
  const digest = createHash("sha256")
    .update(stdout ?? "")
    .update(readFileSync(path.resolve(root, lockFile)));
  return `${lockFile.replaceAll(/[^\w.]+/g, "-")}-${digest.digest("hex").slice(0, 16)}`;
}

function keptEnvironment(name, install) {
  return keptFolder(name === "" ? "empty" : name, (making) => {
    // Only its interpreter is called by path, which finds its packages wherever the folder is; so it can be moved once it is whole.
    run("python3", ["-m", "venv", making]);
    if (install.length > 0) run(path.join(making, "bin/python"), ["-m", "pip", "install", "--quiet", ...install]);
  });
}

/** Made beside its place and moved there: several processes may ask for it at a time. */
function keptFolder(name, make) {
  const kept = path.join(cache, name);
  if (existsSync(kept)) return kept;
  mkdirSync(cache, { recursive: true });
  const making = `${kept}.${process.pid}`;
  try {
    make(making);
    renameSync(making, kept);
  } catch (error) {
    // Somebody else was faster, or it went wrong.
    rmSync(making, { recursive: true, force: true });
    if (!existsSync(kept)) throw error;
  }
  return kept;
}

function run(command, args) {
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8", timeout: timeoutMs });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed: ${error?.message ?? stderr.trim()}`);
}
