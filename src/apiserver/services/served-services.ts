/**
 * Every service of the API with its handlers, on one store: what the gRPC server and the HTTP gateway serve.
 *
 * Source: docs/spec/api-server.md#minimal-profile-of-an-embedded-server.
 *
 * @module
 */
import { ArtifactService } from "../../gen/kubeflow/pipelines/backend/api/v2beta1/artifact_pb.js";
import { AuthService } from "../../gen/kubeflow/pipelines/backend/api/v2beta1/auth_pb.js";
import { ExperimentService } from "../../gen/kubeflow/pipelines/backend/api/v2beta1/experiment_pb.js";
import { HealthzService } from "../../gen/kubeflow/pipelines/backend/api/v2beta1/healthz_pb.js";
import { PipelineService } from "../../gen/kubeflow/pipelines/backend/api/v2beta1/pipeline_pb.js";
import { RecurringRunService } from "../../gen/kubeflow/pipelines/backend/api/v2beta1/recurring_run_pb.js";
import { RunService } from "../../gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import type { Store } from "../store.ts";
import { ArtifactCalls } from "./artifact-service.ts";
import { ExperimentCalls } from "./catalog/experiment-service.ts";
import { PipelineCalls } from "./catalog/pipeline-service.ts";
import { fetchSpecFile } from "../pipelines/package-url.ts";
import { authorize, getHealthz } from "./health-service.ts";
import type { EngineHooks } from "./engine-hooks.ts";
import type { RunLifecycle, SecondsClock } from "./run-lifecycle.ts";
import { RecurringRunCalls } from "./recurring-runs/recurring-run-service.ts";
import { RunCalls } from "./run-service.ts";
import { served, type Handlers, type ServedService } from "./served-service.ts";
import type { HydrationMode } from "./task-hydration.ts";
import { TaskCalls } from "./task-service.ts";

/** What the services work on. */
export interface ServicesDeps {
  readonly store: Store;
  readonly now: SecondsClock;
  /** On the same store and clock. */
  readonly lifecycle: RunLifecycle;
  readonly hydration: HydrationMode;
  readonly engine: EngineHooks;
  /** Page cap of ListRuns in FULL view. */
  readonly fullViewMaxPageSize: number;
  /** See ArtifactServiceDeps. */
  readonly outputLinkTypes: "typed" | "branch";
  /** Default: {@link fetchSpecFile}. */
  readonly fetchSpecFile?: (url: string) => Promise<string>;
}

/** The pipeline calls, which uploads over HTTP need besides the service. */
export function pipelineCalls(deps: Pick<ServicesDeps, "store" | "now" | "fetchSpecFile">): PipelineCalls {
  return new PipelineCalls({ ...deps, fetchSpecFile: deps.fetchSpecFile ?? fetchSpecFile });
}

/** The services with their handlers, in no particular order. */
export function servedServices(deps: ServicesDeps, pipelines: PipelineCalls = pipelineCalls(deps)): ServedService[] {
  return [
    served(RunService, runHandlers(new RunCalls(deps), new TaskCalls(deps), deps.lifecycle)),
    served(ArtifactService, artifactHandlers(new ArtifactCalls(deps))),
    served(PipelineService, pipelineHandlers(pipelines)),
    served(ExperimentService, experimentHandlers(new ExperimentCalls(deps))),
    served(RecurringRunService, recurringRunHandlers(new RecurringRunCalls(deps))),
    served(HealthzService, { getHealthz: { purpose: "check the health", handle: getHealthz } }),
    served(AuthService, { authorize: { purpose: "authorize the call", handle: authorize } }),
  ];
}

function runHandlers(runs: RunCalls, tasks: TaskCalls, lifecycle: RunLifecycle): Handlers<typeof RunService> {
  const unlessSealed = <Request extends { readonly runId: string }, Answer>(
    request: Request,
    handle: (request: Request) => Answer,
  ): Answer => {
    lifecycle.assertOpen(request.runId);
    return handle(request);
  };
  return {
    createRun: { purpose: "create a run", handle: (request) => runs.createRun(request) },
    getRun: { purpose: "get a run", handle: (request, { lean }) => runs.getRun(request, lean) },
    listRuns: { purpose: "list runs", handle: (request) => runs.listRuns(request) },
    terminateRun: { purpose: "terminate a run", handle: (request) => runs.terminateRun(request) },
    retryRun: { purpose: "retry a run", handle: (request) => runs.retryRun(request) },
    archiveRun: { purpose: "archive a run", handle: (request) => runs.archiveRun(request) },
    unarchiveRun: { purpose: "unarchive a run", handle: (request) => runs.unarchiveRun(request) },
    deleteRun: { purpose: "delete a run", handle: (request) => runs.deleteRun(request) },
    createTask: { purpose: "create a task", handle: (request) => unlessSealed(request, tasks.createTask.bind(tasks)) },
    updateTask: { purpose: "update a task", handle: (request) => unlessSealed(request, tasks.updateTask.bind(tasks)) },
    updateTasksBulk: {
      purpose: "update tasks",
      handle: (request, { lean }) => unlessSealed(request, (open) => tasks.updateTasksBulk(open, lean)),
    },
    getTask: { purpose: "get a task", handle: (request, { lean }) => tasks.getTask(request, lean) },
    listTasks: { purpose: "list tasks", handle: (request, context) => tasks.listTasks(request, context) },
    findCachedTask: { purpose: "look up a cached task", handle: (request) => tasks.findCachedTask(request) },
  };
}

function artifactHandlers(artifacts: ArtifactCalls): Handlers<typeof ArtifactService> {
  return {
    createArtifact: { purpose: "create an artifact", handle: (request) => artifacts.createArtifact(request) },
    createArtifactsBulk: { purpose: "create artifacts", handle: (request) => artifacts.createArtifactsBulk(request) },
    getArtifact: { purpose: "get an artifact", handle: (request) => artifacts.getArtifact(request) },
    listArtifacts: { purpose: "list artifacts", handle: (request) => artifacts.listArtifacts(request) },
    createArtifactTask: { purpose: "create an artifact task", handle: (request) => artifacts.createArtifactTask(request) },
    createArtifactTasksBulk: {
      purpose: "create artifact tasks",
      handle: (request) => artifacts.createArtifactTasksBulk(request),
    },
    listArtifactTasks: { purpose: "list artifact tasks", handle: (request) => artifacts.listArtifactTasks(request) },
  };
}

function pipelineHandlers(pipelines: PipelineCalls): Handlers<typeof PipelineService> {
  return {
    createPipeline: { purpose: "create a pipeline", handle: (request) => pipelines.createPipeline(request) },
    createPipelineAndVersion: {
      purpose: "create a pipeline and its first version",
      handle: async (request) => await pipelines.createPipelineAndVersion(request),
    },
    getPipeline: { purpose: "get a pipeline", handle: (request) => pipelines.getPipeline(request) },
    getPipelineByName: { purpose: "get a pipeline by name", handle: (request) => pipelines.getPipelineByName(request) },
    listPipelines: { purpose: "list pipelines", handle: (request) => pipelines.listPipelines(request) },
    updatePipeline: { purpose: "update a pipeline", handle: (request, context) => pipelines.updatePipeline(request, context) },
    deletePipeline: { purpose: "delete a pipeline", handle: (request) => pipelines.deletePipeline(request) },
    createPipelineVersion: {
      purpose: "create a pipeline version",
      handle: async (request) => await pipelines.createPipelineVersion(request),
    },
    getPipelineVersion: { purpose: "get a pipeline version", handle: (request) => pipelines.getPipelineVersion(request) },
    listPipelineVersions: { purpose: "list pipeline versions", handle: (request) => pipelines.listPipelineVersions(request) },
    updatePipelineVersion: {
      purpose: "update a pipeline version",
      handle: (request, context) => pipelines.updatePipelineVersion(request, context),
    },
    deletePipelineVersion: {
      purpose: "delete a pipeline version",
      handle: (request) => pipelines.deletePipelineVersion(request),
    },
  };
}

function experimentHandlers(experiments: ExperimentCalls): Handlers<typeof ExperimentService> {
  return {
    createExperiment: { purpose: "create an experiment", handle: (request) => experiments.createExperiment(request) },
    getExperiment: { purpose: "get an experiment", handle: (request) => experiments.getExperiment(request) },
    listExperiments: { purpose: "list experiments", handle: (request) => experiments.listExperiments(request) },
    archiveExperiment: { purpose: "archive an experiment", handle: (request) => experiments.archiveExperiment(request) },
    unarchiveExperiment: { purpose: "unarchive an experiment", handle: (request) => experiments.unarchiveExperiment(request) },
    deleteExperiment: { purpose: "delete an experiment", handle: (request) => experiments.deleteExperiment(request) },
  };
}

function recurringRunHandlers(schedules: RecurringRunCalls): Handlers<typeof RecurringRunService> {
  return {
    createRecurringRun: { purpose: "create a recurring run", handle: (request) => schedules.createRecurringRun(request) },
    getRecurringRun: { purpose: "get a recurring run", handle: (request) => schedules.getRecurringRun(request) },
    listRecurringRuns: { purpose: "list recurring runs", handle: (request) => schedules.listRecurringRuns(request) },
    enableRecurringRun: { purpose: "enable a recurring run", handle: (request) => schedules.enableRecurringRun(request) },
    disableRecurringRun: { purpose: "disable a recurring run", handle: (request) => schedules.disableRecurringRun(request) },
    deleteRecurringRun: { purpose: "delete a recurring run", handle: (request) => schedules.deleteRecurringRun(request) },
  };
}
