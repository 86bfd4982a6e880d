/**
 * What yargs read, taken apart: one value, several, a number.
 *
 * @module
 */
import { UsageError } from "../core/errors.ts";

/** Options and positionals of a call by name, as yargs gives them. */
export type Values = Readonly<Record<string, unknown>>;

/** Values of an option that may be repeated. */
export function listOf(value: unknown): string[] {
  return value === undefined ? [] : ([value].flat() as string[]);
}

/** @throws {UsageError} when the option is given more than once. */
export function single(values: Values, name: string): string {
  const value = values[name];
  if (Array.isArray(value)) throw new UsageError("USAGE_INVALID", `Option --${name} is given more than once`);
  return String(value);
}

/** A file or folder. @throws {UsageError} when the option is given more than once, or empty. */
export function readPath(values: Values, name: string): string {
  const path = single(values, name);
  if (path === "") throw new UsageError("USAGE_INVALID", `Option --${name} is empty`);
  return path;
}

/**
 * @param option Its name, for the message.
 * @throws {UsageError}
 */
export function readCount(text: string, option = "parallelism"): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new UsageError("USAGE_INVALID", `Cannot read option --${option}: "${text}" is not a whole number from 1`);
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };

/**
 * A length of time such as `90s`, `10m` or `24h`, in milliseconds; `0` needs no unit.
 *
 * @param option Its name, for the message.
 * @throws {UsageError}
 */
export function readDuration(text: string, option: string): number {
  const [, number = "", unit = "s"] = /^(\d{1,6})([smh])$/.exec(text) ?? (text === "0" ? ["", "0"] : []);
  if (number !== "") return Number(number) * (UNIT_MS[unit] ?? 0);
  throw new UsageError("USAGE_INVALID", `Cannot read option --${option}: "${text}" is not a time such as 90s, 10m or 24h`);
}
