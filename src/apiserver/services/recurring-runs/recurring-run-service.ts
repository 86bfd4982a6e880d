/**
 * RecurringRunService: schedules. Who makes their runs is recurring/scheduler.ts.
 *
 * Source: docs/spec/pipelines-and-python-client.md#recurring-run-service, docs/spec/api-server.md#api-12,
 * docs/spec/service-messages.md#recurring_runproto.
 *
 * @module
 */
import { randomBytes, randomUUID } from "node:crypto";
import { clone, create, fromJson, toBinary } from "@bufbuild/protobuf";
import { EmptySchema, StructSchema, type Empty } from "@bufbuild/protobuf/wkt";
import {
  ListRecurringRunsResponseSchema,
  RecurringRun_Mode as Mode,
  RecurringRun_Status as Status,
  RecurringRunSchema,
  type CreateRecurringRunRequest,
  type DeleteRecurringRunRequest,
  type DisableRecurringRunRequest,
  type EnableRecurringRunRequest,
  type GetRecurringRunRequest,
  type ListRecurringRunsRequest,
} from "../../../gen/kubeflow/pipelines/backend/api/v2beta1/recurring_run_pb.js";
import type { StoredRecurringRun } from "../../catalog-store.ts";
import { pageTokenFrom, parseListRequest } from "../../lists/list-query.ts";
import { scheduleName } from "../../recurring/run-names.ts";
import { readTrigger } from "../../recurring/trigger.ts";
import { invalidArgument, notFound } from "../../service-error.ts";
import type { Store } from "../../store.ts";
import { timestampOfSeconds } from "../../timestamps.ts";
import { checkDescription, checkText, MAX_NAME_LENGTH } from "../catalog/names.ts";
import { encodeWithParts, type EncodedMessage } from "../encoded-message.ts";
import type { EngineHooks } from "../engine-hooks.ts";
import { checkParameters, resolvePipelineSource } from "../pipeline-source.ts";
import { DEFAULT_SERVICE_ACCOUNT, type SecondsClock } from "../run-lifecycle.ts";

/** What the calls work on. */
export interface RecurringRunServiceDeps {
  readonly store: Store;
  readonly now: SecondsClock;
  readonly engine: EngineHooks;
}

type EncodedRecurringRun = EncodedMessage<typeof RecurringRunSchema>;

/** Runs of one schedule at the same time at most. */
const MAX_CONCURRENCY = 10n;
/** Where the server would run them: not blanked in replies, as the reference does. */
const SERVER_NAMESPACE = "kubeflow";

/** The calls of RecurringRunService. Errors are ServiceErrors. */
export class RecurringRunCalls {
  readonly #deps: RecurringRunServiceDeps;

  constructor(deps: RecurringRunServiceDeps) {
    this.#deps = deps;
  }

  createRecurringRun({ recurringRun: sent }: CreateRecurringRunRequest): EncodedRecurringRun {
    const { store, now, engine } = this.#deps;
    if (sent === undefined) throw invalidArgument("Recurring run is required");
    if (sent.displayName === "") throw invalidArgument("The recurring run has no display name");
    checkText(sent.displayName, "display name of the recurring run", MAX_NAME_LENGTH);
    checkDescription(sent.description, "recurring run");
    if (sent.maxConcurrency < 1n || sent.maxConcurrency > MAX_CONCURRENCY) {
      throw invalidArgument(`max_concurrency must be 1 to ${String(MAX_CONCURRENCY)}, it is ${String(sent.maxConcurrency)}`);
    }
    const trigger = readTrigger(sent.trigger);
    const recurringRunId = randomUUID();
    if (trigger.kind === "cron" && trigger.warning !== undefined) engine.recurringRunWarning?.(recurringRunId, trigger.warning);
    const stored = store.transaction(() => {
      const experimentId = sent.experimentId === "" ? store.experiments.defaultId() : sent.experimentId;
      if (!store.experiments.exists(experimentId)) throw notFound("Experiment", experimentId);
      // One user, one namespace: that of an experiment is empty, that of a schedule is where the server would run it.
      if (sent.namespace !== "" && sent.namespace !== SERVER_NAMESPACE) {
        throw invalidArgument(`The namespace ${sent.namespace} is not that of experiment ${experimentId}`);
      }
      const { pipelineSource } = sent;
      if (pipelineSource.case === "pipelineVersionId")
        throw invalidArgument("pipeline_version_id is not read: give pipeline_version_reference");
      const resolved = resolvePipelineSource(pipelineSource, store.pipelines);
      checkParameters(resolved.spec, sent.runtimeConfig);
      const isNewest = pipelineSource.case === "pipelineVersionReference" && pipelineSource.value.pipelineVersionId === "";
      const recurringRun = clone(RecurringRunSchema, sent);
      delete recurringRun.error;
      Object.assign(recurringRun, {
        recurringRunId,
        experimentId,
        namespace: SERVER_NAMESPACE,
        serviceAccount: sent.serviceAccount === "" ? DEFAULT_SERVICE_ACCOUNT : sent.serviceAccount,
        createdAt: timestampOfSeconds(now()),
        updatedAt: timestampOfSeconds(now()),
        status: sent.mode === Mode.ENABLE ? Status.ENABLED : Status.DISABLED,
        pipelineSource: isNewest ? pipelineSource : resolved.source,
      });
      const row: StoredRecurringRun = {
        recurringRun,
        pipelineSpec: isNewest ? undefined : toBinary(StructSchema, fromJson(StructSchema, resolved.pipelineSpec)),
        scheduleName: scheduleName(sent.displayName, randomBytes(3).toString("hex")),
        firedCount: 0,
        lastScheduledSeconds: undefined,
      };
      store.recurringRuns.insert(row);
      return this.#require(recurringRunId);
    });
    engine.recurringRunChanged?.(recurringRunId);
    return encode(stored);
  }

  getRecurringRun({ recurringRunId }: GetRecurringRunRequest): EncodedRecurringRun {
    return encode(this.#require(recurringRunId));
  }

  /** Of an experiment, or all; the namespace of the request is not looked at. */
  listRecurringRuns(request: ListRecurringRunsRequest): EncodedMessage<typeof ListRecurringRunsResponseSchema> {
    const { store } = this.#deps;
    const { experimentId } = request;
    const query = parseListRequest("recurring runs", request);
    if (experimentId !== "" && !store.experiments.exists(experimentId)) throw notFound("Experiment", experimentId);
    const page = store.recurringRuns.list(experimentId === "" ? {} : { experimentId }, query);
    const rest = create(ListRecurringRunsResponseSchema, {
      totalSize: page.totalSize,
      nextPageToken: page.next === undefined ? "" : pageTokenFrom(query, page.next),
    });
    const messages = page.rows.map((row) => encode(row).bytes);
    return encodeWithParts(ListRecurringRunsResponseSchema, rest, [
      { fieldNumber: ListRecurringRunsResponseSchema.field.recurringRuns.number, messages },
    ]);
  }

  enableRecurringRun({ recurringRunId }: EnableRecurringRunRequest): Empty {
    return this.#setEnabled(recurringRunId, true);
  }

  disableRecurringRun({ recurringRunId }: DisableRecurringRunRequest): Empty {
    return this.#setEnabled(recurringRunId, false);
  }

  /** Runs that were started stay. */
  deleteRecurringRun({ recurringRunId }: DeleteRecurringRunRequest): Empty {
    const { store, engine } = this.#deps;
    store.transaction(() => {
      this.#require(recurringRunId);
      store.recurringRuns.remove(recurringRunId);
    });
    engine.recurringRunChanged?.(recurringRunId);
    return create(EmptySchema);
  }

  #setEnabled(recurringRunId: string, enabled: boolean): Empty {
    const { store, now, engine } = this.#deps;
    store.transaction(() => {
      this.#require(recurringRunId);
      store.recurringRuns.setEnabled(recurringRunId, enabled, now());
    });
    engine.recurringRunChanged?.(recurringRunId);
    return create(EmptySchema);
  }

  #require(recurringRunId: string): StoredRecurringRun {
    if (recurringRunId === "") throw invalidArgument("Recurring run ID is required");
    const found = this.#deps.store.recurringRuns.find(recurringRunId);
    if (found === undefined) throw notFound("Recurring run", recurringRunId);
    return found;
  }
}

function encode({ recurringRun, pipelineSpec }: StoredRecurringRun): EncodedRecurringRun {
  const isInline = recurringRun.pipelineSource.case === undefined && pipelineSpec !== undefined;
  return encodeWithParts(RecurringRunSchema, recurringRun, [
    { fieldNumber: RecurringRunSchema.field.pipelineSpec.number, messages: isInline ? [pipelineSpec] : [] },
  ]);
}
