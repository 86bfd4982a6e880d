/**
 * Reads of tasks below the whole run: all pages, filters, rows on demand.
 *
 * Source: docs/spec/api-server.md#page-token, #filter, #gettask-and-listtasks.
 *
 * @module
 */
import { ApiError } from "../core/errors.ts";
import type { PipelineTask, TaskState } from "../core/kfp-types.ts";
import type { KfpApi, ListTasksOptions } from "../ports/kfp-api.ts";
import type { TaskReader } from "../resolver/run/task-rows.ts";

/** A filter for tasks with one of these names; the text goes into ListTasksOptions.filter. */
export function nameFilter(names: readonly string[]): string {
  return filterText([{ operation: "IN", key: "name", string_values: { values: names } }]);
}

/** A filter for tasks in one of these states: the column holds the state's number. */
export function stateFilter(states: readonly TaskState[]): string {
  return filterText([{ operation: "IN", key: "status", int_values: { values: states } }]);
}

function filterText(predicates: readonly object[]): string {
  // The reference decodes the text as part of a URL once more, so what that would change is escaped.
  return JSON.stringify({ predicates }).replaceAll("%", "%25").replaceAll("+", "%2B");
}

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
export async function findTask(api: KfpApi, runId: string, taskId: string): Promise<PipelineTask | undefined> {
  try {
    return await api.getTask(runId, taskId);
  } catch (error) {
    if (error instanceof ApiError && error.details.status === "NOT_FOUND") return undefined;
    throw error;
  }
}
