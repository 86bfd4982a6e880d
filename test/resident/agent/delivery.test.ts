import { describe, test } from "vitest";
import type { JsonObject } from "../../../src/core/values/value.ts";
import { AGENT_LIMITS } from "../../../src/resident/agent/agent.ts";
import { Delivery } from "../../../src/resident/agent/delivery.ts";
import { Ledger, type Drive } from "../../../src/resident/agent/ledger.ts";
import { AgentMetrics } from "../../../src/resident/agent/metrics.ts";
import { succeeded } from "../../../src/resident/agent/node-result.ts";
import { parseTaskSet, type TaskSet } from "../../../src/resident/agent/task-set.ts";
import { PLUGIN_KEY } from "../../../src/resident/plugin-template.ts";
import { FakeClock } from "../../fakes/fake-clock.ts";
import { RecordingLogger } from "../../fakes/recording-logger.ts";

const WF = { namespace: "a", name: "wf" };
const FACTS = { ...WF, uid: "uid-1", runId: "run", serviceAccount: "pipeline-runner" };
const DONE = succeeded([{ name: "condition", value: "true" }]);

/** Everything that can be done without a timer is done. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

function taskSetOf(tasks: readonly string[], version: number): JsonObject {
  return {
    metadata: {
      ...WF,
      resourceVersion: String(version),
      ownerReferences: [{ kind: "Workflow", name: WF.name, uid: FACTS.uid }],
    },
    spec: { tasks: Object.fromEntries(tasks.map((id) => [id, { plugin: { [PLUGIN_KEY]: {} } }])) },
  };
}

/** A delivery between a ledger and a Kubernetes that takes every result at once. */
function world(tasks: readonly string[]) {
  const clock = new FakeClock();
  const ledger = new Ledger({ ...AGENT_LIMITS, perWorkflow: 100 });
  const metrics = new AgentMetrics();
  const patches: { readonly atMs: number; readonly nodes: readonly string[] }[] = [];
  let left: readonly string[] = [];
  let beforeAnswer = (): void => undefined;
  const patchStatus = (_resource: unknown, _place: unknown, patch: JsonObject): Promise<JsonObject> => {
    const nodes = Object.keys((patch["status"] as { nodes: JsonObject }).nodes);
    patches.push({ atMs: clock.monotonicMs(), nodes });
    const answer = taskSetOf(left, patches.length);
    left = left.filter((id) => !nodes.includes(id));
    beforeAnswer();
    return Promise.resolve(answer);
  };
  const delivery = new Delivery({
    ...{ kube: { patchStatus }, clock, ledger, metrics, logger: new RecordingLogger(), limits: AGENT_LIMITS },
    workflow: () => Promise.resolve(FACTS),
    signal: new AbortController().signal,
  });
  const drives: Drive[] = [];
  const offer = (asked: readonly string[], version: number): void => {
    left = asked;
    ledger.observe(parseTaskSet(taskSetOf(asked, version)) as TaskSet, clock.monotonicMs());
    drives.push(...asked.map(() => ledger.take(clock.monotonicMs())!));
  };
  offer(tasks, 0);
  return {
    ...{ clock, ledger, metrics, patches, offer },
    end: async (index: number): Promise<void> => {
      ledger.complete(drives[index]!, DONE);
      delivery.wake(WF);
      await settled();
    },
    whenPatched: (act: () => void): void => void (beforeAnswer = act),
  };
}

describe("Delivery", () => {
  test("does not let a result wait that nothing can go along with", async ({ expect }) => {
    const { clock, patches, offer, end, metrics } = world(["x"]);
    await end(0);
    // The controller asks for the next one as soon as it has taken the first.
    offer(["y"], 5);
    clock.advance(7);
    await end(1);
    expect(patches).toEqual([
      { atMs: 0, nodes: ["x"] },
      { atMs: 7, nodes: ["y"] },
    ]);
    expect(metrics.text(() => ({}))).toContain('kfp_driver_agent_answer_seconds_bucket{le="0.0075"} 2\n');
  });

  test("gathers results while others of the workflow are being driven, for a moment", async ({ expect }) => {
    const { clock, patches, end } = world(["a", "b", "c", "d"]);
    await end(0);
    clock.advance(10);
    await end(1);
    await end(2);
    clock.advance(AGENT_LIMITS.gatherMs - 11);
    await settled();
    expect(patches).toHaveLength(1);
    clock.advance(1);
    await settled();
    expect(patches).toEqual([
      { atMs: 0, nodes: ["a"] },
      { atMs: AGENT_LIMITS.gatherMs, nodes: ["b", "c"] },
    ]);
  });

  test("sends what it has gathered when the last drive has ended", async ({ expect }) => {
    const { clock, patches, end } = world(["a", "b", "c"]);
    await end(0);
    await end(1);
    expect(patches).toHaveLength(1);
    clock.advance(10);
    await end(2);
    expect(patches[1]).toEqual({ atMs: 10, nodes: ["b", "c"] });
  });

  test("does not remember a workflow again that has ended while its last result was on the way", async ({ expect }) => {
    const { ledger, end, whenPatched } = world(["x"]);
    whenPatched(() => ledger.forget(WF, "the workflow has ended"));
    await end(0);
    expect(ledger.counts()).toMatchObject({ workflows: 0, waiting: 0 });
  });
});
