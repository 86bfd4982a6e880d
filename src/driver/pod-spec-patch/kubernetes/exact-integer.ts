/**
 * Whole numbers of the config, which protojson writes as texts and a pod spec as JSON numbers.
 *
 * @module
 */
import type { ResolveDynamic } from "../contribution.ts";

/** @throws {SpecError} SPEC_INVALID beyond 2^53, where a JSON number no longer is the number that was written. */
export function exactInteger(value: bigint, member: string, { refuse }: Pick<ResolveDynamic, "refuse">): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw refuse(member, `${value} is too large a number`);
  return number;
}
