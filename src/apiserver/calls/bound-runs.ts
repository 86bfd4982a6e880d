/**
 * Which run a call is bound to, so that the token of that run is enough for it. Pure.
 *
 * Source: docs/spec/api-server.md#calls-that-accept-run-scoped-tokens.
 *
 * @module
 */
import type {
  CreateArtifactsBulkRequest,
  CreateArtifactTaskRequest,
  CreateArtifactTasksBulkRequest,
  ListArtifactTasksRequest,
} from "../../gen/kubeflow/pipelines/backend/api/v2beta1/artifact_pb.js";
import type { CallContext } from "../services/served-service.ts";

/** Finds the run of a task; `undefined` for an unknown one. */
export type RunOfTask = (taskId: string) => string | undefined;

type RunsOf = (request: never, context: CallContext, runOfTask: RunOfTask) => readonly string[] | undefined;

const ofRunId = ({ runId }: { readonly runId: string }): readonly string[] => [runId];

const CALLS: Readonly<Record<string, RunsOf>> = {
  GetRun: ofRunId,
  CreateTask: ofRunId,
  UpdateTask: ofRunId,
  UpdateTasksBulk: ofRunId,
  GetTask: ofRunId,
  ListTasks: ofRunId,
  CreateArtifact: ofRunId,
  CreateArtifactsBulk: ({ artifacts }: CreateArtifactsBulkRequest) => artifacts.map(({ runId }) => runId),
  CreateArtifactTask: ({ artifactTask }: CreateArtifactTaskRequest) => [artifactTask?.runId ?? ""],
  CreateArtifactTasksBulk: ({ artifactTasks }: CreateArtifactTasksBulkRequest) => artifactTasks.map(({ runId }) => runId),
  ListArtifactTasks: ({ runIds, taskIds, artifactIds }: ListArtifactTasksRequest, _context: CallContext, runOfTask: RunOfTask) =>
    artifactIds.length > 0 ? undefined : [...runIds, ...taskIds.map((taskId) => runOfTask(taskId) ?? "")],
  FindCachedTask: (_request: unknown, { boundRunId }: CallContext) => (boundRunId === undefined ? undefined : [boundRunId]),
};

/**
 * The runs that a call is about.
 *
 * @param method RPC name. The names of bound calls are unique among the services.
 * @returns `undefined` for calls that no run-scoped token may make, and for those that name no run.
 */
export function boundRunsOf(
  method: string,
  request: unknown,
  context: CallContext,
  runOfTask: RunOfTask,
): readonly string[] | undefined {
  const runIds = CALLS[method]?.(request as never, context, runOfTask);
  return runIds === undefined || runIds.length === 0 ? undefined : runIds;
}
