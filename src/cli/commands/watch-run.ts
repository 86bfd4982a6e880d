/**
 * A run under the eyes of a person: progress while it goes on, the summary at its end, the exit code.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import type { FinishedPipeline, RunPipelineDeps } from "../../local/run-pipeline.ts";
import { nodeFileSystem } from "../../node/node-file-system.ts";
import { systemClock } from "../../node/system-clock.ts";
import { EXIT_CANCELLED, EXIT_FAILED, EXIT_SUCCEEDED, type CliHost } from "../host.ts";
import { createProgressDisplay, type ProgressDisplay } from "../text/progress-display.ts";
import { summaryLines } from "../text/summary-text.ts";
import { terminalJson, writeLines } from "../text/terminal-text.ts";

/** What is shown of it, and how. */
export interface WatchedRun {
  /** By scope path. */
  readonly displayNames: ReadonlyMap<string, string>;
  readonly output: "text" | "json";
  readonly fullLogs: boolean;
  readonly cacheDisabled: boolean;
  /** Whether the end of standard input cancels it. */
  readonly stopWithStdin?: boolean;
  /** The command that starts the run again. */
  readonly rerun: string;
  /** Option of a command to copy that names the home; empty for the default one. */
  readonly homeWords: string;
}

/** What a run is executed with. */
export type WatchDeps = Omit<RunPipelineDeps, "onStarted">;

/**
 * Executes and shows a run. Ctrl-C cancels it.
 *
 * @throws What `execute` throws.
 */
export async function watchRun(
  host: CliHost,
  watched: WatchedRun,
  execute: (deps: WatchDeps, notice: ProgressDisplay["notice"]) => Promise<FinishedPipeline>,
): Promise<number> {
  const { stdout, stderr, environment } = host;
  const signal = host.stopSignal({ withStdin: watched.stopWithStdin === true });
  const display = createProgressDisplay({
    ...{ stream: stderr, clock: systemClock, environment },
    displayNames: watched.displayNames,
    showsRoutine: watched.fullLogs,
  });
  signal.addEventListener("abort", () => display.notice("cancelling: steps are asked to end; press Ctrl-C again to end at once"));
  let finished;
  try {
    finished = await execute(
      {
        clock: systemClock,
        files: nodeFileSystem,
        randomUuid: randomUUID,
        signal,
        onEvent: (event) => display.event(event),
        onLine: (line) => display.line(line),
        onNotice: (text) => display.notice(text),
        killChildren: host.killChildren,
      },
      (text) => display.notice(text),
    );
  } finally {
    display.end();
  }
  const stream = watched.output === "json" ? stderr : stdout;
  const { isTerminal } = stream;
  const columns = isTerminal ? stream.columns() : Infinity;
  const { cacheDisabled, rerun, homeWords } = watched;
  writeLines(stream, summaryLines(finished, { environment, isTerminal, columns, cacheDisabled, rerun, homeWords }));
  if (watched.output === "json") stdout.write(`${terminalJson(finished.result)}\n`);
  if (finished.cancelled) return EXIT_CANCELLED;
  return finished.result.state === "SUCCEEDED" ? EXIT_SUCCEEDED : EXIT_FAILED;
}
