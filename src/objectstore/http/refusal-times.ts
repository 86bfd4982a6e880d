/**
 * What the headers of a refusal say about time. Pure.
 *
 * Standard: RFC 9110, sections 6.6.1 (Date) and 10.2.3 (Retry-After).
 *
 * @module
 */
import type { StoreFailureOptions } from "../store-failure.ts";

/** Headers as Node and the AWS SDK have them, names in lower case. */
export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>;

/**
 * When it was answered, and how long to wait before the next try: so many seconds, or until a time by the server's own clock. What is
 * neither is passed over. The retrier bounds the wait.
 */
export function refusalTimes({
  date,
  "retry-after": retryAfter,
}: AnswerHeaders): Pick<StoreFailureOptions, "answeredAtMs" | "retryAfterMs"> {
  const answeredAtMs = typeof date === "string" ? Date.parse(date) : Number.NaN;
  const retryAfterMs = typeof retryAfter === "string" ? waitMs(retryAfter.trim(), answeredAtMs) : Number.NaN;
  return {
    ...(Number.isNaN(answeredAtMs) ? {} : { answeredAtMs }),
    ...(Number.isNaN(retryAfterMs) ? {} : { retryAfterMs }),
  };
}

function waitMs(text: string, answeredAtMs: number): number {
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  // A date begins with the name of its day; anything else Date.parse would make something of.
  return /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? /.test(text) ? Math.max(0, Date.parse(text) - answeredAtMs) : Number.NaN;
}
