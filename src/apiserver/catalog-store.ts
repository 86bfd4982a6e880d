/**
 * The rows behind pipelines, experiments and schedules, as a port: the part of the store that people fill.
 *
 * `find` answers `undefined` for an unknown id. Updates and removals of unknown ids change nothing: callers look first, in the same
 * transaction. See store.ts for what a store promises.
 *
 * @module
 */
import type { Experiment } from "../gen/kubeflow/pipelines/backend/api/v2beta1/experiment_pb.js";
import type { Pipeline, PipelineVersion } from "../gen/kubeflow/pipelines/backend/api/v2beta1/pipeline_pb.js";
import type { RecurringRun } from "../gen/kubeflow/pipelines/backend/api/v2beta1/recurring_run_pb.js";
import type { ListQuery } from "./lists/list-query.ts";
import type { ListPage } from "./store.ts";

/** Experiments. A removed one is unknown to every call, while the runs in it stay. */
export interface ExperimentStore {
  /** Id of the experiment that runs without one belong to. */
  defaultId(): string;
  exists(experimentId: string): boolean;
  find(experimentId: string): Experiment | undefined;
  /** By display name, which is unique. */
  findByName(displayName: string): Experiment | undefined;
  insert(experiment: Experiment): void;
  /** Replaces description and storage state. */
  update(experiment: Experiment): void;
  remove(experimentId: string): void;
  list(query: ListQuery): ListPage<Experiment>;
  /** Moves `last_run_created_at` forward. */
  noteRun(experimentId: string, createdSeconds: number): void;
}

/** A version of a pipeline as it is stored. */
export interface StoredPipelineVersion {
  /** Without spec. */
  readonly version: PipelineVersion;
  /** Encoded Struct of the spec, or of `{pipeline_spec, platform_spec}`. */
  readonly pipelineSpec: Uint8Array;
}

/** Pipelines and their versions. */
export interface PipelineStore {
  insert(pipeline: Pipeline): void;
  find(pipelineId: string): Pipeline | undefined;
  /** By internal name, which is unique. */
  findByName(name: string): Pipeline | undefined;
  /** Replaces display name and tags. */
  update(pipeline: Pipeline): void;
  /** With all its versions. */
  remove(pipelineId: string): void;
  list(query: ListQuery): ListPage<Pipeline>;

  insertVersion(stored: StoredPipelineVersion): void;
  findVersion(pipelineVersionId: string): StoredPipelineVersion | undefined;
  hasVersionNamed(pipelineId: string, name: string): boolean;
  /** Newest by creation time; within one second the one stored last. */
  newestVersion(pipelineId: string): StoredPipelineVersion | undefined;
  countVersions(pipelineId: string): number;
  /** Replaces display name and tags. */
  updateVersion(version: PipelineVersion): void;
  removeVersion(pipelineVersionId: string): void;
  listVersions(pipelineId: string, query: ListQuery): ListPage<StoredPipelineVersion>;
}

/** A schedule as it is stored. */
export interface StoredRecurringRun {
  /** Without inline spec; status and times as of now. */
  readonly recurringRun: RecurringRun;
  /** Encoded Struct of what its runs execute; undefined for "the newest version at every trigger". */
  readonly pipelineSpec: Uint8Array | undefined;
  /** What the names of its runs begin with. */
  readonly scheduleName: string;
  /** Runs made so far; the next one has this index plus 1. */
  readonly firedCount: number;
  /** Nominal time of the last trigger, unix time; undefined before the first. */
  readonly lastScheduledSeconds: number | undefined;
}

/** What a trigger changes of a schedule. */
export interface FiredTrigger {
  readonly recurringRunId: string;
  readonly firedCount: number;
  readonly lastScheduledSeconds: number;
  /** Why no run could be made; undefined clears what was noted before. */
  readonly problem: string | undefined;
}

/** Schedules. */
export interface RecurringRunStore {
  insert(stored: StoredRecurringRun): void;
  exists(recurringRunId: string): boolean;
  find(recurringRunId: string): StoredRecurringRun | undefined;
  setEnabled(recurringRunId: string, enabled: boolean, updatedSeconds: number): void;
  /** @returns Ids of those that were enabled. */
  disableAllOf(experimentId: string, updatedSeconds: number): string[];
  noteTrigger(fired: FiredTrigger): void;
  remove(recurringRunId: string): void;
  list(scope: { readonly experimentId?: string }, query: ListQuery): ListPage<StoredRecurringRun>;
  /** Ids of the enabled ones, oldest first. */
  enabledIds(): string[];
}
