/**
 * Which of several agents works: the one that holds a Lease.
 *
 * Whoever holds it renews it every few seconds and stops working when it could not for a while, which is before anybody else may take it.
 * Others take it when it has not been renewed for its whole duration, measured by their own stopwatch since they saw it change: clocks of
 * machines are never compared.
 *
 * Standard: Kubernetes, coordination.k8s.io/v1 Lease, as client-go's leader election uses it.
 *
 * @module
 */
import { errorMessage } from "../../core/errors.ts";
import { isJsonObject } from "../../core/values/json-object.ts";
import type { JsonObject } from "../../core/values/value.ts";
import type { Clock } from "../../ports/clock.ts";
import type { KubeObjects, KubeResource, ObjectName } from "../../ports/kube-objects.ts";
import type { Logger } from "../../ports/logger.ts";

const LEASES: KubeResource = {
  ...{ group: "coordination.k8s.io", version: "v1" },
  ...{ plural: "leases", kind: "Lease" },
};

/** In ms; each is well below the one before it. */
export interface LeaseTimes {
  /** Others wait this long after the last renewal. */
  readonly durationMs: number;
  /** The holder stops this long after its last renewal. */
  readonly renewWithinMs: number;
  readonly retryMs: number;
}

export const LEASE_TIMES: LeaseTimes = { durationMs: 15_000, renewWithinMs: 10_000, retryMs: 2000 };

export interface LeaseDeps {
  readonly kube: Pick<KubeObjects, "getObject" | "createObject" | "replaceObject">;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface LeaseOptions {
  readonly place: ObjectName;
  /** Of the pod: a container that starts again may take the lease of the one before it at once. */
  readonly identity: string;
  readonly times?: LeaseTimes;
}

/** As last seen, and when it was seen to change. */
interface Seen {
  readonly object: JsonObject;
  readonly mark: string;
  readonly atMs: number;
}

/**
 * Works whenever the lease is held, until the signal is aborted; then gives it back.
 *
 * @param work Ends soon after its signal is aborted, which happens when the lease is lost and when this is told to stop; the reason says
 *   which. The lease is kept until it has ended.
 */
export async function workWhileLeading(
  deps: LeaseDeps,
  options: LeaseOptions,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { clock, logger } = deps;
  const times = options.times ?? LEASE_TIMES;
  let seen: Seen | undefined;
  while (!signal.aborted) {
    try {
      seen = await within(clock, times.renewWithinMs, look(deps, options, seen));
      const askedAtMs = clock.monotonicMs();
      const held = mayTake(seen, options.identity, askedAtMs, times)
        ? await within(clock, times.renewWithinMs, take(deps, options, seen))
        : undefined;
      if (held !== undefined) {
        logger.info("This agent leads", {
          lease: `${options.place.namespace}/${options.place.name}`,
          identity: options.identity,
        });
        await lead(deps, options, { held, takenAtMs: askedAtMs, signal, work });
        seen = undefined;
        continue;
      }
    } catch (error) {
      logger.warn("Cannot read or take the lease", { reason: errorMessage(error) });
    }
    await clock.sleep(times.retryMs, signal).catch(() => undefined);
  }
}

interface Leading {
  readonly held: JsonObject;
  readonly takenAtMs: number;
  readonly signal: AbortSignal;
  readonly work: (signal: AbortSignal) => Promise<void>;
}

/** Thrown away leadership, as a reason to stop. */
export class LeaseLost extends Error {}

async function lead(deps: LeaseDeps, options: LeaseOptions, { held, takenAtMs, signal, work }: Leading): Promise<void> {
  const { clock, logger } = deps;
  const { renewWithinMs, retryMs } = options.times ?? LEASE_TIMES;
  const leading = new AbortController();
  const onStop = (): void => leading.abort(signal.reason);
  if (signal.aborted) onStop();
  else signal.addEventListener("abort", onStop, { once: true });
  const ended = new AbortController();
  const working = work(leading.signal).finally(() => ended.abort(new Error("the work has ended")));
  let object = held;
  let renewedAtMs = takenAtMs;
  let isLost = false;
  while (!ended.signal.aborted && !isLost) {
    await clock.sleep(retryMs, ended.signal).catch(() => undefined);
    if (ended.signal.aborted) break;
    const beganAtMs = clock.monotonicMs();
    // Also after a process that was frozen comes back: no time was measured meanwhile, so this comes first.
    if (beganAtMs - renewedAtMs > renewWithinMs) isLost = true;
    else {
      try {
        const renewal = deps.kube.replaceObject(LEASES, options.place, leaseOf(options, clock.now(), object));
        const renewed = await within(clock, renewWithinMs - (beganAtMs - renewedAtMs), renewal);
        if (renewed === undefined) isLost = true;
        else [object, renewedAtMs] = [renewed, beganAtMs];
      } catch (error) {
        logger.warn("Cannot renew the lease", { reason: errorMessage(error) });
        if (clock.monotonicMs() - renewedAtMs >= renewWithinMs) isLost = true;
      }
    }
  }
  signal.removeEventListener("abort", onStop);
  if (isLost) {
    logger.error("This agent has lost the lease and stops driving", {
      lease: `${options.place.namespace}/${options.place.name}`,
    });
    leading.abort(new LeaseLost("another agent may lead"));
  }
  await working;
  if (!isLost) await giveBack(deps, options, object);
}

/** @throws When the work has not ended in time; it goes on unobserved. */
async function within<Result>(clock: Clock, ms: number, work: Promise<Result>): Promise<Result> {
  const overdue = new AbortController();
  const late = clock.sleep(ms, overdue.signal).then(() => Promise.reject(new Error(`no answer within ${ms} ms`)));
  try {
    return await Promise.race([work, late]);
  } finally {
    overdue.abort(new Error("in time"));
    late.catch(() => undefined);
    work.catch(() => undefined);
  }
}

async function look({ kube, clock }: LeaseDeps, { place }: LeaseOptions, before: Seen | undefined): Promise<Seen | undefined> {
  const object = await kube.getObject(LEASES, place);
  if (object === undefined) return undefined;
  const { holderIdentity = null, renewTime = null, leaseTransitions = null } = specOf(object);
  const mark = JSON.stringify([holderIdentity, renewTime, leaseTransitions]);
  return before?.mark === mark ? { ...before, object } : { object, mark, atMs: clock.monotonicMs() };
}

function mayTake(seen: Seen | undefined, identity: string, nowMs: number, times: LeaseTimes): boolean {
  if (seen === undefined) return true;
  const { holderIdentity, leaseDurationSeconds } = specOf(seen.object);
  if (typeof holderIdentity !== "string" || holderIdentity === "" || holderIdentity === identity) return true;
  const durationMs = typeof leaseDurationSeconds === "number" ? leaseDurationSeconds * 1000 : times.durationMs;
  return nowMs - seen.atMs > durationMs;
}

async function take({ kube, clock }: LeaseDeps, options: LeaseOptions, seen: Seen | undefined): Promise<JsonObject | undefined> {
  const object = leaseOf(options, clock.now(), seen?.object);
  return seen === undefined
    ? await kube.createObject(LEASES, options.place, object)
    : await kube.replaceObject(LEASES, options.place, object);
}

/** So that another one need not wait. As far as it goes: it expires anyway. */
async function giveBack({ kube, clock, logger }: LeaseDeps, options: LeaseOptions, held: JsonObject): Promise<void> {
  const lease = leaseOf(options, clock.now(), held);
  const spec = { ...specOf(lease), holderIdentity: "", leaseDurationSeconds: 1 };
  const { renewWithinMs } = options.times ?? LEASE_TIMES;
  try {
    await within(clock, renewWithinMs, kube.replaceObject(LEASES, options.place, { ...lease, spec }));
  } catch (error) {
    logger.warn("Cannot give the lease back", { reason: errorMessage(error) });
  }
}

function leaseOf({ place, identity, times = LEASE_TIMES }: LeaseOptions, now: Date, before: JsonObject | undefined): JsonObject {
  const old = before === undefined ? {} : specOf(before);
  const time = now.toISOString().replace("Z", "000Z");
  const isOurs = old["holderIdentity"] === identity;
  const transitions = typeof old["leaseTransitions"] === "number" ? old["leaseTransitions"] : 0;
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: before?.["metadata"] ?? { name: place.name, namespace: place.namespace },
    spec: {
      ...old,
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(times.durationMs / 1000),
      acquireTime: isOurs ? (old["acquireTime"] ?? time) : time,
      renewTime: time,
      leaseTransitions: before === undefined || isOurs ? transitions : transitions + 1,
    },
  };
}

function specOf(object: JsonObject): JsonObject {
  const { spec } = object;
  return isJsonObject(spec) ? spec : {};
}
