/**
 * What `kfp-runtime show` does once its command line is read.
 *
 * @module
 */
import { TaskState } from "../../../core/kfp-types.ts";
import { lastLines } from "../../../local/history/step-lines.ts";
import { findTasks } from "../../../local/history/task-reference.ts";
import type { StepFailure } from "../../../local/results/run-result.ts";
import type { HistoryTask } from "../../../local/history/stored-run.ts";
import { runFolder } from "../../../local/run/local-run.ts";
import { runLogPath } from "../../../local/steps/local-step-runtime.ts";
import { EXIT_SUCCEEDED, type CliHost } from "../../host.ts";
import { runJson, runLines, tasksJson, taskLines } from "../../text/history/run-text.ts";
import { terminalJson, writeLines } from "../../text/terminal-text.ts";
import { homeWords, withRun, type OpenedRun } from "./common.ts";
import type { ShowCommand } from "./show.ts";

/** @throws {UsageError} USAGE_INVALID when there is no such run or task; {HostError} HOME_UNUSABLE. */
export async function performShow(command: ShowCommand, host: CliHost): Promise<number> {
  const { stdout, environment } = host;
  const { isTerminal } = stdout;
  const place = { environment, isTerminal, columns: isTerminal ? stdout.columns() : Infinity };
  return await withRun(command, host, async (opened) => {
    const { run, history } = opened;
    const tasks = command.task === undefined ? run.tasks : findTasks(run, command.task);
    if (command.output === "json") {
      stdout.write(`${terminalJson(command.task === undefined ? runJson(run) : tasksJson(run, tasks))}\n`);
      return EXIT_SUCCEEDED;
    }
    const failures = await failuresOf(opened, tasks);
    const common = { ...place, failures, home: homeWords(command), logPath: runLogPath(runFolder(history.home, run.runId)) };
    writeLines(stdout, command.task === undefined ? runLines(run, common) : taskLines(run, tasks, common));
    return EXIT_SUCCEEDED;
  });
}

async function failuresOf({ history, run }: OpenedRun, tasks: readonly HistoryTask[]): Promise<Map<string, StepFailure>> {
  const failed = tasks.filter(({ row }) => row.state === TaskState.FAILED);
  const lines = failed.length === 0 ? new Map<string, readonly string[]>() : await lastLines(history, run, failed);
  return new Map([...lines].map(([taskId, last]) => [taskId, { lastLines: last }]));
}
