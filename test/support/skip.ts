/**
 * Skipping with a reason: what a machine may lack is said once at the end of the test output, never hidden.
 *
 * @module
 */
import { appendFileSync } from "node:fs";

/** @returns True when the tests must be skipped; `test.skipIf(skipUnless(...))`. */
export function skipUnless(available: boolean, reason: string): boolean {
  if (available) return false;
  const file = process.env["KFP_RUNTIME_TEST_SKIPPED"];
  if (file === undefined || file === "") console.warn(`skipped: ${reason}`);
  else appendFileSync(file, `${reason}\n`);
  return true;
}
