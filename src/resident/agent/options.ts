/**
 * The command line of `driver agent`, in the syntax of the driver's own.
 *
 * @module
 */
import type { ApiServerFlags } from "../../core/api-server-flags.ts";
import { UsageError } from "../../core/errors.ts";
import { parseFlags, usageText, type FlagTable, type ParsedFlags } from "../../core/go/flags.ts";
import { readLogLevel } from "../../program/log-level.ts";
import { AGENT_LIMITS, type AgentOptions } from "./agent.ts";
import type { TenantsOptions } from "./tenants.ts";

const string = (help: string, value = "") => ({ type: "string", default: value, help }) as const;

/** Every flag with type, default and help text. */
export const AGENT_FLAGS = {
  namespace: string("namespace whose workflows are driven; empty means all"),
  instance_id: string("instance id of the workflow controller; empty means the controller without one"),
  identity: string("run: calls are made with tokens of the workflow's service account; agent: with the agent's own", "run"),
  token_audience: string("what the audiences of run-scoped tokens begin with", "pipelines.kubeflow.org"),
  service_accounts: string("service accounts that drivers act for, separated by commas", "pipeline-runner,default-editor"),
  ml_pipeline_server_address: string("host of the API server", "ml-pipeline.kubeflow"),
  ml_pipeline_server_port: string("gRPC port of the API server", "8887"),
  ml_pipeline_tls_enabled: { type: "bool", default: false, help: "reach the API server over TLS" },
  ca_cert_path: string("PEM file of a certificate authority to trust besides the system's"),
  api_retry_timeout: string("how long calls are tried again while the API server does not answer", "30m"),
  max_drives: { type: "int", default: AGENT_LIMITS.drives, help: "drives at a time" },
  max_drives_per_run: { type: "int", default: AGENT_LIMITS.perWorkflow, help: "drives of one run at a time" },
  lease: string("name of the Lease that one of several agents holds; empty means there is only one agent", "kfp-driver-agent"),
  lease_namespace: string("namespace of the Lease; empty means that of the agent's pod"),
  status_address: string("address and port of health checks and metrics; empty means none", ":8080"),
  log_level: string("log verbosity, as of the driver", "1"),
  help: { type: "bool", default: false, help: "print this and exit" },
} as const satisfies FlagTable;

/** What the agent was asked to do. */
export interface AgentCommand {
  readonly options: AgentOptions;
  readonly tenants: TenantsOptions;
  readonly allowedAccounts: ReadonlySet<string>;
  readonly connection: ApiServerFlags;
  /** Absent: this agent always works. */
  readonly lease?: { readonly namespace: string; readonly name: string };
  readonly pod: { readonly name: string; readonly uid: string };
  /** Absent: nothing listens. */
  readonly status?: { readonly host: string; readonly port: number };
  readonly logLevel: number;
  readonly warnings: readonly string[];
}

/**
 * @param argv Without `agent`.
 * @throws {UsageError} FLAG_INVALID for flags that cannot be read, ENVIRONMENT_INVALID without the pod's identity.
 */
export function parseAgentFlags(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): AgentCommand | { readonly help: string } {
  const parsed = parseFlags(AGENT_FLAGS, argv);
  const { values } = parsed;
  if (parsed.help || values.help) return { help: usageText(AGENT_FLAGS, "driver agent") };
  if (parsed.positional.length > 0)
    throw invalid(`Cannot read argument ${JSON.stringify(parsed.positional[0])}: it is not a flag`);
  const level = readLogLevel(values.log_level);
  const identity = identityOf(values);
  const pod = { name: variable(environment, "KFP_POD_NAME"), uid: variable(environment, "KFP_POD_UID") };
  return {
    options: {
      namespace: values.namespace,
      instanceId: values.instance_id,
      limits: { ...AGENT_LIMITS, drives: positive("max_drives", values), perWorkflow: positive("max_drives_per_run", values) },
    },
    tenants: { identity, audience: values.token_audience },
    allowedAccounts: new Set(values.service_accounts.split(",").filter((name) => name !== "")),
    connection: {
      address: values.ml_pipeline_server_address,
      port: values.ml_pipeline_server_port,
      tlsEnabled: values.ml_pipeline_tls_enabled,
      caCertPath: values.ca_cert_path,
      retryTimeout: values.api_retry_timeout,
    },
    ...leaseOf(values, environment),
    pod,
    ...statusOf(values.status_address),
    logLevel: level.logLevel,
    warnings: [...parsed.warnings, ...level.warnings],
  };
}

type Values = ParsedFlags<typeof AGENT_FLAGS>["values"];

/** With its own identity the agent would do for one namespace what somebody in another one asks for. */
function identityOf({ identity, namespace }: Values): TenantsOptions["identity"] {
  if (identity !== "run" && identity !== "agent")
    throw invalid(`Cannot read flag --identity: "${identity}" is neither run nor agent`, "identity");
  if (identity === "agent" && namespace === "")
    throw invalid("--identity=agent needs --namespace: the agent's own identity is for one namespace alone", "identity");
  return identity;
}

function leaseOf(values: Values, environment: Readonly<Record<string, string | undefined>>): Pick<AgentCommand, "lease"> {
  if (values.lease === "") return {};
  const namespace = values.lease_namespace || environment["NAMESPACE"] || "";
  if (namespace === "")
    throw new UsageError(
      "ENVIRONMENT_INVALID",
      "Environment variable NAMESPACE must hold the namespace of this pod, or --lease_namespace that of the lease, or --lease be empty",
    );
  return { lease: { namespace, name: values.lease } };
}

function statusOf(text: string): Pick<AgentCommand, "status"> {
  if (text === "") return {};
  const [, host = "", port = ""] = /^(.*):(\d{1,5})$/.exec(text) ?? [];
  if (port === "" || Number(port) > 65_535)
    throw invalid(`Cannot read flag --status_address: "${text}" is not an address and a port such as :8080`, "status_address");
  return { status: { host: host.replace(/^\[(.*)\]$/, "$1"), port: Number(port) } };
}

function positive(flag: "max_drives" | "max_drives_per_run", values: Values): number {
  const value = values[flag];
  if (value >= 1 && value <= 10_000) return value;
  throw invalid(`Cannot read flag --${flag}: ${value} is not a number from 1 to 10000`, flag);
}

function variable(environment: Readonly<Record<string, string | undefined>>, name: string): string {
  const value = environment[name] ?? "";
  if (value !== "") return value;
  throw new UsageError("ENVIRONMENT_INVALID", `Environment variable ${name} must hold the identity of this pod`);
}

function invalid(message: string, flag?: string): UsageError {
  return new UsageError("FLAG_INVALID", message, flag === undefined ? {} : { details: { flag } });
}
