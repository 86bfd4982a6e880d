/**
 * What the engine asks of an isolation: run one driver, run one launcher. Two implementations give the same result: one calls the
 * code in this process, one starts the built programs.
 *
 * @module
 */
import type { DriverOptions } from "../../driver/options.ts";
import type { PodSpecPatch } from "../../driver/pod-spec-patch/pod-spec.ts";
import type { DriverResult } from "../../driver/result.ts";
import type { PodIdentity } from "./pod-command.ts";

/** A task of the run as a person would point at it. */
export interface TaskPlace {
  /** Dotted, from `root`. */
  readonly scopePath: string;
  /** Indices of the enclosing loops, outermost first. */
  readonly iterations: readonly number[];
}

/** One attempt at a step. */
export interface LaunchRequest {
  readonly place: TaskPlace;
  readonly patch: PodSpecPatch;
  readonly pod: PodIdentity;
  /** Counts attempts of a task with a retry policy; absent without one. */
  readonly retryIndex?: number;
  readonly signal: AbortSignal;
}

/** One importer. */
export interface ImportRequest {
  readonly place: TaskPlace;
  /** Importer flags as the compiled workflow passes them. */
  readonly argv: readonly string[];
  readonly pod: PodIdentity;
  /** It brings the artifact's bytes to the workspace of the run. */
  readonly usesWorkspace: boolean;
  readonly signal: AbortSignal;
}

/** How a launcher ended. */
export interface LaunchOutcome {
  /** As the container would end: 0, the user's exit code, 128 + signal, or 1. */
  readonly exitCode: number;
}

/** One driver. */
export interface DriveRequest {
  readonly place: TaskPlace;
  readonly options: DriverOptions;
  readonly signal: AbortSignal;
}

/** Runs drivers and launchers. Whatever the signal ends comes back as a failure, never as a hang. */
export interface TaskExecutor {
  /** @throws What the driver says went wrong, one line; the task's row tells as well wherever there is one. */
  drive(request: DriveRequest): Promise<DriverResult>;
  launch(request: LaunchRequest): Promise<LaunchOutcome>;
  importArtifact(request: ImportRequest): Promise<LaunchOutcome>;
}
