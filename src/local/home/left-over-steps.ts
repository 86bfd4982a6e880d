/**
 * Steps that outlived the process that ran them: it was killed and could not end them.
 *
 * @module
 */
import { realpathSync } from "node:fs";
import { dirname } from "node:path";
import { killMarkedProcesses } from "../../node/marked-processes.ts";
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

/** The home may be named by another path than last time. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
