import { Pod } from "kubernetes-models/v1";
import { describe, test } from "vitest";
import type { JsonObject } from "../../src/core/values/value.ts";
import { applyJsonPatch } from "../../src/resident/rewrite/json-patch.ts";
import { readAdmissionReview, type AdmissionRequest } from "../../src/webhook/admission-review.ts";
import { AGENT_GATE, reviewAgentPod, reviewWorkflow } from "../../src/webhook/review.ts";
import { admissionReview, agentPod, submittedWorkflow } from "./reviews.ts";

const OPTIONS = { version: "1.2.3", loopParallelism: 200, agentReady: true };
const request = (object: JsonObject, operation?: string): AdmissionRequest =>
  readAdmissionReview(admissionReview(object, operation)) as AdmissionRequest;

describe("reviewWorkflow()", () => {
  const workflow = submittedWorkflow();

  test("rewrites a new workflow of a run, once", ({ expect }) => {
    const review = reviewWorkflow(request(workflow), OPTIONS);
    expect(review).toMatchObject({ result: "rewritten", warnings: [] });
    const after = applyJsonPatch(workflow, review.patch) as JsonObject;
    expect(JSON.stringify(after)).toContain('"kfp-runtime-driver"');
    expect(reviewWorkflow(request(after), OPTIONS)).toEqual({ result: "already_rewritten", patch: [], warnings: [] });
  });

  test("sends the two templates and marks, not the workflow", ({ expect }) => {
    const { patch } = reviewWorkflow(request(submittedWorkflow("loop_with_parallelism")), OPTIONS);
    expect(patch.map(({ op, path }) => `${op} ${path.replace(/\d+$/, "N")}`)).toEqual([
      "replace /spec/templates/N",
      "replace /spec/templates/N",
      "add /metadata/labels/kfp-runtime.dev~1resident",
      "add /metadata/annotations/kfp-runtime.dev~1rewritten-by",
      "add /spec/podMetadata/labels/kfp-runtime.dev~1resident",
    ]);
  });

  test("leaves it alone while nobody would drive it, but not one that was rewritten", ({ expect }) => {
    expect(reviewWorkflow(request(workflow), { ...OPTIONS, agentReady: false })).toEqual({
      ...{ result: "agent_not_ready", reason: "the resident driver is not ready", patch: [] },
      warnings: ["kfp-runtime: drivers of this workflow keep their pods: the resident driver is not ready"],
    });
    const after = applyJsonPatch(workflow, reviewWorkflow(request(workflow), OPTIONS).patch) as JsonObject;
    expect(reviewWorkflow(request(after), { ...OPTIONS, agentReady: false }).result).toBe("already_rewritten");
  });

  test("leaves alone what it does not understand, and says why", ({ expect }) => {
    const odd = JSON.parse(
      JSON.stringify(workflow).replace('"--pipeline_name"', '"--later_flag","x","--pipeline_name"'),
    ) as JsonObject;
    expect(reviewWorkflow(request(odd), OPTIONS)).toMatchObject({
      ...{ result: "left_alone", patch: [], reason: expect.stringContaining("unknown flag --later_flag") as string },
    });
  });

  test.for<{ name: string; object: JsonObject; operation?: string }>([
    { name: "an update", object: workflow, operation: "UPDATE" },
    { name: "another kind", object: { ...workflow, kind: "CronWorkflow" } },
    { name: "a workflow of somebody else", object: { ...workflow, metadata: { name: "w" } } },
    { name: "a run without a name", object: { ...workflow, metadata: { labels: { "pipeline/runid": "" } } } },
  ])("ignores $name", ({ object, operation }, { expect }) => {
    expect(reviewWorkflow(request(object, operation), OPTIONS)).toMatchObject({ result: "ignored", patch: [], warnings: [] });
  });
});

describe("reviewAgentPod()", () => {
  const pod = agentPod();
  const withSpec = (spec: JsonObject): JsonObject => ({ ...pod, spec: { ...(pod["spec"] as JsonObject), ...spec } });

  test("holds back the agent pod of a rewritten workflow, in a way that Kubernetes accepts", ({ expect }) => {
    const review = reviewAgentPod(request(pod));
    expect(review).toMatchObject({ result: "gated", warnings: [] });
    const after = applyJsonPatch(pod, review.patch) as JsonObject;
    expect(after["spec"]).toMatchObject({ schedulingGates: [{ name: AGENT_GATE }] });
    expect(() => new Pod(after as never).validate()).not.toThrow();
    expect(reviewAgentPod(request(after))).toEqual({ result: "gated", patch: [], warnings: [] });
  });

  test("keeps other gates", ({ expect }) => {
    const gatedPod = withSpec({ schedulingGates: [{ name: "example.com/quota" }] });
    const after = applyJsonPatch(gatedPod, reviewAgentPod(request(gatedPod)).patch) as JsonObject;
    expect(after["spec"]).toMatchObject({ schedulingGates: [{ name: "example.com/quota" }, { name: AGENT_GATE }] });
  });

  const labelled = (labels: JsonObject): JsonObject => ({ ...pod, metadata: { labels } });
  test.for<{ name: string; object: JsonObject; operation?: string }>([
    { name: "an agent pod of another workflow", object: labelled({ "workflows.argoproj.io/component": "agent" }) },
    { name: "a step of a rewritten workflow", object: labelled({ "kfp-runtime.dev/resident": "true" }) },
    { name: "a pod without labels", object: { ...pod, metadata: {} } },
    { name: "a pod without a spec", object: { ...pod, spec: null } },
    { name: "a pod with a node", object: withSpec({ nodeName: "node-1" }) },
    { name: "an update", object: pod, operation: "UPDATE" },
    { name: "another kind", object: { ...pod, kind: "Job" } },
  ])("ignores $name", ({ object, operation }, { expect }) => {
    expect(reviewAgentPod(request(object, operation))).toMatchObject({ result: "ignored", patch: [], warnings: [] });
  });
});
