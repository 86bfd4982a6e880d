/**
 * The driver's command line.
 *
 * Required is what both generations of compiled workflows pass, by presence: an empty value is fine except where a driver could not
 * do its work with it. Everything is checked before the first call.
 *
 * Source: docs/spec/driver-command-line.md#flags, #flag-syntax, #environment, #start-up-order, #later-upstream,
 * #decision-required-flags, docs/spec/upstream-generations.md#announced-features.
 *
 * @module
 */
import type { ApiServerFlags } from "../core/api-server-flags.ts";
import { UsageError } from "../core/errors.ts";
import { expandFileValue, type FlagTable, parseFlags, type ParsedFlags, requireFlags, usageText } from "../core/go/flags.ts";
import { parseGoBool } from "../core/go/number.ts";
import { readLogLevel } from "../program/log-level.ts";
import type { CommonOptions, DriverOptions } from "./options.ts";

const string = (help: string, value = "") => ({ type: "string", default: value, help }) as const;

/** Every flag with type, default and help text, in the order of the usage text. */
export const DRIVER_FLAGS = {
  type: string("driver type: ROOT_DAG, DAG or CONTAINER"),
  pipeline_name: string("pipeline name, part of output URIs and of the cache fingerprint"),
  run_id: string("id of the run at the API server"),
  run_name: string("name of the Kubernetes Workflow object"),
  run_display_name: string("display name of the run"),
  runtime_config: string("ROOT_DAG: JSON of PipelineJob.RuntimeConfig, or @FILE"),
  iteration_index: { type: "int", default: -1, help: "index in the enclosing loop; negative means none" },
  task_name: string("key of the task in its DAG"),
  namespace: string("Kubernetes namespace of the run"),
  parent_task_id: string("id of the parent task"),
  kubernetes_config: string("CONTAINER: JSON of KubernetesExecutorConfig, or @FILE; empty means none", "{}"),
  ml_pipeline_server_address: string("host of the API server", "ml-pipeline"),
  ml_pipeline_server_port: string("gRPC port of the API server", "8887"),
  api_retry_timeout: string(
    "how long calls are tried again while the API server does not answer, as 90s; empty means five minutes",
  ),
  parent_task_id_path: string("output file: id of the created task"),
  iteration_count_path: string("output file: number of iterations"),
  pod_spec_patch_path: string("output file: patch of the user's pod"),
  cached_decision_path: string("output file: true when the outputs came from the cache"),
  condition_path: string("output file: result of the trigger condition, nil without one"),
  log_level: string("log verbosity; from 2 on it says why the cache was hit or missed, values appear from 4 on", "1"),
  http_proxy: string("HTTP proxy of the user's container"),
  https_proxy: string("HTTPS proxy of the user's container"),
  no_proxy: string("hosts the user's container reaches without a proxy"),
  publish_logs: string("CONTAINER: the exact text true makes the launcher publish the logs as an artifact", "true"),
  cache_disabled: { type: "bool", default: false, help: "neither look up nor record cache fingerprints" },
  ml_pipeline_tls_enabled: { type: "bool", default: false, help: "reach the API server over TLS" },
  ca_cert_path: string("PEM file of a certificate authority to trust besides the system's"),
  default_run_as_user: { type: "int64", default: -1n, help: "administrator's runAsUser; negative means none" },
  default_run_as_group: { type: "int64", default: -1n, help: "administrator's runAsGroup; negative means none" },
  default_run_as_non_root: string("administrator's runAsNonRoot"),
  default_host_users: string("administrator's hostUsers"),
  driver_retry_finalize: { type: "bool", default: false, help: "not supported: warns and ends without a call" },
  version: { type: "bool", default: false, help: "print the version and exit" },
} as const satisfies FlagTable;

const REQUIRED_ALWAYS = [
  "type",
  "pipeline_name",
  "run_id",
  "run_name",
  "run_display_name",
  "namespace",
  "parent_task_id",
  "task_name",
  "ml_pipeline_server_address",
  "ml_pipeline_server_port",
  "condition_path",
  "iteration_index",
  "http_proxy",
  "https_proxy",
  "no_proxy",
] as const;
const REQUIRED_DAG = ["parent_task_id_path", "iteration_count_path", "runtime_config"] as const;
const REQUIRED_CONTAINER = ["kubernetes_config", "cached_decision_path", "pod_spec_patch_path"] as const;

/** What the process was asked to do. */
export type DriverCommand =
  | { readonly mode: "help"; readonly text: string }
  | { readonly mode: "version" }
  /** A driver of a later upstream would only record a final state now (docs/spec/upstream-generations.md#announced-features). */
  | { readonly mode: "retry-finalize"; readonly warnings: readonly string[] }
  | DriveCommand;

/** One execution of the driver. */
export interface DriveCommand {
  readonly mode: "drive";
  readonly options: DriverOptions;
  readonly connection: ApiServerFlags;
  /** Verbosity of the log. */
  readonly logLevel: number;
  /** What the log should begin with. */
  readonly warnings: readonly string[];
}

/** What the values of flags refer to. */
export interface DriverFlagsDeps {
  /** `KFP_POD_NAME` and `KFP_POD_UID` are read from here. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Of the file that `@PATH` names; `undefined` when there is none. */
  readonly readText: (path: string) => Promise<string | undefined>;
}

type Values = ParsedFlags<typeof DRIVER_FLAGS>["values"];

/**
 * @throws {UsageError} FLAG_INVALID for flags that cannot be read (exit code 2), FLAG_MISSING for those not given, ENVIRONMENT_INVALID
 * without the pod's identity (exit code 1).
 */
export async function parseDriverFlags(argv: readonly string[], deps: DriverFlagsDeps): Promise<DriverCommand> {
  const parsed = parseFlags(DRIVER_FLAGS, argv);
  const { values, warnings } = parsed;
  if (parsed.help) return { mode: "help", text: usageText(DRIVER_FLAGS, "driver") };
  if (values.version) return { mode: "version" };
  if (values.driver_retry_finalize) return { mode: "retry-finalize", warnings };
  const type = driverType(values.type);
  requireFlags(parsed, [...REQUIRED_ALWAYS, ...(type === "CONTAINER" ? REQUIRED_CONTAINER : REQUIRED_DAG)], type);
  const notEmpty = ["namespace", "run_id", "condition_path"].concat(
    type === "CONTAINER"
      ? ["task_name", "parent_task_id", "cached_decision_path", "pod_spec_patch_path"]
      : [
          "pipeline_name",
          "iteration_count_path",
          ...(type === "ROOT_DAG" ? ["runtime_config"] : ["task_name", "parent_task_id"]),
        ],
  ) as Array<keyof Values>;
  for (const name of notEmpty) {
    if (values[name] === "")
      throw new UsageError("FLAG_MISSING", `--${name} must not be empty for ${type}`, { details: { flag: name } });
  }
  const level = readLogLevel(values.log_level);
  return {
    mode: "drive",
    options: await driverOptions(type, parsed, deps),
    connection: serverFlags(values),
    logLevel: level.logLevel,
    warnings: [...warnings, ...level.warnings],
  };
}

function serverFlags(values: Values): ApiServerFlags {
  return {
    address: values.ml_pipeline_server_address,
    port: values.ml_pipeline_server_port,
    tlsEnabled: values.ml_pipeline_tls_enabled,
    caCertPath: values.ca_cert_path,
    ...(values.api_retry_timeout === "" ? {} : { retryTimeout: values.api_retry_timeout }),
  };
}

function driverType(text: string): DriverOptions["type"] {
  if (text === "ROOT_DAG" || text === "DAG" || text === "CONTAINER") return text;
  throw new UsageError("FLAG_MISSING", `unknown driver type "${text}", must be one of ROOT_DAG, DAG, CONTAINER`, {
    details: { flag: "type" },
  });
}

async function driverOptions(
  type: DriverOptions["type"],
  { values, provided }: ParsedFlags<typeof DRIVER_FLAGS>,
  deps: DriverFlagsDeps,
): Promise<DriverOptions> {
  const common: CommonOptions = {
    pipelineName: values.pipeline_name,
    runId: values.run_id,
    runName: values.run_name,
    runDisplayName: values.run_display_name,
    namespace: values.namespace,
    conditionPath: values.condition_path,
    pod: podIdentity(deps.environment),
  };
  const iterationIndex = values.iteration_index < 0 ? {} : { iterationIndex: values.iteration_index };
  const child = { taskName: values.task_name, parentTaskId: values.parent_task_id, ...iterationIndex };
  const paths = { parentTaskIdPath: values.parent_task_id_path, iterationCountPath: values.iteration_count_path };
  const runtimeConfig = await expandFileValue("runtime_config", values.runtime_config, deps.readText);
  switch (type) {
    case "ROOT_DAG":
      if (values.iteration_index >= 0) {
        throw new UsageError("FLAG_MISSING", `--iteration_index must be negative for ROOT_DAG, got ${values.iteration_index}`);
      }
      return { type, ...common, ...paths, runtimeConfig };
    case "DAG":
      return { type, ...common, ...child, ...paths };
    case "CONTAINER":
      return {
        type,
        ...common,
        ...child,
        kubernetesConfig: await expandFileValue("kubernetes_config", values.kubernetes_config, deps.readText),
        cachedDecisionPath: values.cached_decision_path,
        podSpecPatchPath: values.pod_spec_patch_path,
        cacheDisabled: values.cache_disabled,
        publishLogs: values.publish_logs,
        logLevel: values.log_level,
        apiServer: serverFlags(values),
        proxy: { httpProxy: values.http_proxy, httpsProxy: values.https_proxy, noProxy: values.no_proxy },
        defaults: {
          ...(values.default_run_as_user < 0n ? {} : { runAsUser: Number(values.default_run_as_user) }),
          ...(values.default_run_as_group < 0n ? {} : { runAsGroup: Number(values.default_run_as_group) }),
          ...booleanDefault("default_run_as_non_root", values, provided, "runAsNonRoot"),
          ...booleanDefault("default_host_users", values, provided, "hostUsers"),
        },
      };
  }
}

function booleanDefault<Key extends string>(
  flag: "default_run_as_non_root" | "default_host_users",
  values: Values,
  provided: ReadonlySet<string>,
  key: Key,
): { [K in Key]?: boolean } {
  if (!provided.has(flag)) return {};
  const value = parseGoBool(values[flag]);
  if (value === undefined)
    throw new UsageError("FLAG_MISSING", `invalid --${flag} value "${values[flag]}"`, { details: { flag } });
  return { [key]: value } as { [K in Key]?: boolean };
}

function podIdentity(environment: DriverFlagsDeps["environment"]): CommonOptions["pod"] {
  const read = (name: string): string => {
    const value = environment[name] ?? "";
    if (value === "")
      throw new UsageError("ENVIRONMENT_INVALID", `Environment variable ${name} must hold the identity of this pod`);
    return value;
  };
  return { uid: read("KFP_POD_UID"), name: read("KFP_POD_NAME") };
}
