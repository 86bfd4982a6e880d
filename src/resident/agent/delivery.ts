/**
 * Puts results into task sets: a few at a time, one patch per workflow under way.
 *
 * A task set is one object of at most 1.5 MiB, which all waiting nodes and all results of a workflow share. Results wait a moment for
 * others, and are held back while many have not been taken by the controller. What a patch answers is looked at: a result for a node that
 * is not asked for any more would stop the controller for this workflow, so it is taken out again at once.
 *
 * Source: docs/spec/resident-driver.md#5000-iterations, #poisoned-taskset-derived, #termination-and-deadline.
 *
 * @module
 */
import { backoffMs } from "../../core/backoff.ts";
import { errorMessage, KubeError } from "../../core/errors.ts";
import type { JsonObject } from "../../core/values/value.ts";
import type { Clock } from "../../ports/clock.ts";
import type { KubeObjects, ObjectName } from "../../ports/kube-objects.ts";
import type { Logger } from "../../ports/logger.ts";
import type { Ledger, PendingResult } from "./ledger.ts";
import type { AgentMetrics } from "./metrics.ts";
import { nodeResultJson, type NodeResult } from "./node-result.ts";
import { parseTaskSet, TASK_SETS } from "./task-set.ts";
import type { WorkflowFacts } from "./workflow.ts";

/** How much goes into a patch and into a task set, in bytes, and how often. */
export interface DeliveryLimits {
  readonly batchBytes: number;
  /** Of results that the controller has not taken. */
  readonly undeliveredBytes: number;
  /** From one patch of a task set to the next, while drives of it are under way: what ends meanwhile goes along with it. */
  readonly gatherMs: number;
}

export interface DeliveryDeps {
  readonly kube: Pick<KubeObjects, "patchStatus">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly ledger: Ledger;
  readonly metrics: AgentMetrics;
  readonly limits: DeliveryLimits;
  /** Not older than a moment; `undefined` when it is gone. */
  readonly workflow: (place: ObjectName) => Promise<WorkflowFacts | undefined>;
  /** Aborted when this process must not write any more. */
  readonly signal: AbortSignal;
}

/** Pauses after a patch that failed. */
const PAUSE = { firstMs: 500, longestMs: 30_000 };
/** A reason of its own costs less than the error, with its stack, that would be made each time. */
const CALLED = "there is something to look at";

interface Courier {
  /** Called to look again at once. */
  wake: () => void;
  readonly done: Promise<void>;
}

/** One courier per workflow with results, for as long as it has some. */
export class Delivery {
  readonly #deps: DeliveryDeps;
  readonly #couriers = new Map<string, Courier>();
  /** Of the last patch, by workflow. */
  readonly #patchedAtMs = new Map<string, number>();

  constructor(deps: DeliveryDeps) {
    this.#deps = deps;
  }

  /** There may be results to deliver, or room for those that wait. */
  wake(place: ObjectName): void {
    const key = keyOf(place);
    const courier = this.#couriers.get(key);
    if (courier !== undefined) return courier.wake();
    if (this.#deps.ledger.undelivered(place).length === 0) return;
    const started: { wake: () => void; done: Promise<void> } = { wake: () => undefined, done: Promise.resolve() };
    this.#couriers.set(key, started);
    started.done = this.#run(place, started).finally(() => {
      this.#couriers.delete(key);
      // A result of the last moment.
      if (!this.#deps.signal.aborted && this.#deps.ledger.undelivered(place).length > 0) this.wake(place);
    });
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    while (this.#couriers.size > 0) await Promise.all([...this.#couriers.values()].map(({ done }) => done));
  }

  async #run(place: ObjectName, courier: Courier): Promise<void> {
    const { ledger, limits, signal, logger } = this.#deps;
    const fields = { workflow: `${place.namespace}/${place.name}` };
    let largestBytes = limits.batchBytes;
    for (let failures = 0; !signal.aborted;) {
      const pending = ledger.undelivered(place);
      if (pending.length === 0) return;
      const total = pending.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0);
      if (total < largestBytes && failures === 0) await this.#gather(place, courier);
      const batch = this.#batch(place, largestBytes);
      if (batch.length === 0) {
        // The next version of the task set wakes us.
        await this.#woken(courier);
        continue;
      }
      try {
        const facts = await this.#deps.workflow(place);
        if (facts === undefined || facts.over !== undefined) {
          logger.info("Results are not reported", {
            ...fields,
            results: batch.length,
            reason: facts?.over ?? "the workflow is gone",
          });
          ledger.discard(place);
          continue;
        }
        await this.#patch(place, batch);
        failures = 0;
        largestBytes = limits.batchBytes;
      } catch (error) {
        if (isTooLarge(error)) {
          if (batch.length > 1) {
            largestBytes = Math.max(1, Math.floor(sizeOf(batch) / 2));
            continue;
          }
          this.#giveUp(place, batch[0] as PendingResult, error);
          continue;
        }
        failures += 1;
        const pauseMs = backoffMs(PAUSE, failures - 1);
        logger.warn("Cannot report results, they are tried again", {
          ...fields,
          results: batch.length,
          pauseMs,
          reason: errorMessage(error),
        });
        await this.#pause(pauseMs);
      }
    }
  }

  /** The first result of a while goes at once, and so does one that nothing of its workflow could go along with. */
  async #gather(place: ObjectName, courier: Courier): Promise<void> {
    const { ledger, signal } = this.#deps;
    while (!signal.aborted && ledger.isDriving(place)) {
      const leftMs = this.#untilNextMs(place);
      if (leftMs === 0) return;
      await this.#woken(courier, leftMs);
    }
  }

  /** How long results may still wait for others. */
  #untilNextMs(place: ObjectName): number {
    const { clock, limits } = this.#deps;
    const patchedAtMs = this.#patchedAtMs.get(keyOf(place)) ?? Number.NEGATIVE_INFINITY;
    return Math.max(0, patchedAtMs + limits.gatherMs - clock.monotonicMs());
  }

  #notePatch(place: ObjectName): void {
    const { clock, limits } = this.#deps;
    const nowMs = clock.monotonicMs();
    // The oldest come first.
    for (const [key, atMs] of this.#patchedAtMs) {
      if (nowMs - atMs <= limits.gatherMs) break;
      this.#patchedAtMs.delete(key);
    }
    this.#patchedAtMs.delete(keyOf(place));
    this.#patchedAtMs.set(keyOf(place), nowMs);
  }

  /** As many as may go now, at least one where the task set has room for anything. */
  #batch(place: ObjectName, largestBytes: number): PendingResult[] {
    const { ledger, limits } = this.#deps;
    let room = limits.undeliveredBytes - (ledger.taskSet(place)?.deliveredBytes ?? 0);
    if (room <= 0) return [];
    const batch: PendingResult[] = [];
    for (const pending of ledger.undelivered(place)) {
      room -= pending.sizeBytes;
      if (batch.length > 0 && (room < 0 || sizeOf(batch) + pending.sizeBytes > largestBytes)) break;
      batch.push(pending);
    }
    return batch;
  }

  async #patch(place: ObjectName, batch: readonly PendingResult[]): Promise<void> {
    const { kube, ledger, clock, metrics } = this.#deps;
    this.#notePatch(place);
    const nodes = Object.fromEntries(batch.map(({ nodeId, result }) => [nodeId, nodeResultJson(result)]));
    let answer: JsonObject | undefined;
    try {
      answer = await kube.patchStatus(TASK_SETS, place, { status: { nodes } });
    } catch (error) {
      metrics.patches.add({ outcome: isTooLarge(error) ? "too_large" : "failed" });
      throw error;
    }
    if (answer === undefined) {
      metrics.patches.add({ outcome: "gone" });
      ledger.forget(place, "the task set is gone");
      return;
    }
    metrics.patches.add({ outcome: "ok" });
    metrics.results.add({}, batch.length);
    for (const { seenAtMs } of batch) metrics.answerSeconds.observe((clock.monotonicMs() - seenAtMs) / 1000);
    ledger.sent(
      place,
      batch.map(({ nodeId }) => nodeId),
      clock.monotonicMs(),
    );
    const taskSet = parseTaskSet(answer);
    if ("problem" in taskSet) return;
    const unwanted = batch.filter(({ nodeId }) => !taskSet.tasks.has(nodeId)).map(({ nodeId }) => nodeId);
    ledger.refresh(taskSet, clock.monotonicMs());
    if (unwanted.length === 0) return;
    metrics.patches.add({ outcome: "taken_back" });
    await kube.patchStatus(TASK_SETS, place, { status: { nodes: Object.fromEntries(unwanted.map((nodeId) => [nodeId, null])) } });
  }

  #giveUp(place: ObjectName, { nodeId, sizeBytes }: PendingResult, error: unknown): void {
    const { ledger, logger, metrics } = this.#deps;
    const message = `driver: its result of ${sizeBytes} bytes does not fit into the task set of the workflow: ${errorMessage(error).slice(0, 300)}`;
    const result: NodeResult = { phase: "Failed", message };
    logger.error("A result does not fit into its task set", {
      workflow: `${place.namespace}/${place.name}`,
      node: nodeId,
      sizeBytes,
    });
    metrics.patches.add({ outcome: "given_up" });
    ledger.replace(place, nodeId, result);
  }

  async #pause(ms: number): Promise<void> {
    if (ms === 0) return;
    await this.#deps.clock.sleep(ms, this.#deps.signal).catch(() => undefined);
  }

  /** Until somebody calls, at most so long. */
  async #woken(courier: Courier, ms = Number.POSITIVE_INFINITY): Promise<void> {
    const { clock, signal } = this.#deps;
    if (signal.aborted) return;
    const called = new AbortController();
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    courier.wake = wake;
    // The signal outlives all couriers: what listens to it has to go again.
    signal.addEventListener("abort", wake, { once: true });
    if (Number.isFinite(ms)) void clock.sleep(ms, called.signal).then(wake, () => undefined);
    await promise;
    called.abort(CALLED);
    signal.removeEventListener("abort", wake);
    courier.wake = () => undefined;
  }
}

function keyOf({ namespace, name }: ObjectName): string {
  return `${namespace}/${name}`;
}

function sizeOf(batch: readonly PendingResult[]): number {
  return batch.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0);
}

/** The API server's own limit is a status; etcd's comes as text, with 500. */
function isTooLarge(error: unknown): boolean {
  if (!(error instanceof KubeError)) return false;
  return error.details.status === 413 || /too large|larger than max/i.test(error.message);
}
