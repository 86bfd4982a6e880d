/**
 * The command line of an importer launcher: the inverse of flags.ts.
 *
 * @module
 */
import { addressArguments, type ApiServerFlags } from "../core/api-server-flags.ts";
import { ImporterSpecSchema, type ImporterSpec } from "../core/kfp-types.ts";
import { printJson } from "../core/protojson/protojson.ts";

/** What an importer is told. */
export interface ImporterArguments {
  readonly taskName: string;
  readonly importer: ImporterSpec;
  readonly pipelineName: string;
  readonly runId: string;
  readonly parentTaskId: string;
  /** Absent outside a loop. */
  readonly iterationIndex: number | undefined;
  readonly apiServer: Pick<ApiServerFlags, "address" | "port">;
  readonly namespace: string;
  readonly pod: { readonly name: string; readonly uid: string };
  readonly logLevel: string;
}

/** @returns Arguments without program name. */
export function importerArguments(told: ImporterArguments): string[] {
  return [
    ...["--executor_type", "importer", "--task_name", told.taskName],
    ...["--importer_spec", printJson(ImporterSpecSchema, told.importer)],
    ...["--pipeline_name", told.pipelineName, "--run_id", told.runId, "--parent_task_id", told.parentTaskId],
    ...["--iteration_index", String(told.iterationIndex ?? -1)],
    ...addressArguments(told.apiServer),
    ...["--namespace", told.namespace, "--pod_name", told.pod.name, "--pod_uid", told.pod.uid],
    ...["--log_level", told.logLevel],
  ];
}
