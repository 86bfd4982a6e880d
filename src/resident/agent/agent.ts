/**
 * The agent at work: follows task sets, drives what they ask for, and puts results back.
 *
 * It keeps nothing that could not be lost. A process that is killed leaves task sets as they were, and the next one drives what has no
 * result: a repeated drive takes over the rows that the first one made.
 *
 * Source: docs/spec/resident-driver.md#sketch-of-way-c, #our-process-restarts-in-mid-driver.
 *
 * @module
 */
import { backoffMs } from "../../core/backoff.ts";
import { errorMessage } from "../../core/errors.ts";
import type { Clock } from "../../ports/clock.ts";
import type { KubeObjects, ObjectName, ObjectObserver } from "../../ports/kube-objects.ts";
import type { Logger } from "../../ports/logger.ts";
import { Delivery, type DeliveryLimits } from "./delivery.ts";
import { driveNode, handOver, type DriveNodeDeps } from "./drive-node.ts";
import { Ledger, type Drive, type LedgerCounts, type LedgerLimits } from "./ledger.ts";
import { LeaseLost } from "./lease.ts";
import type { AgentMetrics } from "./metrics.ts";
import { parseTaskSet, TASK_SETS } from "./task-set.ts";
import type { WorkflowFacts } from "./workflow.ts";

export interface AgentLimits extends LedgerLimits, DeliveryLimits {
  /** Drives at a time. */
  readonly drives: number;
  /** For drives under way when this process is told to stop. */
  readonly stopMs: number;
  /** What was read of a workflow is believed for so long: a terminated run is noticed this much later at most. */
  readonly freshMs: number;
  /** A result that is in a task set for longer is told of. */
  readonly untakenMs: number;
}

export const AGENT_LIMITS: AgentLimits = {
  drives: 32,
  perWorkflow: 16,
  batchBytes: 256 * 1024,
  undeliveredBytes: 512 * 1024,
  gatherMs: 50,
  lostAfterMs: 5000,
  stopMs: 20_000,
  freshMs: 2000,
  untakenMs: 60_000,
};

export interface AgentDeps {
  readonly kube: Pick<KubeObjects, "watchObjects" | "patchStatus">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: AgentMetrics;
  readonly drive: Omit<DriveNodeDeps, "clock" | "workflow">;
  /** Not older than a moment. @throws {KubeError} */
  readonly workflow: (place: ObjectName) => Promise<WorkflowFacts | undefined>;
  /** A workflow is over: what is kept of it can go. */
  readonly onForgotten?: (place: ObjectName) => void;
}

export interface AgentOptions {
  /** Empty: all namespaces. */
  readonly namespace: string;
  /** Of the controller; empty: the one without an id. */
  readonly instanceId: string;
  readonly limits: AgentLimits;
}

/** How the agent is, for probes and metrics. */
export interface AgentState {
  readonly counts: LedgerCounts;
  /** It has seen all task sets, and changes reach it. */
  readonly isFollowing: boolean;
}

/** Between looks for lost results and postponed nodes. */
const TICK_MS = 1000;
const POSTPONED = { firstMs: 500, longestMs: 30_000 };
/** After being told to hand over, for calls under way. */
const HAND_OVER_MS = 4000;

/** See above. One agent works once. */
export class Agent {
  readonly #deps: AgentDeps;
  readonly #options: AgentOptions;
  readonly #ledger: Ledger;
  /** Of the work under way; ends each of its parts. */
  readonly #drivesUnderWay = new Set<Promise<void>>();
  #delivery: Delivery | undefined;
  #isSynced = false;
  #isFollowing = false;
  #isStopping = false;
  /** Of results that nobody takes. */
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(deps: AgentDeps, options: AgentOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#ledger = new Ledger(options.limits);
  }

  state(): AgentState {
    return { counts: this.#ledger.counts(), isFollowing: this.#isSynced && this.#isFollowing };
  }

  /**
   * Works until the signal is aborted. Told to stop, it finishes the drives under way and delivers their results, within its limit of time;
   * when the lease is lost it leaves everything to others at once.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { kube, clock, logger } = this.#deps;
    const { namespace, instanceId, limits } = this.#options;
    const writing = new AbortController();
    const watching = new AbortController();
    this.#delivery = new Delivery({ ...this.#deps, ledger: this.#ledger, limits, signal: writing.signal });
    const labelSelector = `workflows.argoproj.io/completed!=true,${
      instanceId === ""
        ? "!workflows.argoproj.io/controller-instanceid"
        : `workflows.argoproj.io/controller-instanceid=${instanceId}`
    }`;
    const following = kube.watchObjects({ resource: TASK_SETS, namespace, labelSelector }, this.#observer(), watching.signal);
    const ticking = this.#tick(watching.signal);
    await aborted(signal);
    this.#isStopping = true;
    const isLost = signal.reason instanceof LeaseLost;
    logger.info("The agent stops", { driving: this.#ledger.drives().length, handsOver: isLost });
    if (isLost) writing.abort(signal.reason);
    else await atMost(clock, limits.stopMs, this.#finish());
    for (const { abort } of this.#ledger.drives()) abort.abort(handOver(signal.reason));
    writing.abort(signal.reason);
    watching.abort(signal.reason);
    await atMost(clock, HAND_OVER_MS, Promise.all([...this.#drivesUnderWay, following, ticking, this.#delivery.idle()]));
  }

  async #finish(): Promise<void> {
    await Promise.all(this.#drivesUnderWay);
    await this.#delivery?.idle();
  }

  #observer(): ObjectObserver {
    const { clock, logger, metrics } = this.#deps;
    return {
      present: (object) => {
        const taskSet = parseTaskSet(object);
        if ("problem" in taskSet) {
          metrics.unusable.add();
          logger.verbose(1, "A task set is left alone", () => ({ reason: taskSet.problem }));
          return;
        }
        this.#ledger.observe(taskSet, clock.monotonicMs());
        this.#delivery?.wake(taskSet);
        this.#drive();
      },
      gone: (place) => {
        this.#ledger.forget(place, "the workflow has ended");
        this.#deps.onForgotten?.(place);
        this.#drive();
      },
      synced: () => {
        if (!this.#isSynced) logger.info("All task sets are known", { ...this.#ledger.counts() });
        this.#isSynced = true;
        this.#drive();
      },
      following: () => {
        if (!this.#isFollowing) logger.info("Task sets are followed");
        this.#isFollowing = true;
      },
      lost: (reason) => {
        metrics.watchFailures.add();
        logger.warn("Cannot follow task sets, it is tried again", { reason });
        this.#isFollowing = false;
      },
    };
  }

  /** Begins as many drives as there is room for. */
  #drive(): void {
    // Before all task sets are known, fairness is not.
    if (!this.#isSynced || this.#isStopping) return;
    const { clock } = this.#deps;
    while (this.#drivesUnderWay.size < this.#options.limits.drives) {
      const drive = this.#ledger.take(clock.monotonicMs());
      if (drive === undefined) return;
      const work = this.#driveOne(drive).finally(() => {
        this.#drivesUnderWay.delete(work);
        this.#drive();
      });
      this.#drivesUnderWay.add(work);
    }
  }

  async #driveOne(drive: Drive): Promise<void> {
    const { clock, logger, metrics } = this.#deps;
    const beganAtMs = clock.monotonicMs();
    const outcome = await driveNode({ ...this.#deps.drive, clock, workflow: this.#deps.workflow }, drive);
    if (outcome.outcome !== "postponed") metrics.drives.add({ phase: "result" in outcome ? outcome.result.phase : "none" });
    const { nodeId, taskSet } = drive;
    const fields = { workflow: `${taskSet.namespace}/${taskSet.name}`, node: nodeId };
    switch (outcome.outcome) {
      case "postponed": {
        const pauseMs = backoffMs(POSTPONED, drive.tries);
        metrics.postponed.add();
        logger.warn("A node waits", { ...fields, pauseMs, reason: outcome.reason });
        this.#ledger.postpone(drive, clock.monotonicMs() + pauseMs);
        // Results may have waited for this one.
        this.#delivery?.wake(taskSet);
        return;
      }
      case "none":
        logger.info("A node is not reported", { ...fields, reason: outcome.reason });
        this.#ledger.settle(drive);
        this.#delivery?.wake(taskSet);
        return;
      case "refused":
        metrics.refusals.add();
        logger.error("A node is refused", { ...fields, reason: outcome.reason });
        break;
      case "result":
        metrics.driveSeconds.observe((clock.monotonicMs() - beganAtMs) / 1000);
    }
    this.#ledger.complete(drive, outcome.result);
    this.#delivery?.wake(taskSet);
  }

  async #tick(signal: AbortSignal): Promise<void> {
    const { clock, logger, metrics } = this.#deps;
    while (!signal.aborted) {
      await clock.sleep(TICK_MS, signal).catch(() => undefined);
      const { places, results } = this.#ledger.findLost(clock.monotonicMs());
      if (results > 0) {
        metrics.lost.add({}, results);
        logger.warn("Results got lost and are reported again", { results });
      }
      for (const place of places) this.#delivery?.wake(place);
      this.#tellOfUntaken();
      this.#drive();
    }
    metrics.untaken.set(0);
  }

  /** What nobody takes fills task sets, until nothing more of their workflows is driven. */
  #tellOfUntaken(): void {
    const { clock, logger, metrics } = this.#deps;
    const { untakenMs } = this.#options.limits;
    const nowMs = clock.monotonicMs();
    const { results, place } = this.#ledger.untaken(nowMs, untakenMs);
    metrics.untaken.set(results);
    if (place === undefined || nowMs - this.#toldAtMs < untakenMs) return;
    this.#toldAtMs = nowMs;
    logger.warn(
      "Results stay in task sets: does Argo's controller run, and may it patch workflowtasksets/status (manifests/components/resident-rbac-*)?",
      { results, longest: `${place.namespace}/${place.name}`, seconds: Math.round(untakenMs / 1000) },
    );
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

async function atMost(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  const ended = new AbortController();
  const late = clock.sleep(ms, ended.signal).catch(() => undefined);
  await Promise.race([work.catch((error: unknown) => errorMessage(error)), late]);
  ended.abort(new Error("ended"));
}
