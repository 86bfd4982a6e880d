/**
 * Where the project's parts are, and which Node runs its programs. Plain JavaScript for Node 18 and newer.
 * @module
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** Absolute path of the repository. */
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");

/**
 * What is bundled together. Driver and launcher start for every step of every pipeline: they share chunks with each other, and nothing that
 * `kfp-runtime` needs gets into what they load.
 */
export const bundles = [
  {
    prefix: "",
    isGrpcClient: true,
    programs: { driver: "src/driver/main.ts", "launcher-v2": "src/launcher/main.ts" },
    /** What every run loads by `import()` once its command line is read; an importer does without a little of it. */
    everyRun: {
      driver: ["src/apiclient/connect.ts", "src/driver/drive.ts"],
      "launcher-v2": ["src/apiclient/connect.ts", "src/launcher/container/launch-container.ts", "src/node/process-runner.ts"],
    },
  },
  { prefix: "kfp-runtime.", isGrpcClient: false, programs: { "kfp-runtime": "src/cli/main.ts" }, everyRun: {} },
];

/** The programs, and the source file of each. */
export const programs = Object.assign({}, ...bundles.map((bundle) => bundle.programs));

/** The oldest Node that runs the programs, as text. Also in src/boot and package.json. */
export const minimumNode = "22.13";

/** @returns {boolean} Whether a Node of this version (such as `24.21.0`) runs the programs. */
export function isNodeSupported(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 22 || (major === 22 && minor >= 13);
}

/** @returns {string | undefined} Name of the npm package with a Node binary for this machine. */
export function nodePackageName() {
  return process.platform === "linux" && ["x64", "arm64"].includes(process.arch) ? `node-linux-${process.arch}` : undefined;
}

/** @returns {string | undefined} Path of the Node binary that npm installed, when it is there. */
export function installedNode() {
  const name = nodePackageName();
  const file = name === undefined ? undefined : path.join(root, "node_modules", name, "bin/node");
  return file !== undefined && existsSync(file) ? file : undefined;
}

/**
 * Finds the Node that dist/bin/* would choose: the installed one, else the running one when it is new enough.
 *
 * @returns {string} Absolute path.
 * @throws {Error} With one line that says what to do.
 */
export function programNode() {
  const installed = installedNode();
  if (installed !== undefined) return installed;
  if (isNodeSupported(process.versions.node)) return process.execPath;
  throw new Error(`Node.js ${minimumNode} or newer is needed, this is ${process.version}: run node scripts/setup.mjs`);
}

/**
 * Hashes everything the bundles are made of, to know whether dist is up to date.
 *
 * @returns {string} 64 hexadecimal digits; the same for the same contents on any machine.
 */
export function hashBuildInputs() {
  const hash = createHash("sha256");
  const files = ["package.json", "package-lock.json", "scripts/build.mjs", ...listFiles("scripts/lib"), ...listFiles("src")];
  for (const file of files.sort((a, b) => (a < b ? -1 : 1))) {
    const content = readFileSync(path.join(root, file));
    hash.update(`${file}\0${String(content.length)}\0`).update(content);
  }
  return hash.digest("hex");
}

function listFiles(folder) {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = `${folder}/${entry.name}`;
    return entry.isDirectory() ? listFiles(name) : [name];
  });
}

/**
 * Names the commit of the sources: the same for a build on this machine and for the images, so that both hold the same files.
 *
 * @returns {string} Twelve digits, with `-dirty` when something that is built or packed differs from it; `unknown` without git.
 */
export function describeCommit() {
  const commit = git("rev-parse", "--short=12", "HEAD");
  if (commit === undefined) return "unknown";
  const changes = git("status", "--porcelain", "--", "src", "scripts", "portable", "package.json", "package-lock.json");
  return changes === "" ? commit : `${commit}-dirty`;
}

/** @returns {string | undefined} Output of a git command; undefined where there is no repository, no commit or no git. */
export function git(...args) {
  try {
    return execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return undefined;
  }
}
