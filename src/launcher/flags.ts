/**
 * The launcher's command line.
 *
 * Required is what both generations of drivers and compiled workflows pass, by presence; a few values must not be empty either. All of
 * it is checked before the first call, and one message names everything that is missing. A server address, a port or a fingerprint
 * that is not given has its documented default.
 *
 * Source: docs/spec/launcher-command-line.md#modes, #flags, #flag-syntax, #start-up-order, #required-flags,
 * docs/spec/driver-command-line.md#decision-required-flags, #decision-unknown-flags.
 *
 * @module
 */
import type { GivenApiServerFlags } from "../core/api-server-flags.ts";
import { UsageError } from "../core/errors.ts";
import { parseFlags, usageText, type FlagTable, type ParsedFlags } from "../core/go/flags.ts";
import { readLogLevel } from "../program/log-level.ts";
import type { CommonOptions, ContainerOptions, ImporterOptions } from "./options.ts";

const string = (help: string, value = "") => ({ type: "string", default: value, help }) as const;

/** Every flag with type, default and help text, in the order of the usage text. */
export const LAUNCHER_FLAGS = {
  copy: string("copy this program to FILE, so that it runs in any container, and exit; every other flag is ignored"),
  executor_type: string("container or importer", "container"),
  pipeline_name: string("pipeline name"),
  run_id: string("id of the run at the API server"),
  task_id: string("container: id of the task the driver created"),
  parent_task_id: string("id of the parent task"),
  task_name: string("key of the task in its DAG"),
  executor_input: string("container: JSON of ExecutorInput, or @FILE"),
  importer_spec: string("importer: JSON of ImporterSpec, or @FILE"),
  namespace: string("Kubernetes namespace of the run"),
  pod_name: string("name of this pod"),
  pod_uid: string("uid of this pod"),
  ml_pipeline_server_address: string("host of the API server", "ml-pipeline.kubeflow"),
  ml_pipeline_server_port: string("gRPC port of the API server", "8887"),
  ml_pipeline_tls_enabled: { type: "bool", default: false, help: "reach the API server over TLS" },
  ca_cert_path: string("PEM file of a certificate authority to trust besides the system's"),
  api_retry_timeout: string(
    "how long calls are tried again while the API server does not answer, as 90s; empty means five minutes",
  ),
  log_level: string("log verbosity; values appear from 4 on", "1"),
  publish_logs: string("container: the exact text true publishes the logs as an artifact", "true"),
  cache_disabled: { type: "bool", default: false, help: "accepted and ignored" },
  fingerprint: string("accepted and ignored: the driver stores it with the task"),
  iteration_index: { type: "int", default: -1, help: "index in the enclosing loop; negative means none" },
  version: { type: "bool", default: false, help: "print the version and exit" },
} as const satisfies FlagTable;

type FlagName = keyof typeof LAUNCHER_FLAGS;

const REQUIRED_ALWAYS = ["pipeline_name", "run_id", "namespace", "pod_name", "pod_uid"] as const satisfies FlagName[];
const REQUIRED = {
  container: [...REQUIRED_ALWAYS, "task_id", "parent_task_id", "executor_input", "task_name"],
  importer: [...REQUIRED_ALWAYS, "task_name", "importer_spec", "parent_task_id", "iteration_index"],
} as const satisfies Record<string, FlagName[]>;

/** An empty value of these is as bad as none. An empty run id is left to the server, an empty executor input to the JSON parser. */
const NOT_EMPTY = {
  container: ["namespace", "parent_task_id", "task_name", "task_id", "pod_name", "pod_uid", "pipeline_name"],
  importer: ["namespace", "parent_task_id", "task_name", "importer_spec", "pod_name", "pod_uid", "pipeline_name"],
} as const satisfies Record<keyof typeof REQUIRED, FlagName[]>;

/** What the process was asked to do. */
export type LauncherCommand =
  | { readonly mode: "help"; readonly text: string }
  | { readonly mode: "version" }
  | { readonly mode: "copy"; readonly destination: string; readonly warnings: readonly string[] }
  | ExecutorCommand;

/** The two modes that take part in a run. */
export type ExecutorCommand = {
  readonly api: GivenApiServerFlags;
  /** Verbosity of the log. */
  readonly logLevel: number;
  readonly warnings: readonly string[];
} & (
  | { readonly mode: "container"; readonly options: ContainerOptions }
  | { readonly mode: "importer"; readonly options: ImporterOptions }
);

type Parsed = ParsedFlags<typeof LAUNCHER_FLAGS>;

/**
 * Reads the command line.
 *
 * @param argv Without program name.
 * @throws {UsageError} FLAG_INVALID for flags that cannot be read (exit code 2), FLAG_MISSING for what is missing or empty and for an
 *   unsupported executor type (exit code 1).
 */
export function parseLauncherFlags(argv: readonly string[]): LauncherCommand {
  const parsed = parseFlags(LAUNCHER_FLAGS, argv);
  const { values, warnings } = parsed;
  if (parsed.help) return { mode: "help", text: usageText(LAUNCHER_FLAGS, "launcher-v2") };
  if (values.version) return { mode: "version" };
  if (values.copy !== "") return { mode: "copy", destination: values.copy, warnings };
  const mode = executorType(values.executor_type);
  assertComplete(parsed, mode);
  const level = readLogLevel(values.log_level);
  const shared = { api: apiServerFlags(parsed), logLevel: level.logLevel, warnings: [...warnings, ...level.warnings] };
  const common = commonOptions(parsed);
  if (mode === "importer") return { mode, ...shared, options: { ...common, importerSpec: values.importer_spec } };
  const options: ContainerOptions = {
    ...common,
    taskId: values.task_id,
    executorInput: values.executor_input,
    command: parsed.positional,
    publishLogs: values.publish_logs === "true",
    caCertPath: values.ca_cert_path,
  };
  return { mode, ...shared, options };
}

/** What is ignored of a command line that can be read; nothing of another. For those that say more beside it. */
export function ignoredFlags(argv: readonly string[]): readonly string[] {
  try {
    return parseFlags(LAUNCHER_FLAGS, argv).warnings;
  } catch {
    return [];
  }
}

function executorType(text: string): keyof typeof REQUIRED {
  if (text === "container" || text === "importer") return text;
  throw new UsageError("FLAG_MISSING", `unsupported executor type "${text}", must be one of container, importer`, {
    details: { flag: "executor_type" },
  });
}

function assertComplete({ values, provided }: Parsed, mode: keyof typeof REQUIRED): void {
  const missing: readonly FlagName[] = REQUIRED[mode].filter((name) => !provided.has(name));
  const empty: readonly FlagName[] = NOT_EMPTY[mode].filter((name) => provided.has(name) && values[name] === "");
  const [first = empty[0]] = missing;
  if (first === undefined) return;
  const [firstMissing, ...otherMissing] = missing;
  const [firstEmpty, ...otherEmpty] = empty;
  const problems =
    firstMissing === undefined
      ? [`invalid launcher options: must specify ${fieldName(first)} (--${firstEmpty} is empty)`, alsoText("empty", otherEmpty)]
      : [
          `--${firstMissing} is required for ${mode} executor but was not provided`,
          alsoText("missing", otherMissing),
          alsoText("empty", empty),
        ];
  throw new UsageError("FLAG_MISSING", problems.join(""), { details: { flag: first } });
}

function alsoText(what: string, names: readonly string[]): string {
  return names.length === 0 ? "" : `; also ${what}: ${names.map((name) => `--${name}`).join(", ")}`;
}

/** `pod_uid` as `PodUID`, the spelling of the reference's message. */
function fieldName(flag: FlagName): string {
  return flag
    .split("_")
    .map((part) => (part === "uid" || part === "id" ? part.toUpperCase() : part.slice(0, 1).toUpperCase() + part.slice(1)))
    .join("");
}

function apiServerFlags({ values, provided }: Parsed): GivenApiServerFlags {
  return {
    ...(provided.has("ml_pipeline_server_address") ? { address: values.ml_pipeline_server_address } : {}),
    ...(provided.has("ml_pipeline_server_port") ? { port: values.ml_pipeline_server_port } : {}),
    tlsEnabled: values.ml_pipeline_tls_enabled,
    caCertPath: values.ca_cert_path,
    ...(values.api_retry_timeout === "" ? {} : { retryTimeout: values.api_retry_timeout }),
  };
}

function commonOptions({ values }: Parsed): CommonOptions {
  return {
    pipelineName: values.pipeline_name,
    runId: values.run_id,
    parentTaskId: values.parent_task_id,
    taskName: values.task_name,
    namespace: values.namespace,
    pod: { name: values.pod_name, uid: values.pod_uid },
    ...(values.iteration_index < 0 ? {} : { iterationIndex: values.iteration_index }),
  };
}
