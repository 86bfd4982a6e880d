/**
 * What a local run gives to a step that a pod would have: its own folder for parameter files, its environment, a place for its
 * output, and the interpreter it needs. Both isolations use the same one.
 *
 * @module
 */
import type { OutputSink } from "../ports/process-runner.ts";
import type { PodCommand, PodIdentity } from "./pod-command.ts";
import type { LaunchRequest, TaskPlace } from "./task-executor.ts";

export interface PreparedStep {
  /** Launcher command line and the container's variables, everything local included. */
  readonly command: PodCommand;
  readonly stdout: OutputSink;
  readonly stderr: OutputSink;
  /** Writes out what is left of an unfinished line, and removes what only this attempt needed. */
  end(): Promise<void>;
}

export interface PreparedImporter {
  readonly environment: Readonly<Record<string, string>>;
  readonly stdout: OutputSink;
  readonly stderr: OutputSink;
  end(): Promise<void>;
}

export interface StepRuntime {
  /** Variables of the driver of a step: where the parameter files of this task go. */
  driverEnvironment(place: TaskPlace): Readonly<Record<string, string>>;
  /** @throws {HostError} PYTHON_UNAVAILABLE when the step's interpreter cannot be provided. */
  prepare(request: LaunchRequest): Promise<PreparedStep>;
  importer(place: TaskPlace, pod: PodIdentity): PreparedImporter;
}
