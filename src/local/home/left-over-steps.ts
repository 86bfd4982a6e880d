/**
 * Steps that outlived the process that ran them: it was killed and could not end them.
 *
 * @module
 */
import { realpathSync } from "node:fs";
import { dirname } from "node:path";
import { killMarkedProcesses } from "../../node/processes/marked-processes.ts";
import { tellsOfProcesses } from "../../node/processes/process-table.ts";
import { RUN_FOLDER_VARIABLE } from "../steps/local-step-runtime.ts";
import type { Home } from "./home.ts";

/**
 * Ends whatever still runs for a run of the home. The caller holds its lock, so nothing of it has a right to.
 *
 * @returns Processes that were ended.
 */
export async function killLeftOverSteps(home: Home): Promise<number> {
  const runs = realPath(home.runs);
  return await killMarkedProcesses({ variable: RUN_FOLDER_VARIABLE, matches: (folder) => realPath(dirname(folder)) === runs });
}

/** What is weaker on a machine that tells of no processes; absent: it does. */
export function processesNotice(): string | undefined {
  return tellsOfProcesses()
    ? undefined
    : "this machine does not tell of its processes (no /proc, and ps does not answer): what leaves the process group of its step, or outlives a crash of kfp-runtime, is not found and goes on";
}

/** The home may be named by another path than last time. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
