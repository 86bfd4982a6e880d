/**
 * What `kfp-runtime diff` does once its command line is read.
 *
 * @module
 */
import { diffRuns, isSame } from "../../../local/history/diff-runs.ts";
import { EXIT_FAILED, EXIT_SUCCEEDED, type CliHost } from "../../host.ts";
import { diffJson, diffLines } from "../../text/history/diff-text.ts";
import { terminalJson, writeLines } from "../../text/terminal-text.ts";
import { withRun } from "./common.ts";
import type { DiffCommand } from "./diff.ts";

/** @throws {UsageError} USAGE_INVALID when there is no such run; {HostError} HOME_UNUSABLE. */
export async function performDiff(command: DiffCommand, host: CliHost): Promise<number> {
  const { stdout, environment } = host;
  const { home, runs } = command;
  const [a, b] = await Promise.all(
    runs.map((run) => withRun({ home, run }, host, ({ run: found, history }) => ({ found, all: history.store.runs.overview() }))),
  );
  // Two words, two runs.
  if (a === undefined || b === undefined) return EXIT_FAILED;
  const difference = await diffRuns(a.found, b.found);
  if (command.output === "json") stdout.write(`${terminalJson(diffJson(a.found, b.found, difference))}\n`);
  else {
    const { isTerminal } = stdout;
    const place = { environment, isTerminal, columns: isTerminal ? stdout.columns() : Infinity };
    writeLines(stdout, diffLines(a.found, b.found, { ...place, difference, all: a.all }));
  }
  return command.exitCode && !isSame(difference) ? EXIT_FAILED : EXIT_SUCCEEDED;
}
