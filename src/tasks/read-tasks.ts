/**
 * Reads of tasks below the whole run: all pages, rows on demand.
 *
 * Source: docs/spec/api-server.md#page-token, #gettask-and-listtasks.
 *
 * @module
 */
import { ApiError } from "../core/errors.ts";
import type { PipelineTask } from "../core/kfp-types.ts";
import type { KfpApi, LeanRows, ListTasksOptions } from "../ports/kfp-api.ts";
import type { TaskReader } from "../resolver/run/task-rows.ts";

/** Follows the page tokens to the end, or until `enough` says so after a page. */
export async function listAllTasks(
  api: KfpApi,
  runId: string,
  options: Omit<ListTasksOptions, "pageToken">,
  enough: (tasks: readonly PipelineTask[]) => boolean = () => false,
): Promise<PipelineTask[]> {
  const tasks: PipelineTask[] = [];
  for (let pageToken = ""; ;) {
    const page = await api.listTasks(runId, { ...options, ...(pageToken === "" ? {} : { pageToken }) });
    tasks.push(...page.tasks);
    if (page.nextPageToken === "" || enough(tasks)) return tasks;
    if (page.nextPageToken === pageToken) {
      throw new ApiError(
        "API_RESPONSE_INVALID",
        "API server sent an invalid answer to ListTasks: the next page is the one just read",
        {
          details: { method: "ListTasks" },
        },
      );
    }
    pageToken = page.nextPageToken;
  }
}

/** Rows on demand, for TaskRows. A task that does not exist is `undefined`. */
export function taskReader(api: KfpApi, runId: string): TaskReader {
  return {
    task: (taskId) => findTask(api, runId, taskId),
    childrenOf: (parentId) => listAllTasks(api, runId, { parentId }),
  };
}

/** GetTask; `undefined` when the server does not know the task. */
export async function findTask(api: KfpApi, runId: string, taskId: string, lean?: LeanRows): Promise<PipelineTask | undefined> {
  try {
    return await (lean === undefined ? api.getTask(runId, taskId) : api.getTask(runId, taskId, lean));
  } catch (error) {
    if (error instanceof ApiError && error.details.status === "NOT_FOUND") return undefined;
    throw error;
  }
}
