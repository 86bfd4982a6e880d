/**
 * Makes the checkout ready for its commands: `node scripts/setup.mjs [--build]`.
 *
 * Installs the npm packages when one is missing or has another version than package-lock.json says, and with --build builds dist
 * when the sources are newer. Says nothing when nothing is to do; else one line per step on stderr; one line per problem, exit code 1.
 * Plain JavaScript without dependencies, for Node 18 and newer: it runs before there is anything else.
 *
 * npm skips an optional package in silence when its download fails, and reports success. Platform binaries (esbuild, Node itself)
 * are such packages, so what npm says is not believed: what lies in node_modules is looked at.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { findPackageProblems } from "./lib/installed-packages.mjs";
import { hashBuildInputs, installedNode, isNodeSupported, minimumNode, programs, root } from "./lib/project.mjs";

const wantsBuild = process.argv.includes("--build");

const problems = setUp();
for (const problem of problems) say(problem);
process.exitCode = problems.length === 0 ? 0 : 1;

/** @returns {string[]} What is wrong and could not be mended. */
function setUp() {
  const [running = 0] = process.versions.node.split(".").map(Number);
  if (running < 18) return [`Node.js 18 or newer is needed to set up, this is ${process.version}`];
  const options = { root, nodeNeeded: !isNodeSupported(process.versions.node) };
  let missing = findPackageProblems(options);
  if (missing.length > 0) {
    say(
      `installing npm packages (npm ci), because ${missing[0]}${missing.length > 1 ? ` and ${String(missing.length - 1)} more` : ""}`,
    );
    const failure = installPackages();
    if (failure !== undefined) return [failure];
    missing = findPackageProblems(options);
    if (missing.length > 0) return missing.map(explainMissing);
  }
  if (installedNode() === undefined && !isNodeSupported(process.versions.node)) {
    return [`Node.js ${minimumNode} or newer is needed on this platform, this is ${process.version}: install it and try again`];
  }
  if (!wantsBuild || isBuilt()) return [];
  say("building dist, because the sources have changed since the last build or it is missing");
  const build = spawnSync(installedNode() ?? process.execPath, [path.join(root, "scripts/build.mjs")], {
    cwd: root,
    stdio: ["ignore", 2, 2],
  });
  return build.status === 0 ? [] : [`the build failed (${describeEnd(build)})`];
}

/** @returns {string | undefined} What went wrong. */
function installPackages() {
  const npm = process.env["npm_execpath"];
  const [command, first] = npm?.endsWith(".js") === true ? [process.execPath, [npm]] : ["npm", []];
  const run = spawnSync(command, [...first, "ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
  });
  return run.status === 0 ? undefined : `npm ci failed (${describeEnd(run)}): see its messages above`;
}

function explainMissing(problem) {
  return (
    `${problem} after npm ci: npm leaves out an optional package in silence when its download fails; ` +
    "check the network, the proxy settings and, behind a private CA, NODE_EXTRA_CA_CERTS"
  );
}

function isBuilt() {
  const expected = [
    "lib/boot.cjs",
    "lib/start.cjs",
    ...Object.keys(programs).flatMap((name) => [`bin/${name}`, `lib/${name}.js`]),
  ];
  if (!expected.every((file) => existsSync(path.join(root, "dist", file)))) return false;
  try {
    return JSON.parse(readFileSync(path.join(root, "dist/meta.json"), "utf8")).inputs === hashBuildInputs();
  } catch {
    return false;
  }
}

function describeEnd({ status, signal, error }) {
  return error?.message ?? (signal === null ? `exit code ${String(status)}` : signal);
}

function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}
