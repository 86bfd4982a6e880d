/**
 * Finds a container engine by what it can do: a `docker` on the PATH may be a client without a daemon, a `podman` may need another
 * isolation to build, a `buildah` another storage driver. Plain JavaScript for Node 18 and newer.
 * @module
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { exitProgram } from "./static-program.mjs";

const probeTimeoutMs = 60_000;

/** Ways to build, best first. The first words of a build are `build`, or `bud` for buildah's older name of it. */
const candidates = [
  { engine: "docker", build: ["docker", "build"], env: {} },
  { engine: "podman", build: ["podman", "build", "--network", "host"], env: {} },
  { engine: "podman", build: ["podman", "build", "--network", "host", "--isolation", "chroot"], env: {} },
  { engine: "podman", build: ["podman", "build", "--isolation", "chroot"], env: { STORAGE_DRIVER: "vfs" } },
  { engine: "buildah", build: ["buildah", "bud", "--network", "host"], env: {} },
  { engine: "buildah", build: ["buildah", "bud", "--isolation", "chroot"], env: {} },
  { engine: "buildah", build: ["buildah", "bud", "--isolation", "chroot"], env: { STORAGE_DRIVER: "vfs" } },
];

/**
 * @typedef {object} ContainerEngine
 * @property {"docker" | "podman" | "buildah"} name
 * @property {string[]} build Command line of a build, without its options and its folder.
 * @property {Record<string, string>} env Variables that every call of the engine needs.
 */

/**
 * Finds an engine that builds an image with a RUN here and now.
 *
 * @param {string} [wanted] `auto`, or the name of the only engine to try.
 * @returns {{engine?: ContainerEngine, reasons: string[]}} Without engine, one line per way that was tried says why it does not work.
 */
export function findEngine(wanted = "auto") {
  const reasons = [];
  const context = mkdtempSync(path.join(tmpdir(), "kfp-runtime-engine-"));
  try {
    writeFileSync(path.join(context, "exit"), exitProgram(), { mode: 0o755 });
    for (const { engine, build, env } of candidates) {
      if (wanted !== "auto" && wanted !== engine) continue;
      const problem = probe({ engine, build, env }, context);
      if (problem === undefined) return { engine: { name: engine, build, env }, reasons };
      const line = `${[...Object.entries(env).map(([name, value]) => `${name}=${value}`), ...build].join(" ")}: ${problem}`;
      if (!reasons.includes(line)) reasons.push(line);
    }
    if (reasons.length === 0) reasons.push(`there is no engine called ${wanted}: take docker, podman, buildah or auto`);
    return { reasons };
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

/** @returns {string | undefined} Why this way does not work. */
function probe({ engine, build, env }, context) {
  if (engine === "docker") {
    // A client without a daemon would take a minute to find out by building.
    const info = attempt("docker", ["info"], env);
    if (info !== undefined) return info;
  }
  const [command, ...args] = build;
  // Engines keep the layers of a build: those that another way has left must not be taken for this one's.
  const way = JSON.stringify(["/exit", ...build]);
  writeFileSync(path.join(context, "Dockerfile"), `FROM scratch\nCOPY exit /exit\nRUN ${way}\nCMD ["/exit"]\n`);
  return attempt(command, [...args, "-t", probeImage, context], env);
}

/** Left in the store, where the next probe and the tests find it; 129 bytes. */
export const probeImage = "localhost/kfp-runtime/probe:1";

function attempt(command, args, env) {
  const result = spawnSync(command, args, { encoding: "utf8", timeout: probeTimeoutMs, env: { ...process.env, ...env } });
  if (result.error !== undefined) return result.error.code === "ENOENT" ? "not installed" : result.error.message;
  if (result.status === 0) return undefined;
  return result.stderr.trim().split("\n").at(-1) ?? `exit code ${String(result.status)}`;
}

/**
 * Runs the engine.
 *
 * @param {ContainerEngine} engine
 * @param {string[]} args Without the engine's name.
 * @param {{quiet?: boolean}} [options] quiet: output is kept for the error message alone.
 * @returns {string} Standard output.
 * @throws {Error} With the last lines of its output.
 */
export function runEngine(engine, args, { quiet = true } = {}) {
  return runCommand([engine.name, ...args], engine.env, quiet);
}

/**
 * Builds an image.
 *
 * @param {ContainerEngine} engine
 * @param {string[]} args Options, then the folder.
 * @param {{quiet?: boolean}} [options] As for runEngine.
 * @throws {Error} With the last lines of its output.
 */
export function buildWith(engine, args, { quiet = true } = {}) {
  return runCommand([...engine.build, ...args], engine.env, quiet);
}

function runCommand([command, ...args], env, quiet) {
  const result = spawnSync(command, args, {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    env: { ...process.env, ...env },
    stdio: ["ignore", quiet ? "pipe" : 2, quiet ? "pipe" : 2],
  });
  if (result.status === 0) return result.stdout ?? "";
  const output = `${result.stdout ?? ""}\n${result.stderr ?? ""}`.trim().split("\n").slice(-30).join("\n");
  throw new Error(
    `${command} ${args[0] ?? ""} failed (${result.error?.message ?? String(result.status)})${output === "" ? "" : `:\n${output}`}`,
  );
}

/** @returns {boolean} Whether the engine's store has the image. */
export function hasImage(engine, image) {
  const args =
    engine.name === "docker"
      ? ["image", "inspect", image]
      : engine.name === "podman"
        ? ["image", "exists", image]
        : ["inspect", "--type", "image", image];
  return spawnSync(engine.name, args, { env: { ...process.env, ...engine.env }, stdio: "ignore" }).status === 0;
}
