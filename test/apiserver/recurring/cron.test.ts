import { Cron } from "croner";
import fc from "fast-check";
import { describe, test } from "vitest";
import { CronError, nextCronTime, parseCron } from "../../../src/apiserver/recurring/cron.ts";

const seconds = (text: string) => Date.parse(text) / 1000;
const next = (expression: string, after: string) => {
  const time = nextCronTime(parseCron(expression).times, seconds(after));
  return time === undefined ? undefined : new Date(time * 1000).toISOString().replace(".000", "");
};

// docs/spec/pipelines-and-python-client.md#triggers
describe("parseCron() and nextCronTime()", () => {
  test.for([
    { expression: "0 */10 * * * *", after: "2025-01-01T00:09:59Z", at: "2025-01-01T00:10:00Z" },
    { expression: "0 */10 * * * *", after: "2025-01-01T00:10:00Z", at: "2025-01-01T00:20:00Z" },
    { expression: "0 0 9 ? * 1-5", after: "2025-01-03T09:00:00Z", at: "2025-01-06T09:00:00Z" },
    { expression: "0 0 9 ? * MON-fri", after: "2025-01-03T09:00:00Z", at: "2025-01-06T09:00:00Z" },
    { expression: "30 0 0 1 1 *", after: "2025-01-01T00:00:30Z", at: "2026-01-01T00:00:30Z" },
    { expression: "30 0 0 1 jan *", after: "2024-12-31T23:59:59Z", at: "2025-01-01T00:00:30Z" },
    { expression: "@every 90s", after: "2025-01-01T00:00:00Z", at: "2025-01-01T00:01:30Z" },
    { expression: "@every 1h30m", after: "2025-01-01T00:00:00Z", at: "2025-01-01T01:30:00Z" },
    { expression: "@every 10ms", after: "2025-01-01T00:00:00Z", at: "2025-01-01T00:00:01Z" },
    { expression: "@yearly", after: "2025-01-01T00:00:00Z", at: "2026-01-01T00:00:00Z" },
    { expression: "@annually", after: "2025-06-01T00:00:00Z", at: "2026-01-01T00:00:00Z" },
    { expression: "@monthly", after: "2025-01-31T00:00:00Z", at: "2025-02-01T00:00:00Z" },
    { expression: "@weekly", after: "2025-01-01T00:00:00Z", at: "2025-01-05T00:00:00Z" },
    { expression: "@daily", after: "2025-01-01T00:00:00Z", at: "2025-01-02T00:00:00Z" },
    { expression: "@midnight", after: "2025-01-01T23:59:59Z", at: "2025-01-02T00:00:00Z" },
    { expression: "@Hourly", after: "2025-01-01T00:00:00Z", at: "2025-01-01T01:00:00Z" },
    { expression: " 5/20 * * * * * ", after: "2025-01-01T00:00:25Z", at: "2025-01-01T00:00:45Z" },
    { expression: "10-20/5 * * * * *", after: "2025-01-01T00:00:15Z", at: "2025-01-01T00:00:20Z" },
    { expression: "1,3,59 * * * * *", after: "2025-01-01T00:00:59Z", at: "2025-01-01T00:01:01Z" },
    { expression: "0 0 0 29 2 *", after: "2025-01-01T00:00:00Z", at: "2028-02-29T00:00:00Z" },
    { expression: "0 0 0 29 2 *", after: "2096-03-01T00:00:00Z", at: "2104-02-29T00:00:00Z" },
    { expression: "0 0 0 31 * *", after: "2025-01-31T00:00:00Z", at: "2025-03-31T00:00:00Z" },
    { name: "either day", expression: "0 0 0 13 * 5", after: "2025-01-01T00:00:00Z", at: "2025-01-03T00:00:00Z" },
    { name: "both days, one is *", expression: "0 0 0 13 * *", after: "2025-01-01T00:00:00Z", at: "2025-01-13T00:00:00Z" },
    { name: "both days, one is */2", expression: "0 0 0 */2 * 1", after: "2025-01-06T00:00:00Z", at: "2025-01-13T00:00:00Z" },
    { name: "both days, one is ?", expression: "0 0 0 ? * 1", after: "2025-01-06T00:00:00Z", at: "2025-01-13T00:00:00Z" },
    { name: "five fields", expression: "0 5 * * *", after: "2025-01-01T00:05:00Z", at: "2025-01-01T01:05:00Z" },
    { name: "before 1970", expression: "0 0 0 * * *", after: "1969-12-30T12:00:00Z", at: "1969-12-31T00:00:00Z" },
  ])("$expression after $after $name", ({ expression, after, at }, { expect }) => {
    expect(next(expression, after)).toBe(at);
  });

  test.for([
    "0 0 * *",
    "0 0 0 * * 7",
    "0 0 0 * * * 2025",
    "",
    "@fortnightly",
    "@every",
    "@every x",
    "@every -1s",
    "60 * * * * *",
    "* 60 * * * *",
    "* * 24 * * *",
    "* * * 0 * *",
    "* * * 32 * *",
    "* * * * 0 *",
    "* * * * 13 *",
    "* * * * Foo *",
    "* * * * * funday",
    "*/0 * * * * *",
    "5-1 * * * * *",
    "1-2-3 * * * * *",
    "1, * * * * *",
    "1//2 * * * * *",
    "-1 * * * * *",
    "1.5 * * * * *",
    "+1 * * * * *",
    "0 0 0 L * *",
    "0 0 0 15W * *",
    "0 0 0 * * 5#3",
    "0 0 0 * * 5L",
    "TZ=Europe/Berlin 0 0 0 * * *",
    "CRON_TZ=UTC 0 0 0 * * *",
    "0 0 0 30 2 *",
    `${"1,".repeat(600)}1 * * * * *`,
  ])("refuses %j", (expression, { expect }) => {
    expect(() => parseCron(expression)).toThrow(CronError);
    expect(() => parseCron(expression)).toThrow(/^unsupported cron format: /);
  });

  test.for(["TZ=Europe/Berlin 0 0 0 * * *", "CRON_TZ=UTC 0 0 0 * * *"])(
    "says what is wrong with %j",
    (expression, { expect }) => {
      expect(() => parseCron(expression)).toThrow("a time zone cannot be named, schedules run in UTC");
    },
  );

  test("warns of five fields, and only of them", ({ expect }) => {
    expect(parseCron("0 5 * * *").warning).toMatch(/five fields: the first one is the second/);
    expect(parseCron("0 0 5 * * *").warning).toBeUndefined();
    expect(parseCron("@daily").warning).toBeUndefined();
  });
});

/** One field as people write it, and the numbers it stands for. */
const field = (min: number, max: number) => {
  const value = fc.integer({ min, max });
  const step = fc.integer({ min: 1, max: max - min + 1 });
  const list = (from: number, to: number, by: number) =>
    Array.from({ length: Math.floor((to - from) / by) + 1 }, (_, index) => from + index * by);
  const part = fc.oneof(
    value.map((a) => ({ text: String(a), values: [a] })),
    fc.tuple(value, value).map(([a, b]) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)];
      return { text: `${low}-${high}`, values: list(low, high, 1) };
    }),
    fc.tuple(value, step).map(([a, by]) => ({ text: `${a}/${by}`, values: list(a, max, by) })),
    step.map((by) => ({ text: `*/${by}`, values: list(min, max, by) })),
    fc.constantFrom("*", "?").map((text) => ({ text, values: list(min, max, 1) })),
  );
  return fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => ({
    text: parts.map(({ text }) => text).join(","),
    values: [...new Set(parts.flatMap(({ values }) => values))],
    isStarred: parts.some(({ text }) => /^[*?]/.test(text)),
  }));
};
const anyFields = fc.tuple(field(0, 59), field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6));
const anyTime = fc.integer({ min: seconds("1999-01-01T00:00:00Z"), max: seconds("2120-01-01T00:00:00Z") });

describe("next times", () => {
  test("are those of croner, which gets every field written out", ({ expect }) => {
    fc.assert(
      fc.property(anyFields, anyTime, (fields, after) => {
        const [, , , dayOfMonth, , dayOfWeek] = fields;
        let expected: number | undefined;
        const pattern = fields.map(({ values }) => values.join(",")).join(" ");
        const domAndDow = dayOfMonth.isStarred || dayOfWeek.isStarred;
        const judge = new Cron(pattern, { timezone: "UTC", paused: true, domAndDow }).nextRun(new Date(after * 1000));
        if (judge !== null) expected = judge.getTime() / 1000;
        let found: number | undefined;
        try {
          found = nextCronTime(parseCron(fields.map(({ text }) => text).join(" ")).times, after);
        } catch (error) {
          // No such day, as 31 February.
          if (!(error instanceof CronError)) throw error;
        }
        expect(found).toBe(expected);
      }),
      { numRuns: 300 },
    );
  });

  test("rise, and none lies between a time and its next", ({ expect }) => {
    fc.assert(
      fc.property(anyFields, anyTime, fc.nat(100_000), (fields, after, back) => {
        let times;
        try {
          ({ times } = parseCron(fields.map(({ text }) => text).join(" ")));
        } catch {
          return;
        }
        const at = nextCronTime(times, after);
        if (at === undefined) return;
        expect(at).toBeGreaterThan(after);
        expect(nextCronTime(times, at - 1)).toBe(at);
        expect(nextCronTime(times, after - back)).toBeLessThanOrEqual(at);
      }),
    );
  });
});
