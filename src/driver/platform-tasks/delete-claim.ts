/**
 * DeletePVC: the claim is gone, or on its way out as soon as no pod uses it.
 *
 * The cache is not asked: what an earlier run deleted says nothing about the claim that is there now.
 *
 * Source: docs/spec/persistent-volume-claims.md#delete; cache: #decision-claims-and-cache.
 *
 * @module
 */
import { TaskState } from "../../core/kfp-types.ts";
import { timestampNow } from "../../tasks/task-status.ts";
import { flushStep, publishEnd, recordStep } from "../container/record-step.ts";
import type { DriverDeps } from "../deps.ts";
import type { DriverResult } from "../result.ts";
import { claimToDelete } from "./claim-inputs.ts";
import { isDone, type PlatformStep } from "./platform-step.ts";
import { prefixError } from "./prefix-error.ts";

export async function deleteClaim(deps: DriverDeps, step: PlatformStep): Promise<DriverResult> {
  const { namespace, runId } = step.options;
  const name = claimToDelete(step.executorInput);
  const { task, batch } = await recordStep(deps, step, {}, (row) =>
    isDone(row, "delete-claim") ? undefined : step.progress.draft,
  );
  await flushStep(deps, step, batch);
  if (isDone(task, "delete-claim")) {
    await publishEnd(deps, step, task);
    return { taskId: task.taskId, cached: task.state === TaskState.CACHED };
  }
  const outcome = await ensureGone(deps, namespace, name);
  deps.logger.info(outcome === "deleted" ? "Deleted the claim" : "There is no such claim", { namespace, claim: name });
  const end = { state: TaskState.SUCCEEDED, endTime: timestampNow(deps.clock) };
  const ended = await deps.api.updateTask(runId, task.taskId, end);
  step.progress.row = ended;
  await publishEnd(deps, step, ended);
  return { taskId: task.taskId, cached: false };
}

async function ensureGone(deps: DriverDeps, namespace: string, name: string): Promise<"deleted" | "absent"> {
  const doing = `failed to delete pvc ${name}`;
  const kube = await deps.kube().catch((error: unknown) => {
    throw prefixError(error, doing);
  });
  const found = await kube.findVolumeClaim(namespace, name).catch((error: unknown) => {
    throw prefixError(error, `${doing}: cannot find pvc`);
  });
  if (found === "absent") return "absent";
  return await kube.deleteVolumeClaim(namespace, name).catch((error: unknown) => {
    throw prefixError(error, doing);
  });
}
