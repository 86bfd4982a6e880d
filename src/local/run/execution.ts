/**
 * What a run is executed with, and what is known when it is over.
 *
 * @module
 */
import type { Clock } from "../../ports/clock.ts";
import type { FileSystem } from "../../ports/file-system.ts";
import type { EngineEvent } from "../engine/engine-event.ts";
import type { SharedSlots } from "../engine/run-places.ts";
import type { Amounts } from "../engine/step-need.ts";
import type { RunnerOf } from "../executors/runners.ts";
import type { LocalObjects } from "../objects/local-objects.ts";
import type { StepLine } from "../steps/local-step-runtime.ts";
import type { RunReport } from "./run-report.ts";

/** How runs of this process are executed. */
export interface ExecuteOptions {
  readonly isolation: "in-process" | "process";
  readonly cacheDisabled: boolean;
  /** Steps at the same time. */
  readonly parallelism: number;
  /** What their requests may come to; absent: requests do not count. */
  readonly capacity?: Amounts;
  /** Which steps run in containers; default none. */
  readonly runners?: RunnerOf;
  /** Secrets and config maps of the steps; default none. */
  readonly objects?: LocalObjects;
  /** Tasks whose programs wait for a debugger. */
  readonly inspectTasks?: readonly string[];
  /** Folder with `driver` and `launcher-v2`, for isolation `process` and for tasks that wait for a debugger. */
  readonly programFolder: string;
  /** Of the host. */
  readonly environment: Readonly<Record<string, string>>;
  /** Working folder of steps; absent: that of this process. */
  readonly workingFolder?: string;
  /** File with the token that drivers and launchers show to the server; absent: none. */
  readonly tokenPath?: string;
}

/** What a run is executed with. */
export interface ExecuteDeps {
  readonly clock: Clock;
  readonly files: FileSystem;
  readonly randomUuid: () => string;
  readonly onEvent: (event: EngineEvent) => void;
  readonly onLine: (line: StepLine) => void;
  readonly onNotice: (text: string) => void;
  /**
   * Called when the folder of the run is ready, before its first program: the run is stored, or marked as running. Absent: the run
   * exists and becomes RUNNING.
   */
  readonly begin?: () => void;
  /** Aborted to cancel the run. */
  readonly signal: AbortSignal;
  /** Ends everything that was started for the run, at once. */
  readonly killChildren: () => void;
  /** Asked once the engine has stopped early: true leaves the run and its tasks unfinished, for another execution. Absent: never. */
  readonly isLeft?: () => boolean;
  /** Places for the steps and drivers of all runs of this process. */
  readonly shared?: SharedSlots;
  /** Python environments that other runs of this process are making. */
  readonly makingEnvironments?: Map<string, Promise<string>>;
}

/** A run that is over. */
export interface FinishedPipeline extends RunReport {
  readonly cancelled: boolean;
  /** The run goes on with another execution: nothing of it is final. */
  readonly isLeft: boolean;
  /** File with the lines of drivers and launchers. */
  readonly logPath: string;
}
