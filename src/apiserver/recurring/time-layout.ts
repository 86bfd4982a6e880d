/**
 * A moment in UTC printed by a layout of Go's or of strftime. Pure.
 *
 * Source: docs/spec/api-server.md#createrun (macros in string arguments); Go's package time, Time.Format.
 *
 * @module
 */

const MONTHS = [
  ...["January", "February", "March", "April", "May", "June"],
  ...["July", "August", "September", "October", "November", "December"],
];
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

const two = (value: number, fill = "0"): string => String(value).padStart(2, fill);
const hour12 = (time: Date): number => time.getUTCHours() % 12 || 12;
const month = (time: Date): string => MONTHS[time.getUTCMonth()] ?? "";
const day = (time: Date): string => DAYS[time.getUTCDay()] ?? "";
const year = (time: Date): string => String(time.getUTCFullYear()).padStart(4, "0");

function dayOfYear(time: Date): string {
  const passed = Date.UTC(time.getUTCFullYear(), time.getUTCMonth(), time.getUTCDate()) - Date.UTC(time.getUTCFullYear(), 0, 1);
  return String(passed / 86_400_000 + 1).padStart(3, "0");
}

/** Longer words come first where one begins with another. */
const GO_WORDS: readonly (readonly [string, (time: Date) => string])[] = [
  ["January", month],
  ["Jan", (time) => month(time).slice(0, 3)],
  ["Monday", day],
  ["Mon", (time) => day(time).slice(0, 3)],
  ["MST", () => "UTC"],
  ["2006", year],
  ["-07:00:00", () => "+00:00:00"],
  ["-07:00", () => "+00:00"],
  ["-0700", () => "+0000"],
  ["-07", () => "+00"],
  ["Z07:00", () => "Z"],
  ["Z0700", () => "Z"],
  ["Z07", () => "Z"],
  ["002", dayOfYear],
  ["01", (time) => two(time.getUTCMonth() + 1)],
  ["02", (time) => two(time.getUTCDate())],
  ["03", (time) => two(hour12(time))],
  ["04", (time) => two(time.getUTCMinutes())],
  ["05", (time) => two(time.getUTCSeconds())],
  ["06", (time) => year(time).slice(-2)],
  ["15", (time) => two(time.getUTCHours())],
  ["_2", (time) => two(time.getUTCDate(), " ")],
  ["PM", (time) => (time.getUTCHours() < 12 ? "AM" : "PM")],
  ["pm", (time) => (time.getUTCHours() < 12 ? "am" : "pm")],
  ["1", (time) => String(time.getUTCMonth() + 1)],
  ["2", (time) => String(time.getUTCDate())],
  ["3", (time) => String(hour12(time))],
  ["4", (time) => String(time.getUTCMinutes())],
  ["5", (time) => String(time.getUTCSeconds())],
];

/** Fractions of a second are always zero: schedules know whole seconds. */
export function formatGoLayout(layout: string, unixSeconds: number): string {
  const time = new Date(unixSeconds * 1000);
  let text = "";
  for (let at = 0; at < layout.length;) {
    const word = GO_WORDS.find(([candidate]) => layout.startsWith(candidate, at));
    if (word === undefined) {
      text += layout[at];
      at += 1;
    } else {
      text += word[1](time);
      at += word[0].length;
    }
  }
  return text;
}

const DIRECTIVES: Readonly<Record<string, (time: Date) => string>> = {
  A: day,
  a: (time) => day(time).slice(0, 3),
  B: month,
  b: (time) => month(time).slice(0, 3),
  D: (time) => formatStrftimeDate("%m/%d/%y", time),
  d: (time) => two(time.getUTCDate()),
  e: (time) => two(time.getUTCDate(), " "),
  F: (time) => formatStrftimeDate("%Y-%m-%d", time),
  H: (time) => two(time.getUTCHours()),
  I: (time) => two(hour12(time)),
  j: dayOfYear,
  M: (time) => two(time.getUTCMinutes()),
  m: (time) => two(time.getUTCMonth() + 1),
  p: (time) => (time.getUTCHours() < 12 ? "AM" : "PM"),
  R: (time) => formatStrftimeDate("%H:%M", time),
  S: (time) => two(time.getUTCSeconds()),
  T: (time) => formatStrftimeDate("%H:%M:%S", time),
  w: (time) => String(time.getUTCDay()),
  Y: year,
  y: (time) => year(time).slice(-2),
  Z: () => "UTC",
  z: () => "+0000",
  "%": () => "%",
};

/** Directives that are not known stay as they are. */
export function formatStrftime(format: string, unixSeconds: number): string {
  return formatStrftimeDate(format, new Date(unixSeconds * 1000));
}

function formatStrftimeDate(format: string, time: Date): string {
  return format.replaceAll(/%(.)/gs, (text, letter: string) =>
    Object.hasOwn(DIRECTIVES, letter) ? (DIRECTIVES[letter]?.(time) ?? text) : text,
  );
}
