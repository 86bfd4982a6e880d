/**
 * The row of a task before it is created, as far as all driver types agree.
 *
 * Source: docs/spec/driver-flows.md#root_dag, #dag, #container.
 *
 * @module
 */
import { TaskPodType, TaskState, type TaskInit } from "../core/kfp-types.ts";
import type { Clock } from "../ports/clock.ts";
import { timestampNow } from "../tasks/task-status.ts";
import type { CommonOptions } from "./options.ts";

/** What makes a row the row of its task: the parts of its logical identity, and how it is shown. */
export type TaskIdentity = Required<Pick<TaskInit, "name" | "displayName" | "type" | "scopePath">> &
  Pick<TaskInit, "parentTaskId" | "typeAttributes">;

/** RUNNING, created now, with this driver's pod. */
export function taskDraft(identity: TaskIdentity, options: CommonOptions, clock: Pick<Clock, "now">): TaskInit {
  return {
    ...identity,
    runId: options.runId,
    state: TaskState.RUNNING,
    createTime: timestampNow(clock),
    pods: [{ name: options.pod.name, uid: options.pod.uid, type: TaskPodType.DRIVER }],
  };
}
