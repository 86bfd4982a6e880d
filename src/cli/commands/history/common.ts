/** What all commands that look at stored runs share. @module */
import { resolve } from "node:path";
import { UsageError } from "../../../core/errors.ts";
import { openHistory, type HomeHistory } from "../../../local/history/open-history.ts";
import { findRun } from "../../../local/history/run-reference.ts";
import { readHistoryRun, type HistoryRun } from "../../../local/history/stored-run.ts";
import { homeAt } from "../../../local/home/home.ts";
import type { CommandOption, Operand } from "../../command-entry.ts";
import type { CliHost } from "../../host.ts";
import { readPath, single, type Values } from "../../option-values.ts";
import { quotedWord } from "../../text/rerun-command.ts";
import { HOME_OPTION } from "../home.ts";

/** What every command that looks at a home is given. */
export interface HistoryCommand {
  readonly home: string;
  readonly output: "text" | "json";
}

/** The options for it. */
export const HISTORY_OPTIONS = {
  home: HOME_OPTION,
  output: { choices: ["text", "json"], default: "text", describe: "What the result is printed as" },
} as const satisfies Record<string, CommandOption>;

/** The word that names a run. */
export const RUN_OPERAND: Operand = {
  name: "run",
  describe: "Id, the beginning of an id, last, or name",
  required: true,
  completes: "run",
};

/** The word that names a task of it. */
export const TASK_OPERAND: Operand = {
  name: "task",
  describe: "Label such as for-loop-1.train[2], name, or id",
  required: false,
  completes: "task",
};

/** Reads {@link HISTORY_OPTIONS}. */
export function readHistoryOptions(values: Values): HistoryCommand {
  return { home: readPath(values, "home"), output: single(values, "output") === "json" ? "json" : "text" };
}

/** An optional word or option. */
export function optional(values: Values, name: string): string | undefined {
  return values[name] === undefined ? undefined : single(values, name);
}

/**
 * Does something with the history of a home and closes it.
 *
 * @param work Gets undefined when there is no home, or no run was ever stored in it.
 */
export async function withHistory<Result>(
  { home }: Pick<HistoryCommand, "home">,
  { workingFolder }: Pick<CliHost, "workingFolder">,
  work: (history: HomeHistory | undefined, folder: string) => Promise<Result> | Result,
): Promise<Result> {
  const place = homeAt(resolve(workingFolder, home));
  const history = await openHistory(place);
  try {
    return await work(history, place.folder);
  } finally {
    history?.close();
  }
}

/** A home with a run in it. */
export interface OpenedRun {
  readonly history: HomeHistory;
  readonly run: HistoryRun;
}

/**
 * The same with one run.
 *
 * @throws {UsageError} USAGE_INVALID when there is no such run.
 */
export async function withRun<Result>(
  command: Pick<HistoryCommand, "home"> & { readonly run: string },
  host: Pick<CliHost, "workingFolder">,
  work: (opened: OpenedRun) => Promise<Result> | Result,
): Promise<Result> {
  return await withHistory(command, host, async (history, folder) => {
    const { runId } = findRun(history?.store.runs.overview() ?? [], command.run, folder);
    // Without a home there are no runs to be found.
    if (history === undefined) throw new UsageError("USAGE_INVALID", `Cannot find run "${command.run}"`);
    return await work({ history, run: readHistoryRun(history, runId, new Date()) });
  });
}

/** The option that repeats the home in a command to copy, where it is not the default one. */
export function homeWords({ home }: Pick<HistoryCommand, "home">): string {
  return home === HOME_OPTION.default ? "" : ` --home ${quotedWord(home)}`;
}
