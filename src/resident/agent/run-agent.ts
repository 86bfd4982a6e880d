/**
 * The agent program without its process: options and adapters come in, an exit code goes out.
 *
 * @module
 */
import { errorMessage, UsageError } from "../../core/errors.ts";
import { usageText } from "../../core/go/flags.ts";
import type { Clock } from "../../ports/clock.ts";
import type { KubeObjects } from "../../ports/kube-objects.ts";
import type { LogFields, Logger } from "../../ports/logger.ts";
import { buildInfo } from "../../program/build-info.ts";
import type { TextSink } from "../../program/host.ts";
import { METRICS_CONTENT_TYPE } from "../../program/metrics.ts";
import { Agent, type AgentLimits, type AgentState } from "./agent.ts";
import { LEASE_TIMES, workWhileLeading, type LeaseTimes } from "./lease.ts";
import { AgentMetrics, type Gauges } from "./metrics.ts";
import { noFiles } from "./no-files.ts";
import { AGENT_FLAGS, parseAgentFlags, type AgentCommand } from "./options.ts";
import { Tenants, type TenantsDeps } from "./tenants.ts";
import { WorkflowCache } from "./workflow-cache.ts";

/** What a path of the status server answers. */
export interface AgentPage {
  readonly status: number;
  readonly text: string;
  readonly contentType?: string;
}

/** Something that is open until it is closed. */
export interface Closable {
  close(): unknown;
}

export interface AgentHost {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  readonly clock: Clock;
  readonly randomUuid: () => string;
  readonly argumentLimitBytes?: number | undefined;
  /** Aborted to stop. */
  readonly signal: AbortSignal;
  readonly createLogger: (verbosity: number, fields?: LogFields) => Logger;
  /** Called once. */
  readonly openKube: () => KubeObjects & Closable;
  /** Called once; the tenants' side of the adapters. */
  readonly connect: (
    command: AgentCommand,
    logger: Logger,
  ) => Promise<Pick<TenantsDeps, "api" | "apiAs" | "openKube" | "openStore"> & Closable>;
  readonly startStatus: (
    address: NonNullable<AgentCommand["status"]>,
    pages: Readonly<Record<string, () => AgentPage>>,
  ) => Promise<Closable & { readonly port: number }>;
  /** Of this process: seconds and bytes. */
  readonly usage: () => { readonly cpuSeconds: number; readonly residentBytes: number };
  /** In the place of {@link LEASE_TIMES}. */
  readonly leaseTimes?: LeaseTimes;
  /** In the place of those of {@link AGENT_LIMITS}. */
  readonly limits?: Partial<AgentLimits>;
}

/** Runs the agent until it is told to stop. Never throws. @returns The exit code: 0, also after a stop; 1 for a failure, 2 for flags. */
export async function runAgent(argv: readonly string[], host: AgentHost): Promise<number> {
  let command: ReturnType<typeof parseAgentFlags>;
  try {
    command = parseAgentFlags(argv, host.environment);
  } catch (error) {
    host.stderr.write(`driver agent: ${errorMessage(error)}\n`);
    if (!(error instanceof UsageError) || error.code !== "FLAG_INVALID") return 1;
    host.stderr.write(usageText(AGENT_FLAGS, "driver agent"));
    return 2;
  }
  if ("help" in command) {
    host.stdout.write(command.help);
    return 0;
  }
  const logger = host.createLogger(command.logLevel);
  try {
    await work(command, host, logger);
    return 0;
  } catch (error) {
    logger.error(`The agent failed: ${errorMessage(error)}`);
    return 1;
  }
}

async function work(command: AgentCommand, host: AgentHost, logger: Logger): Promise<void> {
  const { version, commit } = buildInfo;
  const { namespace } = command.options;
  logger.info("driver agent starts", { version, commit, namespace, identity: command.tenants.identity });
  for (const warning of command.warnings) logger.warn(warning);
  const metrics = new AgentMetrics();
  const current: { agent: Agent | undefined } = { agent: undefined };
  const stateOf = (): AgentState | undefined => current.agent?.state();
  const open: Closable[] = [];
  try {
    if (command.status !== undefined) {
      const status = await host.startStatus(command.status, pagesOf(command, { metrics, stateOf, host }));
      open.push(status);
      logger.info("Health checks and metrics", { port: status.port });
    }
    const kube = host.openKube();
    const connection = await host.connect(command, logger);
    const tenants = new Tenants({ ...connection, kube, clock: host.clock }, command.tenants);
    open.push(kube, connection, tenants);
    const lead = async (signal: AbortSignal): Promise<void> => {
      const agent = agentOf(command, { host, logger, metrics, kube, tenants });
      current.agent = agent;
      await agent.run(signal);
      current.agent = undefined;
    };
    const { clock, leaseTimes = LEASE_TIMES, signal } = host;
    const { lease, pod } = command;
    if (lease === undefined) await lead(signal);
    else {
      const options = { place: lease, identity: `${pod.name}/${pod.uid}`, times: leaseTimes };
      await workWhileLeading({ kube, clock, logger }, options, signal, lead);
    }
    logger.info("driver agent ends");
  } finally {
    for (const each of open.toReversed()) await each.close();
  }
}

interface AgentParts {
  readonly host: AgentHost;
  readonly logger: Logger;
  readonly metrics: AgentMetrics;
  readonly kube: KubeObjects;
  readonly tenants: Tenants;
}

function agentOf(command: AgentCommand, { host, logger, metrics, kube, tenants }: AgentParts): Agent {
  const { clock, environment, randomUuid, argumentLimitBytes } = host;
  const limits = { ...command.options.limits, ...host.limits };
  const workflows = new WorkflowCache({ kube, clock }, limits.freshMs);
  return new Agent(
    {
      ...{ kube, clock, logger, metrics },
      workflow: (place) => workflows.read(place),
      onForgotten: (place) => {
        workflows.forget(place);
        tenants.forget(place);
      },
      drive: {
        environment: driverEnvironment(environment),
        files: noFiles,
        ...{ randomUuid, argumentLimitBytes },
        allowedAccounts: command.allowedAccounts,
        tenant: (facts) => tenants.tenant(facts),
        createLogger: (fields, verbosity) => host.createLogger(verbosity, fields),
        logLevel: command.logLevel,
        pod: command.pod,
      },
    },
    { ...command.options, limits },
  );
}

/** Settings that the administrator gives all drivers; a folder of this machine is none of them. */
const DRIVER_VARIABLES = [
  "KFP_CACHE_CHECK_ARTIFACTS",
  "KFP_FINGERPRINT_ENV",
  "KFP_FINGERPRINT_SALT",
  "ARTIFACT_LOCAL_PATH",
] as const;

function driverEnvironment(environment: AgentHost["environment"]): Record<string, string | undefined> {
  return Object.fromEntries(DRIVER_VARIABLES.map((name) => [name, environment[name]]));
}

interface PageParts {
  readonly metrics: AgentMetrics;
  readonly stateOf: () => AgentState | undefined;
  readonly host: AgentHost;
}

function pagesOf({ lease }: AgentCommand, { metrics, stateOf, host }: PageParts): Record<string, () => AgentPage> {
  return {
    // The process answers; what it waits for comes back without a restart.
    "/healthz": () => ({ status: 200, text: "ok\n" }),
    "/readyz": () => {
      const state = stateOf();
      if (state === undefined) {
        return lease === undefined ? { status: 503, text: "starting\n" } : { status: 200, text: "standing by\n" };
      }
      return state.isFollowing ? { status: 200, text: "ok\n" } : { status: 503, text: "task sets are not followed\n" };
    },
    "/metrics": () => ({
      status: 200,
      text: metrics.text(gaugesOf(stateOf, host)),
      contentType: METRICS_CONTENT_TYPE,
    }),
  };
}

function gaugesOf(stateOf: PageParts["stateOf"], { usage }: AgentHost): Gauges {
  return () => {
    const state = stateOf();
    const { workflows = 0, waiting = 0, driving = 0, undelivered = 0, foreignTasks = 0 } = state?.counts ?? {};
    const { cpuSeconds, residentBytes } = usage();
    return {
      kfp_driver_agent_leading: { help: "1 while this agent drives.", value: state === undefined ? 0 : 1 },
      kfp_driver_agent_following: { help: "1 while changes of task sets reach it.", value: state?.isFollowing === true ? 1 : 0 },
      kfp_driver_agent_task_sets: { help: "Task sets of unfinished workflows.", value: workflows },
      kfp_driver_agent_waiting: { help: "Nodes that wait for a drive.", value: waiting },
      kfp_driver_agent_driving: { help: "Drives under way.", value: driving },
      kfp_driver_agent_undelivered: { help: "Results that are not in a task set yet.", value: undelivered },
      kfp_driver_agent_foreign_tasks: { help: "Nodes of other plugins, which this agent leaves alone.", value: foreignTasks },
      process_cpu_seconds_total: { help: "CPU time of the process.", value: cpuSeconds, type: "counter" },
      process_resident_memory_bytes: { help: "Memory of the process.", value: residentBytes },
    };
  };
}
