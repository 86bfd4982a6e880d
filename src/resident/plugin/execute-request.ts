/**
 * What Argo's agent asks an executor plugin, and what it may be answered.
 *
 * Three answers only: the node has ended, ask again later, not ours. A phase that does not end the node is never sent: it would be written
 * down at each reconciliation, and put the node out of reach of the workflow's deadline.
 *
 * Source: docs/spec/resident-driver.md#request-body, #response-body, #requeue-without-writes.
 *
 * @module
 */
import { isJsonObject } from "../../core/values/json-object.ts";
import type { JsonObject, JsonValue } from "../../core/values/value.ts";
import { isPluginTemplate, PLUGIN_KEY } from "../plugin-template.ts";

/** A node to execute. The request names neither the node nor the try. */
export interface ExecuteRequest {
  readonly workflow: { readonly namespace: string; readonly name: string; readonly uid: string };
  /** With all placeholders filled in. */
  readonly template: JsonObject;
}

/** What a request turned out to be. */
export type ReadRequest =
  | { readonly kind: "ours"; readonly request: ExecuteRequest }
  /** A template of another plugin. */
  | { readonly kind: "foreign" }
  | { readonly kind: "broken"; readonly problem: string };

/** Reads the body of a request. */
export function readExecuteRequest(json: JsonValue): ReadRequest {
  if (!isJsonObject(json)) return { kind: "broken", problem: "it is not an object" };
  const { workflow, template } = json;
  if (!isJsonObject(template)) return { kind: "broken", problem: "it has no template" };
  if (!isPluginTemplate(template)) return { kind: "foreign" };
  const metadata = isJsonObject(workflow) ? workflow["metadata"] : undefined;
  const [namespace, name, uid] = ["namespace", "name", "uid"].map((member) => {
    const text = isJsonObject(metadata) ? metadata[member] : undefined;
    return typeof text === "string" ? text : "";
  });
  if (!namespace || !name || !uid) return { kind: "broken", problem: "it does not say which workflow it is of" };
  return { kind: "ours", request: { workflow: { namespace, name, uid }, template } };
}

/**
 * What tells one piece of work from another: the workflow, the driver's object, and the values of its inputs.
 *
 * Two requests of the same key are the same node, or a node and its retry; neither is worth a second driver at the same time.
 */
export function jobKey({ workflow, template }: ExecuteRequest): string {
  const { inputs, plugin } = template;
  return JSON.stringify([workflow.uid, template["name"], inputs, isJsonObject(plugin) ? plugin[PLUGIN_KEY] : null]);
}

/** The node has ended. */
export function endedReply(node: JsonObject): JsonObject {
  return { node };
}

/** Nothing is written anywhere, and the same request comes again after so many seconds. */
export function laterReply(seconds: number): JsonObject {
  return { node: {}, requeue: `${seconds}s` };
}

/** The agent asks the next plugin. */
export const FOREIGN_REPLY: JsonObject = {};
