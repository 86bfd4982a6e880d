/** The value of `--log_level`. @module */
import { parseGoInteger } from "../core/go/number.ts";

/** Verbosity of a log; values of parameters appear from 4 on. */
export interface LogLevel {
  readonly logLevel: number;
  /** What the log should begin with; empty unless the text could not be read. */
  readonly warnings: readonly string[];
}

/** Never throws: a bad level is not worth a failed step. */
export function readLogLevel(text: string): LogLevel {
  const level = parseGoInteger(text);
  if (typeof level !== "string") return { logLevel: Number(level), warnings: [] };
  return { logLevel: 1, warnings: [`--log_level ${JSON.stringify(text)} is not a number, 1 is used`] };
}
