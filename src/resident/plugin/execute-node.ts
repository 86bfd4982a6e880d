/**
 * One node of an executor plugin: from its template to Argo's result, by the driver's core.
 *
 * The plugin runs in a pod of the workflow, with the workflow's own account and token: what the template says is as good as what the
 * driver's pod would have been told. Files of this pod are not the template's to read.
 *
 * Source: docs/spec/resident-driver.md#request-body, #retries, #what-we-record-as-driver-pod.
 *
 * @module
 */
import type { ApiServerFlags } from "../../core/api-server-flags.ts";
import { SpecError } from "../../core/errors.ts";
import { declaredOutputs } from "../../driver/outputs/declared-outputs.ts";
import { driveJob, type DriverJob } from "../../driver/drive-job.ts";
import { parseDriverFlags } from "../../driver/flags.ts";
import { planOutputFiles } from "../../driver/outputs/output-files.ts";
import type { LogFields, Logger } from "../../ports/logger.ts";
import type { ApiConnection } from "../../program/host.ts";
import { failed, nodeResultJson, succeeded } from "../agent/node-result.ts";
import { parsePluginTask, pluginArguments } from "../plugin-template.ts";
import type { ExecuteNode } from "./plugin-jobs.ts";

/** What driving takes of the pod. */
export interface ExecuteNodeDeps extends Pick<
  DriverJob,
  "environment" | "clock" | "files" | "kube" | "openStore" | "randomUuid" | "argumentLimitBytes"
> {
  /** Of the agent pod, recorded with the task. */
  readonly pod: { readonly name: string; readonly uid: string };
  /** Connections may be shared: a drive closes none. */
  readonly connect: (flags: ApiServerFlags, logger: Logger) => Promise<Pick<ApiConnection, "api">>;
  /** How long calls are tried again, where the template does not say. */
  readonly retryTimeout: string;
  readonly createLogger: (fields: LogFields) => Logger;
}

/** @returns A function that never rejects: whatever happens becomes a result. */
export function executeNodes(deps: ExecuteNodeDeps): ExecuteNode {
  return async ({ workflow, template }, signal) => {
    try {
      const task = parsePluginTask(template);
      if (task === undefined) throw new SpecError("SPEC_INVALID", "Cannot read the template: it has no plugin object of ours");
      const command = await parseDriverFlags(pluginArguments(task, workflow.namespace), {
        // A row that an earlier drive has left is told from a new one by the pod that made it: so each drive has one of its own.
        environment: { KFP_POD_NAME: deps.pod.name, KFP_POD_UID: `${deps.pod.uid}/${deps.randomUuid()}` },
        readText: () => Promise.resolve(undefined),
      });
      if (command.mode !== "drive")
        throw new SpecError("SPEC_INVALID", `Cannot drive the node: its template asks for ${command.mode}`);
      const { options, connection } = command;
      const { taskName = "root" } = { taskName: undefined, ...options };
      const logger = deps.createLogger({
        run: options.runId,
        workflow: `${workflow.namespace}/${workflow.name}`,
        task: taskName,
      });
      const { clock, files, kube, openStore, randomUuid, argumentLimitBytes } = deps;
      const result = await driveJob({
        ...{ clock, files, kube, openStore, randomUuid, argumentLimitBytes, options, logger, signal },
        warnings: command.warnings,
        environment: { ...deps.environment, ...task.call.env },
        connect: async () => {
          const { api } = await deps.connect({ retryTimeout: deps.retryTimeout, ...connection }, logger);
          return { api };
        },
      });
      return nodeResultJson(succeeded(declaredOutputs(planOutputFiles(options, result), task.outputs)));
    } catch (error) {
      return nodeResultJson(failed(error));
    }
  };
}
