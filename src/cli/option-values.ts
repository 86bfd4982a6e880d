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

/**
 * @param option Its name, for the message.
 * @throws {UsageError}
 */
export function readCount(text: string, option = "parallelism"): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new UsageError("USAGE_INVALID", `Cannot read option --${option}: "${text}" is not a whole number from 1`);
}
