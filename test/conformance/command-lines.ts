/**
 * Command lines with which programs of the reference were started in its recordings, one for each combination of flags.
 *
 * @module
 */
import { readFileSync } from "node:fs";

export interface RecordedCommandLine {
  readonly program: "driver" | "launcher-v2";
  /** Driver type, or mode of the launcher. */
  readonly kind: string;
  /** The pipeline it was recorded with. */
  readonly from: string;
  readonly argv: readonly string[];
}

/** Sorted by pipeline. */
export function recordedCommandLines(program: RecordedCommandLine["program"]): RecordedCommandLine[] {
  const text = readFileSync(new URL("command-lines.json", import.meta.url), "utf8");
  return (JSON.parse(text) as RecordedCommandLine[]).filter((line) => line.program === program);
}
