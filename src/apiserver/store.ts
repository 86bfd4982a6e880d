/**
 * The rows behind the API, as a port: runs, tasks, artifacts, and the links between artifacts and tasks.
 *
 * Synchronous on purpose: a handler runs from its first read to its last write without another one in between, which together with
 * `transaction` gives the row-level atomicity and read-your-writes that clients rely on
 * (docs/spec/api-server.md#roles-and-vocabulary). Messages are stored encoded (`body`); what is searched by has a column of its
 * own.
 *
 * @module
 */
import type { Artifact, ArtifactTask, IoType, PipelineTask, Run, RuntimeState } from "../core/kfp-types.ts";
import type { Run_StorageState as StorageState } from "../gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import type { LeanInputs } from "../wire/lean-answer.ts";
import type { ChildRow, HydrationRow, ParameterRow, TaskSide } from "./hydration.ts";
import type { ExperimentStore, PipelineStore, RecurringRunStore } from "./catalog-store.ts";
import type { ListQuery, RowPosition } from "./lists/list-query.ts";

/** A page of a list. */
export interface ListPage<Row> {
  readonly rows: readonly Row[];
  /** Rows of all pages together. */
  readonly totalSize: number;
  /** First row of the next page; absent on the last one. */
  readonly next?: RowPosition;
}

/** A run as it is stored. */
export interface StoredRun {
  /** Without tasks and without inline spec; a version reference stays in it. */
  readonly run: Run;
  /** Encoded Struct of the spec, or of `{pipeline_spec, platform_spec}`. */
  readonly pipelineSpec: Uint8Array | undefined;
}

/** A run as it is found to be answered: nothing of it is decoded. */
export interface ListedRun {
  readonly runId: string;
  /** The encoded Run, without tasks and without inline spec. */
  readonly body: Uint8Array;
  /** Counts, not what the body says. */
  readonly storageState: StorageState;
  /** As in {@link StoredRun}. */
  readonly pipelineSpec: Uint8Array | undefined;
}

/** A run of which something could not be read. */
export interface SetAsideRun {
  readonly runId: string;
  readonly displayName: string;
  /** Unix time. */
  readonly createdSeconds: number;
  readonly reason: string;
}

/** What a list of all runs tells of each, without reading the run itself. */
export interface RunOverview {
  readonly runId: string;
  readonly displayName: string;
  /** Enum name of RuntimeState. */
  readonly state: string;
  /** Unix time. */
  readonly createdSeconds: number;
  /** Unix time; 0 while it goes on. */
  readonly finishedSeconds: number;
}

/** Runs, by id. `find` answers `undefined` for an unknown one, `update` throws ServiceError notFound. */
export interface RunStore {
  insert(stored: StoredRun): void;
  find(runId: string): StoredRun | undefined;
  exists(runId: string): boolean;
  /** What is stored of it, without decoding it: what it was run with may be long. */
  encoded(runId: string): ListedRun | undefined;
  /** State alone, without reading the run. */
  state(runId: string): RuntimeState | undefined;
  /** Replaces everything but the spec. */
  update(run: Run): void;
  /** With its tasks and their links; artifacts stay. */
  remove(runId: string): void;
  list(scope: { readonly experimentId?: string }, query: ListQuery): ListPage<ListedRun>;
  /** All runs, newest first; of one second the one that was stored last. */
  overview(): RunOverview[];
  /** Ids of the runs in one of the states, in the order they were created; nothing of the runs themselves is read. */
  idsInStates(states: readonly RuntimeState[]): string[];
  /** Archives all runs of an experiment. */
  archiveAllOf(experimentId: string): void;
  /** Number of runs of a schedule that have not ended. */
  countActiveOf(recurringRunId: string): number;
  /** Whether a schedule made a run for this nominal time; deleted ones do not count. */
  existsScheduled(recurringRunId: string, scheduledSeconds: number): boolean;
  /** Keeps what cannot be read of a run elsewhere and makes its rows readable; `undefined` when there is nothing of that kind. */
  setAsideUnreadable(runId: string, nowSeconds: number): SetAsideRun | undefined;
}

/** A task as it is stored. */
export interface StoredTask {
  readonly taskId: string;
  readonly runId: string;
  readonly name: string;
  /**
   * The encoded PipelineTask without artifacts and children; with parameters unless `parametersApart`. What is answered is made by
   * services/task-hydration.ts.
   */
  readonly body: Uint8Array;
  /** Its parameters are rows of their own: see {@link TaskStore.parametersOf}. */
  readonly parametersApart: boolean;
  /** Set by a reset: the next inputs replace the stored ones. */
  readonly replaceInputs: boolean;
}

/** Which tasks a list is about: of a run, or the direct children of a task in it. */
export interface TaskScope {
  readonly runId: string;
  readonly parentTaskId?: string;
}

/** How a row is replaced. */
export interface TaskUpdate {
  readonly replaceInputs: boolean;
  /** Sets the start time, which no message carries. Absent: it stays. */
  readonly startSeconds?: number;
  /** Sides whose parameters, where they are stored apart, are removed before those of the task are added. */
  readonly removes?: readonly TaskSide[];
}

/** Tasks of all runs. */
export interface TaskStore {
  /**
   * The parameters of a task that has others below it become rows of their own, unless some of them are the same by their identity.
   *
   * @param identity See task-identity.ts; undefined makes the row match nothing.
   */
  insert(task: PipelineTask, identity: string | undefined): void;
  find(taskId: string): StoredTask | undefined;
  findByIdentity(identity: string): StoredTask | undefined;
  /** Replaces the row, but for parameters that are stored apart: to these it adds those that `task` has. */
  update(task: PipelineTask, options: TaskUpdate): void;
  /** Newest SUCCEEDED task with the fingerprint, in any run. */
  findCached(fingerprint: string): StoredTask | undefined;
  /** Newest SUCCEEDED task of every fingerprint, newest first: what the cache can answer with. */
  cacheEntries(): StoredTask[];
  /** Tasks of all runs with the scope path, the one stored last first. */
  ofScopePath(scopePath: string, limit: number): StoredTask[];
  count(runId: string): number;
  /** Of several runs at once; a run without tasks is left out. */
  counts(runIds: readonly string[]): ReadonlyMap<string, number>;
  /** In the order of create time, then id. */
  ofRun(runId: string): StoredTask[];
  list(scope: TaskScope, query: ListQuery): ListPage<StoredTask>;
  /** Parameters that are stored apart, each side in the order in which they came. */
  parametersOf(taskIds: readonly string[]): ParameterRow[];
  /** The same of one side of a task, as far as they are wanted: absent, all. */
  parametersOfSide(taskId: string, side: TaskSide, wanted?: LeanInputs): ParameterRow[];
  /** Direct children in the parent's own run, in the order of create time, then id. */
  childrenOf(taskIds: readonly string[]): ChildRow[];
}

/** An artifact as it is stored. */
export interface StoredArtifact {
  readonly artifactId: string;
  /** The encoded Artifact. */
  readonly body: Uint8Array;
}

/** Artifacts of all runs. */
export interface ArtifactStore {
  /** @param reuseMark Unique text of an artifact that may be reused; undefined for one made unconditionally. */
  insert(artifact: Artifact, reuseMark: string | undefined): void;
  find(artifactId: string): StoredArtifact | undefined;
  findByReuseMark(reuseMark: string): StoredArtifact | undefined;
  /** Byte-exact; oldest first, then by id. */
  findByUri(uri: string): StoredArtifact[];
  list(query: ListQuery): ListPage<StoredArtifact>;
}

/** Which links a list is about; an empty list does not restrict. */
export interface LinkScope {
  readonly taskIds: readonly string[];
  readonly runIds: readonly string[];
  readonly artifactIds: readonly string[];
  /** UNSPECIFIED: any. */
  readonly type: IoType;
}

/** Which task has which artifact, on which side and under which key. */
export interface LinkStore {
  /** An identical link (artifact, task, type, iteration, key) is returned instead of stored again. */
  insertOrFind(link: ArtifactTask): ArtifactTask;
  list(scope: LinkScope, query: ListQuery): ListPage<ArtifactTask>;
  /** Ids of the runs with tasks that have the artifact, in the order in which they got it; a few dozen at most. */
  runsOf(artifactId: string): string[];
  /** Links with their artifacts, in no order. */
  ofTasks(taskIds: readonly string[]): HydrationRow[];
  /** The inputs of a task that are wanted, in no order; of other iterations' items there may be some. */
  inputsOf(taskId: string, wanted: LeanInputs): HydrationRow[];
  removeOfTasks(taskIds: readonly string[]): void;
}

/** All that the server keeps. Calls are synchronous; what is written is on disk once the transaction is over. */
export interface Store {
  readonly runs: RunStore;
  readonly tasks: TaskStore;
  readonly artifacts: ArtifactStore;
  readonly links: LinkStore;
  readonly experiments: ExperimentStore;
  readonly pipelines: PipelineStore;
  readonly recurringRuns: RecurringRunStore;
  /** All or nothing, and one at a time; a transaction inside another joins it. */
  transaction<T>(work: () => T): T;
  /** @returns One line per problem; empty when the database is sound. */
  checkIntegrity(): string[];
  close(): void;
}
