/**
 * One trigger of a schedule: decided, made and noted in one transaction, so that a process that dies neither loses nor repeats a run.
 *
 * Source: docs/spec/pipelines-and-python-client.md#scheduling, #api-36, #api-37.
 *
 * @module
 */
import { fromBinary, toJson, type JsonObject } from "@bufbuild/protobuf";
import { StructSchema } from "@bufbuild/protobuf/wkt";
import { RecurringRun_Status as Status } from "../../gen/kubeflow/pipelines/backend/api/v2beta1/recurring_run_pb.js";
import type { StoredRecurringRun } from "../catalog-store.ts";
import { ServiceError } from "../service-error.ts";
import type { RunInit } from "../services/run-lifecycle.ts";
import { checkParameters, resolvePipelineSource, type PipelineSource } from "../services/pipeline-source.ts";
import type { Store } from "../store.ts";
import { secondsOfTimestamp, timestampOfSeconds } from "../timestamps.ts";
import { expandArguments } from "./macros.ts";
import { scheduledRunName } from "./run-names.ts";
import { dueTriggerTime, nextTriggerTime, readTrigger } from "./trigger.ts";

/** What making runs needs. */
export interface ScheduledRunDeps {
  readonly store: Store;
  /** Stores a new run, within the transaction that it is called in. Throws ServiceErrors. */
  readonly createRun: (init: RunInit, options: { readonly pipelineSpec: JsonObject }) => unknown;
  /** Id of the next run. */
  readonly newRunId: () => string;
}

/** A clock may have been set back this long before it is seen: twice as long as between two looks. */
const SET_BACK_SECONDS = 60;

/** What became of one look at a schedule. */
export type Fired =
  | { readonly kind: "run"; readonly runId: string }
  /** The run could not be made and will not be: why. */
  | { readonly kind: "problem"; readonly reason: string }
  /** A time was passed over, since its run exists: look again. */
  | { readonly kind: "passed" }
  /** As many runs as may be are under way. */
  | { readonly kind: "blocked" }
  /** Nothing is due before this time; undefined: never. */
  | { readonly kind: "idle"; readonly nextSeconds: number | undefined };

/**
 * Makes the run of a schedule that is due, if one is.
 *
 * After a clock was set back, times that have passed once come again: the schedule goes on from now, and a time that has a run is passed
 * over.
 *
 * @throws what the store throws; then nothing has changed.
 */
export function fireSchedule(deps: ScheduledRunDeps, recurringRunId: string, nowSeconds: number): Fired {
  const { store } = deps;
  return store.transaction(() => {
    const stored = store.recurringRuns.find(recurringRunId);
    if (stored?.recurringRun.status !== Status.ENABLED) return { kind: "idle", nextSeconds: undefined };
    const { recurringRun, firedCount } = stored;
    const trigger = readTrigger(recurringRun.trigger);
    const last = stored.lastScheduledSeconds;
    const isSetBack = trigger.kind !== "once" && last !== undefined && last > nowSeconds;
    const createdSeconds = secondsOfTimestamp(recurringRun.createdAt);
    const resumeSeconds = Math.max(createdSeconds, nowSeconds - SET_BACK_SECONDS);
    const state = { createdSeconds, lastSeconds: isSetBack ? resumeSeconds : last };
    const note = (lastScheduledSeconds: number, count: number, problem?: string): void => {
      store.recurringRuns.noteTrigger({ recurringRunId, lastScheduledSeconds, firedCount: count, problem });
    };
    if (isSetBack) note(resumeSeconds, firedCount);
    const due = dueTriggerTime(trigger, state, nowSeconds, { noCatchup: recurringRun.noCatchup });
    if (due === undefined) return { kind: "idle", nextSeconds: nextTriggerTime(trigger, state) };
    if (store.runs.existsScheduled(recurringRunId, due)) {
      note(due, firedCount);
      return { kind: "passed" };
    }
    if (store.runs.countActiveOf(recurringRunId) >= Number(recurringRun.maxConcurrency)) return { kind: "blocked" };
    try {
      const runId = createScheduledRun(deps, stored, due, nowSeconds);
      note(due, firedCount + 1);
      return { kind: "run", runId };
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      note(due, firedCount, error.message);
      return { kind: "problem", reason: error.message };
    }
  });
}

function createScheduledRun(deps: ScheduledRunDeps, stored: StoredRecurringRun, due: number, nowSeconds: number): string {
  const { recurringRun } = stored;
  const runId = deps.newRunId();
  const facts = { runId, currentSeconds: nowSeconds, scheduledSeconds: due, index: stored.firedCount + 1 };
  const { runtimeConfig } = recurringRun;
  const parameters = expandArguments(runtimeConfig?.parameters ?? {}, facts);
  const { pipelineSpec, pipelineSource } = pipelineOf(deps.store, stored);
  deps.createRun(
    {
      runId,
      displayName: scheduledRunName({ displayName: recurringRun.displayName, scheduleName: stored.scheduleName }, facts),
      description: recurringRun.description,
      experimentId: recurringRun.experimentId,
      recurringRunId: recurringRun.recurringRunId,
      serviceAccount: recurringRun.serviceAccount,
      scheduledAt: timestampOfSeconds(due),
      pipelineSource,
      pluginsInput: recurringRun.pluginsInput,
      ...(runtimeConfig === undefined ? {} : { runtimeConfig: { ...runtimeConfig, parameters } }),
    },
    { pipelineSpec },
  );
  return runId;
}

/** The stored spec; or the newest version of the pipeline, which may have other parameters than when the schedule was made. */
function pipelineOf(
  store: Store,
  { recurringRun, pipelineSpec: bytes }: StoredRecurringRun,
): { readonly pipelineSpec: JsonObject; readonly pipelineSource: PipelineSource } {
  const { pipelineSource, runtimeConfig } = recurringRun;
  if (bytes !== undefined) {
    const pipelineSpec = toJson(StructSchema, fromBinary(StructSchema, bytes));
    const isReference = pipelineSource.case === "pipelineVersionReference";
    return { pipelineSpec, pipelineSource: isReference ? pipelineSource : { case: "pipelineSpec", value: pipelineSpec } };
  }
  if (pipelineSource.case !== "pipelineVersionReference") throw new Error("The schedule has no pipeline");
  const { spec, source, pipelineSpec } = resolvePipelineSource(pipelineSource, store.pipelines);
  checkParameters(spec, runtimeConfig);
  return { pipelineSpec, pipelineSource: source };
}
