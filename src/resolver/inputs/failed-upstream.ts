/**
 * Tasks that run although a task before them failed: `ignore_upstream_failure` and exit tasks.
 *
 * Source: docs/spec/resolver.md#task-output-parameter; the SDK, which demands defaults for the inputs of such a task.
 *
 * @module
 */
import { TaskState } from "../../core/kfp-types.ts";
import { PipelineTaskSpec_TriggerPolicy_TriggerStrategy as TriggerStrategy } from "../../gen/ml_pipelines/pipeline_spec_pb.js";
import type { ResolveContext } from "./resolve-context.ts";
import { dagOf, lookup } from "../run/spec-lookup.ts";

/** Whether the task may run although this sibling did not succeed, and it did not. */
export async function upstreamFailed(
  { taskSpec, spec, parent, rows, lookupIteration }: ResolveContext,
  producerTask: string,
): Promise<boolean> {
  if (taskSpec.triggerPolicy?.strategy !== TriggerStrategy.ALL_UPSTREAM_TASKS_COMPLETED || producerTask === "") return false;
  const producer = await rows.findSibling({ name: producerTask, parentId: parent.taskId, iteration: lookupIteration });
  // A task whose own producers failed never started and has no row; a name that no task has is a mistake.
  if (producer === undefined) return lookup(dagOf(spec, parent).dag.tasks, producerTask) !== undefined;
  return producer.state !== TaskState.SUCCEEDED && producer.state !== TaskState.CACHED;
}
