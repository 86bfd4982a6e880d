import { create } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { ApiError } from "../../src/core/errors.ts";
import {
  ArtifactSchema,
  ArtifactType,
  IoType,
  IoProducerSchema,
  TaskState,
  TaskType,
  type TaskInit,
} from "../../src/core/kfp-types.ts";
import type { ArtifactTaskInit, CreateArtifactInit, KfpApi } from "../../src/ports/kfp-api.ts";
import { BatchUpdater } from "../../src/tasks/batch-updater.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { startFakeApi, type FakeApi } from "../fakes/kfp-api.ts";
import { RecordingLogger } from "../fakes/recording-logger.ts";
import { pipelineOf } from "../support/specs.ts";

const pipeline = pipelineOf({ root: { tasks: { train: "comp-train" } } });

interface Setup extends FakeApi {
  readonly runId: string;
  readonly rootId: string;
  readonly taskId: string;
  newBatch(api?: KfpApi): BatchUpdater;
}

async function setUp(options: Parameters<typeof startFakeApi>[0] = {}): Promise<Setup> {
  const fake = await startFakeApi(options);
  const runId = await fake.createRun(pipeline);
  const running = { state: TaskState.RUNNING };
  const root = await fake.api.createTask(runId, { ...running, name: "ROOT", type: TaskType.ROOT, scopePath: "root" });
  const task = await fake.api.createTask(runId, {
    ...running,
    name: "train",
    type: TaskType.RUNTIME,
    scopePath: "root.train",
    parentTaskId: root.taskId,
  });
  fake.takeCalls();
  const newBatch = (api: KfpApi = fake.api) => new BatchUpdater({ api, clock: fake.clock, logger: fake.logger }, runId);
  return { ...fake, runId, rootId: root.taskId, taskId: task.taskId, newBatch };
}

function artifactOf(
  { runId, taskId }: Setup,
  changes: Partial<Exclude<CreateArtifactInit["artifact"], undefined>> = {},
): CreateArtifactInit {
  const artifact = { namespace: "n", type: ArtifactType.Model, name: "model", uri: "s3://b/model", ...changes } as const;
  return { runId, taskId, producerKey: "model", artifact: create(ArtifactSchema, artifact as object) };
}

function linkOf({ rootId }: Setup, artifactId: string, changes: Partial<ArtifactTaskInit> = {}): ArtifactTaskInit {
  return {
    artifactId,
    taskId: rootId,
    key: "model",
    type: IoType.OUTPUT,
    producer: { taskName: "train" },
    ...changes,
  } as ArtifactTaskInit;
}

const linksOn = async ({ api }: Setup, taskId: string) => api.listArtifactTasks([taskId]);
const callCount = ({ server }: Setup, method: string) => server.stats()[method]?.calls ?? 0;

// docs/spec/output-propagation.md#batch-cases
describe("BatchUpdater", () => {
  test("sends nothing when nothing is queued", async ({ expect }) => {
    const setup = await setUp();
    expect(await setup.newBatch().flush()).toEqual({ artifacts: [], tasks: new Map() });
    expect(setup.takeCalls()).toEqual([]);
  });

  test("Q5 sends artifacts, links, tasks in this order; a blank link gets the new id", async ({ expect }) => {
    const setup = await setUp();
    const batch = setup.newBatch();
    batch.noteFreshTask(setup.rootId);
    batch.queueTaskUpdate(setup.taskId, { state: TaskState.SUCCEEDED });
    batch.queueLink(linkOf(setup, ""));
    batch.queueArtifact(artifactOf(setup));
    const { artifacts, tasks } = await batch.flush();
    expect(setup.takeCalls()).toEqual(["createArtifacts", "createArtifactTasks", "updateTasks"]);
    expect((await linksOn(setup, setup.rootId)).map(({ artifactId }) => artifactId)).toEqual([artifacts[0]?.artifactId]);
    expect(tasks.get(setup.taskId)?.state).toBe(TaskState.SUCCEEDED);
    expect(batch.counters).toMatchObject({
      queuedArtifacts: 1,
      queuedLinks: 1,
      queuedTaskUpdates: 1,
      artifactCalls: 1,
      linkCalls: 1,
      taskCalls: 1,
    });
  });

  test("Q1, Q2 sends the same link once, but another key or iteration as well", async ({ expect }) => {
    const setup = await setUp();
    const artifact = await setup.api.createArtifact(artifactOf(setup));
    const batch = setup.newBatch();
    batch.noteFreshTask(setup.rootId);
    const link = linkOf(setup, artifact.artifactId);
    batch.queueLink(link);
    batch.queueLink(linkOf(setup, artifact.artifactId));
    batch.queueLink({ ...link, key: "other" });
    batch.queueLink(
      linkOf(setup, artifact.artifactId, { producer: create(IoProducerSchema, { taskName: "train", iteration: 3n }) }),
    );
    await batch.flush();
    expect(await linksOn(setup, setup.rootId)).toHaveLength(3);
    expect(batch.counters.omittedLinks).toBe(1);
  });

  test("Q3 does not double the lists of a message queued twice", async ({ expect }) => {
    const setup = await setUp();
    const batch = setup.newBatch();
    const update: TaskInit = {
      outputs: { parameters: [{ parameterKey: "n", type: IoType.OUTPUT, producer: { taskName: "train" } }] },
    };
    batch.queueTaskUpdate(setup.taskId, update);
    batch.queueTaskUpdate(setup.taskId, update);
    const { tasks } = await batch.flush();
    expect(tasks.get(setup.taskId)?.outputs?.parameters).toHaveLength(1);
    expect(batch.counters.deduplicatedTaskUpdates).toBe(1);
  });

  test("Q4 keeps a copy: the caller's later changes have no effect, a second update merges", async ({ expect }) => {
    const setup = await setUp();
    const batch = setup.newBatch();
    const update = { state: TaskState.RUNNING, cacheFingerprint: "first" };
    batch.queueTaskUpdate(setup.taskId, update);
    update.cacheFingerprint = "changed behind the queue";
    batch.queueTaskUpdate(setup.taskId, { state: TaskState.SKIPPED, statusMetadata: { message: "why" } });
    const task = (await batch.flush()).tasks.get(setup.taskId);
    expect(task).toMatchObject({ state: TaskState.SKIPPED, cacheFingerprint: "first", statusMetadata: { message: "why" } });
  });

  test("Q7 a second update that differs only in state leaves the parameters of the first as they are", async ({ expect }) => {
    const setup = await setUp();
    const batch = setup.newBatch();
    const outputs = { parameters: [{ parameterKey: "n", type: IoType.OUTPUT, producer: { taskName: "train" } }] };
    batch.queueTaskUpdate(setup.taskId, { outputs, state: TaskState.RUNNING });
    batch.queueTaskUpdate(setup.taskId, { outputs, state: TaskState.SUCCEEDED });
    const task = (await batch.flush()).tasks.get(setup.taskId);
    expect(task?.state).toBe(TaskState.SUCCEEDED);
    expect(task?.outputs?.parameters).toHaveLength(1);
    expect((await setup.api.getTask(setup.runId, setup.taskId)).outputs?.parameters).toHaveLength(1);
  });

  test("an update never cuts a task off its parent", async ({ expect }) => {
    const setup = await setUp();
    const batch = setup.newBatch();
    batch.queueTaskUpdate(setup.taskId, { parentTaskId: "", state: TaskState.SUCCEEDED });
    expect((await batch.flush()).tasks.get(setup.taskId)?.parentTaskId).toBe(setup.rootId);
  });

  test("drops an update without id with a warning", async ({ expect }) => {
    const setup = await setUp();
    const batch = setup.newBatch();
    batch.queueTaskUpdate("", { state: TaskState.FAILED });
    await batch.flush();
    expect(setup.takeCalls()).toEqual([]);
    expect(setup.logger.messages("warn")).toHaveLength(1);
  });

  test("refuses blank links that do not pair with artifacts, before any call", async ({ expect }) => {
    const setup = await setUp();
    const batch = setup.newBatch();
    batch.queueArtifact(artifactOf(setup));
    batch.queueLink(linkOf(setup, ""));
    batch.queueLink(linkOf(setup, "", { key: "other" }));
    await expect(batch.flush()).rejects.toThrow("2 links wait for 1 artifacts");
    expect(setup.takeCalls()).toEqual([]);
  });

  test("Q6 resumes at the stage that failed", async ({ expect }) => {
    const setup = await setUp();
    setup.server.faults.add({ method: "CreateArtifactTasksBulk", kind: "status", code: "PERMISSION_DENIED" });
    const batch = setup.newBatch();
    batch.noteFreshTask(setup.rootId);
    batch.queueArtifact(artifactOf(setup));
    batch.queueLink(linkOf(setup, ""));
    batch.queueTaskUpdate(setup.taskId, { state: TaskState.SUCCEEDED });
    await expect(batch.flush()).rejects.toThrow(/PERMISSION_DENIED/);
    expect((await setup.api.getTask(setup.runId, setup.taskId)).state).toBe(TaskState.RUNNING);
    setup.takeCalls();
    await batch.flush();
    expect(setup.takeCalls()).toEqual(["createArtifactTasks", "updateTasks"]);
    expect(await linksOn(setup, setup.rootId)).toHaveLength(1);
    expect((await setup.api.getTask(setup.runId, setup.taskId)).outputs?.artifacts).toHaveLength(1);
  });

  test.for(["drop-after-commit", "status"] as const)(
    "artifacts whose answer was lost are not created twice (%s)",
    async (kind, { expect }) => {
      const setup = await setUp();
      const fault = kind === "status" ? { kind, code: "UNAVAILABLE" as const } : { kind };
      setup.server.faults.add({ method: "CreateArtifactsBulk", times: 2, ...fault });
      const batch = setup.newBatch();
      batch.noteFreshTask(setup.taskId);
      batch.queueArtifact(artifactOf(setup));
      batch.queueArtifact(artifactOf(setup, { name: "second", uri: "s3://b/second" }));
      const { artifacts } = await batch.flush();
      expect(artifacts.map(({ name }) => name)).toEqual(["model", "second"]);
      expect((await setup.api.getTask(setup.runId, setup.taskId)).outputs?.artifacts).toHaveLength(2);
      expect(callCount(setup, "CreateArtifactsBulk")).toBe(kind === "status" ? 3 : 1);
    },
  );

  test.for(["drop-after-commit", "status"] as const)(
    "links whose answer was lost are not created twice (%s)",
    async (kind, { expect }) => {
      const setup = await setUp();
      const artifact = await setup.api.createArtifact(artifactOf(setup));
      const fault = kind === "status" ? { kind, code: "UNAVAILABLE" as const } : { kind };
      setup.server.faults.add({ method: "CreateArtifactTasksBulk", times: 2, ...fault });
      const batch = setup.newBatch();
      batch.noteFreshTask(setup.rootId);
      batch.queueLink(linkOf(setup, artifact.artifactId));
      await batch.flush();
      expect(await linksOn(setup, setup.rootId)).toHaveLength(1);
      expect(callCount(setup, "CreateArtifactTasksBulk")).toBe(kind === "status" ? 3 : 1);
    },
  );

  test("a later attempt reuses its task's artifacts by key, name, type and URI (LAU-13)", async ({ expect }) => {
    const setup = await setUp();
    const old = await setup.api.createArtifacts([
      artifactOf(setup),
      artifactOf(setup, { type: ArtifactType.Metric, name: "acc", uri: undefined, numberValue: 0.5 }),
    ]);
    const batch = setup.newBatch();
    batch.noteTask(await setup.api.getTask(setup.runId, setup.taskId));
    batch.queueArtifact(artifactOf(setup));
    batch.queueArtifact(artifactOf(setup, { type: ArtifactType.Metric, name: "acc", uri: undefined, numberValue: 0.5 }));
    batch.queueArtifact(artifactOf(setup, { type: ArtifactType.Metric, name: "acc", uri: undefined, numberValue: 0.7 }));
    const { artifacts } = await batch.flush();
    expect(artifacts.slice(0, 2).map(({ artifactId }) => artifactId)).toEqual(old.map(({ artifactId }) => artifactId));
    expect(batch.counters.reusedArtifacts).toBe(2);
    expect(artifacts[2]?.numberValue).toBe(0.7);
  });

  test.for<{ name: string; change: Parameters<typeof artifactOf>[1]; key?: string }>([
    { name: "another URI", change: { uri: "s3://b/other" } },
    { name: "another name", change: { name: "other" } },
    { name: "another type", change: { type: ArtifactType.Dataset } },
    { name: "another key", change: {}, key: "other" },
    { name: "another value", change: { type: ArtifactType.Metric, uri: undefined, numberValue: 0.7 } },
  ])("an artifact of $name is none that the task has (LAU-13)", async ({ change, key = "model" }, { expect }) => {
    const setup = await setUp();
    await setup.api.createArtifacts([
      artifactOf(setup),
      artifactOf(setup, { type: ArtifactType.Metric, uri: undefined, numberValue: 0.5 }),
    ]);
    const batch = setup.newBatch();
    batch.noteTask(await setup.api.getTask(setup.runId, setup.taskId));
    batch.queueArtifact({ ...artifactOf(setup, change), producerKey: key });
    await batch.flush();
    expect(batch.counters).toMatchObject({ reusedArtifacts: 0, artifactCalls: 1 });
  });

  test.for(["complete", "branch"] as const)(
    "a link the task has is left out, another iteration is not (hydration: %s)",
    async (hydration, { expect }) => {
      const setup = await setUp({ hydration });
      const artifact = await setup.api.createArtifact(artifactOf(setup));
      const link = (iteration: bigint) =>
        ({
          ...linkOf(setup, artifact.artifactId),
          type: IoType.ITERATOR_OUTPUT,
          producer: { taskName: "train", iteration },
        }) as ArtifactTaskInit;
      await setup.api.createArtifactTasks([{ ...link(0n), runId: setup.runId }]);
      const batch = setup.newBatch();
      batch.noteTask(await setup.api.getTask(setup.runId, setup.rootId));
      setup.takeCalls();
      batch.queueLink(link(0n));
      batch.queueLink(link(1n));
      await batch.flush();
      expect(setup.takeCalls()).toEqual(
        hydration === "branch" ? ["listArtifactTasks", "createArtifactTasks"] : ["createArtifactTasks"],
      );
      expect(await linksOn(setup, setup.rootId)).toHaveLength(2);
      expect(batch.counters.omittedLinks).toBe(1);
    },
  );

  test("asks once about targets nobody described", async ({ expect }) => {
    const setup = await setUp();
    const artifact = await setup.api.createArtifact(artifactOf(setup));
    await setup.api.createArtifactTasks([{ ...linkOf(setup, artifact.artifactId), runId: setup.runId }]);
    setup.takeCalls();
    const batch = setup.newBatch();
    batch.queueLink(linkOf(setup, artifact.artifactId));
    await batch.flush();
    expect(setup.takeCalls()).toEqual(["listArtifactTasks"]);
  });
});

describe("BatchUpdater against a server that refuses duplicates (DRV-18)", () => {
  /** Refuses a whole request when one link exists, as the reference does. */
  function refusingApi(existing: readonly string[]) {
    const stored = new Set(existing);
    const requests: string[][] = [];
    const keyOf = (link: ArtifactTaskInit) => String(link.key);
    const api = {
      createArtifactTasks(links: readonly ArtifactTaskInit[]) {
        requests.push(links.map(keyOf));
        if (links.some((link) => stored.has(keyOf(link)))) {
          return Promise.reject(new ApiError("API_REJECTED", "UNIQUE constraint failed", { details: { status: "INTERNAL" } }));
        }
        for (const link of links) stored.add(keyOf(link));
        return Promise.resolve([]);
      },
      listArtifactTasks: () =>
        Promise.resolve(
          [...stored].map((key) => ({ artifactId: "a", taskId: "t", type: IoType.OUTPUT, key, producer: { taskName: "p" } })),
        ),
    } as unknown as KfpApi;
    const batch = new BatchUpdater({ api, clock: new FakeClock(), logger: new RecordingLogger() }, "r");
    batch.noteFreshTask("t");
    const queue = (...keys: string[]) => {
      for (const key of keys)
        batch.queueLink({ artifactId: "a", taskId: "t", type: IoType.OUTPUT, key, producer: { taskName: "p" } });
    };
    return { batch, queue, requests };
  }

  test("reads again and sends the missing ones once", async ({ expect }) => {
    const { batch, queue, requests } = refusingApi(["x"]);
    queue("x", "y");
    await batch.flush();
    expect(requests).toEqual([["x", "y"], ["y"]]);
  });

  test("does so once: links that are refused again fail the flush (LAU-13)", async ({ expect }) => {
    const refusal = new ApiError("API_REJECTED", "UNIQUE constraint failed", { details: { status: "INTERNAL" } });
    let calls = 0;
    // Each look shows one link more, as if somebody else stored them all the while.
    const api = {
      createArtifactTasks: () => Promise.reject(refusal),
      listArtifactTasks: () =>
        Promise.resolve(
          ["x", "y", "z"]
            .slice(0, (calls += 1))
            .map((key) => ({ artifactId: "a", taskId: "t", type: IoType.OUTPUT, key, producer: { taskName: "p" } })),
        ),
    } as unknown as KfpApi;
    const batch = new BatchUpdater({ api, clock: new FakeClock(), logger: new RecordingLogger() }, "r");
    batch.noteFreshTask("t");
    for (const key of ["x", "y", "z"])
      batch.queueLink({ artifactId: "a", taskId: "t", type: IoType.OUTPUT, key, producer: { taskName: "p" } });
    await expect(batch.flush()).rejects.toThrow("UNIQUE constraint failed");
    expect(batch.counters.linkCalls).toBe(2);
  });

  test("is content when nothing is missing", async ({ expect }) => {
    const { batch, queue, requests } = refusingApi(["x"]);
    queue("x");
    await batch.flush();
    expect(requests).toEqual([["x"]]);
  });

  test("passes on an internal error that is not a duplicate", async ({ expect }) => {
    const error = new ApiError("API_REJECTED", "disk full", { details: { status: "INTERNAL" } });
    const api = {
      createArtifactTasks: () => Promise.reject(error),
      listArtifactTasks: () => Promise.resolve([]),
    } as unknown as KfpApi;
    const batch = new BatchUpdater({ api, clock: new FakeClock(), logger: new RecordingLogger() }, "r");
    batch.queueLink({ artifactId: "a", taskId: "t", type: IoType.OUTPUT, key: "k", producer: { taskName: "p" } });
    await expect(batch.flush()).rejects.toBe(error);
  });
});
