import { describe, test, vi } from "vitest";
import { KubeError } from "../../../src/core/errors.ts";
import { TaskState } from "../../../src/core/kfp-types.ts";
import type { JsonObject } from "../../../src/core/values/value.ts";
import type { KubeObjects } from "../../../src/ports/kube-objects.ts";
import { resourceOf } from "../../cluster/kube-api/resources.ts";
import { driverTemplate, type WorkflowPlayer } from "../../support/workflow-player.ts";
import { AgentWorld } from "./agent-world.ts";

const SOON = { timeout: 60_000, interval: 20 };
/** Of agents whose lease is to be lost. */
const SHORT_LEASE = { durationMs: 2000, renewWithinMs: 1200, retryMs: 100 };

/** As {@link WorkflowPlayer} takes them: a result for every node, and only one. */
function resultsOf({ results }: WorkflowPlayer): Record<string, string> {
  return Object.fromEntries([...results].map(([node, all]) => [node, all.map(({ phase }) => phase).join()]));
}

function succeeded(items: number): Record<string, string> {
  const steps = Array.from({ length: items }, (_, index) => [`echo-${String(index)}`, "Succeeded"] as const);
  return Object.fromEntries([["root", "Succeeded"], ["loop", "Succeeded"], ...steps]);
}

/** Another way to patch the status of task sets. */
function patching(
  patchStatus: (kube: KubeObjects, ...args: Parameters<KubeObjects["patchStatus"]>) => Promise<JsonObject | undefined>,
) {
  return (kube: KubeObjects): KubeObjects => ({ ...kube, patchStatus: (...args) => patchStatus(kube, ...args) });
}

describe("an agent", () => {
  test("drives a whole run, each node once, and gives every declared output", async ({ expect }) => {
    const world = await AgentWorld.open();
    const agent = world.agent();
    const player = await world.play({ items: 5 });
    player.start();
    await player.ended;
    expect(resultsOf(player)).toEqual(succeeded(5));
    expect(player.results.get("loop")?.[0]?.outputs?.parameters).toEqual([
      { name: "parent-dag-task-id-path", value: expect.stringMatching(/./) as string },
      { name: "iteration-count", value: "5" },
      { name: "condition", value: "nil" },
    ]);
    expect(player.value("echo-3", "condition")).toBe("nil");
    expect(player.value("echo-3", "cached-decision")).toBe("false");
    expect(JSON.parse(player.value("echo-3", "pod-spec-patch") ?? "")).toMatchObject({ containers: [{ name: "main" }] });
    const steps = await world.steps(player.runId);
    expect(steps.map(({ state }) => state)).toEqual(Array.from({ length: 5 }, () => TaskState.RUNNING));
    expect(await agent.stop()).toBe(0);
  });

  test("reads a run that it knows to be small once for a driver, also in a loop", async ({ expect }) => {
    const world = await AgentWorld.open();
    world.agent();
    const player = await world.play({ items: 5 });
    player.start();
    await player.ended;
    // Root, loop and iterations.
    expect(world.server.stats()["GetRun"]?.calls).toBe(1 + 1 + 5);
  });

  test("leaves other plugins and HTTP templates alone, and says how many there are", async ({ expect }) => {
    const world = await AgentWorld.open();
    const agent = world.agent();
    const player = await world.play();
    player.offerTasks({ other: { plugin: { hello: {} } }, http: { http: { url: "http://x" } } });
    player.start();
    await player.ended;
    expect(resultsOf(player)).toEqual(succeeded(3));
    await vi.waitFor(
      async () => expect((await agent.page("/metrics")).text).toContain("kfp_driver_agent_foreign_tasks 2\n"),
      SOON,
    );
  });

  test("answers probes and tells metrics", async ({ expect }) => {
    const world = await AgentWorld.open();
    // Nothing is counted twice because the machine is slow.
    const agent = world.agent({ host: { limits: { lostAfterMs: 60_000 } } });
    const player = await world.play();
    player.start();
    await player.ended;
    expect(await agent.page("/healthz")).toEqual({ status: 200, text: "ok\n" });
    expect(await agent.page("/readyz")).toEqual({ status: 200, text: "ok\n" });
    expect((await agent.page("/else")).status).toBe(404);
    const { text } = await agent.page("/metrics");
    expect(text).toContain('kfp_driver_agent_drives_total{phase="Succeeded"} 5\n');
    expect(text).toContain("kfp_driver_agent_results_total 5\n");
    expect(text).toContain("kfp_driver_agent_drive_seconds_count 5\n");
    expect(text).toContain("kfp_driver_agent_leading 1\n");
    expect(text).toContain("process_cpu_seconds_total 1.5\n");
  });

  test("says when Argo's controller leaves results where they are", async ({ expect }) => {
    const world = await AgentWorld.open();
    const agent = world.agent({ host: { limits: { untakenMs: 100 } } });
    let isTaking = false;
    const player = await world.play({ items: 1, takesResults: () => isTaking });
    player.start();
    const told = /^Results stay in task sets: .* workflowtasksets\/status/;
    await vi.waitFor(() => expect(agent.logger.messages("warn")).toContainEqual(expect.stringMatching(told)), SOON);
    expect((await agent.page("/metrics")).text).toContain("kfp_driver_agent_untaken 1\n");
    isTaking = true;
    player.reconcile();
    await player.ended;
    await vi.waitFor(async () => expect((await agent.page("/metrics")).text).toContain("kfp_driver_agent_untaken 0\n"), SOON);
  });

  test("forgets a workflow that has ended", async ({ expect }) => {
    const world = await AgentWorld.open();
    const agent = world.agent();
    const player = await world.play();
    player.start();
    await player.ended;
    player.complete();
    await vi.waitFor(async () => expect((await agent.page("/metrics")).text).toContain("kfp_driver_agent_task_sets 0\n"), SOON);
  });

  test("does not drive more of a run at a time than it may", async ({ expect }) => {
    const world = await AgentWorld.open();
    const agent = world.agent({ argv: ["--max_drives", "3", "--max_drives_per_run", "2"] });
    const held = Promise.withResolvers<void>();
    world.server.faults.add({ method: "CreateTask", skip: 2, times: Infinity, kind: "hold", until: held.promise });
    const player = await world.play({ items: 6 });
    player.start();
    await vi.waitFor(async () => expect((await agent.page("/metrics")).text).toContain("kfp_driver_agent_waiting 4\n"), SOON);
    expect((await agent.page("/metrics")).text).toContain("kfp_driver_agent_driving 2\n");
    held.resolve();
    await player.ended;
    expect(resultsOf(player)).toEqual(succeeded(6));
  });
});

describe("an agent among others", () => {
  test("one of two drives; when it ends the other goes on at once", async ({ expect }) => {
    const world = await AgentWorld.open();
    const first = world.agent({ pod: "agent-0" });
    await vi.waitFor(async () => expect((await first.page("/readyz")).text).toBe("ok\n"), SOON);
    const second = world.agent({ pod: "agent-1" });
    await vi.waitFor(async () => expect((await second.page("/readyz")).text).toBe("standing by\n"), SOON);
    const player = await world.play({ items: 4 });
    player.start();
    await vi.waitFor(() => expect(player.results.has("loop")).toBe(true), SOON);
    expect(await first.stop()).toBe(0);
    await player.ended;
    const other = await world.play({ items: 2 });
    other.start();
    await other.ended;
    expect(resultsOf(player)).toEqual(succeeded(4));
    expect(resultsOf(other)).toEqual(succeeded(2));
    expect(await world.steps(player.runId)).toHaveLength(4);
    expect(second.logger.messages("info")).toContain("This agent leads");
  });

  test("one that cannot renew its lease stops driving, and records no failure", async ({ expect }) => {
    const world = await AgentWorld.open();
    let isCutOff = false;
    const first = world.agent({
      pod: "agent-0",
      around: (kube) => ({
        ...kube,
        replaceObject: (...args) => (isCutOff ? new Promise<never>(() => undefined) : kube.replaceObject(...args)),
      }),
      host: { leaseTimes: SHORT_LEASE },
    });
    await vi.waitFor(async () => expect((await first.page("/readyz")).text).toBe("ok\n"), SOON);
    const second = world.agent({ pod: "agent-1", host: { leaseTimes: SHORT_LEASE } });
    const held = Promise.withResolvers<void>();
    world.server.faults.add({ method: "CreateTask", skip: 2, times: 3, kind: "hold", until: held.promise });
    const player = await world.play({ items: 3 });
    player.start();
    await vi.waitFor(() => expect(player.results.has("loop")).toBe(true), SOON);
    isCutOff = true;
    await vi.waitFor(() => expect(second.logger.messages("info")).toContain("This agent leads"), SOON);
    expect(first.logger.messages("error")).toContain("This agent has lost the lease and stops driving");
    held.resolve();
    await player.ended;
    expect(resultsOf(player)).toEqual(succeeded(3));
    const steps = await world.steps(player.runId);
    expect(steps.map(({ state }) => state)).toEqual([TaskState.RUNNING, TaskState.RUNNING, TaskState.RUNNING]);
  });
});

describe("an agent that ends", () => {
  test("is told to stop while it takes the lease: it gives it back and ends", async ({ expect }) => {
    const world = await AgentWorld.open();
    const asked = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    const agent = world.agent({
      around: (kube) => ({
        ...kube,
        createObject: async (...args) => {
          asked.resolve();
          await held.promise;
          return await kube.createObject(...args);
        },
      }),
    });
    await asked.promise;
    const stopped = agent.stop();
    held.resolve();
    expect(await stopped).toBe(0);
    const [lease] = world.kube.store.list({ resource: resourceOf("leases"), namespace: "kubeflow" }).items;
    expect(lease?.spec).toMatchObject({ holderIdentity: "" });
  });

  test("finishes what it drives, and delivers the results", async ({ expect }) => {
    const world = await AgentWorld.open();
    const agent = world.agent();
    const held = Promise.withResolvers<void>();
    world.server.faults.add({ method: "CreateTask", skip: 2, times: Infinity, kind: "hold", until: held.promise });
    const player = await world.play({ items: 3 });
    player.start();
    await vi.waitFor(async () => expect((await agent.page("/metrics")).text).toContain("kfp_driver_agent_driving 3\n"), SOON);
    const stopped = agent.stop();
    held.resolve();
    expect(await stopped).toBe(0);
    await player.ended;
    expect(resultsOf(player)).toEqual(succeeded(3));
  });

  test("leaves the rest to the next one: a restart in the middle", async ({ expect }) => {
    const world = await AgentWorld.open();
    const held = Promise.withResolvers<void>();
    world.server.faults.add({ method: "CreateTask", skip: 8, kind: "hold", until: held.promise });
    const first = world.agent({ argv: ["--max_drives", "1"] });
    const player = await world.play({ items: 12 });
    player.start();
    await vi.waitFor(() => expect(player.results.size).toBeGreaterThan(3), SOON);
    const stopped = first.stop();
    held.resolve();
    expect(await stopped).toBe(0);
    expect(player.results.size).toBeLessThan(14);
    world.agent();
    await player.ended;
    expect(resultsOf(player)).toEqual(succeeded(12));
    expect(await world.steps(player.runId)).toHaveLength(12);
  });
});

describe("results that get lost", () => {
  test("are delivered again when the task set does not show them", async ({ expect }) => {
    const world = await AgentWorld.open();
    let swallowed = 0;
    const agent = world.agent({
      around: patching(async (kube, resource, place, patch) => {
        // As if nothing had been sent: the answer is the object as it was.
        if ((swallowed += 1) <= 3) return await kube.getObject(resource, place);
        return await kube.patchStatus(resource, place, patch);
      }),
    });
    const player = await world.play();
    player.start();
    await player.ended;
    expect(resultsOf(player)).toEqual(succeeded(3));
    expect(agent.logger.messages("warn")).toContain("Results got lost and are reported again");
  }, 120_000);

  test("are delivered again after patches that fail, before and after they were applied", async ({ expect }) => {
    const world = await AgentWorld.open();
    let patches = 0;
    world.agent({
      around: patching(async (kube, resource, place, patch) => {
        patches += 1;
        if (patches % 3 === 0) return await kube.patchStatus(resource, place, patch);
        if (patches % 3 === 1) await kube.patchStatus(resource, place, patch);
        throw new KubeError("KUBE_UNAVAILABLE", "nobody there");
      }),
    });
    const player = await world.play();
    player.start();
    await player.ended;
    expect(resultsOf(player)).toEqual(succeeded(3));
  });

  test("are made again when the controller loses them and asks again", async ({ expect }) => {
    const world = await AgentWorld.open();
    world.agent();
    const player = await world.play();
    player.start();
    await player.ended;
    player.offer("echo-1", "CONTAINER", {
      ...{ task_name: "echo", parent_task_id: player.value("loop", "parent-dag-task-id-path") ?? "", iteration_index: "1" },
    });
    await vi.waitFor(() => expect(player.results.get("echo-1")).toHaveLength(2), SOON);
    expect(player.results.get("echo-1")?.map(({ phase }) => phase)).toEqual(["Succeeded", "Succeeded"]);
    expect(await world.steps(player.runId)).toHaveLength(3);
  });

  test("for nodes that are not asked for any more are taken out of the task set", async ({ expect }) => {
    const world = await AgentWorld.open();
    const player = await world.play({ takesResults: () => false });
    world.agent({
      around: patching(async (kube, resource, place, patch) => {
        // The run was retried: Argo has deleted the node in this moment.
        const { nodes } = (patch as { status: { nodes: JsonObject } }).status;
        if (nodes["root"] !== null) {
          const task = { resource: resourceOf("workflowtasksets"), ...place };
          world.kube.store.patch(task, { spec: { tasks: { root: null } } });
        }
        return await kube.patchStatus(resource, place, patch);
      }),
    });
    player.start();
    await vi.waitFor(() => {
      const list = world.kube.store.list({ resource: resourceOf("workflowtasksets"), namespace: "team-a" });
      expect(list.items[0]?.spec).toEqual({ tasks: {} });
      expect(list.items[0]?.status).toEqual({ nodes: {} });
    }, SOON);
  });
});

describe("when servers are away", () => {
  test("the API server: drives wait, and the run goes on when it is back", async ({ expect }) => {
    const world = await AgentWorld.open();
    const agent = world.agent();
    const player = await world.play();
    world.server.faults.add({ method: "*", times: 3, kind: "status", code: "UNAVAILABLE" });
    player.start();
    await player.ended;
    expect(resultsOf(player)).toEqual(succeeded(3));
    expect(agent.logger.messages("warn").some((line) => line.startsWith("The API server does not answer"))).toBe(true);
  }, 120_000);

  test("the API server for longer than the agent waits: an Error, which may be tried again", async ({ expect }) => {
    const world = await AgentWorld.open();
    world.agent({ argv: ["--api_retry_timeout", "200ms"] });
    const player = await world.play();
    world.server.faults.add({ method: "*", times: Infinity, kind: "status", code: "UNAVAILABLE" });
    player.start();
    await player.ended;
    expect(player.results.get("root")).toMatchObject([
      { phase: "Error", message: expect.stringMatching(/^driver: .*GetRun/) as string },
    ]);
  });

  test("Kubernetes: changes are caught up with, also when the server has forgotten where the agent was (410 Gone)", async ({
    expect,
  }) => {
    const world = await AgentWorld.open({ keptChanges: 10 });
    const agent = world.agent({ argv: ["--lease", ""] });
    const before = await world.play();
    before.start();
    await before.ended;
    await world.kube.stop();
    await vi.waitFor(async () => expect((await agent.page("/readyz")).status).toBe(503), SOON);
    const meanwhile = await world.play();
    meanwhile.start();
    before.complete();
    const noise = { resource: resourceOf("configmaps"), namespace: "team-b" };
    for (let index = 0; index < 40; index++) world.kube.store.create(noise, { metadata: { name: `noise-${String(index)}` } });
    await world.kube.startAgain();
    await meanwhile.ended;
    expect(resultsOf(meanwhile)).toEqual(succeeded(3));
    const { text } = await agent.page("/metrics");
    expect(text).toContain("kfp_driver_agent_task_sets 1\n");
    expect((await agent.page("/readyz")).text).toBe("ok\n");
  }, 120_000);
});

describe("a workflow that is terminated", () => {
  test("is not driven any more, and nothing is reported", async ({ expect }) => {
    const world = await AgentWorld.open();
    const held = Promise.withResolvers<void>();
    world.server.faults.add({ method: "GetRun", kind: "hold", until: held.promise });
    const agent = world.agent({ host: { limits: { freshMs: 0 } } });
    const player = await world.play();
    player.start();
    // Under way, past the look at its workflow.
    await vi.waitFor(() => expect(world.server.stats()["GetRun"]?.calls).toBe(1), SOON);
    player.terminate();
    held.resolve();
    await vi.waitFor(() => expect(agent.logger.messages("info")).toContain("Results are not reported"), SOON);
    expect(player.results.size).toBe(0);
    player.offer("late", "DAG", { task_name: "for-loop-1" });
    await vi.waitFor(() => expect(agent.logger.messages("info")).toContain("A node is not reported"), SOON);
    expect(player.results.size).toBe(0);
  }, 120_000);

  test("that ends while a step is driven: the step is FAILED, as when its pod is deleted", async ({ expect }) => {
    const world = await AgentWorld.open();
    const held = Promise.withResolvers<void>();
    const agent = world.agent();
    const player = await world.play({ items: 1 });
    world.server.faults.add({ method: "CreateTask", skip: 2, kind: "hold", until: held.promise });
    player.start();
    await vi.waitFor(() => expect(player.results.has("loop")).toBe(true), SOON);
    await vi.waitFor(async () => expect((await agent.page("/metrics")).text).toContain("kfp_driver_agent_driving 1\n"), SOON);
    player.complete("Failed");
    await vi.waitFor(async () => expect((await agent.page("/metrics")).text).toContain("kfp_driver_agent_task_sets 0\n"), SOON);
    held.resolve();
    await vi.waitFor(async () => {
      const [step] = await world.steps(player.runId);
      expect(step).toMatchObject({ state: TaskState.FAILED, statusMetadata: { message: "the workflow has ended" } });
    }, SOON);
  });
});

describe("task sets that are too large", () => {
  test("get their results in smaller parts", async ({ expect }) => {
    const world = await AgentWorld.open();
    const sizes: number[] = [];
    world.agent({
      around: patching(async (kube, resource, place, patch) => {
        const { nodes } = (patch as { status: { nodes: JsonObject } }).status;
        sizes.push(Object.keys(nodes).length);
        if (Object.keys(nodes).length > 2)
          throw new KubeError("KUBE_REJECTED", "etcdserver: request is too large", { details: { status: 500 } });
        return await kube.patchStatus(resource, place, patch);
      }),
    });
    const player = await world.play({ items: 16 });
    player.start();
    await player.ended;
    expect(resultsOf(player)).toEqual(succeeded(16));
    expect(Math.max(...sizes)).toBeGreaterThan(2);
  }, 120_000);

  test("a result that does not fit alone fails its node, and says so", async ({ expect }) => {
    const world = await AgentWorld.open();
    const agent = world.agent({
      around: patching(async (kube, resource, place, patch) => {
        const isLarge = JSON.stringify(patch).includes("pod-spec-patch");
        if (isLarge) throw new KubeError("KUBE_REJECTED", "Request entity too large", { details: { status: 413 } });
        return await kube.patchStatus(resource, place, patch);
      }),
    });
    const player = await world.play({ items: 1 });
    player.start();
    await player.ended;
    expect(player.results.get("echo-0")).toMatchObject([
      {
        phase: "Failed",
        message: expect.stringMatching(/^driver: its result of \d+ bytes does not fit into the task set/) as string,
      },
    ]);
    expect(agent.logger.messages("error")).toContain("A result does not fit into its task set");
  });
});

describe("templates that cannot be driven", () => {
  test.for([
    { name: "another format", plugin: { v: 2 }, message: /its format is 2, and this driver reads 1/ },
    { name: "no flags", plugin: { v: 1 }, message: /type/ },
    {
      name: "a file of the agent",
      plugin: { v: 1, runtime_config: "@/etc/passwd" },
      message: /Cannot read the value of --runtime_config from file/,
    },
    { name: "a question for the version", plugin: { v: 1, version: "true" }, message: /its template asks for version/ },
  ])("fail: $name", async ({ plugin, message }, { expect }) => {
    const world = await AgentWorld.open();
    world.agent();
    const player = await world.play();
    const template = driverTemplate("ROOT_DAG", { runId: player.runId, name: player.name }, {});
    const written = (template["plugin"] as JsonObject)["kfp-runtime-driver"] as JsonObject;
    const inputs = {
      parameters: [
        { name: "parent-dag-task-id", value: "" },
        { name: "task-name", value: "" },
        { name: "iteration-index", value: "-1" },
      ],
    };
    const changed = plugin.v === 1 && Object.keys(plugin).length > 1 ? { ...written, ...plugin } : plugin;
    player.offerTasks({ root: { ...template, inputs, plugin: { "kfp-runtime-driver": changed } } });
    await player.ended;
    expect(player.results.get("root")).toMatchObject([{ phase: "Failed", message: expect.stringMatching(message) as string }]);
  });

  test("fail where an output can have no value: a missing one would stop the workflow for ever", async ({ expect }) => {
    const world = await AgentWorld.open();
    world.agent();
    const player = await world.play();
    const template = driverTemplate("ROOT_DAG", { runId: player.runId, name: player.name }, { runtime_config: "{}" });
    const outputs = (template["outputs"] as { parameters: JsonObject[] }).parameters;
    player.offerTasks({ root: { ...template, outputs: { parameters: [...outputs, { name: "of-tomorrow" }] } } });
    await player.ended;
    expect(player.results.get("root")).toMatchObject([
      { phase: "Failed", message: expect.stringContaining('Output parameter "of-tomorrow"') as string },
    ]);
  });
});

describe("tenants", () => {
  test("one cannot drive another's run", async ({ expect }) => {
    const world = await AgentWorld.open();
    const agent = world.agent();
    const victim = await world.play({ namespace: "team-b" });
    const attacker = await world.play({ namespace: "team-a", claimedRunId: victim.runId });
    attacker.start();
    await attacker.ended;
    expect(attacker.results.get("root")).toMatchObject([
      { phase: "Failed", message: expect.stringMatching(/^driver: refused: the template names another run/) as string },
    ]);
    expect(await world.rows(victim.runId)).toEqual([]);
    expect(agent.logger.messages("error")).toContain("A node is refused");
    expect((await agent.page("/metrics")).text).toContain("kfp_driver_agent_refusals_total 1\n");
  });

  test.for([
    { name: "a flag that comes again", change: { args: ["--run_id=other"] }, message: /Succeeded/ },
    { name: "another workflow", change: { run_name: "wf-of-somebody" }, message: /names another workflow/ },
    { name: "another namespace", change: { namespace: "team-b" }, message: /Succeeded/ },
  ])("what a template says does not decide who it is: $name", async ({ change, message }, { expect }) => {
    const world = await AgentWorld.open();
    world.agent();
    const player = await world.play();
    const template = driverTemplate("ROOT_DAG", { runId: player.runId, name: player.name }, { runtime_config: "{}" });
    const plugin = (template["plugin"] as JsonObject)["kfp-runtime-driver"] as JsonObject;
    player.offerTasks({ root: { ...template, plugin: { "kfp-runtime-driver": { ...plugin, ...change } } } });
    await vi.waitFor(() => expect(player.results.has("root")).toBe(true), SOON);
    const [result] = player.results.get("root") ?? [];
    expect(`${String(result?.phase)} ${String(result?.message)}`).toMatch(message);
    // Wherever it was driven, it was the run of the label.
    for (const row of await world.rows(player.runId)) expect(row.runId).toBe(player.runId);
  });

  test("service accounts that drivers do not act for are refused", async ({ expect }) => {
    const world = await AgentWorld.open();
    world.agent();
    const player = await world.play({ serviceAccount: "nobody" });
    player.start();
    await player.ended;
    expect(player.results.get("root")).toMatchObject([
      { phase: "Failed", message: expect.stringContaining('runs as service account "nobody"') as string },
    ]);
  });

  test("a task set that no workflow owns is left alone", async ({ expect }) => {
    const world = await AgentWorld.open();
    const agent = world.agent();
    const runId = await world.createRun();
    const tasks = { root: driverTemplate("ROOT_DAG", { runId, name: "forged" }, { runtime_config: "{}" }) };
    const place = { resource: resourceOf("workflowtasksets"), namespace: "team-a" };
    world.kube.store.create(place, { metadata: { name: "forged" }, spec: { tasks } });
    await vi.waitFor(
      async () => expect((await agent.page("/metrics")).text).toContain("kfp_driver_agent_unusable_task_sets_total 1\n"),
      SOON,
    );
    expect(await world.rows(runId)).toEqual([]);
  });

  test("a task set of a workflow that is another one by now is refused", async ({ expect }) => {
    const world = await AgentWorld.open();
    world.agent();
    const player = await world.play();
    const owner = { apiVersion: "argoproj.io/v1alpha1", kind: "Workflow", name: player.name, uid: "uid-of-before" };
    const tasks = { root: driverTemplate("ROOT_DAG", { runId: player.runId, name: player.name }, { runtime_config: "{}" }) };
    const place = { resource: resourceOf("workflowtasksets"), namespace: "team-a" };
    world.kube.store.create(place, { metadata: { name: player.name, ownerReferences: [owner] }, spec: { tasks } });
    await player.ended;
    expect(player.results.get("root")).toMatchObject([
      { phase: "Failed", message: expect.stringContaining("is not the one that the task set belongs to") as string },
    ]);
  });

  test("every call goes out with a token of the workflow's account, for that run alone", async ({ expect }) => {
    const world = await AgentWorld.open();
    const asked: unknown[] = [];
    world.agent({
      around: (kube) => ({
        ...kube,
        createToken: (request) => {
          asked.push(request);
          return kube.createToken(request);
        },
      }),
    });
    const [a, b] = [
      await world.play({ namespace: "team-a" }),
      await world.play({ namespace: "team-b", serviceAccount: "default-editor" }),
    ];
    a.start();
    b.start();
    await Promise.all([a.ended, b.ended]);
    const scope = (namespace: string, name: string, runId?: string) => ({
      serviceAccount: { namespace, name },
      audiences: runId === undefined ? [] : [`pipelines.kubeflow.org/runs/${runId}`],
      expirationSeconds: 7200,
    });
    expect(asked).toHaveLength(4);
    expect(asked).toEqual(
      expect.arrayContaining([
        scope("team-a", "pipeline-runner", a.runId),
        scope("team-a", "pipeline-runner"),
        scope("team-b", "default-editor", b.runId),
        scope("team-b", "default-editor"),
      ]),
    );
    // The ConfigMap of the namespace was read by its own account.
    const readers = [...world.kube.server().requests.keys()].filter((line) => line.endsWith("get configmaps"));
    expect(readers.toSorted()).toEqual([
      "system:serviceaccount:team-a:pipeline-runner get configmaps",
      "system:serviceaccount:team-b:default-editor get configmaps",
    ]);
  });
});
