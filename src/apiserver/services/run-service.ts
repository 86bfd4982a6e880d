/**
 * The run calls of RunService: create, get, list, terminate, delete.
 *
 * Source: docs/spec/api-server.md#runs, #api-12, #api-13, #api-14.
 *
 * @module
 */
import { clone, create, toJson, type JsonValue } from "@bufbuild/protobuf";
import { EmptySchema, ValueSchema, type Empty } from "@bufbuild/protobuf/wkt";
import { RunSchema, RunView, RuntimeState } from "../../core/kfp-types.ts";
import { checkRuntimeParameters } from "../../core/values/runtime-parameters.ts";
import {
  ListRunsRequest_ViewMode as ListRunsView,
  ListRunsResponseSchema,
  type CreateRunRequest,
  type DeleteRunRequest,
  type GetRunRequest,
  type ListRunsRequest,
  type TerminateRunRequest,
} from "../../gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import type { EngineHooks } from "./engine-hooks.ts";
import { encodeWithParts, type EncodedMessage } from "./encoded-message.ts";
import { pageTokenFrom, parseListRequest } from "../lists/list-query.ts";
import { readPipelineSource } from "./pipeline-source.ts";
import type { RunLifecycle } from "./run-lifecycle.ts";
import { invalidArgument, notFound } from "../service-error.ts";
import type { Store, StoredRun } from "../store.ts";
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
    const { run } = request;
    if (run === undefined) throw invalidArgument("Run is required");
    if (run.displayName === "") throw invalidArgument("The run has no display name");
    if (Object.keys(run.pluginsOutput).length > 0) {
      throw invalidArgument("plugins_output must not be set by the client");
    }
    if (run.recurringRunId !== "") throw notFound("Recurring run", run.recurringRunId);
    const spec = readPipelineSource(run.pipelineSource);
    const parameters: Record<string, JsonValue> = {};
    for (const [name, value] of Object.entries(run.runtimeConfig?.parameters ?? {})) {
      parameters[name] = value.kind.case === undefined ? null : toJson(ValueSchema, value);
    }
    const problems = checkRuntimeParameters(spec, parameters);
    if (problems.length > 0) throw invalidArgument(problems.map((problem) => problem.message).join("; "));
    const stored = this.#deps.lifecycle.createRun(run);
    this.#deps.engine.runCreated?.(stored.run.runId);
    return this.#encode(stored, { specAlways: false, withTasks: false });
  }

  /** @param lean Without the values of the run's parameters, which every step has from its parent. */
  getRun(request: GetRunRequest, lean?: LeanAnswer): EncodedRun {
    if (request.runId === "") throw invalidArgument("Run ID is required");
    const full = request.view === RunView.FULL;
    const stored = this.#deps.lifecycle.requireRun(request.runId);
    return this.#encode(stored, { specAlways: full, withTasks: full, withParameters: full || lean === undefined });
  }

  listRuns(request: ListRunsRequest): EncodedMessage<typeof ListRunsResponseSchema> {
    const { store, fullViewMaxPageSize } = this.#deps;
    const full = request.view === ListRunsView.FULL;
    const query = parseListRequest("runs", request, full ? fullViewMaxPageSize : undefined);
    if (request.experimentId !== "" && !store.experiments.exists(request.experimentId)) {
      throw notFound("Experiment", request.experimentId);
    }
    const page = store.runs.list(request.experimentId === "" ? {} : { experimentId: request.experimentId }, query);
    const runs = page.rows.map((row) => this.#encode(row, { specAlways: false, withTasks: full }).bytes);
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

  #encode(
    stored: StoredRun,
    view: {
      /** The inline spec even of a run made from a pipeline version: run-scoped tokens may not read the version. */
      readonly specAlways: boolean;
      readonly withTasks: boolean;
      readonly withParameters?: boolean;
    },
  ): EncodedRun {
    const { store, hydration } = this.#deps;
    const run = clone(RunSchema, stored.run);
    const config = run.runtimeConfig;
    if (config !== undefined && view.withParameters === false) config.parameters = {};
    if (config !== undefined && config.pipelineRoot === "" && Object.keys(config.parameters).length === 0) {
      delete run.runtimeConfig;
    }
    const inline = stored.pipelineSpec !== undefined && (view.specAlways || run.pipelineSource.case === undefined);
    if (inline) run.pipelineSource = { case: undefined };
    const tasks = view.withTasks ? hydrateTasks(store, store.tasks.ofRun(run.runId), hydration) : [];
    run.taskCount = view.withTasks ? tasks.length : store.tasks.count(run.runId);
    const spec = inline && stored.pipelineSpec !== undefined ? [stored.pipelineSpec] : [];
    return encodeWithParts(RunSchema, run, [
      { fieldNumber: RunSchema.field.pipelineSpec.number, messages: spec },
      { fieldNumber: RunSchema.field.tasks.number, messages: tasks },
    ]);
  }
}
