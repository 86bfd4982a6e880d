/**
 * A home with a run of every kind: succeeded twice (the second from the cache, with another parameter), failed, cancelled, and one
 * that goes on until it is told to stop.
 *
 * @module
 */
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { builtPrograms, runCli, type CliRun, type Programs } from "./built-programs.ts";
import { root } from "./probe.ts";
import { parseResult } from "./run-results.ts";

/** Kinds of runs in it. */
export type RunKind = "succeeded" | "cached" | "failed" | "cancelled" | "running";

export interface HistoryHome {
  readonly folder: string;
  readonly programs: Programs;
  readonly ids: Readonly<Record<RunKind, string>>;
  /** Runs a command in the folder. */
  cli(...args: string[]): Promise<CliRun>;
  /** Ends the run that goes on, as Ctrl-C does, and waits for its end. */
  stop(): Promise<CliRun>;
  /** Ends everything and removes the folder. */
  dispose(): Promise<void>;
}

export const fixturePipeline = (name: string): string => path.join(root, `test/fixtures/cases/${name}.yaml`);

export async function makeHistoryHome(): Promise<HistoryHome> {
  const programs = await builtPrograms();
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), "kfp-history-")));
  const cli = async (...args: string[]): Promise<CliRun> => await runCli(programs, args, { cwd: folder });
  const finished = async (...args: string[]): Promise<string> =>
    parseResult((await cli("run", ...args, "--output", "json")).stdout).runId;
  const succeeded = await finished(fixturePipeline("two-steps"));
  const cached = await finished(fixturePipeline("two-steps"), "--param", "text=other");
  const failed = await finished(fixturePipeline("terminal-text"));
  const cancelledRun = startWaiting(programs, folder);
  const cancelled = await cancelledRun.runId;
  cancelledRun.stop();
  await cancelledRun.ended;
  const waiting = startWaiting(programs, folder);
  const running = await waiting.runId;
  const stop = async (): Promise<CliRun> => {
    waiting.stop();
    return await waiting.ended;
  };
  return {
    ...{ folder, programs, cli, stop, ids: { succeeded, cached, failed, cancelled, running } },
    dispose: async () => {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface WaitingRun {
  /** Once its first step waits. */
  readonly runId: Promise<string>;
  readonly ended: Promise<CliRun>;
  stop(): void;
}

function startWaiting(programs: Programs, cwd: string): WaitingRun {
  const started = Promise.withResolvers<string>();
  const abort = new AbortController();
  let isSent = false;
  const ended = runCli(programs, ["run", fixturePipeline("cancelled-loop")], {
    cwd,
    signal: abort.signal,
    onStderr: (stderr) => {
      const [, runId] = /^run (\S+) of/m.exec(stderr) ?? [];
      if (runId !== undefined && stderr.includes("| waiting")) started.resolve(runId);
    },
  });
  ended.then((run) => started.reject(new Error(`the run ended early: ${run.stderr}`)), started.reject);
  started.promise.catch(() => undefined);
  return {
    ...{ runId: started.promise, ended },
    stop: () => {
      if (isSent) return;
      isSent = true;
      abort.abort();
    },
  };
}
