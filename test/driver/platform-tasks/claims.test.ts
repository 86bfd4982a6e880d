/** CreatePVC and DeletePVC: calls to both servers, rows, outputs, cache, loops, failures, repeated drivers. */
import type { JsonObject } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { describe, expect, test, vi } from "vitest";
import {
  IoParameterSchema,
  IoProducerSchema,
  IoType,
  TaskState,
  TaskType,
  type PipelineTask,
} from "../../../src/core/kfp-types.ts";
import { jsonToValue, valueToJson } from "../../../src/core/values/value.ts";
import { statusMetadata } from "../../../src/tasks/task-status.ts";
import { claimTask, startClaimRun, type ClaimRun } from "../../support/claim-pipeline.ts";

const given = { access_modes: ["ReadWriteOnce"], size: "5Gi", storage_class_name: "" };
const fixed = { ...given, pvc_name: "p" };
const cached = { cachingOptions: { enableCache: true } };
const UUID = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}";

interface Started {
  readonly run: ClaimRun;
  readonly root: string;
}

async function start(
  createInputs: JsonObject = fixed,
  more: JsonObject = {},
  deleteInputs: JsonObject = { pvc_name: "p" },
): Promise<Started> {
  const run = await startClaimRun({
    tasks: {
      createpvc: claimTask("createpvc", createInputs, more),
      deletepvc: claimTask("deletepvc", deleteInputs, more),
    },
  });
  return { run, root: await run.root() };
}

const named = (task: PipelineTask): unknown[] =>
  task.outputs?.parameters.map(({ parameterKey, value, type, producer }) => [
    parameterKey,
    valueToJson(value!),
    IoType[type],
    producer?.taskName,
    producer?.iteration,
  ]) ?? [];

const nameOf = (task: PipelineTask): string => valueToJson(task.outputs!.parameters[0]!.value!) as string;

function posted(run: ClaimRun): { metadata: JsonObject; spec: JsonObject } {
  return run.kubernetes.requests.find(({ method }) => method === "POST")!.body as { metadata: JsonObject; spec: JsonObject };
}

async function rowOf(run: ClaimRun, root: string, name: string): Promise<PipelineTask> {
  const { tasks } = await run.fake.api.listTasks(run.runId, { parentId: root });
  return tasks.find((task) => task.name === name)!;
}

describe("CreatePVC", () => {
  test("P1 stores the row with the name, creates the claim, stores the end, and rolls up (DRV-10, K8S-14)", async () => {
    const { run, root } = await start();
    run.fake.takeCalls();
    const result = await run.claim("createpvc", root);
    expect(result).toEqual({ taskId: expect.any(String) as unknown, cached: false });
    expect(run.fake.takeCalls()).toEqual(["getRun", "createTask", "updateTask", "getRun"]);
    expect(run.requests()).toEqual(["POST  201"]);
    expect(posted(run)).toMatchObject({
      metadata: { name: "p" },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "5Gi" } }, storageClassName: "" },
    });
    const row = await run.task(result.taskId);
    expect(named(row)).toEqual([["name", "p", "OUTPUT", "createpvc", undefined]]);
    expect(row).toMatchObject({ state: TaskState.SUCCEEDED, displayName: "createpvc it", type: TaskType.RUNTIME });
    expect(row.endTime).toBeDefined();
    expect(row.inputs?.parameters.map(({ parameterKey }) => parameterKey).toSorted()).toEqual(Object.keys(fixed).toSorted());
    expect(result.podSpecPatch).toBeUndefined();
  });

  test.for([
    {
      name: "P2 a suffix, put after a UUID without a separator",
      inputs: { ...given, pvc_name_suffix: "-d" },
      pattern: `^${UUID}-d$`,
    },
    { name: "P3 neither name nor suffix: a UUID", inputs: given, pattern: `^${UUID}$` },
    { name: "both empty: a UUID", inputs: { ...given, pvc_name: "", pvc_name_suffix: "" }, pattern: `^${UUID}$` },
  ])("names the claim for $name", async ({ inputs, pattern }) => {
    const { run, root } = await start(inputs);
    const { taskId } = await run.claim("createpvc", root);
    const row = await run.task(taskId);
    expect(nameOf(row)).toMatch(new RegExp(pattern));
    expect(posted(run).metadata["name"]).toBe(nameOf(row));
    expect(row.inputs?.parameters.map(({ parameterKey }) => parameterKey).toSorted()).toEqual(Object.keys(inputs).toSorted());
  });

  test("gives every place in every run a name of its own, and the same place always the same one", async () => {
    const { run, root } = await start(given);
    const other = run.another({ tasks: { createpvc: claimTask("createpvc", given), two: claimTask("createpvc", given) } });
    const otherRoot = await other.root();
    const ids = [
      await run.claim("createpvc", root),
      await other.claim("createpvc", otherRoot),
      await other.claim("two", otherRoot),
    ];
    const rows = [await run.task(ids[0]!.taskId), await other.task(ids[1]!.taskId), await other.task(ids[2]!.taskId)];
    expect(new Set(rows.map(nameOf)).size).toBe(3);
    run.fake.server.runs.resetTasksForRetry(run.runId);
    await run.claim("createpvc", root);
    expect(run.kubernetes.claims.size).toBe(3);
  });

  const { storage_class_name: _, ...withoutClass } = fixed;
  test.for([
    { name: "P5 no class given", inputs: withoutClass, spec: { storageClassName: "standard" } },
    { name: "a class", inputs: { ...fixed, storage_class_name: "fast" }, spec: { storageClassName: "fast" } },
    {
      name: "P6 a size in its canonical form",
      inputs: { ...fixed, size: "1.5Gi" },
      spec: { resources: { requests: { storage: "1536Mi" } } },
    },
    { name: "a volume", inputs: { ...fixed, volume_name: "pv-1" }, spec: { volumeName: "pv-1" } },
    {
      name: "P7 a data source without a group",
      inputs: { ...fixed, data_source: { kind: "PersistentVolumeClaim", name: "s", api_group: "ignored" } },
      spec: { dataSource: { apiGroup: null, kind: "PersistentVolumeClaim", name: "s" } },
    },
    {
      name: "a data source with a group",
      inputs: { ...fixed, data_source: { apiGroup: "snapshot.storage.k8s.io", kind: "VolumeSnapshot", name: "snap" } },
      spec: { dataSource: { apiGroup: "snapshot.storage.k8s.io", kind: "VolumeSnapshot", name: "snap" } },
    },
    {
      name: "several access modes",
      inputs: { ...fixed, access_modes: ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"] },
      spec: { accessModes: ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"] },
    },
  ])("asks for $name", async ({ inputs, spec }) => {
    const { run, root } = await start(inputs);
    await run.claim("createpvc", root);
    expect(posted(run).spec).toMatchObject(spec);
  });

  test("leaves out what is not given", async () => {
    const { run, root } = await start();
    await run.claim("createpvc", root);
    expect(Object.keys(posted(run).metadata)).toEqual(["name"]);
    expect(Object.keys(posted(run).spec)).toEqual(["accessModes", "resources", "storageClassName"]);
  });

  test("writes annotations as texts", async () => {
    const { run, root } = await start({ ...fixed, annotations: { a: "b", n: 5, t: true, none: null } });
    await run.claim("createpvc", root);
    expect(posted(run).metadata["annotations"]).toEqual({ a: "b", n: "5", t: "true", none: "" });
  });

  const { access_modes: _modes, ...withoutModes } = fixed;
  const { size: _size, ...withoutSize } = fixed;
  test.for([
    { name: "no access modes", inputs: withoutModes, message: "parameter access_modes not provided" },
    { name: "an unknown access mode", inputs: { ...fixed, access_modes: ["RWO"] }, message: 'not "RWO"' },
    { name: "an empty list of modes", inputs: { ...fixed, access_modes: [] }, message: "it is empty" },
    {
      name: "P4 name and suffix",
      inputs: { ...fixed, pvc_name_suffix: "-d" },
      message: "at most one of pvc_name and pvc_name_suffix can be non-empty",
    },
    { name: "no size", inputs: withoutSize, message: "parameter volumeSize not provided" },
    {
      name: "a size that is not a quantity (DRV-11, K8S-1)",
      inputs: { ...fixed, size: "5 Gi" },
      message: 'failed to parse pvc size "5 Gi"',
    },
    { name: "a size with an unknown unit", inputs: { ...fixed, size: "5gb" }, message: 'failed to parse pvc size "5gb"' },
    {
      name: "a data source of odd members",
      inputs: { ...fixed, data_source: { kind: 5 } },
      message: "failed to build data source: kind must be a string, not 5",
    },
    {
      name: "a name that is a path",
      inputs: { ...fixed, pvc_name: "../secrets/x" },
      message: 'invalid resource name "../secrets/x"',
    },
  ])("refuses $name before it asks the cluster, and leaves a FAILED row", async ({ inputs, message }) => {
    const { run, root } = await start(inputs);
    await expect(run.claim("createpvc", root)).rejects.toThrow(message);
    expect(run.requests()).toEqual([]);
    const row = await rowOf(run, root, "createpvc");
    expect(row).toMatchObject({ state: TaskState.FAILED, outputs: { parameters: [] } });
    expect(row.statusMetadata?.message).toMatch(/^failed to create pvc: /);
    expect(row.statusMetadata?.message).toContain(message);
    expect(row.endTime).toBeDefined();
    expect((await run.task(root)).state).toBe(TaskState.FAILED);
  });

  test("P8 takes a claim that is there already", async () => {
    const { run, root } = await start();
    run.kubernetes.claims.set("ns/p", { metadata: { name: "p" }, spec: {} });
    const { taskId } = await run.claim("createpvc", root);
    expect(run.requests()).toEqual(["POST  409"]);
    expect(await run.task(taskId)).toMatchObject({ state: TaskState.SUCCEEDED });
  });

  test("waits for the end of a claim of the same name that is being deleted", async () => {
    const { run, root } = await start();
    const claim = { metadata: { name: "p", deletionTimestamp: "2026-08-01T00:00:00Z" }, spec: {} };
    run.kubernetes.claims.set("ns/p", claim);
    run.kubernetes.inUse.add("ns/p");
    const { clock } = run.fake;
    const sleep = clock.sleep.bind(clock);
    const pauses: number[] = [];
    // Deadlines of calls sleep as well, with a signal to end them.
    vi.spyOn(clock, "sleep").mockImplementation(async (ms, signal) => {
      if (signal !== undefined) return sleep(ms, signal);
      pauses.push(ms);
      run.kubernetes.endClaim("ns/p");
    });
    const result = await run.claim("createpvc", root);
    expect(pauses).toEqual([2000]);
    expect(run.requests()).toEqual(["POST  409", "POST  201"]);
    expect(await run.task(result.taskId)).toMatchObject({ state: TaskState.SUCCEEDED });
    expect(run.kubernetes.claims.get("ns/p")?.metadata.deletionTimestamp).toBeUndefined();
  });

  test("fails when that claim does not end", async () => {
    const { run, root } = await start();
    run.kubernetes.claims.set("ns/p", { metadata: { name: "p", deletionTimestamp: "2026-08-01T00:00:00Z" }, spec: {} });
    await expect(run.claim("createpvc", root)).rejects.toThrow(
      /^failed to create pvc: PersistentVolumeClaim ns\/p is being deleted and still there after 60 s: a pod still uses it/,
    );
    expect(run.requests().length).toBe(31);
    expect((await rowOf(run, root, "createpvc")).state).toBe(TaskState.FAILED);
  });

  test("P9 leaves the server's words in a FAILED row when it may not create claims", async () => {
    const { run, root } = await start();
    run.kubernetes.rights.delete("create");
    await expect(run.claim("createpvc", root)).rejects.toMatchObject({ code: "KUBE_REJECTED", details: { status: 403 } });
    const row = await rowOf(run, root, "createpvc");
    expect(row.state).toBe(TaskState.FAILED);
    expect(row.statusMetadata?.message).toMatch(/^failed to create pvc: Kubernetes answered 403 for .*cannot create resource/);
    expect(row.endTime).toBeDefined();
    expect((await run.task(root)).state).toBe(TaskState.FAILED);
    run.kubernetes.rights.add("create");
    await run.claim("createpvc", root);
    expect(await run.task(row.taskId)).toMatchObject({ state: TaskState.SUCCEEDED, statusMetadata: { message: "" } });
  });

  test("P10 is done once it has succeeded", async () => {
    const { run, root } = await start();
    const first = await run.claim("createpvc", root);
    run.kubernetes.claims.clear();
    const second = await run.claim("createpvc", root);
    expect(second).toEqual(first);
    expect(run.requests()).toEqual(["POST  201"]);
  });

  test("P11 goes on with the name that an earlier attempt has stored", async () => {
    const { run, root } = await start(given);
    const old = create(IoParameterSchema, {
      parameterKey: "name",
      type: IoType.OUTPUT,
      value: jsonToValue("old"),
      producer: create(IoProducerSchema, { taskName: "createpvc" }),
    });
    const row = await run.fake.api.createTask(run.runId, {
      runId: run.runId,
      name: "createpvc",
      type: TaskType.RUNTIME,
      scopePath: "root.createpvc",
      parentTaskId: root,
      state: TaskState.RUNNING,
      outputs: { parameters: [old] },
    });
    const { taskId } = await run.claim("createpvc", root);
    expect(taskId).toBe(row.taskId);
    expect(posted(run).metadata["name"]).toBe("old");
    expect(named(await run.task(taskId))).toEqual([["name", "old", "OUTPUT", "createpvc", undefined]]);
  });

  test("P23 has its output again after a run retry, and one claim (DRV-34, K8S-2)", async () => {
    const { run, root } = await start({ ...given, pvc_name_suffix: "-d" });
    const first = await run.claim("createpvc", root);
    const name = nameOf(await run.task(first.taskId));
    await run.fake.api.updateTask(run.runId, first.taskId, { state: TaskState.FAILED });
    run.fake.server.runs.resetTasksForRetry(run.runId);
    expect((await run.task(first.taskId)).outputs?.parameters ?? []).toEqual([]);
    await run.claim("createpvc", root);
    expect(named(await run.task(first.taskId))).toEqual([["name", name, "OUTPUT", "createpvc", undefined]]);
    expect([...run.kubernetes.claims.keys()]).toEqual([`ns/${name}`]);
  });

  test("creates again what a row says is done but cannot name", async () => {
    const { run, root } = await start();
    await run.fake.api.createTask(run.runId, {
      runId: run.runId,
      name: "createpvc",
      type: TaskType.RUNTIME,
      scopePath: "root.createpvc",
      parentTaskId: root,
      state: TaskState.SUCCEEDED,
    });
    const { taskId } = await run.claim("createpvc", root);
    expect(named(await run.task(taskId))).toEqual([["name", "p", "OUTPUT", "createpvc", undefined]]);
    expect(run.requests()).toEqual(["POST  201"]);
  });
});

describe("a condition", () => {
  const never = { triggerPolicy: { condition: "1 > 2" } };

  test.for(["createpvc", "deletepvc"])("P12 that is false skips %s without a look at its inputs or the cluster", async (task) => {
    const { run, root } = await start({}, never, {});
    const result = await run.claim(task, root);
    expect(result).toEqual({ taskId: expect.any(String) as unknown, condition: false });
    expect(run.requests()).toEqual([]);
    const row = await run.task(result.taskId);
    expect(row).toMatchObject({ state: TaskState.SKIPPED, outputs: { parameters: [] } });
    expect(row.endTime).toBeDefined();
    expect(await run.claim(task, root)).toEqual({ taskId: result.taskId, condition: false, cached: false });
  });

  test("that is true is said", async () => {
    const { run, root } = await start(fixed, { triggerPolicy: { condition: "2 > 1" } });
    expect(await run.claim("createpvc", root)).toMatchObject({ condition: true, cached: false });
  });
});

describe("the cache", () => {
  const again = {
    tasks: { createpvc: claimTask("createpvc", fixed, cached), deletepvc: claimTask("deletepvc", { pvc_name: "p" }, cached) },
  };

  test("P13 gives the claim of an earlier run while it is there (K8S-13)", async () => {
    const { run, root } = await start(fixed, cached);
    await run.claim("createpvc", root);
    const other = run.another(again);
    const otherRoot = await other.root();
    const hit = await other.claim("createpvc", otherRoot);
    expect(hit).toMatchObject({ cached: true });
    expect(run.requests()).toEqual(["POST  201", "GET p 200"]);
    const row = await other.task(hit.taskId);
    expect(row.state).toBe(TaskState.CACHED);
    expect(row.endTime).toBeDefined();
    expect(named(row)).toEqual([["name", "p", "OUTPUT", "createpvc", undefined]]);
    expect(await other.claim("createpvc", otherRoot)).toEqual(hit);
  });

  test.for(["gone", "being deleted", "not to be looked at"])("does not give a claim that is %s: it is created", async (how) => {
    const { run, root } = await start(fixed, cached);
    await run.claim("createpvc", root);
    if (how === "gone") run.kubernetes.claims.clear();
    if (how === "not to be looked at") run.kubernetes.rights.delete("get");
    if (how === "being deleted") run.kubernetes.claims.get("ns/p")!.metadata.deletionTimestamp = "2026-08-01T00:00:00Z";
    const other = run.another(again);
    const driving = other.claim("createpvc", await other.root());
    if (how === "being deleted") await expect(driving).rejects.toThrow("is being deleted");
    else expect(await driving).toMatchObject({ cached: false });
    expect(run.requests().filter((request) => request.startsWith("POST")).length).toBeGreaterThan(1);
  });

  test("is not asked without caching, and never hits for a generated name", async () => {
    const { run, root } = await start(given, cached);
    await run.claim("createpvc", root, { cacheDisabled: true });
    expect(run.fake.takeCalls()).not.toContain("findCachedTask");
    const other = run.another({ tasks: { createpvc: claimTask("createpvc", given, cached) } });
    expect(await other.claim("createpvc", await other.root())).toMatchObject({ cached: false });
    expect(run.kubernetes.claims.size).toBe(2);
  });

  test("never satisfies DeletePVC (K8S-13)", async () => {
    const { run, root } = await start(fixed, cached);
    await run.claim("createpvc", root);
    await run.claim("deletepvc", root);
    run.kubernetes.claims.set("ns/p", { metadata: { name: "p" }, spec: {} });
    run.fake.takeCalls();
    const other = run.another(again);
    expect(await other.claim("deletepvc", await other.root())).toMatchObject({ cached: false });
    expect(run.fake.takeCalls()).not.toContain("findCachedTask");
    expect(run.kubernetes.claims.size).toBe(0);
  });
});

describe("outputs", () => {
  const nested = {
    tasks: { nested: { taskInfo: { name: "nested" }, componentRef: { name: "comp-nested" } } },
    components: {
      "comp-nested": {
        dag: {
          tasks: { createpvc: claimTask("createpvc", fixed) },
          outputs: {
            parameters: { pvc_name: { valueFromParameter: { producerSubtask: "createpvc", outputParameterKey: "name" } } },
          },
        },
        outputDefinitions: { parameters: { pvc_name: { parameterType: "STRING" } } },
      },
    },
  };

  test("P14 climb into the enclosing pipeline, once however often the driver runs", async () => {
    const run = await startClaimRun(nested);
    const dag = await run.dag("nested", await run.root());
    await run.claim("createpvc", dag);
    await run.claim("createpvc", dag);
    const row = await run.task(dag);
    expect(named(row)).toEqual([["pvc_name", "p", "OUTPUT", "createpvc", undefined]]);
    expect(row.state).toBe(TaskState.SUCCEEDED);
  });

  test("of a skipped task do not climb (DRV-10, K8S-14)", async () => {
    const skipped = claimTask("createpvc", fixed, { triggerPolicy: { condition: "1 > 2" } });
    const run = await startClaimRun({
      ...nested,
      components: {
        "comp-nested": {
          ...nested.components["comp-nested"],
          dag: { ...nested.components["comp-nested"].dag, tasks: { createpvc: skipped } },
        },
      },
    });
    const dag = await run.dag("nested", await run.root());
    await run.claim("createpvc", dag);
    expect((await run.task(dag)).outputs?.parameters ?? []).toEqual([]);
  });

  test("of iterations carry their index and become one list (DRV-10, K8S-14)", async () => {
    const run = await startClaimRun({
      tasks: {
        "for-loop-1": {
          taskInfo: { name: "for-loop-1" },
          componentRef: { name: "comp-loop" },
          parameterIterator: { itemInput: "item", items: { raw: '["a", "b"]' } },
        },
      },
      components: {
        "comp-loop": {
          inputDefinitions: { parameters: { item: { parameterType: "STRING" } } },
          outputDefinitions: { parameters: { names: { parameterType: "LIST" } } },
          dag: {
            tasks: { createpvc: claimTask("createpvc", given) },
            outputs: {
              parameters: { names: { valueFromParameter: { producerSubtask: "createpvc", outputParameterKey: "name" } } },
            },
          },
        },
      },
    });
    const loop = await run.dag("for-loop-1", await run.root());
    const rows: PipelineTask[] = [];
    for (const iterationIndex of [0, 1]) {
      const { taskId } = await run.claim("createpvc", loop, { iterationIndex });
      rows.push(await run.task(taskId));
    }
    expect(rows.map((row) => named(row)[0])).toEqual([
      ["name", nameOf(rows[0]!), "OUTPUT", "createpvc", 0n],
      ["name", nameOf(rows[1]!), "OUTPUT", "createpvc", 1n],
    ]);
    expect(nameOf(rows[0]!)).not.toBe(nameOf(rows[1]!));
    expect(named(await run.task(loop))).toEqual([
      ["names", nameOf(rows[0]!), "ITERATOR_OUTPUT", "createpvc", 0n],
      ["names", nameOf(rows[1]!), "ITERATOR_OUTPUT", "createpvc", 1n],
    ]);
  });
});

describe("in a loop of a run too large to be read", () => {
  async function iteration(kind: "createpvc" | "deletepvc", inputs: JsonObject): Promise<{ run: ClaimRun; loop: string }> {
    const iterator = { parameterIterator: { itemInput: "item", items: { raw: '["a", "b"]' } } };
    const run = await startClaimRun({
      tasks: { loop: { taskInfo: { name: "loop" }, componentRef: { name: "comp-loop" }, ...iterator } },
      components: {
        "comp-loop": {
          inputDefinitions: { parameters: { item: { parameterType: "STRING" } } },
          dag: { tasks: { [kind]: claimTask(kind, inputs) } },
        },
      },
    });
    run.saysItIsLarge = true;
    return { run, loop: await run.dag("loop", await run.root()) };
  }

  test("CreatePVC is done once it has succeeded", async () => {
    const { run, loop } = await iteration("createpvc", given);
    const first = await run.claim("createpvc", loop, { iterationIndex: 0 });
    run.kubernetes.claims.clear();
    run.fake.takeCalls();
    expect(await run.claim("createpvc", loop, { iterationIndex: 0 })).toEqual(first);
    expect(run.fake.takeCalls()).toContain("createTask");
    expect(run.requests()).toEqual(["POST  201"]);
  });

  test("DeletePVC is done once it has succeeded, whoever has made a claim of that name since", async () => {
    const { run, loop } = await iteration("deletepvc", { pvc_name: "p" });
    const first = await run.claim("deletepvc", loop, { iterationIndex: 0 });
    run.kubernetes.claims.set("ns/p", { metadata: { name: "p" }, spec: {} });
    expect(await run.claim("deletepvc", loop, { iterationIndex: 0 })).toEqual(first);
    expect(run.requests()).toEqual(["GET p 404"]);
  });

  test("CreatePVC goes on with the name that an earlier attempt has stored", async () => {
    const { run, loop } = await iteration("createpvc", given);
    const producer = create(IoProducerSchema, { taskName: "createpvc" });
    const old = create(IoParameterSchema, { parameterKey: "name", type: IoType.OUTPUT, value: jsonToValue("old"), producer });
    await run.fake.api.createTask(run.runId, {
      runId: run.runId,
      name: "createpvc",
      type: TaskType.RUNTIME,
      scopePath: "root.loop.createpvc",
      parentTaskId: loop,
      typeAttributes: { iterationIndex: 0n },
      state: TaskState.FAILED,
      outputs: { parameters: [old] },
    });
    const { taskId } = await run.claim("createpvc", loop, { iterationIndex: 0 });
    expect(posted(run).metadata["name"]).toBe("old");
    expect(named(await run.task(taskId))).toEqual([["name", "old", "OUTPUT", "createpvc", undefined]]);
  });
});

describe("DeletePVC", () => {
  test("P16 looks for the claim, deletes it, and stores the end", async () => {
    const { run, root } = await start();
    run.kubernetes.claims.set("ns/p", { metadata: { name: "p" }, spec: {} });
    run.fake.takeCalls();
    const result = await run.claim("deletepvc", root);
    expect(result).toEqual({ taskId: expect.any(String) as unknown, cached: false });
    expect(run.fake.takeCalls()).toEqual(["getRun", "createTask", "updateTask", "getRun"]);
    expect(run.requests()).toEqual(["GET p 200", "DELETE p 200"]);
    const row = await run.task(result.taskId);
    expect(row).toMatchObject({ state: TaskState.SUCCEEDED, outputs: { parameters: [] } });
    expect(row.endTime).toBeDefined();
    expect(row.inputs?.parameters.map(({ parameterKey, value }) => [parameterKey, valueToJson(value!)])).toEqual([
      ["pvc_name", "p"],
    ]);
  });

  test("P17 takes a claim that is not there for deleted", async () => {
    const { run, root } = await start();
    const { taskId } = await run.claim("deletepvc", root);
    expect(run.requests()).toEqual(["GET p 404"]);
    expect((await run.task(taskId)).state).toBe(TaskState.SUCCEEDED);
  });

  test("P18 takes a claim that somebody else deletes meanwhile for deleted", async () => {
    const { run, root } = await start();
    run.kubernetes.claims.set("ns/p", { metadata: { name: "p" }, spec: {} });
    run.kubernetes.faults.push({ method: "DELETE", fault: { status: 404, reason: "NotFound" } });
    const { taskId } = await run.claim("deletepvc", root);
    expect(run.requests()).toEqual(["GET p 200", "DELETE p 404"]);
    expect((await run.task(taskId)).state).toBe(TaskState.SUCCEEDED);
  });

  test("does not wait for a claim that a pod still uses", async () => {
    const { run, root } = await start();
    run.kubernetes.claims.set("ns/p", { metadata: { name: "p" }, spec: {} });
    run.kubernetes.inUse.add("ns/p");
    const { taskId } = await run.claim("deletepvc", root);
    expect((await run.task(taskId)).state).toBe(TaskState.SUCCEEDED);
    expect(run.kubernetes.claims.get("ns/p")?.metadata.deletionTimestamp).toBeDefined();
  });

  test.for([
    { right: "get", message: /^failed to delete pvc p: cannot find pvc: Kubernetes answered 403/ },
    { right: "delete", message: /^failed to delete pvc p: Kubernetes answered 403/ },
  ] as const)("P19 leaves a FAILED row without the right to $right, and succeeds with it", async ({ right, message }) => {
    const { run, root } = await start();
    run.kubernetes.claims.set("ns/p", { metadata: { name: "p" }, spec: {} });
    run.kubernetes.rights.delete(right);
    await expect(run.claim("deletepvc", root)).rejects.toThrow(message);
    const row = await rowOf(run, root, "deletepvc");
    expect(row.state).toBe(TaskState.FAILED);
    expect(row.statusMetadata?.message).toMatch(message);
    expect(row.endTime).toBeDefined();
    run.kubernetes.rights.add(right);
    await run.claim("deletepvc", root);
    expect(await run.task(row.taskId)).toMatchObject({ state: TaskState.SUCCEEDED, statusMetadata: { message: "" } });
    expect(run.kubernetes.claims.size).toBe(0);
  });

  test.for([
    { name: "no name", inputs: {}, message: "failed to delete pvc: required parameter pvc_name not provided" },
    { name: "P20 an empty name", inputs: { pvc_name: "" }, message: "failed to delete pvc: resource name may not be empty" },
    { name: "a name that is a path", inputs: { pvc_name: "a/b" }, message: 'failed to delete pvc: invalid resource name "a/b"' },
  ])("refuses $name without a request", async ({ inputs, message }) => {
    const { run, root } = await start(fixed, {}, inputs);
    await expect(run.claim("deletepvc", root)).rejects.toThrow(message);
    expect(run.requests()).toEqual([]);
    expect((await rowOf(run, root, "deletepvc")).statusMetadata?.message).toContain(message);
  });

  test("P21 is done once it has succeeded", async () => {
    const { run, root } = await start();
    const first = await run.claim("deletepvc", root);
    run.kubernetes.claims.set("ns/p", { metadata: { name: "p" }, spec: {} });
    expect(await run.claim("deletepvc", root)).toEqual(first);
    expect(run.kubernetes.claims.size).toBe(1);
  });

  test("P22 clears the message of a FAILED row of another program (K8S-3)", async () => {
    const { run, root } = await start();
    const row = await run.fake.api.createTask(run.runId, {
      runId: run.runId,
      name: "deletepvc",
      type: TaskType.RUNTIME,
      scopePath: "root.deletepvc",
      parentTaskId: root,
      state: TaskState.FAILED,
      statusMetadata: statusMetadata("boom", undefined),
    });
    await run.claim("deletepvc", root);
    expect(await run.task(row.taskId)).toMatchObject({ state: TaskState.SUCCEEDED, statusMetadata: { message: "" } });
  });
});
