/**
 * What `kfp-runtime logs` does once its command line is read.
 *
 * The journal of the run has the lines of all steps in the order of their arrival, also while the run goes on in another process. A
 * task without lines there (of an older version, or one that came from the cache) has its published log.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { RuntimeState, TaskState } from "../../../core/kfp-types.ts";
import { lockHolder } from "../../../local/home/home-lock.ts";
import { isReadableLog, publishedLogs, readPublishedLog } from "../../../local/history/step-lines.ts";
import { isFinal, type HistoryRun, type HistoryTask } from "../../../local/history/stored-run.ts";
import { findTasks } from "../../../local/history/task-reference.ts";
import type { HomeHistory } from "../../../local/history/open-history.ts";
import { flattenTasks, placeTasks } from "../../../local/pipeline/pipeline-tasks.ts";
import { runFolder } from "../../../local/run/local-run.ts";
import { runLogPath } from "../../../local/steps/local-step-runtime.ts";
import { JOURNAL_LIMIT_BYTES, JournalReader, journalPath, type JournalLine } from "../../../local/steps/step-journal.ts";
import { EXIT_CANCELLED, EXIT_FAILED, EXIT_SUCCEEDED, type CliHost } from "../../host.ts";
import { hasColours, say, stepOutput, terminalJson, writeLines } from "../../text/terminal-text.ts";
import { withRun } from "./common.ts";
import type { LogsCommand } from "./logs.ts";

/** How often a run that goes on is looked at. */
const LOOK_MS = 200;
/** Lines written in one piece. */
const BATCH_LINES = 1000;

/** @throws {UsageError} USAGE_INVALID when there is no such run or task; {HostError} HOME_UNUSABLE. */
export async function performLogs(command: LogsCommand, host: CliHost): Promise<number> {
  return await withRun(command, host, async ({ history, run }) => {
    const folder = runFolder(history.home, run.runId);
    const signal = command.follow ? host.stopSignal() : undefined;
    const output = createOutput(command, host);
    const follow = { history, run, signal, stderr: host.stderr };
    if (command.programs) {
      const reader = new JournalReader(runLogPath(folder));
      return await followed(follow, async () => {
        for await (const text of reader.texts()) output.program(text);
        output.flush();
      });
    }
    const chosen = chosenTasks(run, command);
    const reader = new JournalReader(journalPath(folder));
    const seen = new Set<string>();
    let isFull = false;
    const code = await followed(follow, async () => {
      for await (const record of reader.read()) {
        if ("full" in record) isFull = true;
        else if (chosen.includes(record.task)) {
          seen.add(record.task);
          output.line(record);
        }
      }
      output.flush();
    });
    if (isFull) {
      const limit = `${JOURNAL_LIMIT_BYTES / 1024 ** 2} MiB`;
      writeLines(host.stderr, [
        say`note: lines after the first ${limit} of the run are in the logs of its steps alone; kfp-runtime show names them`,
      ]);
    }
    await printPublished(
      chosen.tasks.filter(({ label }) => !seen.has(label)),
      { command, host, output },
    );
    return code;
  });
}

/** Which lines are asked for. */
interface ChosenTasks {
  readonly tasks: readonly HistoryTask[];
  readonly includes: (label: string) => boolean;
}

function chosenTasks(run: HistoryRun, { task: text }: LogsCommand): ChosenTasks {
  if (text === undefined) return { tasks: run.tasks, includes: () => true };
  const isPlanned =
    run.pipeline !== undefined &&
    flattenTasks(placeTasks(run.pipeline)).some(({ scopePath, key }) => key === text || scopePath === `root.${text}`);
  // A task that has not begun yet has no row; its lines may come.
  const tasks = isPlanned && !isFinal(run.state) && !run.tasks.some(({ row }) => row.name === text) ? [] : findTasks(run, text);
  const labels = new Set(tasks.map(({ label }) => label));
  const groups = tasks.filter(({ result }) => result.type !== "RUNTIME" && result.type !== "IMPORTER").map(({ label }) => label);
  const isNamed = (label: string): boolean => {
    const path = label.replace(/\[.*$/s, "");
    return path === text || path.endsWith(`.${text}`);
  };
  return {
    tasks,
    includes: (label) =>
      labels.has(label) ||
      groups.some((group) => group === "root" || label.startsWith(`${group}.`)) ||
      (!isFinal(run.state) && isNamed(label)),
  };
}

interface Followed {
  readonly history: HomeHistory;
  readonly run: HistoryRun;
  /** Absent: what is there is enough. */
  readonly signal: AbortSignal | undefined;
  readonly stderr: CliHost["stderr"];
}

/**
 * Prints what is there, and goes on until the run is over.
 *
 * The state is read before the lines: once it is final, every line has been written.
 */
async function followed({ history, run, signal, stderr }: Followed, print: () => Promise<void>): Promise<number> {
  if (signal === undefined) {
    await print();
    return EXIT_SUCCEEDED;
  }
  for (;;) {
    const stored = history.store.runs.find(run.runId);
    const isOver = stored === undefined || isFinal(RuntimeState[stored.run.state] ?? "");
    const isLeft = !isOver && (await lockHolder(history.home)) === undefined;
    await print();
    if (isOver) return EXIT_SUCCEEDED;
    if (isLeft) {
      const why = `run ${run.runId} is not over, but nobody executes it any more`;
      writeLines(stderr, [say`kfp-runtime: ${why}; kfp-runtime show says how far it came`]);
      return EXIT_FAILED;
    }
    try {
      await sleep(LOOK_MS, undefined, { signal });
    } catch {
      return EXIT_CANCELLED;
    }
  }
}

interface Output {
  line(record: Pick<JournalLine, "task" | "stream" | "text"> & Partial<JournalLine>): void;
  program(text: string): void;
  flush(): void;
}

function createOutput({ output, fullLogs, task }: LogsCommand, { stdout, environment }: CliHost): Output {
  const colours = hasColours(stdout.isTerminal, environment);
  let lines: string[] = [];
  const flush = (): void => {
    if (lines.length > 0) stdout.write(lines.map((text) => `${text}\n`).join(""));
    lines = [];
  };
  const add = (text: string): void => {
    lines.push(text);
    if (lines.length >= BATCH_LINES) flush();
  };
  const labels = new Set<string>();
  return {
    flush,
    program: (text) => add(output === "json" ? terminalJson({ text }) : say`${text}`.toString()),
    line: ({ time, task: label, stream, text, routine }) => {
      if (routine === true && !fullLogs) return;
      labels.add(label);
      if (output === "json") {
        add(terminalJson({ ...(time === undefined ? {} : { time }), task: label, stream, text }));
        return;
      }
      const shown = stepOutput(text, colours);
      // One task that was asked for by its label needs no name in front.
      add((task === label ? shown : say`${label} | ${shown}`).toString());
    },
  };
}

async function printPublished(
  tasks: readonly HistoryTask[],
  { command, host, output }: { readonly command: LogsCommand; readonly host: CliHost; readonly output: Output },
): Promise<void> {
  const isNamed = command.task !== undefined;
  for (const task of tasks) {
    // What the run did not print itself is shown when it is asked for by name.
    if (task.row.state === TaskState.CACHED && !isNamed) continue;
    for (const uri of publishedLogs(task)) {
      if (!isReadableLog(uri)) {
        writeLines(host.stderr, [say`note: the log of ${task.label} is at ${uri}`]);
        continue;
      }
      for await (const { text, isRoutine } of readPublishedLog(uri)) {
        output.line({ task: task.label, stream: "stdout", text, ...(isRoutine ? { routine: true } : {}) });
      }
    }
    if (isNamed && task.row.state === TaskState.CACHED) {
      writeLines(host.stderr, [
        say`note: the outputs of ${task.label} come from the cache; these are the lines of the run that made them`,
      ]);
    }
  }
  output.flush();
}
