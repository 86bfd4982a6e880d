/**
 * What rows have to say where they are not compared with those of a local run, and what they may say where they are.
 *
 * @module
 */
import type { ExpectedDifference } from "./scenario.ts";
import type { RunRows } from "./run-rows.ts";

/** The root and every task. */
export function endedAs(rows: RunRows, state: string): string[] {
  const others = Object.entries(rows).filter(([, row]) => row["state"] !== state);
  return others.map(([label, row]) => `${label} is ${row["state"] as string}, not ${state}`);
}

/** Some task's message. */
export function saysOf(rows: RunRows, text: RegExp): string[] {
  const messages = Object.values(rows).map((row) => JSON.stringify(row["statusMetadata"] ?? {}));
  return messages.some((message) => text.test(message)) ? [] : [`no task says ${String(text)}: ${messages.join(" ")}`];
}

/** Of a task whose fingerprint holds something that is new in every run. */
export function fingerprintOf(task: string, reason: string): ExpectedDifference {
  return { line: new RegExp(`^ROOT/(?:.*/)?${task} cacheFingerprint: `), reason };
}
