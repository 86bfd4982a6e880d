/**
 * Placeholders for facts of the run and the task, such as `{{$.pipeline_job_uuid}}`.
 *
 * Source: docs/spec/resolver.md#runtime-constants, #drv-31, #job-time-placeholders.
 *
 * @module
 */
import { WORKSPACE_PATH } from "../executor/artifact-uri.ts";

/** Facts that placeholders can ask for. */
export interface PlaceholderContext {
  readonly runDisplayName: string;
  readonly runName: string;
  readonly runId: string;
  /** `YYYY-MM-DDTHH:MM:SSZ`; absent when the run has none. */
  readonly createTime?: string | undefined;
  /** As `createTime`, which stands in for an absent one. */
  readonly scheduleTime?: string | undefined;
  /** Key of the task in its DAG. */
  readonly taskName: string;
  /** In the driver the parent's id, because the task has none yet; in the launcher the task's own. */
  readonly taskId: string;
  /** Root of this run. */
  readonly pipelineRoot?: string | undefined;
}

/**
 * The text of a run or task placeholder.
 *
 * @param name Without braces and `$.`, as `pipeline_job_uuid`.
 * @returns `undefined` for a name that is not such a placeholder, and for an unknown pipeline root. An unknown time is empty.
 */
export function jobPlaceholderValue(name: string, context: PlaceholderContext): string | undefined {
  switch (name) {
    case "pipeline_job_name":
      return context.runDisplayName;
    case "pipeline_job_resource_name":
      return context.runName;
    case "pipeline_job_uuid":
      return context.runId;
    case "pipeline_job_create_time_utc":
      return context.createTime ?? "";
    case "pipeline_job_schedule_time_utc":
      return context.scheduleTime ?? context.createTime ?? "";
    case "pipeline_task_name":
      return context.taskName;
    case "pipeline_task_uuid":
      return context.taskId;
    case "pipeline_root":
      return context.pipelineRoot;
    case "workspace_path":
      return WORKSPACE_PATH;
    default:
      return undefined;
  }
}
