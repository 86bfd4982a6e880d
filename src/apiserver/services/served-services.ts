/**
 * Every service of the API with its handlers, on one store: what the gRPC server and the HTTP gateway serve.
 *
 * Source: docs/spec/api-server.md#minimal-profile-of-an-embedded-server.
 *
 * @module
 */
import { ArtifactService } from "../../gen/kubeflow/pipelines/backend/api/v2beta1/artifact_pb.js";
import { RunService } from "../../gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import type { Store } from "../store.ts";
import { ArtifactCalls } from "./artifact-service.ts";
import type { EngineHooks } from "./engine-hooks.ts";
import type { RunLifecycle, SecondsClock } from "./run-lifecycle.ts";
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
}

/** The services with their handlers, in no particular order. */
export function servedServices(deps: ServicesDeps): ServedService[] {
  return [
    served(RunService, runHandlers(new RunCalls(deps), new TaskCalls(deps), deps.lifecycle)),
    served(ArtifactService, artifactHandlers(new ArtifactCalls(deps))),
  ];
}

/** Archive, unarchive and retry are not part of this server yet and answer UNIMPLEMENTED. */
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
    deleteRun: { purpose: "delete a run", handle: (request) => runs.deleteRun(request) },
    createTask: { purpose: "create a task", handle: (request) => unlessSealed(request, tasks.createTask.bind(tasks)) },
    updateTask: { purpose: "update a task", handle: (request) => unlessSealed(request, tasks.updateTask.bind(tasks)) },
    updateTasksBulk: {
      purpose: "update tasks",
      handle: (request, { lean }) => unlessSealed(request, (open) => tasks.updateTasksBulk(open, lean)),
    },
    getTask: { purpose: "get a task", handle: (request, { lean }) => tasks.getTask(request, lean) },
    listTasks: { purpose: "list tasks", handle: (request, { lean }) => tasks.listTasks(request, lean) },
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
