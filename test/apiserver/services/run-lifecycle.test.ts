import { create } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { ArtifactType, IoType, RunView, RuntimeState, TaskState, TaskType, type TaskInit } from "../../../src/core/kfp-types.ts";
import { PipelineTask_TaskPodSchema as TaskPodSchema } from "../../../src/gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import { connectRawClient, startFakeApiServer } from "../../fakes/api-server.ts";

const text = (value: string) => ({ kind: { case: "stringValue", value } }) as const;

async function setUp() {
  let seconds = 100;
  const server = await startFakeApiServer({ now: () => new Date(seconds * 1000) });
  const api = connectRawClient(server.address);
  const { runId } = server.runs.createRun({ displayName: "r" }).run;
  const add = async (name: string, state: TaskState, init: TaskInit = {}) =>
    await api.createTask({
      runId,
      task: { name, state, type: TaskType.RUNTIME, scopePath: `root.${name}`, ...init } as TaskInit,
    });
  const read = async () => {
    const run = await api.getRun({ runId, view: RunView.FULL });
    return { run, tasks: new Map(run.tasks.map((task) => [task.name, task])) };
  };
  return { server, api, runId, add, read, setTime: (value: number) => (seconds = value) };
}

// docs/spec/status-roll-up.md#decision-final-states
describe("finishRun()", () => {
  test("API-11: records the end and finalises tasks that are not final", async ({ expect }) => {
    const { server, runId, add, read, setTime } = await setUp();
    await add("done", TaskState.SUCCEEDED);
    await add("skipped", TaskState.SKIPPED);
    await add("cached", TaskState.CACHED);
    await add("failed", TaskState.FAILED, { statusMetadata: { message: "boom" } });
    const running = await add("running", TaskState.RUNNING, { statusMetadata: { customProperties: { p: text("v") } } });
    const silent = await add("unspecified", TaskState.RUNTIME_STATE_UNSPECIFIED, { statusMetadata: { message: "own words" } });
    setTime(200);
    const finished = server.runs.finishRun(runId, RuntimeState.FAILED, "cancelled by user");
    expect(finished.state).toBe(RuntimeState.FAILED);
    expect(finished.finalizedTaskIds.toSorted()).toEqual([running.taskId, silent.taskId].toSorted());

    const { run, tasks } = await read();
    expect(run).toMatchObject({ state: RuntimeState.FAILED, finishedAt: { seconds: 200n } });
    expect(run.stateHistory.at(-1)).toMatchObject({ state: RuntimeState.FAILED, updateTime: { seconds: 200n } });
    expect(tasks.get("running")).toMatchObject({
      state: TaskState.FAILED,
      endTime: { seconds: 200n },
      statusMetadata: { message: "cancelled by user", customProperties: { p: text("v") } },
    });
    expect(tasks.get("running")?.stateHistory.at(-1)?.state).toBe(TaskState.FAILED);
    expect(tasks.get("unspecified")?.statusMetadata?.message).toBe("own words");
    expect(tasks.get("failed")).toMatchObject({ statusMetadata: { message: "boom" } });
    expect(["done", "skipped", "cached"].map((name) => tasks.get(name)?.state)).toEqual([
      TaskState.SUCCEEDED,
      TaskState.SKIPPED,
      TaskState.CACHED,
    ]);
  });

  test("rewords what failed tasks say, where it is told to", async ({ expect }) => {
    const { server, runId, add, read } = await setUp();
    await add("silent", TaskState.FAILED);
    await add("loud", TaskState.FAILED, { statusMetadata: { message: "boom", customProperties: { p: text("v") } } });
    await add("done", TaskState.SUCCEEDED);
    const rewordFailure = (message: string) => (message === "" ? "nobody said why" : undefined);
    const { finalizedTaskIds } = server.runs.finishRun(runId, RuntimeState.FAILED, "unfinished", { rewordFailure });
    expect(finalizedTaskIds).toEqual([]);
    const { tasks } = await read();
    expect(tasks.get("silent")?.statusMetadata?.message).toBe("nobody said why");
    expect(tasks.get("loud")?.statusMetadata).toMatchObject({ message: "boom", customProperties: { p: text("v") } });
    expect(tasks.get("done")?.statusMetadata?.message ?? "").toBe("");
  });

  test("after sealRun() no call changes the tasks of the run, and the end still can", async ({ expect }) => {
    const { server, api, runId, add, read } = await setUp();
    const running = await add("running", TaskState.RUNNING);
    server.runs.sealRun(runId);
    const task = { runId, taskId: running.taskId, state: TaskState.SUCCEEDED };
    const refused = /FAILED_PRECONDITION.*has ended/;
    await expect(add("late", TaskState.RUNNING)).rejects.toThrow(refused);
    await expect(api.updateTask({ runId, taskId: running.taskId, task })).rejects.toThrow(refused);
    await expect(api.updateTasksBulk({ runId, tasks: { [running.taskId]: task } })).rejects.toThrow(refused);
    server.runs.finishRun(runId, RuntimeState.FAILED, "cut");
    const { tasks } = await read();
    expect([...tasks.values()].map(({ name, state }) => [name, state])).toEqual([["running", TaskState.FAILED]]);
    // Another run goes on.
    const other = server.runs.createRun({ displayName: "other" }).run.runId;
    await expect(api.createTask({ runId: other, task: { name: "x", type: TaskType.RUNTIME } })).resolves.toBeDefined();
  });

  test("never reports success while ROOT had to be finalised", async ({ expect }) => {
    const { server, runId, add, read } = await setUp();
    await add("root", TaskState.RUNNING, { type: TaskType.ROOT, scopePath: "root" });
    expect(server.runs.finishRun(runId, RuntimeState.SUCCEEDED).state).toBe(RuntimeState.FAILED);
    expect((await read()).run.state).toBe(RuntimeState.FAILED);
  });

  test("may report success while ROOT is FAILED: an ignored upstream failure is the engine's decision", async ({ expect }) => {
    const { server, runId, add } = await setUp();
    await add("root", TaskState.FAILED, { type: TaskType.ROOT, scopePath: "root" });
    expect(server.runs.finishRun(runId, RuntimeState.SUCCEEDED).state).toBe(RuntimeState.SUCCEEDED);
  });

  test("refuses an unknown run", async ({ expect }) => {
    const { server } = await setUp();
    expect(() => server.runs.finishRun("nope", RuntimeState.FAILED)).toThrow(/Run nope not found/);
  });
});

// docs/spec/api-server.md#task-reset-of-a-run-retry
describe("resetTasksForRetry()", () => {
  async function failedRun() {
    const context = await setUp();
    const { api, runId, add, setTime } = context;
    const root = await add("root", TaskState.FAILED, { type: TaskType.ROOT, scopePath: "root" });
    const kept = await add("kept", TaskState.SUCCEEDED, { parentTaskId: root.taskId });
    const failed = await add("failed", TaskState.FAILED, {
      parentTaskId: root.taskId,
      endTime: { seconds: 120n },
      cacheFingerprint: "f",
      pods: [create(TaskPodSchema, { name: "pod" })],
      statusMetadata: { message: "boom" },
      typeAttributes: { iterationIndex: 2n },
      inputs: {
        parameters: ["a", "b", "c"].map((item) => ({ parameterKey: "x", type: IoType.ITERATOR_INPUT, value: text(item) })),
      },
      outputs: { parameters: [{ parameterKey: "o", type: IoType.OUTPUT, value: text("1") }] },
    });
    const artifact = await api.createArtifact({
      runId,
      taskId: kept.taskId,
      producerKey: "m",
      artifact: { name: "m", type: ArtifactType.Model },
    });
    const link = { runId, artifactId: artifact.artifactId, producer: { taskName: "kept" }, key: "m" };
    await api.createArtifactTasksBulk({
      artifactTasks: [
        { ...link, taskId: failed.taskId, type: IoType.TASK_OUTPUT_INPUT },
        { ...link, taskId: root.taskId, type: IoType.OUTPUT },
      ],
    });
    setTime(300);
    return { ...context, root, kept, failed, artifact };
  }

  test("puts unfinished and failed tasks back and keeps the others", async ({ expect }) => {
    const { server, api, runId, root, kept, failed, artifact, read } = await failedRun();
    const before = (await read()).tasks.get("kept");
    expect(server.runs.resetTasksForRetry(runId).toSorted()).toEqual([root.taskId, failed.taskId].toSorted());
    const { tasks } = await read();
    const task = tasks.get("failed");
    expect(task).toMatchObject({
      taskId: failed.taskId,
      state: TaskState.RUNNING,
      createTime: { seconds: 100n },
      pods: [],
      cacheFingerprint: "",
      typeAttributes: { iterationIndex: 2n },
      scopePath: "root.failed",
      inputs: { artifacts: [], parameters: [{}, {}, {}] },
      outputs: { artifacts: [], parameters: [] },
    });
    expect(task?.endTime).toBeUndefined();
    expect(task?.statusMetadata).toBeUndefined();
    expect(task?.stateHistory.map((entry) => entry.state)).toEqual([TaskState.FAILED, TaskState.RUNNING]);
    expect(tasks.get("root")).toMatchObject({ state: TaskState.RUNNING, outputs: { artifacts: [] } });
    expect(tasks.get("kept")).toEqual(before);
    expect((await api.listArtifactTasks({ runIds: [runId] })).artifactTasks).toMatchObject([{ taskId: kept.taskId }]);
    expect((await api.getArtifact({ artifactId: artifact.artifactId })).name).toBe("m");
  });

  test("sorts reset tasks by their new start time", async ({ expect }) => {
    const { server, api, runId } = await failedRun();
    server.runs.resetTasksForRetry(runId);
    const { tasks } = await api.listTasks({ runId, orderBy: "start_time" });
    expect(tasks[0]?.name).toBe("kept");
  });

  test("keeps the logical identity, and lets the next inputs replace the stored ones once", async ({ expect }) => {
    const { server, api, runId, root, failed } = await failedRun();
    server.runs.resetTasksForRetry(runId);
    const again = await api.createTask({
      runId,
      task: {
        name: "failed",
        type: TaskType.RUNTIME,
        scopePath: "root.failed",
        parentTaskId: root.taskId,
        typeAttributes: { iterationIndex: 2n },
        state: TaskState.RUNNING,
      },
    });
    expect(again.taskId).toBe(failed.taskId);
    const update = async (parameters: string[]) => {
      const inputs = {
        parameters: parameters.map((item) => ({ parameterKey: "x", type: IoType.ITERATOR_INPUT, value: text(item) })),
      };
      const task = await api.updateTask({ runId, taskId: failed.taskId, task: { inputs } });
      return task.inputs?.parameters.map((entry) => entry.value?.kind.value);
    };
    expect(await update([])).toEqual(["a", "b", "c"]);
    expect(await update(["d"])).toEqual(["d"]);
    expect(await update(["e"])).toEqual(["d", "e"]);
  });
});
