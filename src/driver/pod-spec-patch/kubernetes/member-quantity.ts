/**
 * Quantities of the config.
 *
 * @module
 */
import { errorMessage } from "../../../core/errors.ts";
import type { ResolveDynamic } from "../contribution.ts";
import { canonicalQuantity } from "../quantity.ts";

/** @throws {SpecError} SPEC_INVALID naming the member, what it is for, and the text. */
export function memberQuantity(
  text: string,
  { member, what }: { readonly member: string; readonly what: string },
  { refuse }: Pick<ResolveDynamic, "refuse">,
): string {
  try {
    return canonicalQuantity(text, what);
  } catch (error) {
    throw refuse(member, errorMessage(error));
  }
}
