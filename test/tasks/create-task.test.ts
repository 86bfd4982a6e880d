import { create } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import {
  ArtifactType,
  IoType,
  StatusMetadataSchema,
  TaskPodType,
  TaskState,
  TaskType,
  type TaskInit,
} from "../../src/core/kfp-types.ts";
import { jsonToValue } from "../../src/core/values/value.ts";
import { createOrAdoptTask, type TaskAttempt } from "../../src/tasks/create-task.ts";
import { reportFailure } from "../../src/tasks/report-failure.ts";
import { statusMetadata, timestampNow } from "../../src/tasks/task-status.ts";
import { BatchUpdater } from "../../src/tasks/batch-updater.ts";
import { startFakeApi } from "../fakes/kfp-api.ts";
import { createRootRow } from "../support/run-tasks.ts";
import { pipelineOf } from "../support/specs.ts";

const pipeline = pipelineOf({ root: { tasks: { train: "comp-train" } } });

async function setUp() {
  const fake = await startFakeApi();
  const runId = await fake.createRun(pipeline);
  const root = await createRootRow(fake.api, runId);
  fake.takeCalls();
  const draft = (pod: string, changes: TaskInit = {}): TaskInit => ({
    name: "train",
    displayName: "train",
    scopePath: "root.train",
    parentTaskId: root.taskId,
    type: TaskType.RUNTIME,
    state: TaskState.RUNNING,
    pods: [{ name: pod, uid: `uid-${pod}`, type: TaskPodType.DRIVER }],
    inputs: {
      parameters: [
        {
          parameterKey: "n",
          type: IoType.COMPONENT_INPUT,
          producer: { taskName: "ROOT" },
          value: { kind: { case: "numberValue", value: pod.length } },
        },
      ],
    },
    cacheFingerprint: `fingerprint of ${pod}`,
    ...changes,
  });
  const create = (init: TaskInit, existing?: Awaited<ReturnType<typeof createRootRow>>) =>
    createOrAdoptTask(fake, { runId, draft: init, existing });
  const read = (taskId: string) => fake.api.getTask(runId, taskId);
  return { ...fake, runId, root, draft, create, read };
}

describe("createOrAdoptTask()", () => {
  test("a new row costs one call", async ({ expect }) => {
    const { create, draft, takeCalls } = await setUp();
    const { task, adopted } = await create(draft("a"));
    expect(adopted).toBe(false);
    expect(task.pods).toMatchObject([{ name: "a" }]);
    expect(takeCalls()).toEqual(["createTask"]);
  });

  test("an answer lost after the insert does not make the row foreign", async ({ expect }) => {
    const { create, draft, takeCalls, server } = await setUp();
    server.faults.add({ method: "CreateTask", kind: "drop-after-commit" });
    expect((await create(draft("a"))).adopted).toBe(false);
    expect(takeCalls()).toEqual(["createTask"]);
  });

  test("two drivers of one step at the same time share one row and make each link once", async ({ expect }) => {
    const { api, clock, logger, create, draft, root, runId, read } = await setUp();
    const producer = await api.createTask(runId, {
      name: "prep",
      scopePath: "root.prep",
      parentTaskId: root.taskId,
      type: TaskType.RUNTIME,
    });
    const artifact = { namespace: "n", type: ArtifactType.Model, name: "m", uri: "s3://b/m" };
    const { artifactId } = await api.createArtifact({ runId, taskId: producer.taskId, producerKey: "m", artifact });
    const driveStep = async (pod: string): Promise<TaskAttempt> => {
      const attempt = await create(draft(pod));
      const batch = new BatchUpdater({ api, clock, logger }, runId);
      if (attempt.adopted) batch.noteTask(attempt.task);
      else batch.noteFreshTask(attempt.task.taskId);
      const link = {
        artifactId,
        taskId: attempt.task.taskId,
        key: "m",
        type: IoType.TASK_OUTPUT_INPUT,
        producer: { taskName: "prep" },
      };
      batch.queueLink(link);
      await batch.flush();
      return attempt;
    };
    const attempts = await Promise.all(["a", "bb", "ccc"].map(driveStep));
    expect(attempts.filter(({ adopted }) => !adopted)).toHaveLength(1);
    expect(new Set(attempts.map(({ task }) => task.taskId)).size).toBe(1);
    const stored = await read(attempts[0]?.task.taskId ?? "");
    expect(stored.inputs?.artifacts.flatMap(({ artifacts }) => artifacts)).toHaveLength(1);
    // The row is one driver's, not a mixture.
    const [pod] = stored.pods;
    expect(stored.cacheFingerprint).toBe(`fingerprint of ${pod?.name}`);
  });

  test("an older row gets what belongs to this attempt (DRV-6)", async ({ expect }) => {
    const { create, draft, takeCalls, read } = await setUp();
    const first = await create(draft("a"));
    takeCalls();
    const { task, adopted } = await create(draft("bb"));
    expect(takeCalls()).toEqual(["createTask", "updateTask"]);
    expect(adopted).toBe(true);
    expect(task.taskId).toBe(first.task.taskId);
    expect(await read(task.taskId)).toMatchObject({
      pods: [{ name: "bb" }],
      cacheFingerprint: "fingerprint of bb",
      inputs: { parameters: [{ parameterKey: "n", value: { kind: { value: 2 } } }] },
      parentTaskId: first.task.parentTaskId,
    });
  });

  test("a row seen in the snapshot is taken over without a create", async ({ expect }) => {
    const { create, draft, takeCalls } = await setUp();
    const first = await create(draft("a"));
    takeCalls();
    const ids: string[] = [];
    const second = await create(draft("b"), first.task);
    expect(takeCalls()).toEqual(["updateTask"]);
    expect(second.task.taskId).toBe(first.task.taskId);
    expect(ids).toEqual([]);
  });

  test("a FAILED row runs again, without its old message but with its custom properties", async ({ expect }) => {
    const { create, draft, runId, api, read } = await setUp();
    const first = await create(draft("a"));
    const customProperties = { "plugins.mlflow.run_id": { kind: { case: "stringValue" as const, value: "m" } } };
    await api.updateTask(runId, first.task.taskId, {
      state: TaskState.FAILED,
      statusMetadata: { message: "old", customProperties },
    });
    await create(draft("b"));
    expect(await read(first.task.taskId)).toMatchObject({
      state: TaskState.RUNNING,
      statusMetadata: { message: "", customProperties: { "plugins.mlflow.run_id": { kind: { value: "m" } } } },
    });
  });

  test("the message of a failure reported since the row was read is cleared, custom properties are kept", async ({ expect }) => {
    const { create, draft, runId, api, read, takeCalls } = await setUp();
    const first = await create(draft("a"));
    const customProperties = { "plugins.mlflow.run_id": { kind: { case: "stringValue" as const, value: "m" } } };
    await api.updateTask(runId, first.task.taskId, {
      state: TaskState.FAILED,
      statusMetadata: { message: "late", customProperties },
    });
    takeCalls();
    const { task } = await create(draft("b"), first.task);
    expect(takeCalls()).toEqual(["updateTask", "updateTask"]);
    expect(task.statusMetadata?.message).toBe("");
    expect(await read(first.task.taskId)).toMatchObject({
      ...{ state: TaskState.RUNNING, pods: [{ name: "b" }] },
      statusMetadata: { message: "", customProperties: { "plugins.mlflow.run_id": { kind: { value: "m" } } } },
    });
  });

  test("an older row may get something else than the draft, or be left as it is", async ({ expect }) => {
    const fake = await setUp();
    const { create, draft, takeCalls, read, runId } = fake;
    const first = await create(draft("a"));
    takeCalls();
    const seen: string[] = [];
    const other = await createOrAdoptTask(fake, {
      runId,
      draft: draft("b"),
      adopt: (row) => {
        seen.push(row.taskId);
        return draft("b", { cacheFingerprint: "chosen" });
      },
    });
    expect(seen).toEqual([first.task.taskId]);
    expect(other).toMatchObject({ adopted: true, task: { cacheFingerprint: "chosen" } });
    expect(takeCalls()).toEqual(["createTask", "updateTask"]);

    const kept = await createOrAdoptTask(fake, { runId, draft: draft("c"), adopt: () => undefined });
    expect(takeCalls()).toEqual(["createTask"]);
    expect(kept).toMatchObject({ adopted: true, task: { cacheFingerprint: "chosen" } });
    expect((await read(first.task.taskId)).pods).toMatchObject([{ name: "b" }]);
  });

  test("a new row is not offered for adoption", async ({ expect }) => {
    const fake = await setUp();
    const adopt = (): never => {
      throw new Error("nothing to adopt");
    };
    const { adopted } = await createOrAdoptTask(fake, { runId: fake.runId, draft: fake.draft("a"), adopt });
    expect(adopted).toBe(false);
  });

  test("names the id before anything else can fail", async ({ expect }) => {
    const { create, draft, server, runId, api, clock, logger } = await setUp();
    const first = await create(draft("a"));
    server.faults.add({ method: "UpdateTask", kind: "status", code: "PERMISSION_DENIED" });
    const ids: string[] = [];
    const attempt = createOrAdoptTask({ api, clock, logger }, { runId, draft: draft("b"), onTaskId: (id) => ids.push(id) });
    await expect(attempt).rejects.toThrow(/PERMISSION_DENIED/);
    expect(ids).toEqual([first.task.taskId]);
  });
});

describe("reportFailure()", () => {
  test("creates a FAILED row where there is none", async ({ expect }) => {
    const { draft, runId, takeCalls, clock, ...deps } = await setUp();
    const task = await reportFailure({ ...deps, clock }, { runId, draft: draft("a"), message: "no such input" });
    expect(takeCalls()).toEqual(["createTask"]);
    expect(task).toMatchObject({ state: TaskState.FAILED, statusMetadata: { message: "no such input" } });
    expect(task.endTime?.seconds).toBe(timestampNow(clock).seconds);
  });

  test("a create that meets an older row is followed by an update (API-3, DRV-17, K8S-4)", async ({ expect }) => {
    const { create, draft, runId, takeCalls, read, ...deps } = await setUp();
    const first = await create(draft("a"));
    takeCalls();
    await reportFailure(deps, { runId, draft: draft("b"), message: "broken" });
    expect(takeCalls()).toEqual(["createTask", "updateTask"]);
    expect(await read(first.task.taskId)).toMatchObject({
      state: TaskState.FAILED,
      pods: [{ name: "b" }],
      statusMetadata: { message: "broken" },
    });
  });

  test("so is one that meets a FAILED row of an earlier attempt: the message is the new one", async ({ expect }) => {
    const { draft, runId, read, ...deps } = await setUp();
    const first = await reportFailure(deps, { runId, draft: draft("a"), message: "first" });
    await reportFailure(deps, { runId, draft: draft("b"), message: "second" });
    expect((await read(first.taskId)).statusMetadata?.message).toBe("second");
  });

  test("a known row is updated, custom properties kept, even when they must be read first", async ({ expect }) => {
    const { create, draft, runId, takeCalls, read, ...deps } = await setUp();
    const { task } = await create(
      draft("a", { statusMetadata: { customProperties: { k: { kind: { case: "boolValue", value: true } } } } }),
    );
    takeCalls();
    await reportFailure(deps, { runId, draft: draft("a"), taskId: task.taskId, message: "broken" });
    expect(takeCalls()).toEqual(["getTask", "updateTask"]);
    await reportFailure(deps, { runId, draft: draft("a"), taskId: task.taskId, known: task, message: "broken again" });
    expect(takeCalls()).toEqual(["updateTask"]);
    expect((await read(task.taskId)).statusMetadata).toMatchObject({
      message: "broken again",
      customProperties: { k: { kind: { value: true } } },
    });
  });

  test("a row that cannot be read is still reported", async ({ expect }) => {
    const { create, draft, runId, read, server, ...deps } = await setUp();
    const { task } = await create(draft("a"));
    server.faults.add({ method: "GetTask", kind: "status", code: "PERMISSION_DENIED" });
    await reportFailure(deps, { runId, draft: draft("a"), taskId: task.taskId, message: "broken" });
    expect((await read(task.taskId)).state).toBe(TaskState.FAILED);
    expect(deps.logger.messages("warn")).toEqual(["Cannot read the task before reporting its failure"]);
  });
});

test("statusMetadata() with an empty message clears the old one and nothing else", ({ expect }) => {
  const customProperties = { "plugins.mlflow.run_id": jsonToValue("abc") };
  const previous = create(StatusMetadataSchema, { message: "old", customProperties });
  expect(statusMetadata("", previous)).toEqual(create(StatusMetadataSchema, { message: "", customProperties }));
});
