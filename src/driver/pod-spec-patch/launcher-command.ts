/**
 * The launcher's command line inside the user's container.
 *
 * The form of the later upstream: the executor type is said and booleans are spelled out, which both reference launchers accept
 * and only that form satisfies the newer one. `$(NAME)` is expanded by the kubelet; the executor input holds no `$` for it to find.
 *
 * Source: docs/spec/pod-spec-patch.md#launcher-command-of-later-upstream, #decision-dollar-in-executor-input.
 *
 * @module
 */
import { addressArguments, connectionArguments, retryArguments, type ApiServerFlags } from "../../core/api-server-flags.ts";

/** What a launcher is told. */
export interface LauncherCommandOptions {
  readonly pipelineName: string;
  readonly runId: string;
  readonly taskId: string;
  readonly parentTaskId: string;
  /** Protojson of ExecutorInput with `$` written as `\u0024`. */
  readonly executorInputJson: string;
  readonly apiServer: ApiServerFlags;
  readonly publishLogs: string;
  /** Empty when the cache is not consulted. */
  readonly fingerprint: string;
  readonly taskName: string;
  readonly cacheDisabled: boolean;
  readonly logLevel: string;
  /** Absent outside a loop. */
  readonly iterationIndex?: number | undefined;
}

/** Where the init container of the compiled template puts the launcher. */
export const LAUNCHER_PATH = "/kfp-launcher/launch";

/** Every value is an element of its own, empty ones included; the user's command follows the closing `--`. */
export function launcherCommand(options: LauncherCommandOptions): string[] {
  return [
    LAUNCHER_PATH,
    ...["--executor_type", "container"],
    ...["--pipeline_name", options.pipelineName],
    ...["--run_id", options.runId],
    ...["--task_id", options.taskId],
    ...["--parent_task_id", options.parentTaskId],
    ...["--executor_input", options.executorInputJson],
    ...["--namespace", "$(NAMESPACE)"],
    ...["--pod_name", "$(KFP_POD_NAME)"],
    ...["--pod_uid", "$(KFP_POD_UID)"],
    ...addressArguments(options.apiServer),
    ...["--publish_logs", options.publishLogs],
    ...["--fingerprint", options.fingerprint],
    ...["--task_name", options.taskName],
    ...connectionArguments(options.apiServer),
    `--cache_disabled=${options.cacheDisabled}`,
    ...["--log_level", options.logLevel],
    ...retryArguments(options.apiServer),
    ...(options.iterationIndex === undefined ? [] : ["--iteration_index", String(options.iterationIndex)]),
    "--",
  ];
}
