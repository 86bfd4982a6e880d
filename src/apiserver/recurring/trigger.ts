/**
 * The trigger of a schedule: which times it names, and which of them is due. Pure.
 *
 * Source: docs/spec/pipelines-and-python-client.md#triggers, #scheduling.
 *
 * @module
 */
import type { Trigger as TriggerMessage } from "../../gen/kubeflow/pipelines/backend/api/v2beta1/recurring_run_pb.js";
import { invalidArgument } from "../service-error.ts";
import { secondsOfTimestamp } from "../timestamps.ts";
import { CronError, nextCronTime, parseCron, type CronTimes } from "./cron.ts";

/** A checked trigger. Times are unix time. */
export type Trigger =
  | {
      readonly kind: "cron";
      readonly times: CronTimes;
      readonly startSeconds: number | undefined;
      readonly endSeconds: number | undefined;
      readonly warning?: string;
    }
  | {
      readonly kind: "interval";
      readonly intervalSeconds: number;
      /** The first time with a start given; without, the first one is an interval after creation. */
      readonly startSeconds: number | undefined;
      readonly endSeconds: number | undefined;
    }
  /** Once, at creation. */
  | { readonly kind: "once" };

/** Where a schedule stands. */
export interface TriggerState {
  readonly createdSeconds: number;
  /** Nominal time of the last trigger. */
  readonly lastSeconds: number | undefined;
}

/** Longer than anybody waits, and far from where numbers end. */
const MAX_INTERVAL_SECONDS = 100 * 366 * 86_400;

/** @throws {ServiceError} invalidArgument for a trigger that cannot be used. */
export function readTrigger(message: TriggerMessage | undefined): Trigger {
  const trigger = message?.trigger;
  switch (trigger?.case) {
    case "cronSchedule": {
      const { cron, startTime, endTime } = trigger.value;
      const bounds = { startSeconds: optionalSeconds(startTime), endSeconds: optionalSeconds(endTime) };
      try {
        return { kind: "cron", ...parseCron(cron), ...bounds };
      } catch (error) {
        if (error instanceof CronError) throw invalidArgument(`The trigger cannot be used: ${error.message}`);
        throw error;
      }
    }
    case "periodicSchedule": {
      const { intervalSecond, startTime, endTime } = trigger.value;
      if (intervalSecond < 1n) throw invalidArgument("The trigger cannot be used: interval_second must be at least 1");
      if (intervalSecond > BigInt(MAX_INTERVAL_SECONDS)) {
        throw invalidArgument(`The trigger cannot be used: interval_second must be at most ${MAX_INTERVAL_SECONDS}`);
      }
      return {
        kind: "interval",
        intervalSeconds: Number(intervalSecond),
        startSeconds: optionalSeconds(startTime),
        endSeconds: optionalSeconds(endTime),
      };
    }
    default:
      return { kind: "once" };
  }
}

/** An epoch stands for "not set". */
function optionalSeconds(time: Parameters<typeof secondsOfTimestamp>[0]): number | undefined {
  const seconds = secondsOfTimestamp(time);
  return seconds === 0 ? undefined : seconds;
}

/** The nominal time after the last one; undefined when there is none any more. */
export function nextTriggerTime(trigger: Trigger, state: TriggerState): number | undefined {
  if (trigger.kind === "once") return state.lastSeconds === undefined ? state.createdSeconds : undefined;
  const next =
    trigger.kind === "cron" && trigger.times.kind === "calendar"
      ? nextCronTime(trigger.times, cronReference(trigger.startSeconds, state))
      : nextOnGrid(gridOf(trigger, state), state);
  if (next === undefined || (trigger.endSeconds !== undefined && next > trigger.endSeconds)) return undefined;
  return next;
}

/**
 * The nominal time to make a run for now; undefined when none is due.
 *
 * @param options.noCatchup Of several times that have passed the latest, otherwise the earliest.
 */
export function dueTriggerTime(
  trigger: Trigger,
  state: TriggerState,
  nowSeconds: number,
  { noCatchup }: { readonly noCatchup: boolean },
): number | undefined {
  const first = nextTriggerTime(trigger, state);
  if (first === undefined || first > nowSeconds) return undefined;
  if (!noCatchup || trigger.kind === "once") return first;
  // next(t) <= now holds for every t before the latest time that has passed, and for none from it on.
  const isDueAfter = (seconds: number): boolean => {
    const next = nextTriggerTime(trigger, { ...state, lastSeconds: seconds });
    return next !== undefined && next <= nowSeconds;
  };
  let [low, high] = [first - 1, nowSeconds];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (isDueAfter(middle)) low = middle;
    else high = middle;
  }
  return nextTriggerTime(trigger, { ...state, lastSeconds: low }) ?? first;
}

function cronReference(startSeconds: number | undefined, { createdSeconds, lastSeconds }: TriggerState): number {
  if (lastSeconds === undefined) return startSeconds ?? createdSeconds;
  return Math.max(lastSeconds, startSeconds ?? lastSeconds);
}

/** First time and distance: times are counted from the first one, so that nothing adds up. */
interface Grid {
  readonly firstSeconds: number;
  readonly stepSeconds: number;
}

function gridOf(trigger: Exclude<Trigger, { readonly kind: "once" }>, { createdSeconds }: TriggerState): Grid {
  const { startSeconds } = trigger;
  if (trigger.kind === "interval") {
    const { intervalSeconds: stepSeconds } = trigger;
    return { firstSeconds: startSeconds ?? createdSeconds + stepSeconds, stepSeconds };
  }
  const stepSeconds = trigger.times.kind === "every" ? trigger.times.seconds : 1;
  return { firstSeconds: (startSeconds ?? createdSeconds) + stepSeconds, stepSeconds };
}

function nextOnGrid({ firstSeconds, stepSeconds }: Grid, { lastSeconds }: TriggerState): number {
  if (lastSeconds === undefined || lastSeconds < firstSeconds) return firstSeconds;
  return firstSeconds + (Math.floor((lastSeconds - firstSeconds) / stepSeconds) + 1) * stepSeconds;
}
