/**
 * A run of `kfp-runtime run` in a home that another process of this machine serves: it is created through the API and followed as if it
 * ran here.
 *
 * Who writes what: this process makes the settings and an empty journal, then creates the run; from then on the server writes the
 * journal, and this process only reads it, until its last line; then it removes it. Whichever of the two ends early leaves nothing
 * that the other one waits for: the lock of the home tells whether the server still runs, and a journal that is not read costs a file.
 *
 * @module
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { JsonValue } from "@bufbuild/protobuf";
import { ApiError, errorMessage, HostError, SpecError } from "../../core/errors.ts";
import type { Clock } from "../../ports/clock.ts";
import type { FileSystem } from "../../ports/file-system.ts";
import type { EngineEvent } from "../engine/engine-event.ts";
import { isHeldBy } from "../home/home-lock.ts";
import type { Home } from "../home/home.ts";
import type { LoadedPipeline } from "../pipeline/pipeline-file.ts";
import type { FinishedPipeline } from "../run/execution.ts";
import { runDisplayName, runFolder } from "../run/local-run.ts";
import type { StepLine } from "../steps/local-step-runtime.ts";
import type { ServingHolder } from "./hand-over-holder.ts";
import { RunClient } from "./run-client.ts";
import { finishedPipeline, JournalReader, removeJournal, startJournal, type JournalEntry } from "./run-journal.ts";
import { writeRunSettings, type RunSettings } from "./run-settings.ts";
import { userTokenPath } from "./user-token.ts";

/** The run, as the command line asks for it. */
export interface HandedRun {
  readonly pipeline: LoadedPipeline;
  readonly parameters: Readonly<Record<string, JsonValue>>;
  /** Absolute path or URI; absent: that of the home. */
  readonly pipelineRoot?: string;
  readonly settings: RunSettings;
}

/** Who hears of the run. */
export interface HandOverDeps {
  readonly clock: Clock;
  readonly files: FileSystem;
  readonly randomUuid: () => string;
  readonly onStarted: (runId: string) => void;
  readonly onEvent: (event: EngineEvent) => void;
  readonly onLine: (line: StepLine) => void;
  readonly onNotice: (text: string) => void;
  /** Aborted to cancel the run. */
  readonly signal: AbortSignal;
}

const POLL_MS = 50;
/** Between two looks at the lock. */
const CHECK_MS = 1000;
/** A cancelled run ends within ten seconds; a server that has not said so by then will not. */
const CANCEL_LIMIT_MS = 20_000;

/**
 * Hands a run over and follows it to its end.
 *
 * @throws {ApiError} API_REJECTED when the server refuses the run; API_UNAVAILABLE when it does not answer, or ends before the run.
 * @throws {SpecError} FEATURE_UNSUPPORTED when the server cannot execute it.
 * @throws {HostError} INTERRUPTED when it is cancelled before its turn.
 */
export async function handOverRun(
  deps: HandOverDeps,
  { home, holder }: { readonly home: Home; readonly holder: ServingHolder },
  { pipeline, parameters, pipelineRoot = "", settings }: HandedRun,
): Promise<FinishedPipeline> {
  const { clock, files, randomUuid, onStarted, onNotice } = deps;
  const runId = randomUuid();
  const folder = runFolder(home, runId);
  const client = await RunClient.connect({ clock, files }, { ...holder.server, tokenPath: userTokenPath(home) });
  try {
    await writeRunSettings(folder, settings);
    await startJournal(folder);
    const displayName = runDisplayName(pipeline.name, clock.now());
    try {
      await client.createRun({ runId, displayName, source: pipeline.source, parameters, pipelineRoot });
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
    onStarted(runId);
    onNotice(`process ${holder.pid} serves ${home.folder} and executes the run`);
    return await new Follower(deps, { home, holder, runId, client }).follow();
  } finally {
    client.close();
    await removeJournal(folder);
  }
}

/**
 * Lets the server execute a failed run of its home again, and follows it to its end.
 *
 * Two may ask for the same run at once: the server takes one of them, and the other one's settings have replaced those of the first
 * by then. Both are those of the same person.
 *
 * @throws {ApiError} API_REJECTED when the run has not failed; and what {@link handOverRun} throws.
 */
export async function handOverRetry(
  deps: HandOverDeps,
  { home, holder }: { readonly home: Home; readonly holder: ServingHolder },
  { runId, settings }: { readonly runId: string; readonly settings: RunSettings },
): Promise<FinishedPipeline> {
  const { clock, files, onStarted, onNotice } = deps;
  const folder = runFolder(home, runId);
  const client = await RunClient.connect({ clock, files }, { ...holder.server, tokenPath: userTokenPath(home) });
  try {
    await writeRunSettings(folder, settings);
    await startJournal(folder);
    await client.retryRun(runId);
    onStarted(runId);
    onNotice(`process ${holder.pid} serves ${home.folder} and executes the run`);
    return await new Follower(deps, { home, holder, runId, client }).follow();
  } finally {
    client.close();
    await removeJournal(folder);
  }
}

interface Followed {
  readonly home: Home;
  readonly holder: ServingHolder;
  readonly runId: string;
  readonly client: RunClient;
}

class Follower {
  readonly #deps: HandOverDeps;
  readonly #followed: Followed;

  constructor(deps: HandOverDeps, followed: Followed) {
    this.#deps = deps;
    this.#followed = followed;
  }

  async follow(): Promise<FinishedPipeline> {
    const { signal, clock } = this.#deps;
    const { home, runId } = this.#followed;
    const reader = new JournalReader(runFolder(home, runId));
    const cancel = (): void => void this.#cancel();
    if (signal.aborted) cancel();
    else signal.addEventListener("abort", cancel, { once: true });
    let checkedMs = clock.monotonicMs();
    let cancelledMs: number | undefined;
    try {
      for (;;) {
        const nowMs = clock.monotonicMs();
        const isGone = nowMs - checkedMs >= CHECK_MS && !(await isHeldBy(home, this.#followed.holder));
        if (nowMs - checkedMs >= CHECK_MS) checkedMs = nowMs;
        const entries = await reader.next();
        for (const entry of entries) {
          const finished = this.#take(entry);
          if (finished !== undefined) return finished;
        }
        if (entries.length > 0) continue;
        if (isGone) throw this.#left();
        if (signal.aborted) cancelledMs ??= nowMs;
        if (cancelledMs !== undefined && nowMs - cancelledMs > CANCEL_LIMIT_MS) throw this.#silent();
        await clock.sleep(POLL_MS);
      }
    } finally {
      signal.removeEventListener("abort", cancel);
      await reader.close();
    }
  }

  /** @returns The run once it is over. */
  #take(entry: JournalEntry): FinishedPipeline | undefined {
    const { onEvent, onLine, onNotice } = this.#deps;
    switch (entry.kind) {
      case "event":
        onEvent(entry.event);
        return undefined;
      case "line":
        onLine(entry.line);
        return undefined;
      case "notice":
        onNotice(entry.text);
        return undefined;
      case "finished":
        return finishedPipeline(entry.finished);
      case "left":
        throw this.#left();
      case "refused":
        if (entry.why === "cancelled") throw new HostError("INTERRUPTED", entry.message);
        if (entry.why === "pipeline") throw new SpecError("FEATURE_UNSUPPORTED", entry.message);
        throw new ApiError(
          "API_REJECTED",
          `The server of ${this.#followed.home.folder} could not execute the run: ${entry.message}`,
        );
    }
  }

  async #cancel(): Promise<void> {
    const { client, runId } = this.#followed;
    try {
      await client.terminateRun(runId);
    } catch (error) {
      // It may have ended by itself at the same moment; if it has not, the person has to know.
      this.#deps.onNotice(`the server did not take the cancellation: ${errorMessage(error)}`);
    }
  }

  #left(): ApiError {
    const { home, runId } = this.#followed;
    const message = `The server of ${home.folder} has stopped before run ${runId} ended; the run goes on when "kfp-runtime serve" starts again`;
    return new ApiError("API_UNAVAILABLE", message);
  }

  #silent(): ApiError {
    const { home, runId } = this.#followed;
    const message = `The server of ${home.folder} has not ended run ${runId} although it was asked to; see ${join(runFolder(home, runId), "log")}`;
    return new ApiError("API_UNAVAILABLE", message);
  }
}
