/**
 * Executes the runs of a server: those that are PENDING, in the order of their creation, so many at once.
 *
 * The queue is the store: what is kept here is only the order in which this process heard of the runs. Every run that begins here
 * ends here, or is left for the next process when this one is asked to stop (docs/serve.md "After a restart").
 *
 * Races: hooks are called in the turn of the call that changed the store, and all that is decided here is decided in one turn, so that
 * a run is in the queue, or executed, or neither, never in between. A run may be queued while an earlier execution of it still tidies
 * up: it waits for that.
 *
 * @module
 */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { EngineHooks } from "../../apiserver/services/engine-hooks.ts";
import { UNFINISHED_MESSAGE } from "../../apiserver/services/run-lifecycle.ts";
import type { ApiServer } from "../../apiserver/server.ts";
import type { ParsedPipeline } from "../../core/spec/pipeline-spec.ts";
import { errorMessage, SpecError, UsageError } from "../../core/errors.ts";
import { RuntimeState } from "../../core/kfp-types.ts";
import { makeFolder } from "../../node/files/make-folder.ts";
import { killMarkedProcessesNow } from "../../node/processes/marked-processes.ts";
import { isFolder } from "../../node/files/path-kind.ts";
import type { Clock } from "../../ports/clock.ts";
import type { FileSystem } from "../../ports/file-system.ts";
import { CANCELLED_MESSAGE, cancelledMessage } from "../engine/cancellation.ts";
import type { SharedSlots } from "../engine/run-places.ts";
import { Slots } from "../engine/slots.ts";
import type { Amounts } from "../engine/step-need.ts";
import type { Home } from "../home/home.ts";
import { resolveRunners } from "../containers/resolve-runners.ts";
import { readLocalObjects } from "../objects/read-objects.ts";
import { executeRun } from "../run/execute-run.ts";
import type { ExecuteDeps, ExecuteOptions, FinishedPipeline } from "../run/execution.ts";
import { readRun, runFolder, type LocalRun } from "../run/local-run.ts";
import { expandsMacros, readRunOptions, writeRunOptions, type RunOptions } from "../run/run-options.ts";
import { StorageTrouble } from "../run/storage-trouble.ts";
import { RUN_FOLDER_VARIABLE } from "../steps/local-step-runtime.ts";
import { journaledRun, openJournal, type Refusal, type RunJournal } from "./run-journal.ts";
import { markServed, readRunSettings, removeRunSettings, type RunSettings } from "./run-settings.ts";
import { takeOverRuns } from "./take-over-runs.ts";

/** What happened to a run, for the log of the server. */
export type RunNews =
  | { readonly kind: "started"; readonly runId: string; readonly displayName: string }
  | { readonly kind: "ended"; readonly runId: string; readonly state: "SUCCEEDED" | "FAILED"; readonly durationMs: number }
  | { readonly kind: "refused"; readonly runId: string; readonly message: string }
  | { readonly kind: "left"; readonly runId: string };

/** What runs are executed with. */
export interface RunManagerDeps {
  readonly home: Home;
  /** How drivers and launchers reach it is part of it: `host` is what they dial. */
  readonly server: ApiServer;
  readonly clock: Clock;
  readonly files: FileSystem;
  readonly randomUuid: () => string;
  readonly onNews: (news: RunNews) => void;
  readonly onNotice: (text: string) => void;
  /** What drivers and launchers of a run show to the server; absent: nothing. */
  readonly tokenOfRun?: (runId: string) => string;
}

/** How runs are executed that do not say otherwise themselves. */
export interface RunManagerOptions {
  /** At once. */
  readonly maxRuns: number;
  /** Steps at the same time, of all runs together. */
  readonly parallelism: number;
  /** What their requests may come to; absent: requests do not count. */
  readonly capacity?: Amounts;
  readonly isolation: "in-process" | "process";
  readonly programFolder: string;
  /** Of the host. */
  readonly environment: Readonly<Record<string, string>>;
  /** Folder or file of secrets and config maps, absolute; read for every run. */
  readonly secrets?: string;
}

interface ActiveRun {
  readonly stop: AbortController;
  readonly trouble: StorageTrouble;
  isTerminated: boolean;
  isDeleted: boolean;
  ended: Promise<void>;
}

/** The runs of one server. */
export class RunManager {
  readonly #deps: RunManagerDeps;
  readonly #options: RunManagerOptions;
  readonly #shared: SharedSlots;
  readonly #makingEnvironments = new Map<string, Promise<string>>();
  readonly #queue = new Set<string>();
  readonly #active = new Map<string, ActiveRun>();
  #state: "new" | "open" | "stopping" = "new";

  constructor(deps: RunManagerDeps, options: RunManagerOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#shared = { steps: new Slots(options.parallelism, options.capacity), drivers: new Slots(options.parallelism) };
  }

  /** What the API server tells of. Before {@link start} nothing is lost: it is in the store. */
  readonly hooks: Required<Omit<EngineHooks, "recurringRunChanged" | "recurringRunWarning">> = {
    runCreated: (runId) => this.#enqueue(runId),
    runRetried: (runId) => this.#enqueue(runId),
    terminationRequested: (runId) => this.#terminate(runId),
    runDeleted: (runId) => this.#delete(runId),
  };

  /** Takes over what an earlier process left, and begins with the queue. Nothing of that process may run any more. */
  start(): void {
    const { server, home, clock, onNotice } = this.#deps;
    const { resumed, lines } = takeOverRuns(server, home, Math.floor(clock.now().getTime() / 1000));
    for (const line of lines) onNotice(line);
    if (resumed.length > 0) onNotice(`going on with ${runsText(resumed.length)} that an earlier server left unfinished`);
    this.#state = "open";
    for (const runId of server.store.runs.idsInStates([RuntimeState.PENDING])) this.#queue.add(runId);
    this.#fill();
  }

  /** Runs that are executed right now, and runs that wait. */
  get counts(): { readonly active: number; readonly queued: number } {
    return { active: this.#active.size, queued: this.#queue.size };
  }

  /** Asks all steps to end and leaves their runs for the next process. Resolves within ten seconds or so, when nothing runs any more. */
  async stop(): Promise<void> {
    this.#state = "stopping";
    for (const { stop } of this.#active.values()) stop.abort(new Error("the server stops"));
    while (this.#active.size > 0) await Promise.all([...this.#active.values()].map(({ ended }) => ended));
  }

  /** A disk that failed in a call of a driver or launcher: which run it was is not known. */
  noteTrouble(error: unknown): void {
    for (const { trouble } of this.#active.values()) trouble.note(error);
  }

  #enqueue(runId: string): void {
    if (this.#state !== "open") return;
    this.#queue.add(runId);
    this.#fill();
    if (!this.#queue.has(runId)) return;
    const text = `waits for its turn: ${runsText(this.#queue.size - 1 + this.#active.size)} before it`;
    openJournal(runFolder(this.#deps.home, runId)).append({ kind: "notice", text });
  }

  #terminate(runId: string): void {
    if (this.#queue.delete(runId)) {
      const { runs } = this.#deps.server;
      runs.finishRun(runId, RuntimeState.FAILED, CANCELLED_MESSAGE, { rewordFailure: cancelledMessage });
      this.#close(runId, openJournal(runFolder(this.#deps.home, runId)), `${CANCELLED_MESSAGE} before its turn`, "cancelled");
      return;
    }
    const active = this.#active.get(runId);
    if (active === undefined) return;
    active.isTerminated = true;
    active.stop.abort(new Error(CANCELLED_MESSAGE));
  }

  #delete(runId: string): void {
    const active = this.#active.get(runId);
    if (active !== undefined) {
      active.isDeleted = true;
      active.stop.abort(new Error("the run was deleted"));
    }
    if (!this.#queue.delete(runId) && active !== undefined) return;
    this.#close(runId, openJournal(runFolder(this.#deps.home, runId)), `run ${runId} was deleted`, "trouble");
    if (active === undefined) void this.#removeFolder(runId);
  }

  #fill(): void {
    for (const runId of this.#queue) {
      if (this.#state !== "open" || this.#active.size >= this.#options.maxRuns) return;
      if (this.#active.has(runId)) continue;
      this.#queue.delete(runId);
      const active: ActiveRun = {
        stop: new AbortController(),
        trouble: new StorageTrouble(),
        isTerminated: false,
        isDeleted: false,
        ended: Promise.resolve(),
      };
      this.#active.set(runId, active);
      active.ended = this.#execute(runId, active)
        .catch((error: unknown) => this.#deps.onNotice(`run ${runId}: this should not have happened: ${errorMessage(error)}`))
        .finally(() => {
          this.#active.delete(runId);
          this.#fill();
        });
    }
  }

  /** From reading the run to tidying up after it. */
  async #execute(runId: string, active: ActiveRun): Promise<void> {
    const { home, onNews } = this.#deps;
    const folder = runFolder(home, runId);
    const journal = openJournal(folder);
    try {
      const finished = await this.#carryOut(runId, active, journal);
      if (active.isDeleted) {
        journal.append({ kind: "refused", message: `run ${runId} was deleted`, why: "trouble" });
      } else if (finished.isLeft) {
        journal.append({ kind: "left" });
        onNews({ kind: "left", runId });
      } else {
        const { state, durationMs } = finished.result;
        onNews({ kind: "ended", runId, state, durationMs });
        await removeRunSettings(folder);
        journal.append({ kind: "finished", finished: journaledRun(finished) });
      }
    } catch (error) {
      if (!active.isDeleted) this.#refuse(runId, journal, error);
    } finally {
      await rm(tokenPath(folder), { force: true });
      if (active.isDeleted) await this.#removeFolder(runId);
    }
  }

  async #carryOut(runId: string, active: ActiveRun, journal: RunJournal): Promise<FinishedPipeline> {
    const { home, server, files, clock, randomUuid, onNews, onNotice } = this.#deps;
    const folder = runFolder(home, runId);
    const settings = await readRunSettings(files, folder);
    // For those who execute it again when its settings are gone.
    if (settings !== undefined) await writeRunOptions(folder, settings);
    const kept = settings ?? (await readRunOptions(files, folder));
    const { runners } = kept;
    const run = await readRun(server, home, runId, {
      expandsMacros: expandsMacros(kept),
      ...(runners === undefined
        ? {}
        : { runnersOf: async (pipeline: ParsedPipeline) => await resolveRunners(runners, pipeline, this.#options) }),
    });
    const options = await this.#optionsOf(run, folder, kept);
    if (settings === undefined && kept.isolation !== undefined) {
      onNotice(`run ${runId}: the environment of the terminal that began it is not kept, its steps have that of the server`);
    }
    const deps: ExecuteDeps = {
      ...{ clock, files, randomUuid },
      onEvent: (event) => journal.append({ kind: "event", event }),
      onLine: (line) => journal.append({ kind: "line", line }),
      onNotice: (text) => {
        journal.append({ kind: "notice", text });
        onNotice(`run ${runId}: ${text}`);
      },
      begin: () => {
        markServed(folder);
        server.runs.setRunState(runId, RuntimeState.RUNNING);
        onNews({ kind: "started", runId, displayName: run.displayName });
      },
      signal: active.stop.signal,
      killChildren: () => killMarkedProcessesNow({ variable: RUN_FOLDER_VARIABLE, matches: (value) => value === folder }),
      isLeft: () => active.isDeleted || (this.#state === "stopping" && !active.isTerminated),
      shared: this.#shared,
      makingEnvironments: this.#makingEnvironments,
    };
    return await executeRun(deps, { home, server, trouble: active.trouble }, run, options);
  }

  /** @param kept What the run brings along: of the command line that handed it over, as long as it is under way, or what is left of that. */
  async #optionsOf(
    { runId, runners }: LocalRun,
    folder: string,
    kept: RunSettings | Partial<RunOptions>,
  ): Promise<ExecuteOptions> {
    const { isolation, programFolder, environment, parallelism, capacity } = this.#options;
    // Steps of all runs are weighed together, whatever this one was weighed by before.
    const { runners: _named, expandsMacros: _macros, capacity: _before, ...given } = kept as RunSettings & Partial<RunOptions>;
    // A run of the command line has the secrets that it was given, and no others.
    const { secrets } = kept.isolation === undefined ? this.#options : kept;
    await assertWorkingFolder(runId, kept.workingFolder);
    const token = this.#deps.tokenOfRun?.(runId);
    if (token !== undefined) {
      await makeFolder(folder);
      await writeFile(tokenPath(folder), token, { mode: 0o600 });
    }
    return {
      ...{ isolation, programFolder, environment, parallelism, cacheDisabled: false },
      ...given,
      ...(capacity === undefined ? {} : { capacity }),
      ...(runners === undefined ? {} : { runners }),
      ...(secrets === undefined ? {} : { objects: await readLocalObjects(secrets) }),
      ...(token === undefined ? {} : { tokenPath: tokenPath(folder) }),
    };
  }

  /** Ends a run that could not be executed, unless its execution has ended it. */
  #refuse(runId: string, journal: RunJournal, error: unknown): void {
    const { server, onNews } = this.#deps;
    const message = errorMessage(error);
    const isPipeline = error instanceof SpecError || error instanceof UsageError;
    const { state } = server.runs.requireRun(runId).run;
    if (state !== RuntimeState.FAILED && state !== RuntimeState.SUCCEEDED) {
      const status = isPipeline ? "INVALID_ARGUMENT" : "INTERNAL";
      server.runs.finishRun(runId, RuntimeState.FAILED, UNFINISHED_MESSAGE, { error: { status, message } });
    }
    onNews({ kind: "refused", runId, message });
    this.#close(runId, journal, message, isPipeline ? "pipeline" : "trouble");
  }

  #close(runId: string, journal: RunJournal, message: string, why: Refusal): void {
    journal.append({ kind: "refused", message, why });
    removeRunSettings(runFolder(this.#deps.home, runId)).catch(() => undefined);
  }

  /** What is in it; that the run was there is what `home gc` goes by when it removes the artifacts. */
  async #removeFolder(runId: string): Promise<void> {
    const folder = runFolder(this.#deps.home, runId);
    try {
      if (!(await isFolder(folder))) return;
      await rm(folder, { recursive: true, force: true });
      await makeFolder(folder);
      await writeFile(join(folder, "removed"), "");
    } catch (error) {
      this.#deps.onNotice(`cannot remove the files of run ${runId}: ${errorMessage(error)}`);
    }
  }
}

/** Steps would fail one by one, for a reason that looks like their own. */
async function assertWorkingFolder(runId: string, folder: string | undefined): Promise<void> {
  if (folder === undefined || (await isFolder(folder))) return;
  throw new UsageError(
    "USAGE_INVALID",
    `Cannot execute run ${runId}: ${folder}, the folder that it was begun in, is not there any more`,
  );
}

function tokenPath(folder: string): string {
  return join(folder, "token");
}

function runsText(count: number): string {
  return count === 1 ? "1 run" : `${count} runs`;
}
