/**
 * From a node's template to its result: checks whose it is, gets its token, and calls the driver's core.
 *
 * Source: docs/spec/resident-driver.md#sketch-of-way-c, #c-what-a-tenant-can-forge, #c-central-identity, #what-we-record-as-driver-pod.
 *
 * @module
 */
import { errorMessage, KubeError, SpecError } from "../../core/errors.ts";
import { declaredOutputs } from "../../driver/outputs/declared-outputs.ts";
import { driveJob, type DriverJob } from "../../driver/drive-job.ts";
import { parseDriverFlags, type DriveCommand } from "../../driver/flags.ts";
import { HandOver } from "../../driver/interruption.ts";
import { planOutputFiles } from "../../driver/outputs/output-files.ts";
import type { Clock } from "../../ports/clock.ts";
import type { KfpApi } from "../../ports/kfp-api.ts";
import type { ObjectName } from "../../ports/kube-objects.ts";
import type { LogFields, Logger } from "../../ports/logger.ts";
import { parsePluginTask, pluginArguments, type PluginTask } from "../plugin-template.ts";
import type { Drive } from "./ledger.ts";
import { failed, refused, succeeded, type NodeResult } from "./node-result.ts";
import { refusalOf, type WorkflowFacts } from "./workflow.ts";

/** Whoever a drive acts for, with what it may reach. */
export interface Tenant extends Pick<DriverJob, "kube" | "openStore"> {
  readonly api: KfpApi;
  /** Tasks of the run when it was last read; absent before that. */
  readonly taskCount?: number;
}

export interface DriveNodeDeps extends Pick<DriverJob, "environment" | "clock" | "files" | "randomUuid" | "argumentLimitBytes"> {
  readonly clock: Clock;
  /** Not older than a moment; `undefined` when it is gone. @throws {KubeError} */
  readonly workflow: (place: ObjectName) => Promise<WorkflowFacts | undefined>;
  readonly allowedAccounts: ReadonlySet<string>;
  /** @throws {KubeError} When there is no token for it. */
  readonly tenant: (facts: WorkflowFacts) => Promise<Tenant>;
  readonly createLogger: (fields: LogFields, verbosity: number) => Logger;
  readonly logLevel: number;
  /** Of the agent. */
  readonly pod: { readonly name: string; readonly uid: string };
}

/** How a drive ended. */
export type DriveOutcome =
  | { readonly outcome: "result"; readonly result: NodeResult }
  /** Names what is not its own. */
  | { readonly outcome: "refused"; readonly result: NodeResult; readonly reason: string }
  /** Nothing is reported: the workflow is over, or another agent goes on. */
  | { readonly outcome: "none"; readonly reason: string }
  /** Nothing was begun; later it may be. */
  | { readonly outcome: "postponed"; readonly reason: string };

/** Variables of the replaced container that change what is recorded, and nothing that this process reads or calls. */
const TAKEN_VARIABLES = ["KFP_FINGERPRINT_ENV", "KFP_FINGERPRINT_SALT"] as const;

/** Never throws. */
export async function driveNode(deps: DriveNodeDeps, drive: Drive): Promise<DriveOutcome> {
  const { taskSet, nodeId, abort } = drive;
  const { namespace, name } = taskSet;
  let tenant: Tenant;
  let task: PluginTask;
  let command: DriveCommand;
  try {
    const facts = await deps.workflow(taskSet);
    if (facts === undefined) return { outcome: "none", reason: "the workflow is gone" };
    if (facts.over !== undefined) return { outcome: "none", reason: facts.over };
    task = pluginTask(drive);
    command = await driverCommand(deps, drive, task);
    const claim = { facts, workflowUid: taskSet.workflowUid, options: command.options, allowedAccounts: deps.allowedAccounts };
    const reason = refusalOf(claim);
    if (reason !== undefined) return { outcome: "refused", result: refused(reason), reason };
    tenant = await deps.tenant(facts);
  } catch (error) {
    if (error instanceof KubeError && isPassing(error)) return { outcome: "postponed", reason: errorMessage(error) };
    return { outcome: "result", result: failed(error) };
  }
  if (abort.signal.aborted) return { outcome: "none", reason: errorMessage(abort.signal.reason) };
  const fields = { run: command.options.runId, workflow: `${namespace}/${name}`, node: nodeId };
  const { api, taskCount, ...cluster } = tenant;
  try {
    const result = await driveJob({
      ...{ clock: deps.clock, files: deps.files, randomUuid: deps.randomUuid, argumentLimitBytes: deps.argumentLimitBytes },
      ...cluster,
      options: command.options,
      logger: deps.createLogger(fields, deps.logLevel),
      warnings: command.warnings,
      environment: { ...deps.environment, ...takenVariables(task) },
      connect: () => Promise.resolve({ api }),
      // Each node that waits is a task soon, if it is none yet.
      taskCountHint: taskCount === undefined ? undefined : taskCount + taskSet.tasks.size,
      signal: abort.signal,
    });
    return { outcome: "result", result: succeeded(declaredOutputs(planOutputFiles(command.options, result), task.outputs)) };
  } catch (error) {
    // Whatever it failed with: nobody wants it, or somebody else does it again.
    if (abort.signal.aborted) return { outcome: "none", reason: errorMessage(abort.signal.reason) };
    return { outcome: "result", result: failed(error) };
  }
}

function pluginTask({ template }: Drive): PluginTask {
  const task = parsePluginTask(template);
  if (task === undefined)
    throw new SpecError("SPEC_INVALID", "Cannot read the template of the node: it has no plugin object of ours");
  return task;
}

/** @throws {KfpError} For flags that are not those of a driver's execution. */
async function driverCommand(deps: DriveNodeDeps, { taskSet }: Drive, task: PluginTask): Promise<DriveCommand> {
  const command = await parseDriverFlags(pluginArguments(task, taskSet.namespace), {
    // A row that an earlier drive has left is told from a new one by the pod that made it: so each drive has one of its own.
    environment: { KFP_POD_NAME: deps.pod.name, KFP_POD_UID: `${deps.pod.uid}/${deps.randomUuid()}` },
    // Files of this machine are not the tenant's to read.
    readText: () => Promise.resolve(undefined),
  });
  if (command.mode === "drive") return command;
  throw new SpecError("SPEC_INVALID", `Cannot drive the node: its template asks for ${command.mode}`);
}

function takenVariables({ call }: PluginTask): Record<string, string> {
  return Object.fromEntries(
    TAKEN_VARIABLES.flatMap((name) => (Object.hasOwn(call.env, name) ? [[name, call.env[name] ?? ""] as const] : [])),
  );
}

/** Kubernetes is away or busy; a refusal stays one. */
function isPassing(error: KubeError): boolean {
  const { status } = error.details;
  return error.code === "KUBE_UNAVAILABLE" || status === 429 || (status !== undefined && status >= 500);
}

/** Why a drive stops that another process goes on with. */
export function handOver(reason: unknown): HandOver {
  return new HandOver(reason instanceof Error ? errorMessage(reason) : "this agent ends");
}
