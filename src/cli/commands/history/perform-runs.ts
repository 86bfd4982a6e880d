/**
 * What `kfp-runtime runs` does once its command line is read.
 *
 * @module
 */
import type { RunOverview } from "../../../apiserver/store.ts";
import { shortIds } from "../../../local/history/run-reference.ts";
import { isAbandoned, wasCancelled } from "../../../local/history/stored-run.ts";
import type { HomeHistory } from "../../../local/history/open-history.ts";
import { EXIT_SUCCEEDED, type CliHost } from "../../host.ts";
import { runListLines } from "../../text/history/run-list-text.ts";
import { timeJson } from "../../text/time-text.ts";
import { say, terminalJson, writeLines } from "../../text/terminal-text.ts";
import { withHistory } from "./common.ts";
import type { RunsCommand } from "./runs.ts";

/** A run of the list. */
export interface ListedRun {
  readonly runId: string;
  readonly name: string;
  /** Enum name of the wire. */
  readonly state: string;
  /** Somebody stopped it. */
  readonly cancelled: boolean;
  /** It is not over, and the process that ran it is gone. */
  readonly abandoned: boolean;
  readonly createdAt: string;
  readonly finishedAt?: string;
  readonly durationMs: number;
}

/** @throws {HostError} HOME_UNUSABLE when the database cannot be read. */
export async function performRuns(command: RunsCommand, host: CliHost): Promise<number> {
  const { stdout, environment } = host;
  return await withHistory(command, host, (history, folder) => {
    const all = history?.store.runs.overview() ?? [];
    const chosen = all.filter(({ state }) => command.state === undefined || state === command.state);
    const shown = history === undefined ? [] : chosen.slice(0, command.limit).map((run) => listedRun(history, run, Date.now()));
    if (command.output === "json") {
      stdout.write(`${terminalJson({ home: folder, total: chosen.length, runs: shown })}\n`);
      return EXIT_SUCCEEDED;
    }
    if (chosen.length === 0) {
      const what = command.state === undefined ? "no runs yet" : `no runs in state ${command.state}`;
      writeLines(stdout, [say`${folder}: ${what}`]);
      return EXIT_SUCCEEDED;
    }
    const { isTerminal } = stdout;
    const place = { environment, isTerminal, columns: isTerminal ? stdout.columns() : Infinity };
    writeLines(stdout, runListLines(shown, { ...place, shortIds: shortIds(all), total: chosen.length }));
    return EXIT_SUCCEEDED;
  });
}

function listedRun({ store, holder }: HomeHistory, run: RunOverview, nowMs: number): ListedRun {
  const { runId, displayName, state, createdSeconds, finishedSeconds } = run;
  const endMs = finishedSeconds > 0 ? finishedSeconds * 1000 : nowMs;
  return {
    ...{ runId, name: displayName, state },
    cancelled: wasCancelled(store, runId, state),
    abandoned: isAbandoned(state, holder !== undefined),
    createdAt: timeJson(new Date(createdSeconds * 1000)),
    ...(finishedSeconds > 0 ? { finishedAt: timeJson(new Date(finishedSeconds * 1000)) } : {}),
    durationMs: Math.max(0, endMs - createdSeconds * 1000),
  };
}
