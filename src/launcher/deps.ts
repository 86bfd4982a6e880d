/**
 * What a launcher needs from its surroundings, and what it answers.
 *
 * Everything is handed in, so that many attempts can run in one process at the same time.
 *
 * @module
 */
import type { TaskState } from "../core/kfp-types.ts";
import type { Clock } from "../ports/clock.ts";
import type { FileSystem } from "../ports/file-system.ts";
import type { KfpApi } from "../ports/kfp-api.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import type { Logger } from "../ports/logger.ts";
import type { ObjectStore, StoreRequest } from "../ports/object-store.ts";
import type { OutputSink, ProcessRunner, SignalSource } from "../ports/process-runner.ts";
import type { LauncherSettings } from "./settings.ts";

/** Reads the launcher configuration and opens a store; nothing is connected yet. Called once per attempt and kind, only on use. */
export type OpenStore = (request: StoreRequest) => Promise<ObjectStore>;

/** What both modes need. */
export interface ImporterDeps {
  readonly api: KfpApi;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly fileSystem: FileSystem;
  readonly openStore: OpenStore;
  readonly settings: LauncherSettings;
  /** How many tasks the run has, where the caller knows it (tasks/read-run.ts). */
  readonly taskCountHint?: number | undefined;
  /** Aborted to stop the attempt; the reason is the name of a signal, as `SIGTERM`, or an Error that says why. */
  readonly signal?: AbortSignal | undefined;
}

/** What a container attempt needs more than an importer: a process to run and where its streams go. */
export interface LauncherDeps extends ImporterDeps {
  readonly processRunner: ProcessRunner;
  /** Asked for the pod's annotations only, when nothing else tells the retry index. */
  readonly kube: () => Promise<Pick<KubeApi, "getPodAnnotations">>;
  /** Where the user's streams go, byte for byte. */
  readonly stdout: OutputSink;
  readonly stderr: OutputSink;
  readonly stdin: "inherit" | "ignore";
  /** Signals for the user's program alone. */
  readonly passedSignals?: SignalSource | undefined;
  /** The whole environment of the user's program. */
  readonly userEnvironment: Readonly<Record<string, string>>;
  /** Working folder of the user's program; that of this process when absent. */
  readonly workingDirectory?: string | undefined;
}

/** How an attempt ended. */
export interface LaunchResult {
  /** 0, the user's own code, 128 + signal, or 1 (docs/spec/launcher-command-line.md#decision-exit-code). */
  readonly exitCode: number;
  readonly state: TaskState.SUCCEEDED | TaskState.FAILED;
  /** What failed, as recorded with the task. */
  readonly message?: string;
  /** Absent when no task was created. */
  readonly taskId?: string;
}
