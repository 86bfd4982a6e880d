/**
 * The run calls of RunService: create, get, list, terminate, retry, archive, delete.
 *
 * Source: docs/spec/api-server.md#runs, #api-12, #api-13, #api-14, #api-33.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { EmptySchema, type Empty } from "@bufbuild/protobuf/wkt";
import { RunSchema, RunView, RuntimeState } from "../../core/kfp-types.ts";
import {
  ListRunsRequest_ViewMode as ListRunsView,
  ListRunsResponseSchema,
  Run_StorageState as StorageState,
  type ArchiveRunRequest,
  type CreateRunRequest,
  type DeleteRunRequest,
  type GetRunRequest,
  type ListRunsRequest,
  type RetryRunRequest,
  type TerminateRunRequest,
  type UnarchiveRunRequest,
} from "../../gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import { Experiment_StorageState as ExperimentStorageState } from "../../gen/kubeflow/pipelines/backend/api/v2beta1/experiment_pb.js";
import type { EngineHooks } from "./engine-hooks.ts";
import { EncodedMessage, encodeWithParts } from "./encoded-message.ts";
import { pageTokenFrom, parseListRequest } from "../lists/list-query.ts";
import { checkDescription, checkText, MAX_NAME_LENGTH } from "./catalog/names.ts";
import { checkParameters, resolvePipelineSource } from "./pipeline-source.ts";
import { encodeListedRun } from "./listed-run.ts";
import type { RunLifecycle } from "./run-lifecycle.ts";
import { failedPrecondition, invalidArgument, notFound } from "../service-error.ts";
import type { ListedRun, Store } from "../store.ts";
import type { LeanAnswer } from "../../wire/lean-answer.ts";
import { hydrateTasks, type HydrationMode } from "./task-hydration.ts";

/** What the run calls work on. */
export interface RunServiceDeps {
  readonly store: Store;
  readonly lifecycle: RunLifecycle;
  readonly hydration: HydrationMode;
  readonly engine: EngineHooks;
  /** Page cap of ListRuns in FULL view. */
  readonly fullViewMaxPageSize: number;
}

type EncodedRun = EncodedMessage<typeof RunSchema>;

/** States a run can still be terminated in. */
const TERMINABLE: ReadonlySet<RuntimeState> = new Set([
  RuntimeState.RUNTIME_STATE_UNSPECIFIED,
  RuntimeState.PENDING,
  RuntimeState.RUNNING,
  RuntimeState.PAUSED,
]);

/** The run calls of RunService. Errors are ServiceErrors. */
export class RunCalls {
  readonly #deps: RunServiceDeps;

  constructor(deps: RunServiceDeps) {
    this.#deps = deps;
  }

  createRun(request: CreateRunRequest): EncodedRun {
    const { store, lifecycle, engine } = this.#deps;
    const { run } = request;
    if (run === undefined) throw invalidArgument("Run is required");
    if (run.displayName === "") throw invalidArgument("The run has no display name");
    if (Object.keys(run.pluginsOutput).length > 0) {
      throw invalidArgument("plugins_output must not be set by the client");
    }
    checkText(run.displayName, "display name of the run", MAX_NAME_LENGTH);
    checkDescription(run.description, "run");
    const stored = store.transaction(() => {
      if (run.recurringRunId !== "" && !store.recurringRuns.exists(run.recurringRunId)) {
        throw notFound("Recurring run", run.recurringRunId);
      }
      const { spec, source, pipelineSpec } = resolvePipelineSource(run.pipelineSource, store.pipelines);
      checkParameters(spec, run.runtimeConfig);
      return lifecycle.createRun({ ...run, pipelineSource: source }, { pipelineSpec });
    });
    engine.runCreated?.(stored.run.runId);
    return this.#answer(this.#require(stored.run.runId), { full: false, withParameters: true });
  }

  /** @param lean Without the values of the run's parameters, which every step has from its parent. */
  getRun(request: GetRunRequest, lean?: LeanAnswer): EncodedRun {
    if (request.runId === "") throw invalidArgument("Run ID is required");
    const full = request.view === RunView.FULL;
    return this.#answer(this.#require(request.runId), { full, withParameters: full || lean === undefined });
  }

  listRuns(request: ListRunsRequest): EncodedMessage<typeof ListRunsResponseSchema> {
    const { store, fullViewMaxPageSize, hydration } = this.#deps;
    const full = request.view === ListRunsView.FULL;
    const query = parseListRequest("runs", request, full ? fullViewMaxPageSize : undefined);
    if (request.experimentId !== "" && !store.experiments.exists(request.experimentId)) {
      throw notFound("Experiment", request.experimentId);
    }
    const page = store.runs.list(request.experimentId === "" ? {} : { experimentId: request.experimentId }, query);
    const counts = full ? new Map<string, number>() : store.tasks.counts(page.rows.map(({ runId }) => runId));
    const runs = page.rows.map((row) => {
      const tasks = full ? hydrateTasks(store, store.tasks.ofRun(row.runId), hydration) : [];
      return encodeListedRun(row, { taskCount: full ? tasks.length : (counts.get(row.runId) ?? 0), tasks });
    });
    const nextPageToken = page.next === undefined ? "" : pageTokenFrom(query, page.next);
    const rest = create(ListRunsResponseSchema, { totalSize: page.totalSize, nextPageToken });
    return encodeWithParts(ListRunsResponseSchema, rest, [{ fieldNumber: 1, messages: runs }]);
  }

  terminateRun(request: TerminateRunRequest): Empty {
    const { store, lifecycle, engine } = this.#deps;
    if (request.runId === "") throw invalidArgument("Run ID is required");
    store.transaction(() => {
      const { run } = lifecycle.requireRun(request.runId);
      if (!TERMINABLE.has(run.state)) {
        throw invalidArgument(`Run ${request.runId} cannot be terminated: it is ${RuntimeState[run.state]}`);
      }
      lifecycle.setRunState(request.runId, RuntimeState.CANCELING);
    });
    engine.terminationRequested?.(request.runId);
    return create(EmptySchema);
  }

  /** The reset tasks run again, the others keep their results. */
  retryRun(request: RetryRunRequest): Empty {
    const { lifecycle, engine } = this.#deps;
    if (request.runId === "") throw invalidArgument("Run ID is required");
    lifecycle.retryRun(request.runId);
    engine.runRetried?.(request.runId);
    return create(EmptySchema);
  }

  /** In any state of the run, which goes on; a second time changes nothing. */
  archiveRun(request: ArchiveRunRequest): Empty {
    return this.#setStorageState(request.runId, StorageState.ARCHIVED);
  }

  unarchiveRun(request: UnarchiveRunRequest): Empty {
    return this.#setStorageState(request.runId, StorageState.AVAILABLE);
  }

  #setStorageState(runId: string, storageState: StorageState.ARCHIVED | StorageState.AVAILABLE): Empty {
    const { store, lifecycle } = this.#deps;
    if (runId === "") throw invalidArgument("Run ID is required");
    store.transaction(() => {
      const { run } = lifecycle.requireRun(runId);
      if (storageState === StorageState.AVAILABLE) {
        const experiment = store.experiments.find(run.experimentId);
        if (experiment === undefined) throw notFound("Experiment", run.experimentId);
        if (experiment.storageState === ExperimentStorageState.ARCHIVED) {
          throw failedPrecondition(`Run ${runId} cannot be unarchived: its experiment ${run.experimentId} is archived`);
        }
      }
      if (run.storageState === storageState) return;
      run.storageState = storageState;
      store.runs.update(run);
    });
    return create(EmptySchema);
  }

  /** In any state of the run: the engine stops what still executes. Artifacts stay. */
  deleteRun(request: DeleteRunRequest): Empty {
    const { store, lifecycle, engine } = this.#deps;
    if (request.runId === "") throw invalidArgument("Run ID is required");
    store.transaction(() => {
      lifecycle.requireRun(request.runId);
      store.runs.remove(request.runId);
    });
    engine.runDeleted?.(request.runId);
    return create(EmptySchema);
  }

  #answer(stored: ListedRun, { full, withParameters }: { readonly full: boolean; readonly withParameters: boolean }): EncodedRun {
    const { store, hydration } = this.#deps;
    const tasks = full ? hydrateTasks(store, store.tasks.ofRun(stored.runId), hydration) : [];
    const taskCount = full ? tasks.length : store.tasks.count(stored.runId);
    return new EncodedMessage(RunSchema, encodeListedRun(stored, { specAlways: full, withParameters, taskCount, tasks }));
  }

  #require(runId: string): ListedRun {
    const stored = this.#deps.store.runs.encoded(runId);
    if (stored === undefined) throw notFound("Run", runId);
    return stored;
  }
}
