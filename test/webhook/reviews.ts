/**
 * Reviews as Kubernetes sends them to webhooks.
 *
 * Reference: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import type { JsonObject } from "../../src/core/values/value.ts";
import { runWorkflow } from "../cluster/run-workflow.ts";

const RESOURCES: Readonly<Record<string, JsonObject>> = {
  Workflow: { group: "argoproj.io", version: "v1alpha1", resource: "workflows" },
  Pod: { group: "", version: "v1", resource: "pods" },
};

/** @param object With its `kind`. */
export function admissionReview(object: JsonObject, operation = "CREATE"): JsonObject {
  const kind = object["kind"] as string;
  const { resource = "things", ...group } = RESOURCES[kind] ?? { group: "", version: "v1" };
  return {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: "705ab4f5-6393-11e8-b7cc-42010a800002",
      kind: { ...group, kind },
      resource: { ...group, resource },
      requestKind: { ...group, kind },
      requestResource: { ...group, resource },
      ...{ name: "", namespace: "team-a", operation },
      userInfo: { username: "system:serviceaccount:kubeflow:ml-pipeline", groups: ["system:serviceaccounts"] },
      ...{ object, oldObject: null, dryRun: false, options: { kind: "CreateOptions", apiVersion: "meta.k8s.io/v1" } },
    },
  };
}

/** As KFP's API server creates it. */
export function submittedWorkflow(name = "loop_over_constants"): JsonObject {
  const compiled = readFileSync(new URL(`../conformance/workflows/${name}.yaml`, import.meta.url), "utf8");
  return runWorkflow(compiled, {
    ...{ runId: "0b6e9f00-0000-4000-8000-000000000001", displayName: "My run" },
    ...{ namespace: "team-a", workflowName: "my-run" },
  });
}

/** As Argo's controller creates it for a rewritten workflow (docs/spec/resident-driver.md#the-agent-pod). */
export function agentPod(): JsonObject {
  return {
    ...{ apiVersion: "v1", kind: "Pod" },
    metadata: {
      name: "my-run-1340600742-agent",
      labels: {
        "workflows.argoproj.io/workflow": "my-run",
        "workflows.argoproj.io/completed": "false",
        "workflows.argoproj.io/component": "agent",
        "pipeline/runid": "0b6e9f00-0000-4000-8000-000000000001",
        "kfp-runtime.dev/resident": "true",
      },
    },
    spec: { containers: [{ name: "main", image: "argoexec" }], restartPolicy: "OnFailure" },
  };
}
