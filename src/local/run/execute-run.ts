/**
 * Executes one run of a home from its folder to its result: its folder, its steps, its tasks, its end.
 *
 * Whatever happens in between, the run and all its tasks end in a final state and nothing is left running.
 *
 * @module
 */
import { rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { isLocalUri } from "../../core/executor/artifact-uri.ts";
import { errorMessage } from "../../core/errors.ts";
import { RuntimeState } from "../../core/kfp-types.ts";
import { makeFolder } from "../../node/files/make-folder.ts";
import { workspaceClaimName } from "../../driver/pod-spec-patch/workspace.ts";
import { CANCELLED_MESSAGE, stoppedMessage } from "../engine/cancellation.ts";
import { withDeadline } from "../engine/deadline.ts";
import { taskLabel } from "../engine/task-label.ts";
import { reserveDisk } from "../home/disk-reserve.ts";
import { LocalObjects } from "../objects/local-objects.ts";
import {
  createLocalStepRuntime,
  launcherConfigFolder,
  RUN_FOLDER_VARIABLE,
  runLogPath,
  type LocalStepRuntime,
  type StepObjects,
} from "../steps/local-step-runtime.ts";
import { PythonEnvironments } from "../steps/python-environment.ts";
import { journalPath, StepJournal } from "../steps/step-journal.ts";
import type { ExecuteDeps, ExecuteOptions, FinishedPipeline } from "./execution.ts";
import { runFolder, runName, type LocalRun } from "./local-run.ts";
import { runTasks } from "./run-tasks.ts";
import { endRun, leaveRun, type EndedRun, type RunPlace } from "./run-end.ts";
import { reportRun, type EndedEvent } from "./run-report.ts";

/**
 * Executes a run. One that takes longer than its pipeline allows is stopped like a cancelled one, and ends FAILED.
 *
 * @throws Nothing for what tasks do, nor for a disk that fails: such a run ends FAILED. Any other error is one of this program; the run
 *   is ended as FAILED all the same.
 */
export async function executeRun(
  deps: ExecuteDeps,
  place: RunPlace,
  run: LocalRun,
  options: ExecuteOptions,
): Promise<FinishedPipeline> {
  const { finished } = await withDeadline(deps, deadlineSeconds(run), async (stop) => ({
    finished: await new Execution(deps, place, run, options, stop).execute(),
  }));
  return finished;
}

/** Of the pipeline, as docs/spec/pipeline-spec-messages.md has it; absent: none. */
function deadlineSeconds({ pipeline }: LocalRun): number | undefined {
  const seconds = pipeline.parsed.platformSpec?.platforms["kubernetes"]?.pipelineConfig?.activeDeadlineSeconds ?? 0;
  return seconds > 0 ? seconds : undefined;
}

class Execution {
  readonly #deps: ExecuteDeps;
  readonly #place: RunPlace;
  readonly #run: LocalRun;
  readonly #options: ExecuteOptions;
  /** Aborted when the run is cancelled, or late. */
  readonly #stop: AbortSignal;
  readonly #folder: string;
  readonly #failed = new Map<string, EndedEvent>();
  readonly #journal: StepJournal;

  constructor(deps: ExecuteDeps, place: RunPlace, run: LocalRun, options: ExecuteOptions, stop: AbortSignal) {
    this.#deps = deps;
    this.#place = place;
    this.#run = run;
    this.#options = options;
    this.#stop = stop;
    this.#folder = runFolder(place.home, run.runId);
    this.#journal = new StepJournal(journalPath(this.#folder), () => deps.clock.now());
  }

  async execute(): Promise<FinishedPipeline> {
    const { clock, signal, onNotice } = this.#deps;
    const { home, trouble } = this.#place;
    const startMs = clock.monotonicMs();
    const pods = this.#stepObjects();
    const steps = this.#createSteps(pods);
    let outcome: "succeeded" | "failed" = "failed";
    try {
      outcome = await this.#runTasks(steps, pods);
    } catch (error) {
      if (!trouble.note(error)) {
        this.#endAfterBug(errorMessage(error));
        throw error;
      }
    }
    // Whoever follows the run reads on until its state is final: by then every line has to be there.
    this.#journal.close();
    try {
      const isLeft = outcome === "failed" && this.#deps.isLeft?.() === true;
      const { state, tasks } = isLeft ? leaveRun(this.#place, this.#run.runId) : this.#end(outcome);
      if (trouble.reason !== undefined) {
        const where = `run ${this.#run.runId} in ${home.folder}`;
        onNotice(`cannot record everything of ${where}: ${trouble.reason}; put that right and run again`);
      }
      const cancelled = signal.aborted;
      const durationMs = clock.monotonicMs() - startMs;
      const report = reportRun(this.#run, { state, tasks, durationMs, cancelled, failed: this.#failed, steps });
      return { ...report, cancelled, isLeft, logPath: runLogPath(this.#folder) };
    } finally {
      await this.#removeParts();
    }
  }

  #end(outcome: "succeeded" | "failed", unfinishedMessage?: string): EndedRun {
    const because = this.#stoppedBecause();
    return endRun(this.#place, this.#run.runId, {
      outcome,
      ...(because === undefined ? {} : { stoppedBecause: because }),
      ...(unfinishedMessage === undefined ? {} : { unfinishedMessage }),
    });
  }

  /** Its exit task is told, and shown, how it ended. */
  #endBody(taskId: string): void {
    const because = this.#stoppedBecause() ?? CANCELLED_MESSAGE;
    this.#place.server.runs.finalizeTasks(this.#run.runId, because, { below: taskId, rewordFailure: stoppedMessage(because) });
  }

  #stoppedBecause(): string | undefined {
    if (this.#deps.signal.aborted) return CANCELLED_MESSAGE;
    return this.#stop.aborted ? `ended at the deadline of the run, ${String(deadlineSeconds(this.#run))} s` : undefined;
  }

  /** Nothing of ours is expected to throw; the run must not stay open all the same, and the first error is the one to report. */
  #endAfterBug(message: string): void {
    try {
      this.#end("failed", message);
    } catch {
      // There may be no run yet; the next one in this home ends what is stored of it.
    }
  }

  async #runTasks(steps: LocalStepRuntime, pods: StepObjects): Promise<"succeeded" | "failed"> {
    await this.#prepareFolder();
    this.#place.trouble.reserve = reserveDisk(join(this.#folder, "reserve"));
    this.#begin();
    return await runTasks(this.#deps, this.#place, this.#run, this.#options, {
      folder: this.#folder,
      stop: this.#stop,
      steps,
      pods,
      onEnded: (event) => this.#noteEnd(event, steps),
      onBodyCut: (taskId) => this.#endBody(taskId),
    });
  }

  #begin(): void {
    if (this.#deps.begin === undefined) this.#place.server.runs.setRunState(this.#run.runId, RuntimeState.RUNNING);
    else this.#deps.begin();
  }

  /** Only this run needed them; its log stays. */
  async #removeParts(): Promise<void> {
    this.#place.trouble.reserve?.release();
    for (const part of ["drivers", "outputs", "pods", "python", "tmp", "volumes"]) {
      await rm(join(this.#folder, part), { recursive: true, force: true }).catch(() => undefined);
    }
  }

  async #prepareFolder(): Promise<void> {
    const { pipelineRoot } = this.#run;
    const config = launcherConfigFolder(this.#folder);
    await makeFolder(config);
    await writeFile(join(config, "defaultPipelineRoot"), pipelineRoot);
    const providers = await this.#deps.files.readText(join(this.#place.home.folder, "launcher-config", "providers"));
    if (providers !== undefined) await writeFile(join(config, "providers"), providers);
    if (isLocalUri(pipelineRoot)) await makeFolder(pipelineRoot);
  }

  #stepObjects(): StepObjects {
    const { objects = new LocalObjects() } = this.#options;
    const workspace = new Map([[workspaceClaimName(runName(this.#run)), join(this.#folder, "workspace")]]);
    return { objects, volumes: this.#place.home.volumes, ownClaims: workspace, hostName: hostname() };
  }

  #createSteps(pods: StepObjects): LocalStepRuntime {
    const { environment, tokenPath } = this.#options;
    const { onLine, onNotice, makingEnvironments } = this.#deps;
    const journal = this.#journal;
    return createLocalStepRuntime({
      runFolder: this.#folder,
      environment,
      showsModelImages: this.#options.runners !== undefined,
      ...(tokenPath === undefined ? {} : { tokenPath }),
      pods,
      python: new PythonEnvironments({
        folder: this.#place.home.environments,
        environment: { ...environment, [RUN_FOLDER_VARIABLE]: this.#folder },
        onNotice,
        signal: this.#stop,
        ...(makingEnvironments === undefined ? {} : { making: makingEnvironments }),
      }),
      onLine: (line) => {
        journal.add(line);
        onLine(line);
      },
    });
  }

  /** Of what ended well nothing is kept: its row tells all. */
  #noteEnd(event: EndedEvent, steps: LocalStepRuntime): void {
    if (event.outcome === "failed") this.#failed.set(taskLabel(event.place), event);
    else steps.forget(event.place);
  }
}
