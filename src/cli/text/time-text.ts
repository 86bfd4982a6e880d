/** Times of stored rows for people: to the second, in UTC, as run names have them. @module */

/** `2026-11-29 00:25:10`; a dash where there is no time. */
export function timeText(time: Date | undefined): string {
  return time === undefined ? "-" : time.toISOString().slice(0, 19).replace("T", " ");
}

/** `2026-11-29T00:25:10Z`, for programs. */
export function timeJson(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}
