/**
 * What the run's placeholders stand for in a driver: its flags name the run.
 *
 * @module
 */
import type { Run } from "../core/kfp-types.ts";
import { runFacts, type RunFacts } from "../core/placeholders/placeholders.ts";
import type { CommonOptions } from "./options.ts";

/** Id and names from the flags, times from the server. */
export function runFactsOf(run: Run, { runId, runName, runDisplayName }: CommonOptions): RunFacts {
  return runFacts(run, { runId: run.runId === "" ? runId : run.runId, runName, runDisplayName });
}
