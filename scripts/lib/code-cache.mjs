/**
 * Runs programs so that V8 compiles what they need at their start, and boot.cjs keeps the result beside each chunk.
 *
 * Each program runs with `--version`, with all chunks it can reach loaded; then driver and launcher do their usual work against a
 * server on this machine (warm-up.ts).
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import path from "node:path";
import { programNode } from "./project.mjs";
import { warmUp } from "./warm-up.mjs";

/**
 * Make the caches reproducible: string hashes come from the random seed, and a garbage collection that happens to come leaves traces
 * in functions. None of these flags is part of what V8 compares when it accepts a cache.
 */
const reproducible = ["--predictable", "--random-seed=1", "--min-semi-space-size=64", "--max-semi-space-size=64"];

/**
 * Writes the code caches of one program's chunks.
 *
 * @param {object} options
 * @param {[string, ...string[]]} options.start Command line up to and without Node's flags, such as `["/usr/bin/node"]`.
 * @param {string} options.boot Path of boot.cjs; the chunks lie beside it.
 * @param {string} options.program
 * @param {string[]} options.chunks Chunks to load beyond those the program loads itself.
 * @param {string} [options.peers] Folder of the chunks of driver and launcher that take the other parts in a run; default: boot's.
 * @returns {Promise<string | undefined>} What went wrong. Caches only save time, so that is for the caller to judge.
 */
export async function writeCodeCaches({ start, boot, program, chunks, peers = path.dirname(boot) }) {
  const command = [...start, ...reproducible, boot, program];
  const version = await runToEnd([...command, "--version"], chunks);
  if (version.code !== 0 || version.stderr !== "")
    return `${program} --version ended with ${version.code}: ${version.stderr.trim()}`;
  if (program !== "driver" && program !== "launcher-v2") return undefined;
  const peer = (name) => ({ command: [programNode(), path.join(peers, "boot.cjs"), name], environment: {} });
  const own = { command, environment: { KFP_RUNTIME_WRITE_CODE_CACHE: "1" } };
  if (program === "driver") return warmUp({ driver: own });
  if (!existsSync(path.join(peers, "driver.js"))) return "no driver was built beside the launcher, so there was no whole run";
  return warmUp({ driver: peer("driver"), launcher: own });
}

async function runToEnd([command, ...args], chunks) {
  const child = spawn(command, args, {
    env: { KFP_RUNTIME_WRITE_CODE_CACHE: "1", KFP_RUNTIME_WARM_CHUNKS: chunks.join(",") },
    stdio: ["ignore", "ignore", "pipe"],
    timeout: 60_000,
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  const [code, signal] = await once(child, "close");
  return { code: signal ?? code, stderr };
}
