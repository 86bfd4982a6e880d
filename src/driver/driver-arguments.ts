/**
 * Driver options as the command line a compiled workflow would pass: the inverse of flags.ts.
 *
 * Source: docs/spec/argo-workflows.md#how-argo-invokes-the-driver, #arguments.
 *
 * @module
 */
import { addressArguments, connectionArguments, retryArguments, type ApiServerFlags } from "../core/api-server-flags.ts";
import type { ChildOptions, ContainerOptions, DriverOptions } from "./options.ts";

/**
 * @param server Where the API server is; a CONTAINER driver's options say it themselves.
 * @returns Arguments without program name. The pod's identity is not among them: it travels in the environment.
 */
export function driverArguments(options: DriverOptions, server: Pick<ApiServerFlags, "address" | "port">): string[] {
  const child: Partial<ChildOptions> = options.type === "ROOT_DAG" ? {} : options;
  return [
    ...["--type", options.type],
    ...["--pipeline_name", options.pipelineName],
    ...["--run_id", options.runId],
    ...["--run_name", options.runName],
    ...["--run_display_name", options.runDisplayName],
    ...["--parent_task_id", child.parentTaskId ?? ""],
    ...["--task_name", child.taskName ?? ""],
    ...(options.type === "CONTAINER" ? [] : ["--runtime_config", options.type === "ROOT_DAG" ? options.runtimeConfig : ""]),
    ...["--iteration_index", String(child.iterationIndex ?? -1)],
    ...(options.type === "CONTAINER"
      ? ["--cached_decision_path", options.cachedDecisionPath, "--pod_spec_patch_path", options.podSpecPatchPath]
      : ["--parent_task_id_path", options.parentTaskIdPath, "--iteration_count_path", options.iterationCountPath]),
    ...["--condition_path", options.conditionPath],
    ...(options.type === "CONTAINER" ? ["--kubernetes_config", options.kubernetesConfig] : []),
    ...["--namespace", options.namespace],
    ...proxyArguments(options),
    ...addressArguments(server),
    ...(options.type === "CONTAINER" ? containerArguments(options) : []),
  ];
}

function proxyArguments(options: DriverOptions): string[] {
  const proxy = options.type === "CONTAINER" ? options.proxy : { httpProxy: "", httpsProxy: "", noProxy: "" };
  return ["--http_proxy", proxy.httpProxy, "--https_proxy", proxy.httpsProxy, "--no_proxy", proxy.noProxy];
}

function containerArguments({ apiServer, cacheDisabled, logLevel, publishLogs, defaults }: ContainerOptions): string[] {
  const given = (flag: string, value: number | boolean | undefined): string[] =>
    value === undefined ? [] : [flag, String(value)];
  return [
    `--cache_disabled=${cacheDisabled}`,
    ...["--log_level", logLevel],
    ...["--publish_logs", publishLogs],
    ...connectionArguments(apiServer),
    ...retryArguments(apiServer),
    ...given("--default_run_as_user", defaults.runAsUser),
    ...given("--default_run_as_group", defaults.runAsGroup),
    ...given("--default_run_as_non_root", defaults.runAsNonRoot),
    ...given("--default_host_users", defaults.hostUsers),
  ];
}
