/**
 * What a local run gives to a step that a pod would have: its own folder for parameter files, its environment, a place for its
 * output, and the interpreter it needs. Both isolations use the same one.
 *
 * @module
 */
import type { OutputSink } from "../../ports/process-runner.ts";
import type { ImportRequest, LaunchRequest, TaskPlace } from "../engine/task-executor.ts";
import type { FolderMount } from "../pods/pod-folders.ts";

/** What a launcher is started with. `end` is called once, whatever happens. */
export interface PreparedLauncher {
  /** The whole environment of the launcher and of the user's program: the host's, the container's, what is local. */
  readonly environment: Readonly<Record<string, string>>;
  /** What the launcher itself has to see elsewhere than where it lies; it is a program of its own then. */
  readonly mounts: readonly FolderMount[];
  readonly stdout: OutputSink;
  readonly stderr: OutputSink;
  /** Writes out what is left of an unfinished line, and removes what only this attempt needed. */
  end(): Promise<void>;
}

/** A launcher with the command of its step. */
export interface PreparedStep extends PreparedLauncher {
  /** Flags of the launcher, `--`, the user's command; without program name. Of another program where there is one. */
  readonly argv: readonly string[];
  /** What brings the launcher up, and is started in its place. */
  readonly program?: string;
  /**
   * Called with the exit code, before `end`.
   *
   * @throws {HostError} When the launcher never began, saying why: nobody else has recorded that.
   */
  readonly assertBegun?: (exitCode: number) => Promise<void>;
}

/** What a step of this machine needs in the place of a pod. */
export interface StepRuntime {
  /** The whole environment of the driver of a task: where the parameter files of a step go, among others. */
  driverEnvironment(place: TaskPlace): Readonly<Record<string, string>>;
  /** @throws {HostError} PYTHON_UNAVAILABLE when the step's interpreter cannot be provided. */
  prepare(request: LaunchRequest): Promise<PreparedStep>;
  /** @throws {SpecError} FEATURE_UNSUPPORTED when this machine cannot show it the workspace. */
  importer(request: ImportRequest): Promise<PreparedLauncher>;
}
