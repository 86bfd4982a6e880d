/**
 * Replays recordings of the reference's driver and launcher with ours: `npm run replay -- FOLDER`.
 *
 * The work is done by test/replay, in TypeScript, by a Node that reads it.
 */
import { spawnSync } from "node:child_process";
import path from "node:path";
import { programNode, root } from "./lib/project.mjs";

const main = path.join(root, "test/replay/main.ts");
const { status, signal, error } = spawnSync(
  programNode(),
  ["--experimental-strip-types", "--no-warnings", main, ...process.argv.slice(2)],
  { stdio: "inherit" },
);
if (status === null) console.error(`replay: ${error?.message ?? `ended by ${String(signal)}`}`);
process.exitCode = status ?? 1;
