/** What a program says about a command line that it cannot act on. @module */
import { errorMessage, UsageError } from "../core/errors.ts";
import { usageText, type FlagTable } from "../core/go/flags.ts";
import type { TextSink } from "./host.ts";

/** A program by its name, such as `driver`, and its flags. */
export interface ProgramFlags {
  readonly name: string;
  readonly flags: FlagTable;
}

/**
 * Writes the problem, and all flags where one could not be read.
 *
 * @returns The exit code: 2 for malformed flags, 1 for anything else (docs/spec/driver-command-line.md#exit-codes-and-log).
 */
export function reportUsage(error: unknown, stderr: TextSink, { name, flags }: ProgramFlags): 1 | 2 {
  stderr.write(`${name}: ${errorMessage(error)}\n`);
  if (!(error instanceof UsageError) || error.code !== "FLAG_INVALID") return 1;
  stderr.write(usageText(flags, name));
  return 2;
}
