/**
 * A WorkflowTaskSet as the agent needs it: nodes of ours that wait for a result, and results that the controller has not taken yet.
 *
 * Source: docs/spec/resident-driver.md#how-a-result-reaches-the-controller-and-when, #5000-iterations, #poisoned-taskset-derived.
 *
 * @module
 */
import { isJsonObject } from "../../core/values/json-object.ts";
import type { JsonObject, JsonValue } from "../../core/values/value.ts";
import type { KubeResource, ObjectName } from "../../ports/kube-objects.ts";
import { isPluginTemplate } from "../plugin-template.ts";

/** Where task sets are. */
export const TASK_SETS: KubeResource = {
  ...{ group: "argoproj.io", version: "v1alpha1" },
  ...{ plural: "workflowtasksets", kind: "WorkflowTaskSet" },
};

/** A node of a workflow by its id, and its template as the controller has processed it. */
export type OfferedTasks = ReadonlyMap<string, JsonValue>;

/** One task set at one of its versions. */
export interface TaskSet extends ObjectName {
  /** Of the Workflow that owns it. */
  readonly workflowUid: string;
  /** Grows with every change, where it is a number as etcd makes them. */
  readonly version: bigint | undefined;
  /** Nodes of ours. */
  readonly tasks: OfferedTasks;
  /** Nodes that have a result already. */
  readonly delivered: ReadonlySet<string>;
  /** What those results take of the object, which etcd limits. */
  readonly deliveredBytes: number;
  /** Nodes that are somebody else's. */
  readonly foreignTasks: number;
}

/** Why an object is no task set that anything could be done with. */
export interface UnusableTaskSet {
  readonly problem: string;
}

/** Reads an object of the Kubernetes API. */
export function parseTaskSet(object: JsonObject): TaskSet | UnusableTaskSet {
  const metadata = memberObject(object, "metadata");
  const name = memberText(metadata, "name");
  const namespace = memberText(metadata, "namespace");
  if (name === "" || namespace === "") return { problem: "it has no name" };
  const owners = metadata["ownerReferences"];
  const workflow = Array.isArray(owners) ? owners.filter(isJsonObject).find((owner) => owner["kind"] === "Workflow") : undefined;
  const workflowUid = memberText(workflow ?? {}, "uid");
  if (workflow === undefined || workflowUid === "" || workflow["name"] !== name)
    return { problem: "no Workflow of its name owns it" };
  const offered = Object.entries(memberObject(memberObject(object, "spec"), "tasks"));
  const ours = offered.filter(([, template]) => isPluginTemplate(template));
  const delivered = memberObject(memberObject(object, "status"), "nodes");
  const version = memberText(metadata, "resourceVersion");
  return {
    ...{ name, namespace, workflowUid },
    version: /^\d+$/.test(version) ? BigInt(version) : undefined,
    tasks: new Map(ours),
    delivered: new Set(Object.keys(delivered)),
    deliveredBytes: Object.keys(delivered).length === 0 ? 0 : Buffer.byteLength(JSON.stringify(delivered)),
    foreignTasks: offered.length - ours.length,
  };
}

function memberObject(json: JsonObject, name: string): JsonObject {
  const member = Object.hasOwn(json, name) ? json[name] : undefined;
  return isJsonObject(member) ? member : {};
}

function memberText(json: JsonObject, name: string): string {
  const text = json[name];
  return typeof text === "string" ? text : "";
}
