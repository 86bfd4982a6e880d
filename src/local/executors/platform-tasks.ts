/**
 * Tasks that one isolation cannot run.
 *
 * A task that its driver does alone, with objects of the cluster, is driven in this process: the objects are folders that only this
 * process knows. An importer to the workspace is a program of its own: it has to see the workspace where the steps see it.
 *
 * @module
 */
import type { ParsedPipeline } from "../../core/spec/pipeline-spec.ts";
import type { TaskExecutor } from "../engine/task-executor.ts";
import { flattenTasks, isPlatformTask, placeTasks } from "../pipeline/pipeline-tasks.ts";

/** The programs, but for the drivers of such tasks. @param executors.here Made when the pipeline has one. */
export function drivePlatformTasksHere(
  pipeline: ParsedPipeline,
  { programs, here }: { readonly programs: TaskExecutor; readonly here: () => TaskExecutor },
): TaskExecutor {
  const paths = new Set(
    flattenTasks(placeTasks(pipeline))
      .filter(isPlatformTask)
      .map(({ scopePath }) => scopePath),
  );
  if (paths.size === 0) return programs;
  const inThisProcess = here();
  return {
    ...programs,
    drive: (request) => (paths.has(request.place.scopePath) ? inThisProcess : programs).drive(request),
  };
}

/** The same executor, but for importers that write to the workspace. @param programs Made when there is one. */
export function importToWorkspaceByProgram(here: TaskExecutor, programs: () => TaskExecutor): TaskExecutor {
  let made: TaskExecutor | undefined;
  return {
    ...here,
    importArtifact: (request) => (request.usesWorkspace ? (made ??= programs()) : here).importArtifact(request),
  };
}
