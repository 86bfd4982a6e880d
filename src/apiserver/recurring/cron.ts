/**
 * Cron expressions as KFP's schedules take them: six fields, seconds first, evaluated in UTC. Pure.
 *
 * The grammar is stricter and the rule of the two day fields another one than those of the usual libraries
 * (docs/adr/0028-cron-of-ours.md), so both are here; a library is the judge in the tests.
 *
 * Source: docs/spec/pipelines-and-python-client.md#triggers, #decision-cron-time-zone, #api-35.
 *
 * @module
 */
import { parseGoDuration } from "../../core/go/duration.ts";

/** When a cron expression fires. */
export type CronTimes =
  | {
      readonly kind: "calendar";
      /** Ascending; of no field empty. */
      readonly seconds: readonly number[];
      readonly minutes: readonly number[];
      readonly hours: readonly number[];
      readonly daysOfMonth: ReadonlySet<number>;
      readonly months: ReadonlySet<number>;
      readonly daysOfWeek: ReadonlySet<number>;
      /** Both day fields are restricted: either may match. Otherwise both must. */
      readonly eitherDay: boolean;
    }
  /** `@every`. */
  | { readonly kind: "every"; readonly seconds: number };

/** An expression, read. */
export interface ParsedCron {
  readonly times: CronTimes;
  /** What a person probably meant otherwise. */
  readonly warning?: string;
}

/** Says in one sentence why an expression cannot be used. */
export class CronError extends Error {
  override readonly name = "CronError";
}

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly words: readonly string[];
}

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const FIELDS = [
  { name: "second", min: 0, max: 59, words: [] },
  { name: "minute", min: 0, max: 59, words: [] },
  { name: "hour", min: 0, max: 23, words: [] },
  { name: "day of month", min: 1, max: 31, words: [] },
  { name: "month", min: 1, max: 12, words: MONTHS },
  { name: "day of week", min: 0, max: 6, words: DAYS },
] as const satisfies readonly Field[];

const DESCRIPTORS: Readonly<Record<string, string>> = {
  "@yearly": "0 0 0 1 1 *",
  "@annually": "0 0 0 1 1 *",
  "@monthly": "0 0 0 1 * *",
  "@weekly": "0 0 0 * * 0",
  "@daily": "0 0 0 * * *",
  "@midnight": "0 0 0 * * *",
  "@hourly": "0 0 * * * *",
};

/** Longer ones are nobody's. */
const MAX_LENGTH = 1_000;

/**
 * Reads an expression.
 *
 * @throws {CronError} when it is not one, or never fires.
 */
export function parseCron(text: string): ParsedCron {
  if (text.length > MAX_LENGTH) throw new CronError(`unsupported cron format: it has more than ${MAX_LENGTH} characters`);
  const trimmed = text.trim();
  if (/^(?:CRON_)?TZ=/i.test(trimmed)) {
    throw new CronError("unsupported cron format: a time zone cannot be named, schedules run in UTC");
  }
  const every = /^@every\s+(\S+)$/.exec(trimmed)?.[1];
  if (every !== undefined) return { times: { kind: "every", seconds: everySeconds(every) } };
  const descriptor = trimmed.startsWith("@") ? DESCRIPTORS[trimmed.toLowerCase()] : trimmed;
  if (descriptor === undefined) throw new CronError(`unsupported cron format: ${JSON.stringify(trimmed)} is not known`);
  const fields = descriptor.split(/\s+/).filter(Boolean);
  if (fields.length !== 5 && fields.length !== 6) {
    throw new CronError(`unsupported cron format: ${fields.length} fields instead of six (second minute hour day month weekday)`);
  }
  const times = calendarOf(fields.length === 5 ? [...fields, "*"] : fields);
  if (nextCronTime(times, 0) === undefined) throw new CronError("unsupported cron format: no such day exists");
  if (fields.length === 6) return { times };
  const warning =
    `the cron expression ${JSON.stringify(trimmed)} has five fields: the first one is the second, ` +
    "the day of the week is any; write six fields (second minute hour day month weekday)";
  return { times, warning };
}

function everySeconds(text: string): number {
  const ms = parseGoDuration(text);
  if (ms === undefined || ms < 0) throw new CronError(`unsupported cron format: ${JSON.stringify(text)} is not a duration`);
  return Math.max(1, Math.floor(ms / 1000));
}

function calendarOf(texts: readonly string[]): CronTimes {
  const sets = FIELDS.map((field, index) => valuesOf(texts[index] ?? "", field));
  const ascending = (index: number): number[] => [...(sets[index] ?? [])].toSorted((left, right) => left - right);
  const [, , , daysOfMonth = new Set<number>(), months = new Set<number>(), daysOfWeek = new Set<number>()] = sets;
  return {
    kind: "calendar",
    seconds: ascending(0),
    minutes: ascending(1),
    hours: ascending(2),
    daysOfMonth,
    months,
    daysOfWeek,
    eitherDay: !isStarred(texts[3] ?? "") && !isStarred(texts[5] ?? ""),
  };
}

/** Also with a step. */
function isStarred(text: string): boolean {
  return text.split(",").some((part) => /^[*?]/.test(part));
}

function valuesOf(text: string, field: Field): Set<number> {
  const wrong = (): CronError => {
    const range = `${field.min} to ${field.max}`;
    return new CronError(`unsupported cron format: ${JSON.stringify(text)} is not a ${field.name} (${range})`);
  };
  const values = new Set<number>();
  for (const part of text.split(",")) {
    const [, range = "", step] = /^([^/]+)(?:\/(\d{1,2}))?$/.exec(part) ?? [];
    const [first = "", last, ...more] = range.split("-");
    if (more.length > 0 || step === "0" || step === "00") throw wrong();
    const isAll = range === "*" || range === "?";
    const from = isAll ? field.min : numberOf(first, field);
    const to =
      isAll || (last === undefined && step !== undefined) ? field.max : last === undefined ? from : numberOf(last, field);
    if (from === undefined || to === undefined || from > to) throw wrong();
    for (let value = from; value <= to; value += Number(step ?? 1)) values.add(value);
  }
  return values;
}

function numberOf(text: string, { min, max, words }: Field): number | undefined {
  const word = words.indexOf(text.toLowerCase());
  if (word !== -1) return word + min;
  if (!/^\d{1,2}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}

const DAY_SECONDS = 86_400;
/** Between two 29 Februaries of one weekday lie up to 40 years, where a century is no leap year. */
const MAX_MONTHS_AHEAD = 12 * 41;

/**
 * The first time strictly after another one.
 *
 * @param afterSeconds Unix time. `@every` counts from it.
 * @returns Unix time; undefined when there is none within 41 years.
 */
export function nextCronTime(times: CronTimes, afterSeconds: number): number | undefined {
  if (times.kind === "every") return afterSeconds + times.seconds;
  const earliest = afterSeconds + 1;
  const startOfDay = Math.floor(earliest / DAY_SECONDS) * DAY_SECONDS;
  if (isDay(times, new Date(startOfDay * 1000))) {
    const time = timeInDay(times, earliest - startOfDay);
    if (time !== undefined) return startOfDay + time;
  }
  const day = nextDay(times, startOfDay + DAY_SECONDS);
  const time = timeInDay(times, 0);
  return day === undefined || time === undefined ? undefined : day + time;
}

type Calendar = Extract<CronTimes, { readonly kind: "calendar" }>;

function isDay({ months, daysOfMonth, daysOfWeek, eitherDay }: Calendar, day: Date): boolean {
  if (!months.has(day.getUTCMonth() + 1)) return false;
  const ofMonth = daysOfMonth.has(day.getUTCDate());
  const ofWeek = daysOfWeek.has(day.getUTCDay());
  return eitherDay ? ofMonth || ofWeek : ofMonth && ofWeek;
}

/** Start of the first matching day from a start of day on. */
function nextDay(times: Calendar, fromSeconds: number): number | undefined {
  const day = new Date(fromSeconds * 1000);
  for (let months = 0; months <= MAX_MONTHS_AHEAD; months += 1) {
    const month = day.getUTCMonth();
    if (Number.isNaN(month)) return undefined;
    if (times.months.has(month + 1)) {
      while (day.getUTCMonth() === month) {
        if (isDay(times, day)) return day.getTime() / 1000;
        day.setUTCDate(day.getUTCDate() + 1);
      }
    } else day.setUTCMonth(month + 1, 1);
  }
  return undefined;
}

/** Seconds since the start of the day, not before `from`. */
function timeInDay({ hours, minutes, seconds }: Calendar, from: number): number | undefined {
  const [hour, minute, second] = [Math.floor(from / 3600), Math.floor(from / 60) % 60, from % 60];
  for (const h of hours) {
    if (h < hour) continue;
    for (const m of minutes) {
      if (h === hour && m < minute) continue;
      const s = seconds.find((value) => h > hour || m > minute || value >= second);
      if (s !== undefined) return h * 3600 + m * 60 + s;
    }
  }
  return undefined;
}
