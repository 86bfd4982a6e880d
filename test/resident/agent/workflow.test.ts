import { describe, test } from "vitest";
import type { JsonObject } from "../../../src/core/values/value.ts";
import { readWorkflow, refusalOf, type DriveClaim, type WorkflowFacts } from "../../../src/resident/agent/workflow.ts";

const NOW = new Date("2026-08-01T12:00:00Z");
const object: JsonObject = {
  metadata: { name: "wf", namespace: "a", uid: "u", labels: { "pipeline/runid": "run-1" } },
  spec: { serviceAccountName: "pipeline-runner" },
  status: { phase: "Running", startedAt: "2026-08-01T11:00:00Z" },
};
const facts: WorkflowFacts = { uid: "u", name: "wf", namespace: "a", runId: "run-1", serviceAccount: "pipeline-runner" };

describe("readWorkflow()", () => {
  test("reads who it is", ({ expect }) => {
    expect(readWorkflow(object, NOW)).toEqual(facts);
    expect(readWorkflow({}, NOW)).toEqual({ uid: "", name: "", namespace: "", runId: "", serviceAccount: "default" });
  });

  test.for<{ name: string; spec?: JsonObject; status?: JsonObject; over: string | undefined }>([
    { name: "it runs", over: undefined },
    { name: "it has not begun", status: {}, over: undefined },
    { name: "it has ended", status: { phase: "Failed" }, over: "the workflow has ended: Failed" },
    { name: "KFP has terminated it", spec: { activeDeadlineSeconds: 0 }, over: "the workflow has exceeded its deadline" },
    { name: "its deadline is to come", spec: { activeDeadlineSeconds: 3601 }, over: undefined },
    { name: "its deadline is past", spec: { activeDeadlineSeconds: 3600 }, over: "the workflow has exceeded its deadline" },
    { name: "its deadline begins later", spec: { activeDeadlineSeconds: 5 }, status: {}, over: undefined },
    { name: "Argo stops it", spec: { shutdown: "Stop" }, over: "the workflow is being shut down: Stop" },
  ])("$name", ({ spec = {}, status = object["status"] as JsonObject, over }, { expect }) => {
    expect(readWorkflow({ ...object, spec, status }, NOW).over).toBe(over);
  });
});

describe("refusalOf()", () => {
  const claim: DriveClaim = {
    facts,
    workflowUid: "u",
    options: { runId: "run-1", runName: "wf", namespace: "a" },
    allowedAccounts: new Set(["pipeline-runner"]),
  };

  test("lets a node be driven that is what it says", ({ expect }) => {
    expect(refusalOf(claim)).toBeUndefined();
  });

  test.for<{ name: string; change: Partial<DriveClaim>; reason: RegExp }>([
    { name: "another workflow of the name", change: { workflowUid: "v" }, reason: /is not the one that the task set belongs to/ },
    { name: "a workflow of no run", change: { facts: { ...facts, runId: "" } }, reason: /has no label pipeline\/runid/ },
    { name: "another run", change: { options: { ...claim.options, runId: "run-2" } }, reason: /names another run/ },
    { name: "no run", change: { options: { ...claim.options, runId: "" } }, reason: /names another run/ },
    { name: "another workflow", change: { options: { ...claim.options, runName: "x" } }, reason: /names another workflow/ },
    { name: "another namespace", change: { options: { ...claim.options, namespace: "b" } }, reason: /names another namespace/ },
    {
      name: "another account",
      change: { facts: { ...facts, serviceAccount: "admin" } },
      reason: /runs as service account "admin"/,
    },
  ])("refuses: $name", ({ change, reason }, { expect }) => {
    expect(refusalOf({ ...claim, ...change })).toMatch(reason);
  });
});
