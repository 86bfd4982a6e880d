/**
 * What a launcher process was asked to do, as a union on the mode, so that "required only by" cannot be written.
 *
 * @module
 */

/** What container and importer mode share. */
export interface CommonOptions {
  /** Only checked: nothing that is sent carries it. */
  readonly pipelineName: string;
  readonly runId: string;
  readonly parentTaskId: string;
  /** Key of the task in its DAG. */
  readonly taskName: string;
  /** Of the run: artifacts are stored in it, Secrets are read from it. */
  readonly namespace: string;
  /** Recorded with the task as its EXECUTOR pod. */
  readonly pod: { readonly name: string; readonly uid: string };
  /** Absent outside a loop. */
  readonly iterationIndex?: number;
}

/** Work of a container launcher. */
export interface ContainerOptions extends CommonOptions {
  /** The task the driver created. */
  readonly taskId: string;
  /** Protojson of ExecutorInput, or `@path` of a file that holds it. */
  readonly executorInput: string;
  /** The user's command and its arguments, placeholders unresolved; empty when nothing followed `--`. */
  readonly command: readonly string[];
  /** `--publish_logs` was the exact text `true`. */
  readonly publishLogs: boolean;
  /** A certificate authority the user's program shall trust, too; empty means none. */
  readonly caCertPath: string;
  readonly retryTimeout?: string;
}

/** Work of an importer launcher. */
export interface ImporterOptions extends CommonOptions {
  /** Protojson of ImporterSpec, or `@path` of a file that holds it. */
  readonly importerSpec: string;
}
