/**
 * The embedded server's own services on a store in memory, as the peer of an exploration (interleavings.ts): each call of the API is a
 * step, and the rows of a bulk update become visible one by one, as servers may do it.
 *
 * Ids are made equal from one execution to the next: a task goes by its place in the run, an artifact by task and key. Two executions
 * that did the same in another order then have equal states.
 *
 * @module
 */
import { clone, create, toJsonString, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import type { JsonObject } from "@bufbuild/protobuf";
import { ArtifactCalls } from "../../src/apiserver/services/artifact-service.ts";
import { EncodedMessage } from "../../src/apiserver/services/encoded-message.ts";
import { RunLifecycle } from "../../src/apiserver/services/run-lifecycle.ts";
import { RunCalls } from "../../src/apiserver/services/run-service.ts";
import type { HydrationMode } from "../../src/apiserver/services/task-hydration.ts";
import { TaskCalls } from "../../src/apiserver/services/task-service.ts";
import { ServiceError } from "../../src/apiserver/service-error.ts";
import { openSqliteStore } from "../../src/apiserver/sqlite/sqlite-store.ts";
import type { Store } from "../../src/apiserver/store.ts";
import { taskFilterText } from "../../src/apiclient/task-filter.ts";
import { ApiError } from "../../src/core/errors.ts";
import {
  PipelineTaskSchema,
  RunView,
  TaskState,
  type ArtifactTask,
  type PipelineTask,
  type Run,
  type TaskInit,
} from "../../src/core/kfp-types.ts";
import {
  CreateArtifactsBulkRequestSchema,
  CreateArtifactTasksBulkRequestSchema,
  ListArtifactTasksRequestSchema,
} from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/artifact_pb.js";
import {
  CreateTaskRequestSchema,
  FindCachedTaskRequestSchema,
  GetRunRequestSchema,
  GetTaskRequestSchema,
  ListTasksRequestSchema,
  UpdateTaskRequestSchema,
} from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import type { KfpApi } from "../../src/ports/kfp-api.ts";
import { linkIdentity } from "../../src/resolver/run/io-entries.ts";
import type { Step, Take } from "./interleavings.ts";
import { StableIds } from "./stable-ids.ts";

export interface StoreModelOptions {
  /** What the rows of the server hide. Default `complete`. */
  readonly hydration?: HydrationMode;
  /** A link that exists fails the whole call, as on the reference server; the embedded one answers it as stored. */
  readonly refusesRepeatedLinks?: boolean;
  /** GetRun answers with a task count above which runs are not read whole. */
  readonly isLargeRun?: boolean;
  /**
   * Once a bulk update is planned, what was read before no longer matters to its process: it writes the rows, and reads again. True of
   * output propagation and of drivers, which do nothing else afterwards. Makes states equal that differ in what was forgotten.
   */
  readonly forgetsBeforeWrites?: boolean;
}

/** Whole seconds; the same for every write, since order is what the models are about. */
const NOW_SECONDS = 1_780_000_000;

let last: Store | undefined;

export class StoreModel {
  readonly lifecycle: RunLifecycle;
  /** The same API without an exploration, to prepare a run. */
  readonly setUp: KfpApi;
  readonly #store: Store;
  readonly #tasks: TaskCalls;
  readonly #artifacts: ArtifactCalls;
  readonly #runs: RunCalls;
  /** Of the rows that are looked at from outside. */
  readonly #complete: RunCalls;
  readonly #options: StoreModelOptions;
  readonly #runIds: string[] = [];
  readonly #ids = new StableIds();

  /** Ends the model before: an exploration has one world at a time. */
  constructor(options: StoreModelOptions = {}) {
    last?.close();
    this.#options = options;
    this.#store = openSqliteStore({ database: ":memory:", nowSeconds: NOW_SECONDS, defaultExperimentId: "experiment" });
    last = this.#store;
    const now = (): number => NOW_SECONDS;
    this.lifecycle = new RunLifecycle(this.#store, now);
    const { hydration = "complete" } = options;
    const deps = { store: this.#store, now, lifecycle: this.lifecycle, engine: {}, fullViewMaxPageSize: 100 };
    this.#tasks = new TaskCalls({ ...deps, hydration });
    this.#runs = new RunCalls({ ...deps, hydration });
    this.#complete = new RunCalls({ ...deps, hydration: "complete" });
    this.#artifacts = new ArtifactCalls({ ...deps, outputLinkTypes: "typed" });
    this.setUp = this.api(async ({ act }) => act());
  }

  createRun(runId: string, pipelineSpec: JsonObject): void {
    this.lifecycle.createRun({ runId, displayName: runId, pipelineSource: { case: "pipelineSpec", value: pipelineSpec } });
    this.#runIds.push(runId);
  }

  /** Every row with its artifacts, complete whatever the server hides; sorted by id. */
  rows(runId: string): PipelineTask[] {
    const request = create(GetRunRequestSchema, { runId, view: RunView.FULL });
    return this.#named(this.#complete.getRun(request).decode()).tasks.toSorted(byId);
  }

  /** All of it; every time of it is the same. */
  state(): string {
    return this.#runIds
      .flatMap((runId) => this.rows(runId))
      .map((row) => {
        const { createTime: _, childTasks: __, ...rest } = row;
        return toJsonString(PipelineTaskSchema, create(PipelineTaskSchema, { ...rest, childTasks: [] }));
      })
      .join("\n");
  }

  api(take: Take): KfpApi {
    const forgets = this.#options.forgetsBeforeWrites === true;
    let startsRound = false;
    const call = <Result>(name: string, act: () => Result, more: Pick<Step, "knows" | "isTogether"> = {}): Promise<Result> =>
      take({
        name,
        ...more,
        act: () => {
          try {
            return act();
          } catch (error) {
            if (!(error instanceof ServiceError)) throw error;
            throw new ApiError("API_REJECTED", error.message, { details: { status: error.status, method: name } });
          }
        },
      });
    const updateTask = (runId: string, taskId: string, task: TaskInit, knows: Pick<Step, "knows"> = {}): Promise<PipelineTask> =>
      call(
        `UpdateTask ${taskId} ${briefly(task)}`,
        () => this.#named(this.#tasks.updateTask(this.#sent(UpdateTaskRequestSchema, { runId, taskId, task }))),
        knows,
      );
    const api: Omit<KfpApi, "getPipelineVersion" | "createArtifact"> = {
      getRun: (runId, view) =>
        call(`GetRun ${view}`, () => {
          const run = this.#named(this.#runs.getRun(this.#sent(GetRunRequestSchema, { runId, view: RunView[view] })));
          if (this.#options.isLargeRun === true) run.taskCount = 1000;
          return Object.assign(run, { tasks: run.tasks.toSorted(byId) }) satisfies Run;
        }),
      getTask: (runId, taskId) => {
        const knows = startsRound ? { knows: "reads again" } : {};
        startsRound = false;
        return call(
          `GetTask ${taskId}`,
          () => this.#named(this.#tasks.getTask(this.#sent(GetTaskRequestSchema, { runId, taskId }))),
          // Reads that are sent at one moment may be answered at different ones; one moment for all is a coarser model.
          { ...knows, isTogether: forgets },
        );
      },
      listTasks: (runId, options = {}) =>
        call(`ListTasks ${JSON.stringify(options)}`, () => {
          const { parentId, orderBy = "", pageSize = 200, pageToken = "" } = options;
          const filter = taskFilterText(options);
          const parentFilter = parentId === undefined ? {} : { parentFilter: { case: "parentId" as const, value: parentId } };
          const request = this.#sent(ListTasksRequestSchema, { runId, orderBy, pageSize, pageToken, filter, ...parentFilter });
          const { tasks, nextPageToken, totalSize } = this.#named(this.#tasks.listTasks(request));
          return { tasks: orderBy === "" ? tasks.toSorted(byId) : tasks, nextPageToken, totalSize };
        }),
      createTask: (runId, task) =>
        call(`CreateTask ${String(task.scopePath)} ${briefly(task)}`, () => {
          const row = this.#tasks.createTask(this.#sent(CreateTaskRequestSchema, { runId, task })).decode();
          this.#ids.nameTask(row);
          return this.#named(row);
        }),
      updateTask: (runId, taskId, task) => updateTask(runId, taskId, task),
      updateTasks: async (runId, tasks) => {
        const updated = new Map<string, PipelineTask>();
        const left = [...tasks].toSorted(([a], [b]) => (a < b ? -1 : 1));
        const texts = left.map(([taskId, task]) => {
          const row = create(PipelineTaskSchema, task);
          return `${taskId} ${toJsonString(PipelineTaskSchema, row)}`;
        });
        for (const [index, [taskId, task]] of left.entries()) {
          const knows = forgets ? { knows: `writes ${texts.slice(index).join(" ")}` } : {};
          updated.set(taskId, await updateTask(runId, taskId, task, knows));
        }
        startsRound = forgets;
        return updated;
      },
      findCachedTask: ({ namespace, fingerprint }) =>
        call("FindCachedTask", () => {
          const request = this.#sent(FindCachedTaskRequestSchema, { namespace, cacheFingerprint: fingerprint });
          return this.#named(this.#tasks.findCachedTask(request)).task;
        }),
      createArtifacts: (requests) =>
        call(`CreateArtifactsBulk of ${requests.map(({ taskId }) => taskId).join(", ")}`, () => {
          const request = this.#sent(CreateArtifactsBulkRequestSchema, { artifacts: [...requests] });
          const { artifacts } = this.#artifacts.createArtifactsBulk(request);
          for (const [index, { artifactId }] of artifacts.entries()) {
            const { taskId = "", producerKey = "" } = requests[index] ?? {};
            this.#ids.name(artifactId, `${producerKey} of ${taskId}`);
          }
          return this.#named(artifacts);
        }),
      createArtifactTasks: (links) =>
        call(`CreateArtifactTasksBulk ${links.map(({ key, taskId }) => `${key} of ${taskId}`).join(", ")}`, () => {
          const request = this.#sent(CreateArtifactTasksBulkRequestSchema, { artifactTasks: [...links] });
          if (this.#options.refusesRepeatedLinks === true) this.#refuseRepeated(request.artifactTasks);
          return this.#named(this.#artifacts.createArtifactTasksBulk(request).artifactTasks.map(withoutId));
        }),
      listArtifactTasks: (taskIds) =>
        call(`ListArtifactTasks of ${taskIds.join(", ")}`, () => {
          const request = this.#sent(ListArtifactTasksRequestSchema, { taskIds: [...taskIds], pageSize: 200 });
          const { artifactTasks } = this.#named(this.#artifacts.listArtifactTasks(request));
          return artifactTasks.map(withoutId).toSorted((a, b) => (linkIdentity(a) < linkIdentity(b) ? -1 : 1));
        }),
    };
    return api as KfpApi;
  }

  #refuseRepeated(links: readonly ArtifactTask[]): void {
    const taskIds = [...new Set(links.map(({ taskId }) => taskId))];
    const stored = this.#artifacts.listArtifactTasks(create(ListArtifactTasksRequestSchema, { taskIds, pageSize: 200 }));
    const seen = new Set(stored.artifactTasks.map(linkIdentity));
    for (const link of links) {
      if (seen.has(linkIdentity(link))) throw new ServiceError("INTERNAL", "Duplicate entry for key 'UniqueLink'");
      seen.add(linkIdentity(link));
    }
  }

  /** With the ids that the store knows. */
  #sent<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): MessageShape<Desc> {
    return this.#ids.identified(clone(schema, create(schema, init)));
  }

  /** With the names that go for ids outside. */
  #named<Answer>(answer: Answer): Answer extends EncodedMessage<infer Desc> ? MessageShape<Desc> : Answer {
    const message: unknown = answer instanceof EncodedMessage ? answer.decode() : answer;
    return this.#ids.named(message) as Answer extends EncodedMessage<infer Desc> ? MessageShape<Desc> : Answer;
  }
}

function byId(a: PipelineTask, b: PipelineTask): number {
  return a.taskId < b.taskId ? -1 : 1;
}

function withoutId(link: ArtifactTask): ArtifactTask {
  return { ...link, id: "" };
}

function briefly({ state, pods, outputs }: TaskInit): string {
  const words = [
    ...(state === undefined || state === TaskState.RUNTIME_STATE_UNSPECIFIED ? [] : [TaskState[state]]),
    ...(pods ?? []).map((pod) => pod.name ?? ""),
    ...(outputs === undefined ? [] : ["with outputs"]),
  ];
  return words.join(" ");
}
