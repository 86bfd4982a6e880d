import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, test } from "vitest";
import { dueTriggerTime, nextTriggerTime, readTrigger, type Trigger } from "../../../src/apiserver/recurring/trigger.ts";
import { TriggerSchema } from "../../../src/gen/kubeflow/pipelines/backend/api/v2beta1/recurring_run_pb.js";

const at = (seconds: number | undefined) => (seconds === undefined ? {} : { seconds: BigInt(seconds) });
const cron = (expression: string, start?: number, end?: number) =>
  readTrigger(
    create(TriggerSchema, {
      trigger: {
        case: "cronSchedule",
        value: {
          cron: expression,
          ...(start === undefined ? {} : { startTime: at(start) }),
          ...(end === undefined ? {} : { endTime: at(end) }),
        },
      },
    }),
  );
const every = (intervalSecond: number, start?: number, end?: number) =>
  readTrigger(
    create(TriggerSchema, {
      trigger: {
        case: "periodicSchedule",
        value: {
          intervalSecond: BigInt(intervalSecond),
          ...(start === undefined ? {} : { startTime: at(start) }),
          ...(end === undefined ? {} : { endTime: at(end) }),
        },
      },
    }),
  );
const once = readTrigger(undefined);
const state = (createdSeconds: number, lastSeconds?: number) => ({ createdSeconds, lastSeconds });

// docs/spec/pipelines-and-python-client.md#scheduling
describe("nextTriggerTime()", () => {
  test.for([
    { name: "cron: after creation", trigger: cron("0 * * * * *"), at: state(1_000), next: 1_020 },
    { name: "cron: strictly after", trigger: cron("0 * * * * *"), at: state(1_020), next: 1_080 },
    { name: "cron: after the last", trigger: cron("0 * * * * *"), at: state(1_000, 6_000), next: 6_060 },
    { name: "cron: a past start makes a backlog", trigger: cron("0 * * * * *", 60), at: state(6_000), next: 120 },
    { name: "cron: a start to come", trigger: cron("0 * * * * *", 9_000), at: state(1_000), next: 9_060 },
    { name: "cron: not before the start", trigger: cron("0 * * * * *", 9_000), at: state(1_000, 6_000), next: 9_060 },
    { name: "cron: the end counts", trigger: cron("0 * * * * *", undefined, 1_020), at: state(1_000), next: 1_020 },
    { name: "cron: not after the end", trigger: cron("0 * * * * *", undefined, 1_019), at: state(1_000), next: undefined },
    { name: "interval: after creation", trigger: every(60), at: state(1_007), next: 1_067 },
    { name: "interval: the start itself", trigger: every(60, 3_000), at: state(1_000), next: 3_000 },
    { name: "interval: a past start", trigger: every(60, 10), at: state(1_000), next: 10 },
    { name: "interval: after the last", trigger: every(60, 3_000), at: state(1_000, 3_060), next: 3_120 },
    { name: "interval: on the grid again", trigger: every(60, 3_000), at: state(1_000, 3_075), next: 3_120 },
    { name: "interval: not after the end", trigger: every(60, 3_000, 3_100), at: state(1_000, 3_060), next: undefined },
    { name: "@every: after creation", trigger: cron("@every 90s"), at: state(1_000), next: 1_090 },
    { name: "@every: after the start", trigger: cron("@every 90s", 5_000), at: state(1_000), next: 5_090 },
    { name: "@every: on the grid", trigger: cron("@every 90s"), at: state(1_000, 1_100), next: 1_180 },
    { name: "once: at creation", trigger: once, at: state(1_000), next: 1_000 },
    { name: "once: never again", trigger: once, at: state(1_000, 1_000), next: undefined },
  ])("$name", ({ trigger, at: where, next }, { expect }) => {
    expect(nextTriggerTime(trigger, where)).toBe(next);
  });
});

describe("dueTriggerTime()", () => {
  const minutes = cron("0 * * * * *");
  test.for([
    { name: "nothing yet", trigger: minutes, now: 1_019, noCatchup: false, due: undefined },
    { name: "on the second", trigger: minutes, now: 1_020, noCatchup: false, due: 1_020 },
    { name: "the earliest missed", trigger: minutes, now: 1_300, noCatchup: false, due: 1_020 },
    { name: "the latest missed", trigger: minutes, now: 1_300, noCatchup: true, due: 1_260 },
    {
      name: "the latest before the end",
      trigger: cron("0 * * * * *", undefined, 1_199),
      now: 9_000,
      noCatchup: true,
      due: 1_140,
    },
    { name: "once, late", trigger: once, now: 5_000, noCatchup: true, due: 1_000 },
    { name: "interval, latest", trigger: every(7), now: 2_000, noCatchup: true, due: 1_994 },
  ])("$name", ({ trigger, now, noCatchup, due }, { expect }) => {
    expect(dueTriggerTime(trigger, state(1_000), now, { noCatchup })).toBe(due);
  });

  test("finds the latest of a year of seconds at once", ({ expect }) => {
    const year = 365 * 86_400;
    expect(dueTriggerTime(cron("* * * * * *"), state(0), year, { noCatchup: true })).toBe(year);
  });

  const anyTrigger: fc.Arbitrary<Trigger> = fc.oneof(
    fc
      .tuple(fc.integer({ min: 1, max: 500 }), fc.option(fc.integer({ min: 1, max: 3_000 })))
      .map(([step, start]) => every(step, start ?? undefined)),
    fc.constantFrom("*/7 * * * * *", "0 */3 * * * *", "5,55 * * * * *", "@every 13s", "30 0 0 * * *").map((text) => cron(text)),
  );

  test("catching up names every time once and in order, without it the last one", ({ expect }) => {
    fc.assert(
      fc.property(
        anyTrigger,
        fc.integer({ min: 1, max: 3_000 }),
        fc.integer({ min: 0, max: 3_000 }),
        (trigger, created, wait) => {
          const now = created + wait;
          const all: number[] = [];
          for (let last: number | undefined; all.length < 7_000; last = all.at(-1)) {
            const due = dueTriggerTime(trigger, state(created, last), now, { noCatchup: false });
            if (due === undefined) break;
            all.push(due);
          }
          expect(all).toEqual([...new Set(all)].toSorted((left, right) => left - right));
          expect(all.every((time) => time <= now)).toBe(true);
          const latest = dueTriggerTime(trigger, state(created), now, { noCatchup: true });
          expect(latest).toBe(all.at(-1));
        },
      ),
    );
  });
});

describe("readTrigger()", () => {
  test.for([
    { name: "a bad cron", trigger: { case: "cronSchedule", value: { cron: "x" } } as const, message: /unsupported cron format/ },
    { name: "no cron", trigger: { case: "cronSchedule", value: {} } as const, message: /0 fields/ },
    { name: "interval 0", trigger: { case: "periodicSchedule", value: {} } as const, message: /at least 1/ },
    {
      name: "interval -1",
      trigger: { case: "periodicSchedule", value: { intervalSecond: -1n } } as const,
      message: /at least 1/,
    },
    {
      name: "an interval beyond numbers",
      trigger: { case: "periodicSchedule", value: { intervalSecond: 2n ** 62n } } as const,
      message: /at most/,
    },
  ])("refuses $name", ({ trigger, message }, { expect }) => {
    expect(() => readTrigger(create(TriggerSchema, { trigger }))).toThrow(message);
  });
});
