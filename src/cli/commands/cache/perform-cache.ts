/**
 * What `kfp-runtime cache` does once its command line is read.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { UsageError } from "../../../core/errors.ts";
import { PipelineTaskSchema, type PipelineTask } from "../../../core/kfp-types.ts";
import { cacheVerdict } from "../../../local/history/cache-verdict.ts";
import { clearCache } from "../../../local/history/clear-cache.ts";
import { shortIds } from "../../../local/history/run-reference.ts";
import { findTasks } from "../../../local/history/task-reference.ts";
import { homeAt } from "../../../local/home/home.ts";
import { EXIT_SUCCEEDED, type CliHost } from "../../host.ts";
import { cacheListLines, verdictJson, verdictLines, type CacheEntryJson } from "../../text/history/cache-text.ts";
import { timeJson } from "../../text/time-text.ts";
import { say, terminalJson, writeLines } from "../../text/terminal-text.ts";
import { withHistory, withRun } from "../history/common.ts";
import type { CacheCommand } from "./cache.ts";

/** @throws {UsageError} USAGE_INVALID when there is no such run or task; {HostError} HOME_UNUSABLE or HOME_LOCKED. */
export async function performCache(command: CacheCommand, host: CliHost): Promise<number> {
  switch (command.action) {
    case "ls":
      return await listEntries(command, host);
    case "why":
      return await explain(command, host);
    case "clear":
      return await clearEntries(command, host);
  }
}

async function listEntries(command: CacheCommand, host: CliHost): Promise<number> {
  const { stdout, environment } = host;
  return await withHistory(command, host, (history, folder) => {
    const all = history?.store.tasks.cacheEntries() ?? [];
    const meant = all.map(({ body }) => fromBinary(PipelineTaskSchema, body)).filter((task) => isMeant(task, command.task));
    const entries = meant.slice(0, command.limit).map(entryOf);
    if (command.output === "json") {
      stdout.write(`${terminalJson({ home: folder, total: meant.length, entries })}\n`);
      return EXIT_SUCCEEDED;
    }
    const { isTerminal } = stdout;
    const place = { environment, isTerminal, columns: isTerminal ? stdout.columns() : Infinity };
    const runs = history?.store.runs.overview() ?? [];
    const names = new Map(runs.map(({ runId, displayName }) => [runId, displayName]));
    if (entries.length === 0) writeLines(stdout, [say`${folder}: the cache has nothing`]);
    else writeLines(stdout, cacheListLines(entries, { ...place, names, shortIds: shortIds(runs), total: meant.length }));
    return EXIT_SUCCEEDED;
  });
}

function entryOf({ scopePath, typeAttributes, runId, taskId, cacheFingerprint, createTime }: PipelineTask): CacheEntryJson {
  const iteration = typeAttributes?.iterationIndex;
  return {
    task: scopePath.replace(/^root\./, ""),
    ...(iteration === undefined ? {} : { iterationIndex: Number(iteration) }),
    ...{ taskId, runId, fingerprint: cacheFingerprint },
    ...(createTime === undefined ? {} : { createdAt: timeJson(timestampDate(createTime)) }),
  };
}

/** By the path, with and without `root.`, or by the key of the task. */
function isMeant({ scopePath, name }: PipelineTask, text: string | undefined): boolean {
  return text === undefined || scopePath === text || scopePath === `root.${text}` || name === text;
}

async function explain(command: CacheCommand, host: CliHost): Promise<number> {
  const { stdout, environment } = host;
  return await withRun(command, host, ({ history, run }) => {
    const explained = findTasks(run, command.task ?? "").map((task) => ({ task, verdict: cacheVerdict(history, run, task) }));
    if (command.output === "json") {
      stdout.write(`${terminalJson({ runId: run.runId, tasks: explained.map(verdictJson) })}\n`);
      return EXIT_SUCCEEDED;
    }
    const { isTerminal } = stdout;
    const place = { environment, isTerminal, columns: isTerminal ? stdout.columns() : Infinity };
    writeLines(
      stdout,
      explained.flatMap((entry) => verdictLines(entry, place)),
    );
    return EXIT_SUCCEEDED;
  });
}

async function clearEntries(command: CacheCommand, { stdout, workingFolder }: CliHost): Promise<number> {
  const home = homeAt(resolve(workingFolder, command.home));
  const isThere = existsSync(home.database);
  const count = isThere ? await clearCache(home, (task) => isMeant(task, command.task), new Date()) : 0;
  if (count === 0 && command.task !== undefined) {
    const reason = `no task of that name is in the cache of ${home.folder}; "kfp-runtime cache ls" lists what is`;
    throw new UsageError("USAGE_INVALID", `Cannot take "${command.task}" out of the cache: ${reason}`);
  }
  if (command.output === "json") stdout.write(`${terminalJson({ home: home.folder, cleared: count })}\n`);
  else writeLines(stdout, [say`${home.folder}: ${count} ${count === 1 ? "task" : "tasks"} taken out of the cache`]);
  return EXIT_SUCCEEDED;
}
