/**
 * Drivers of volume tasks that end at any point, or meet a fault at any call, and run again; and several at once: the rows and claims are
 * those of one driver that nobody disturbed.
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { TaskState } from "../../../src/core/kfp-types.ts";
import { claimTask, startClaimRun, type ClaimRun, type Spoiled } from "../../support/claim-pipeline.ts";

const given = { access_modes: ["ReadWriteOnce"], size: "5Gi", storage_class_name: "" };
const cached = { cachingOptions: { enableCache: true } };
const suffixed = { ...given, pvc_name_suffix: "-d" };
const fixed = { ...given, pvc_name: "p" };

interface Place {
  readonly run: ClaimRun;
  readonly parent: string;
  readonly task: string;
  readonly iterationIndex?: number;
}

interface Scenario {
  readonly name: string;
  readonly prepare: () => Promise<Place>;
}

const component = (task: JsonObject, output: string): JsonObject => ({
  "comp-inner": {
    inputDefinitions: { parameters: { item: { parameterType: "STRING", isOptional: true } } },
    outputDefinitions: { parameters: { out: { parameterType: output } } },
    dag: {
      tasks: { createpvc: task },
      outputs: { parameters: { out: { valueFromParameter: { producerSubtask: "createpvc", outputParameterKey: "name" } } } },
    },
  },
});
const inner = { taskInfo: { name: "inner" }, componentRef: { name: "comp-inner" } };

async function alone(kind: "createpvc" | "deletepvc", inputs: JsonObject, more: JsonObject = {}): Promise<Place> {
  const run = await startClaimRun({ tasks: { [kind]: claimTask(kind, inputs, more) } });
  return { run, parent: await run.root(), task: kind };
}

const SCENARIOS: readonly Scenario[] = [
  { name: "creates a claim of a generated name", prepare: () => alone("createpvc", suffixed, cached) },
  { name: "creates a claim of a given name", prepare: () => alone("createpvc", fixed) },
  { name: "skips", prepare: () => alone("createpvc", fixed, { triggerPolicy: { condition: "1 > 2" } }) },
  {
    name: "creates a claim in a pipeline in a pipeline",
    prepare: async () => {
      const run = await startClaimRun({ tasks: { inner }, components: component(claimTask("createpvc", suffixed), "STRING") });
      return { run, parent: await run.dag("inner", await run.root()), task: "createpvc" };
    },
  },
  {
    name: "creates the last claim of a loop",
    prepare: async () => {
      const loop = { ...inner, parameterIterator: { itemInput: "item", items: { raw: '["a", "b"]' } } };
      const run = await startClaimRun({ tasks: { loop }, components: component(claimTask("createpvc", suffixed), "LIST") });
      const parent = await run.dag("loop", await run.root());
      await run.claim("createpvc", parent, { iterationIndex: 0 });
      return { run, parent, task: "createpvc", iterationIndex: 1 };
    },
  },
  {
    name: "creates a claim in a run too large to be read",
    prepare: async () => {
      const place = await alone("createpvc", suffixed);
      place.run.saysItIsLarge = true;
      return place;
    },
  },
  {
    name: "takes a claim from the cache",
    prepare: async () => {
      const tasks = { createpvc: claimTask("createpvc", fixed, cached) };
      const earlier = await startClaimRun({ tasks });
      await earlier.claim("createpvc", await earlier.root());
      const run = earlier.another({ tasks });
      return { run, parent: await run.root(), task: "createpvc" };
    },
  },
  {
    name: "deletes a claim",
    prepare: async () => {
      const place = await alone("deletepvc", { pvc_name: "p" });
      place.run.kubernetes.claims.set("ns/p", { metadata: { name: "p" }, spec: {} });
      return place;
    },
  },
];

/** One driver that nobody disturbs, and how many calls it makes. */
async function once({ prepare }: Scenario): Promise<{ state: JsonObject; result: object; calls: number }> {
  const { run, parent, task, ...iteration } = await prepare();
  const { taskId: _, ...result } = await run.claim(task, parent, iteration, { call: 0, how: "not-done", crash: false });
  return { state: await comparable(run), result, calls: run.calls };
}

/** Generated names follow from ids, which differ from run to run. */
async function comparable(run: ClaimRun): Promise<JsonObject> {
  const names: string[] = [];
  const text = JSON.stringify(await run.endState()).replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (uuid) => {
    if (!names.includes(uuid)) names.push(uuid);
    return `uuid-${names.indexOf(uuid)}`;
  });
  return JSON.parse(text.replace(/[0-9a-f]{64}/g, "fingerprint")) as JsonObject;
}

describe.for(SCENARIOS)("a driver that $name", (scenario) => {
  test.for<Spoiled>(["not-done", "done-but-lost"])("may end at any call (%s) and run again", async (how) => {
    const undisturbed = await once(scenario);
    expect(undisturbed.calls).toBeGreaterThan(2);
    for (let call = 1; call <= undisturbed.calls; call += 1) {
      const { run, parent, task, ...iteration } = await scenario.prepare();
      const first = await run.claim(task, parent, iteration, { call, how, crash: true }).catch((error: unknown) => error);
      expect(first).toBeInstanceOf(Error);
      const { taskId: _, ...result } = await run.claim(task, parent, iteration);
      expect({ call, result: { ...result, cached: undefined } }).toEqual({
        call,
        result: { ...undisturbed.result, cached: undefined },
      });
      expect({ call, state: await comparable(run) }).toEqual({ call, state: undisturbed.state });
    }
  });

  test("P15 leaves a FAILED row with message and end time at a fault of any call after the first, and gets over it", async () => {
    const undisturbed = await once(scenario);
    let failures = 0;
    for (let call = 2; call <= undisturbed.calls; call += 1) {
      const { run, parent, task, ...iteration } = await scenario.prepare();
      const spoil = { call, how: "not-done", crash: false } as const;
      const first = await run.claim(task, parent, iteration, spoil).catch((error: unknown) => error);
      // Where the fault is one that the driver gets over by itself, there is nothing to repeat.
      if (!(first instanceof Error)) continue;
      const { tasks } = await run.fake.api.listTasks(run.runId, { parentId: parent });
      const index = BigInt(iteration.iterationIndex ?? 0);
      const row = tasks.find(({ typeAttributes }) => (typeAttributes?.iterationIndex ?? 0n) === index);
      // While the run is read it is not known yet, and there is no row to report on.
      if (row === undefined && /^spoiled (?:getRun|getTask|listTasks|listArtifactTasks)$/.test(first.message)) continue;
      failures += 1;
      const seen = { call, state: row?.state, hasEnd: row?.endTime !== undefined, parent: (await run.task(parent)).state };
      expect(seen).toEqual({ call, state: TaskState.FAILED, hasEnd: true, parent: TaskState.FAILED });
      expect(row?.statusMetadata?.message).toContain("spoiled");
      await run.claim(task, parent, iteration);
      expect({ call, state: await comparable(run) }).toEqual({ call, state: undisturbed.state });
    }
    expect(failures).toBeGreaterThan(1);
  });

  test("may run three times at once", async () => {
    const undisturbed = await once(scenario);
    const { run, parent, task, ...iteration } = await scenario.prepare();
    const results = await Promise.all([0, 1, 2].map(() => run.claim(task, parent, iteration)));
    expect(new Set(results.map(({ taskId }) => taskId)).size).toBe(1);
    expect(await comparable(run)).toEqual(undisturbed.state);
  });
});
