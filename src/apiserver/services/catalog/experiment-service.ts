/**
 * ExperimentService: what runs and schedules are grouped by.
 *
 * Source: docs/spec/pipelines-and-python-client.md#experiments, #api-28, #api-34, docs/spec/service-messages.md#experimentproto.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { EmptySchema, type Empty } from "@bufbuild/protobuf/wkt";
import {
  Experiment_StorageState as StorageState,
  ExperimentSchema,
  ListExperimentsResponseSchema,
  type ArchiveExperimentRequest,
  type CreateExperimentRequest,
  type DeleteExperimentRequest,
  type Experiment,
  type GetExperimentRequest,
  type ListExperimentsRequest,
  type ListExperimentsResponse,
  type UnarchiveExperimentRequest,
} from "../../../gen/kubeflow/pipelines/backend/api/v2beta1/experiment_pb.js";
import { pageTokenFrom, parseListRequest } from "../../lists/list-query.ts";
import { aborted, alreadyExists, invalidArgument, notFound } from "../../service-error.ts";
import type { Store } from "../../store.ts";
import { timestampOfSeconds } from "../../timestamps.ts";
import type { EngineHooks } from "../engine-hooks.ts";
import type { SecondsClock } from "../run-lifecycle.ts";
import { checkDescription, checkText, MAX_NAME_LENGTH } from "./names.ts";

/** What the experiment calls work on. */
export interface ExperimentServiceDeps {
  readonly store: Store;
  readonly now: SecondsClock;
  readonly engine: EngineHooks;
}

/** The calls of ExperimentService. Errors are ServiceErrors. */
export class ExperimentCalls {
  readonly #deps: ExperimentServiceDeps;

  constructor(deps: ExperimentServiceDeps) {
    this.#deps = deps;
  }

  createExperiment({ experiment }: CreateExperimentRequest): Experiment {
    const { store, now } = this.#deps;
    if (experiment === undefined) throw invalidArgument("Experiment is required");
    const { displayName, description } = experiment;
    if (displayName === "") throw invalidArgument("The experiment has no display name");
    checkText(displayName, "display name of the experiment", MAX_NAME_LENGTH);
    checkDescription(description, "experiment");
    return store.transaction(() => {
      if (store.experiments.findByName(displayName) !== undefined) {
        throw alreadyExists(`An experiment with the name ${displayName} exists already`);
      }
      const stored = create(ExperimentSchema, {
        experimentId: randomUUID(),
        displayName,
        description,
        createdAt: timestampOfSeconds(now()),
        storageState: StorageState.AVAILABLE,
        lastRunCreatedAt: timestampOfSeconds(0),
      });
      store.experiments.insert(stored);
      return stored;
    });
  }

  getExperiment({ experimentId }: GetExperimentRequest): Experiment {
    return this.#require(experimentId);
  }

  /** Archived ones included. */
  listExperiments(request: ListExperimentsRequest): ListExperimentsResponse {
    const query = parseListRequest("experiments", request);
    const page = this.#deps.store.experiments.list(query);
    return create(ListExperimentsResponseSchema, {
      experiments: [...page.rows],
      totalSize: page.totalSize,
      nextPageToken: page.next === undefined ? "" : pageTokenFrom(query, page.next),
    });
  }

  /** With all its runs; its schedules are disabled. */
  archiveExperiment({ experimentId }: ArchiveExperimentRequest): Empty {
    const { store } = this.#deps;
    const disabled = store.transaction(() => {
      const experiment = this.#require(experimentId);
      store.experiments.update({ ...experiment, storageState: StorageState.ARCHIVED });
      store.runs.archiveAllOf(experimentId);
      return store.recurringRuns.disableAllOf(experimentId, this.#deps.now());
    });
    this.#schedulesChanged(disabled);
    return create(EmptySchema);
  }

  /** The experiment alone: runs stay archived, schedules stay disabled. */
  unarchiveExperiment({ experimentId }: UnarchiveExperimentRequest): Empty {
    const { store } = this.#deps;
    store.transaction(() => {
      store.experiments.update({ ...this.#require(experimentId), storageState: StorageState.AVAILABLE });
    });
    return create(EmptySchema);
  }

  /** Its runs stay; its schedules are disabled, since no run could be made. */
  deleteExperiment({ experimentId }: DeleteExperimentRequest): Empty {
    const { store } = this.#deps;
    const disabled = store.transaction(() => {
      this.#require(experimentId);
      if (experimentId === store.experiments.defaultId()) throw aborted("The default experiment cannot be deleted");
      store.experiments.remove(experimentId);
      return store.recurringRuns.disableAllOf(experimentId, this.#deps.now());
    });
    this.#schedulesChanged(disabled);
    return create(EmptySchema);
  }

  #schedulesChanged(recurringRunIds: readonly string[]): void {
    for (const id of recurringRunIds) this.#deps.engine.recurringRunChanged?.(id);
  }

  #require(experimentId: string): Experiment {
    if (experimentId === "") throw invalidArgument("Experiment ID is required");
    const found = this.#deps.store.experiments.find(experimentId);
    if (found === undefined) throw notFound("Experiment", experimentId);
    return found;
  }
}
