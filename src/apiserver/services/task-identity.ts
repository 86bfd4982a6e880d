/**
 * Logical identity of a task: what makes a second CreateTask return the first one's row.
 *
 * Drivers may be delivered twice. Identity = run, parent, scope path, name, type, iteration index; state, pods, inputs and the like
 * are not part of it. The text form is private to the server.
 *
 * Source: docs/spec/api-server.md#logical-identity.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { TaskType, type PipelineTask } from "../../core/kfp-types.ts";

/**
 * Computes the identity of a task whose `runId` is set.
 *
 * @returns undefined when run, scope path, name or type is missing: then every create makes a new row.
 */
export function taskIdentity(task: PipelineTask): string | undefined {
  if (task.runId === "" || task.scopePath === "" || task.name === "") return undefined;
  if (task.type === TaskType.TASK_TYPE_UNSPECIFIED) return undefined;
  const iterationIndex = task.typeAttributes?.iterationIndex;
  const hash = createHash("sha256");
  for (const part of [
    task.runId,
    task.parentTaskId ?? "",
    task.scopePath,
    task.name,
    String(task.type),
    iterationIndex === undefined ? "" : String(iterationIndex),
  ]) {
    hash.update(`${Buffer.byteLength(part)}:${part}`);
  }
  return hash.digest("hex");
}
