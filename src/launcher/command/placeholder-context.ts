/**
 * What the launcher knows of run and task, for placeholders that the driver left unresolved.
 *
 * Source: docs/spec/placeholders.md#lau-15, #decision-pipeline-task-uuid.
 *
 * @module
 */
import type { Run } from "../../core/kfp-types.ts";
import { runFacts, type PlaceholderContext } from "../../core/placeholders/placeholders.ts";
import type { CommonOptions } from "../options.ts";

/** Facts of the run and of the task, whose row exists by now. */
export function placeholderContext(run: Run, taskId: string, { pod, runId, taskName }: CommonOptions): PlaceholderContext {
  // No flag tells the workflow's name, but it begins the pod's: <workflow>-<number of the node>.
  const runName = pod.name.replace(/-\d+$/, "");
  return { ...runFacts(run, { runId, runName, runDisplayName: run.displayName }), taskName, taskId };
}
