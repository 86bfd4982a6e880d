/**
 * What the engine is given: the run, who drives and launches, who hears of it, and what stops it.
 *
 * @module
 */
import type { ParsedPipeline } from "../../core/spec/pipeline-spec.ts";
import type { ContainerOptions } from "../../driver/options.ts";
import type { Clock } from "../../ports/clock.ts";
import type { EngineEvent } from "./engine-event.ts";
import type { PodIdentity } from "./pod-command.ts";
import type { SharedSlots } from "./run-places.ts";
import type { Amounts } from "./step-need.ts";
import type { TaskExecutor, TaskPlace } from "./task-executor.ts";

/** The run, and how much of it may happen at once. */
export interface EngineOptions {
  readonly pipeline: ParsedPipeline;
  readonly pipelineName: string;
  readonly runId: string;
  readonly runName: string;
  readonly runDisplayName: string;
  readonly namespace: string;
  /** Protojson of PipelineJob.RuntimeConfig for the root driver. */
  readonly runtimeConfig: string;
  readonly cacheDisabled: boolean;
  readonly publishLogs: boolean;
  readonly logLevel: string;
  readonly apiServer: ContainerOptions["apiServer"];
  /** JSON of the Kubernetes executor config by executor label; absent means none. */
  readonly kubernetesConfigs: ReadonlyMap<string, string>;
  /** Steps that run at the same time; drivers have as many places of their own. */
  readonly parallelism: number;
  /** What the requests of steps that run at the same time may come to, of all runs where places are shared; absent: anything. */
  readonly capacity?: Amounts;
}

/** What the engine drives, and who hears of it. */
export interface EngineDeps {
  readonly executor: TaskExecutor;
  readonly clock: Clock;
  /** A folder of its own for the output files of one driver; the executor creates it where it is needed. */
  readonly driverFolder: () => string;
  readonly newPod: (place: TaskPlace) => PodIdentity;
  readonly onEvent: (event: EngineEvent) => void;
  /** Aborted when the run is to stop: nothing new starts but exit tasks, what runs is asked to end. */
  readonly signal: AbortSignal;
  /** What exit tasks have beyond the others; absent: they are stopped with them. */
  readonly exitTasks?: ExitTasks;
  /** What an earlier execution of the run has done, which is not done again and not reported. Absent: nothing. */
  readonly preserved?: PreservedTasks;
  /** Places that several runs of this process share, taken in addition to the run's own. */
  readonly shared?: SharedSlots;
}

/** Exit tasks clean up: they may run when the run is stopped, after bodies that had begun. */
export interface ExitTasks {
  /** Stops them. */
  readonly signal: AbortSignal;
  /** A body was cut short and its exit task is about to start: what is open in the row `taskId` and below is to have its end. */
  onBodyCut(taskId: string): void;
}

/** A task that an earlier execution of the run has brought to its end. */
export interface PreservedTask {
  readonly outcome: "succeeded" | "skipped";
  readonly cached: boolean;
}

/** The tasks that an earlier execution has brought to their end. */
export interface PreservedTasks {
  /** Undefined for a task that is to be executed. */
  find(place: TaskPlace): PreservedTask | undefined;
  /** Forgets a task that is to be executed again all the same, and what is below it: their rows go back to the start. */
  redo(place: TaskPlace): void;
  /**
   * Brings the states of everything above a preserved task up to date: the process that ended it may have been gone before it did so, and
   * none comes after it when all of its siblings are preserved, too.
   */
  settle(place: TaskPlace): Promise<void>;
}
