/**
 * What the agent takes of a Workflow object, and whether a node of it may be driven.
 *
 * Whoever may create Workflows or task sets in one namespace can write any run id into them. So nothing that says who somebody is comes
 * from the plugin object: the service account is the Workflow's, and the run is the one its label names.
 *
 * Source: docs/spec/resident-driver.md#c-what-a-tenant-can-forge, #termination-and-deadline.
 *
 * @module
 */
import { isJsonObject } from "../../core/values/json-object.ts";
import type { JsonObject } from "../../core/values/value.ts";
import type { DriverOptions } from "../../driver/options.ts";
import type { KubeResource } from "../../ports/kube-objects.ts";

/** Where workflows are. */
export const WORKFLOWS: KubeResource = {
  ...{ group: "argoproj.io", version: "v1alpha1" },
  ...{ plural: "workflows", kind: "Workflow" },
};

/** Label with the id of the KFP run. */
export const RUN_ID_LABEL = "pipeline/runid";

/** A Workflow at one moment. */
export interface WorkflowFacts {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  /** Empty: no run of KFP. */
  readonly runId: string;
  readonly serviceAccount: string;
  /** Why nothing of it is to be driven any more; absent while it runs. */
  readonly over?: string;
}

/** @param now Its deadline is compared with this. */
export function readWorkflow(object: JsonObject, now: Date): WorkflowFacts {
  const metadata = memberObject(object, "metadata");
  const spec = memberObject(object, "spec");
  const over = endOf(spec, memberObject(object, "status"), now);
  return {
    uid: memberText(metadata, "uid"),
    name: memberText(metadata, "name"),
    namespace: memberText(metadata, "namespace"),
    runId: memberText(memberObject(metadata, "labels"), RUN_ID_LABEL),
    serviceAccount: memberText(spec, "serviceAccountName") || "default",
    ...(over === undefined ? {} : { over }),
  };
}

/** KFP terminates a run by a deadline of zero; Argo's own way is `shutdown`. */
function endOf(spec: JsonObject, status: JsonObject, now: Date): string | undefined {
  const phase = memberText(status, "phase");
  if (phase === "Succeeded" || phase === "Failed" || phase === "Error") return `the workflow has ended: ${phase}`;
  const shutdown = memberText(spec, "shutdown");
  if (shutdown !== "") return `the workflow is being shut down: ${shutdown}`;
  const { activeDeadlineSeconds: deadline } = spec;
  if (typeof deadline !== "number") return undefined;
  const startedAtMs = Date.parse(memberText(status, "startedAt"));
  const isPast = deadline <= 0 || (Number.isFinite(startedAtMs) && startedAtMs + deadline * 1000 <= now.getTime());
  return isPast ? "the workflow has exceeded its deadline" : undefined;
}

/** What decides whether somebody's node is driven. */
export interface DriveClaim {
  readonly facts: WorkflowFacts;
  /** Of the Workflow that the task set belongs to. */
  readonly workflowUid: string;
  /** As the plugin object says them. */
  readonly options: Pick<DriverOptions, "runId" | "runName" | "namespace">;
  /** Service accounts that drivers may act for. */
  readonly allowedAccounts: ReadonlySet<string>;
}

/** @returns Why the node must not be driven; `undefined` when it may. */
export function refusalOf({ facts, workflowUid, options, allowedAccounts }: DriveClaim): string | undefined {
  const { name, namespace, runId, serviceAccount, uid } = facts;
  const here = `Workflow ${namespace}/${name}`;
  if (uid !== workflowUid) return `${here} is not the one that the task set belongs to`;
  if (runId === "") return `${here} has no label ${RUN_ID_LABEL}`;
  if (options.runId !== runId) return `the template names another run than the label ${RUN_ID_LABEL} of ${here}`;
  if (options.runName !== name) return `the template names another workflow than ${here}`;
  if (options.namespace !== namespace) return `the template names another namespace than that of ${here}`;
  if (!allowedAccounts.has(serviceAccount))
    return `${here} runs as service account ${JSON.stringify(serviceAccount)}, which drivers do not act for; see --service_accounts`;
  return undefined;
}

function memberObject(json: JsonObject, name: string): JsonObject {
  const member = Object.hasOwn(json, name) ? json[name] : undefined;
  return isJsonObject(member) ? member : {};
}

function memberText(json: JsonObject, name: string): string {
  const text = Object.hasOwn(json, name) ? json[name] : undefined;
  return typeof text === "string" ? text : "";
}
