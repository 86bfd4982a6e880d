/**
 * Argo's own controller hands nodes to the agent: no kubelet, so pods of steps are objects that the test ends as if they had run.
 *
 * Wants the controller that an earlier `npm run test:cluster` has built.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, globSync, openSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { describe, onTestFinished, test, vi } from "vitest";
import { parse } from "yaml";
import { TaskState } from "../../../src/core/kfp-types.ts";
import type { JsonObject } from "../../../src/core/values/value.ts";
import { applyJsonPatch } from "../../../src/resident/rewrite/json-patch.ts";
import { rewriteWorkflow } from "../../../src/resident/rewrite/rewrite-workflow.ts";
import type { KubeObject } from "../../cluster/kube-api/kube-object.ts";
import type { ObjectStore } from "../../cluster/kube-api/object-store.ts";
import { resourceOf } from "../../cluster/kube-api/resources.ts";
import { runWorkflow } from "../../cluster/run-workflow.ts";
import { root } from "../../support/probe.ts";
import { skipUnless } from "../../support/skip.ts";
import { AgentWorld } from "./agent-world.ts";

const NAMESPACE = "kubeflow";
const cache = process.env["XDG_CACHE_HOME"] ?? path.join(homedir(), ".cache");
const [controller = ""] = globSync(path.join(cache, "kfp-runtime/argo-*/workflow-controller"));
const skips = skipUnless(controller !== "", "Argo's controller beside the agent: npm run test:cluster has not built it here");

interface Node {
  readonly type: string;
  readonly phase: string;
  readonly templateName?: string;
  readonly message?: string;
}

function startController(world: AgentWorld): ChildProcess {
  const log = openSync(path.join(world.folder, "controller.log"), "a");
  const args = ["--kubeconfig", world.kube.kubeconfig, "--namespace", NAMESPACE, "--executor-image", "argoexec"];
  const child = spawn(controller, args, {
    env: { PATH: process.env["PATH"], HOME: world.folder, LEADER_ELECTION_DISABLE: "true", DEFAULT_REQUEUE_TIME: "1s" },
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  onTestFinished(async () => {
    const ended = once(child, "close");
    child.kill("SIGKILL");
    await ended;
  });
  return child;
}

/** Ends every pod of a step well, as soon as it is there. */
function endSteps(store: ObjectStore): () => void {
  const pods = { resource: resourceOf("pods"), namespace: NAMESPACE };
  const end = ({ metadata }: KubeObject): void => {
    const { name, labels = {}, annotations = {} } = metadata;
    const nodeId = annotations["workflows.argoproj.io/node-id"] ?? name;
    store.create(
      { resource: resourceOf("workflowtaskresults"), namespace: NAMESPACE },
      {
        metadata: {
          name: nodeId,
          labels: {
            "workflows.argoproj.io/workflow": labels["workflows.argoproj.io/workflow"] ?? "",
            "workflows.argoproj.io/report-outputs-completed": "true",
          },
        },
      },
    );
    const terminated = { exitCode: 0, startedAt: new Date().toISOString(), finishedAt: new Date().toISOString() };
    const containerStatuses = ["wait", "main"].map((container) => ({ name: container, state: { terminated } }));
    store.patch({ ...pods, name }, { status: { phase: "Succeeded", containerStatuses } }, "status");
  };
  const selects = ({ metadata }: KubeObject): boolean => metadata.labels?.["workflows.argoproj.io/component"] !== "agent";
  const onEvent = ({ type, object }: { type: string; object: KubeObject }): void => {
    if (type === "ADDED") setImmediate(() => end(object));
  };
  return store.watch(pods, { since: "", selects, onEvent });
}

describe.skipIf(skips)("Argo's controller", () => {
  test.for([
    { name: "a loop", pipeline: "loop_over_constants" },
    { name: "a loop over nothing", pipeline: "loop_over_nothing" },
    { name: "a condition", pipeline: "condition_on_a_parameter" },
    { name: "pipelines without inputs", pipeline: "nested_pipeline_optional_inputs" },
    { name: "a step", pipeline: "container_bare" },
  ])("runs a rewritten workflow without driver pods: $name", { timeout: 240_000 }, async ({ pipeline }, { expect }) => {
    const world = await AgentWorld.open();
    world.addNamespace(NAMESPACE);
    const { store } = world.kube;
    store.create(
      { resource: resourceOf("configmaps"), namespace: NAMESPACE },
      { metadata: { name: "workflow-controller-configmap" }, data: { metricsConfig: "enabled: false\n" } },
    );
    const stop = endSteps(store);
    onTestFinished(stop);
    startController(world);
    const agent = world.agent({ argv: ["--namespace", NAMESPACE] });
    const conformance = path.join(root, "test/conformance");
    const compiled = readFileSync(path.join(conformance, `workflows/${pipeline}.yaml`), "utf8");
    const text = readFileSync(path.join(conformance, `pipelines/${pipeline}.yaml`), "utf8");
    const [spec, platform] = text.split(/^---$/m).map((part) => parse(part) as JsonObject);
    const value = platform === undefined ? (spec ?? {}) : { pipeline_spec: spec ?? {}, platform_spec: platform };
    const { runId } = await world.raw.createRun({
      run: { displayName: pipeline, pipelineSource: { case: "pipelineSpec", value } },
    });
    const workflowName = `${pipeline.replaceAll("_", "-")}-1`;
    const workflow = runWorkflow(compiled, { runId, displayName: pipeline, namespace: NAMESPACE, workflowName });
    const outcome = rewriteWorkflow(workflow, { loopParallelism: 200, version: "test" });
    if (outcome.kind !== "rewritten") throw new Error(JSON.stringify(outcome));
    store.create(
      { resource: resourceOf("workflows"), namespace: NAMESPACE },
      applyJsonPatch(workflow, outcome.patch) as JsonObject,
    );
    const place = { resource: resourceOf("workflows"), namespace: NAMESPACE, name: workflowName };
    const nodes = (): Node[] => Object.values((store.get(place).status?.["nodes"] ?? {}) as unknown as Record<string, Node>);
    await vi.waitFor(
      () => {
        const problems = nodes().filter(({ phase }) => phase === "Failed" || phase === "Error");
        expect(problems.map(({ templateName, message }) => `${String(templateName)}: ${String(message)}`)).toEqual([]);
        expect(store.get(place).status?.["phase"]).toBe("Succeeded");
      },
      { timeout: 60_000, interval: 200 },
    );
    const drivers = nodes().filter(({ type }) => type === "Plugin");
    expect(new Set(drivers.map(({ phase }) => phase))).toEqual(new Set(["Succeeded"]));
    expect(drivers.length).toBeGreaterThan(1);
    const pods = store.list({ resource: resourceOf("pods"), namespace: NAMESPACE }).items;
    const roles = new Set(pods.map(({ metadata }) => metadata.labels?.["pipelines.kubeflow.org/pod-role"] ?? "agent"));
    expect([...roles].filter((role) => role.includes("driver"))).toEqual([]);
    // The patch of the driver has reached the pod of its step.
    const steps = pods.filter(({ metadata }) => metadata.labels?.["pipelines.kubeflow.org/pod-role"] === "container-executor");
    for (const { spec: podSpec } of steps) expect(JSON.stringify(podSpec)).toContain(runId);
    const rows = await world.rows(runId);
    expect(rows.filter(({ state }) => state === TaskState.FAILED)).toEqual([]);
    expect(rows.length).toBe(drivers.length);
    await vi.waitFor(async () => expect((await agent.page("/metrics")).text).toContain("kfp_driver_agent_task_sets 0\n"), {
      timeout: 20_000,
    });
  });
});
