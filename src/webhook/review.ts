/**
 * What becomes of a new object: the decision of each webhook, without transport.
 *
 * Nothing is ever refused. A workflow that stays as it is runs with driver pods; an agent pod that stays as it is runs.
 *
 * Source: docs/spec/resident-driver.md#webhook-definition, #way-c-before-v410-holding-back-the-agent-pod; docs/adr/0043-rewrite-in-a-webhook.md.
 *
 * @module
 */
import { isJsonObject } from "../core/values/json-object.ts";
import type { JsonObject, JsonValue } from "../core/values/value.ts";
import { jsonPointer } from "../resident/rewrite/json-patch.ts";
import { labelOf, RESIDENT_LABEL } from "../resident/rewrite/marks.ts";
import { rewriteWorkflow, runIdOf, type RewriteOptions } from "../resident/rewrite/rewrite-workflow.ts";
import type { AdmissionAnswer, AdmissionRequest } from "./admission-review.ts";

/** Outcomes of reviews, as metrics count them. */
export const REVIEW_RESULTS = [
  /** The drivers of a workflow need no pods any more. */
  "rewritten",
  /** It was rewritten before. */
  "already_rewritten",
  /** It keeps its driver pods; the reason is in the log. */
  "left_alone",
  /** It keeps them because nobody would drive it. */
  "agent_not_ready",
  /** An agent pod waits for a gate that nobody opens. */
  "gated",
  /** The object is none of those that this webhook is for. */
  "ignored",
  /** A fault of ours. */
  "failed",
] as const;

/** A decision. */
export interface Review extends AdmissionAnswer {
  readonly result: (typeof REVIEW_RESULTS)[number];
  /** For the log, where there is something to say. */
  readonly reason?: string;
}

/** What the decision about a workflow depends on. */
export interface WorkflowReviewOptions extends RewriteOptions {
  /** Whether somebody would drive it. */
  readonly agentReady: boolean;
}

/** On a pod's `schedulingGates`: nobody ever takes it away. */
export const AGENT_GATE = "kfp-runtime.dev/no-agent";
/** What Argo's controller puts on its agent pods. */
const COMPONENT_LABEL = "workflows.argoproj.io/component";

/** A workflow that KFP's API server creates. Never throws. */
export function reviewWorkflow(request: AdmissionRequest, options: WorkflowReviewOptions): Review {
  const { operation, kind, object } = request;
  if (operation !== "CREATE" || kind !== "Workflow") return ignored("it is not a new Workflow");
  if (runIdOf(object) === undefined) return ignored("KFP's API server has not created it");
  const outcome = rewriteWorkflow(object, options);
  switch (outcome.kind) {
    case "already-rewritten":
      return { result: "already_rewritten", patch: [], warnings: [] };
    case "left-alone":
      return unchanged("left_alone", outcome.reason);
    case "rewritten":
      if (!options.agentReady) return unchanged("agent_not_ready", "the resident driver is not ready");
      return { result: "rewritten", patch: outcome.patch, warnings: [] };
  }
}

/** A pod of Argo's that would fail the drivers of a rewritten workflow. Never throws. */
export function reviewAgentPod({ operation, kind, object }: AdmissionRequest): Review {
  const { metadata = null, spec = null } = isJsonObject(object) ? object : {};
  const isAgent =
    isJsonObject(metadata) && labelOf(metadata, COMPONENT_LABEL) === "agent" && labelOf(metadata, RESIDENT_LABEL) === "true";
  if (operation !== "CREATE" || kind !== "Pod" || !isAgent || !isJsonObject(spec))
    return ignored("it is no new agent pod of a rewritten workflow");
  if (typeof spec["nodeName"] === "string" && spec["nodeName"] !== "") return ignored("it has a node already");
  const gate: JsonObject = { name: AGENT_GATE };
  const gates = spec["schedulingGates"];
  if (!Array.isArray(gates)) return gated(jsonPointer("spec", "schedulingGates"), [gate]);
  const has = gates.some((given) => isJsonObject(given) && given["name"] === AGENT_GATE);
  return has ? { result: "gated", patch: [], warnings: [] } : gated(jsonPointer("spec", "schedulingGates", "-"), gate);
}

function gated(path: string, value: JsonValue): Review {
  return { result: "gated", patch: [{ op: "add", path, value }], warnings: [] };
}

function unchanged(result: Review["result"], reason: string): Review {
  return { result, reason, patch: [], warnings: [`kfp-runtime: drivers of this workflow keep their pods: ${reason}`] };
}

function ignored(reason: string): Review {
  return { result: "ignored", reason, patch: [], warnings: [] };
}
