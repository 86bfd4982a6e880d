/**
 * The server against a plain model in memory: random sequences of calls over several connections, and uploads that interleave.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { status, type ServiceError } from "@grpc/grpc-js";
import fc from "fast-check";
import { describe, test } from "vitest";
import { PipelineCalls } from "../../src/apiserver/services/catalog/pipeline-service.ts";
import { openSqliteStore } from "../../src/apiserver/sqlite/sqlite-store.ts";
import { startApiServer, type ApiServer } from "../../src/apiserver/server.ts";
import { RunView, RuntimeState, TaskState, TaskType } from "../../src/core/kfp-types.ts";
import { Experiment_StorageState as ExperimentState } from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/experiment_pb.js";
import { Run_StorageState as StorageState } from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import { createRawClient, type RawApiClient } from "../fakes/raw-client.ts";

const SPEC = { pipelineInfo: { name: "p" }, schemaVersion: "2.1.0", root: { dag: {} } };

interface ModelTask {
  state: TaskState;
  /** Of outputs that were merged. */
  readonly outputs: Map<string, number>;
}

interface ModelRun {
  readonly id: string;
  readonly experiment: string;
  state: RuntimeState;
  isArchived: boolean;
  readonly tasks: Map<string, ModelTask>;
}

/** What the server must show. Keys are names; ids are the server's. */
interface Model {
  readonly experiments: Map<string, { readonly id: string; isArchived: boolean }>;
  readonly runs: ModelRun[];
}

interface Real {
  readonly server: ApiServer;
  readonly clients: readonly RawApiClient[];
  readonly taskIds: Map<string, string>;
}

/** The outcome of a call: its answer, or the code it was refused with. */
async function outcomeOf<T>(call: Promise<T>): Promise<{ readonly answer?: T; readonly code: string }> {
  try {
    return { answer: await call, code: "OK" };
  } catch (error) {
    return { code: status[(error as ServiceError).code] };
  }
}

/** A call by one of the clients; `expected` says what the model answers, and changes it. */
class Call implements fc.AsyncCommand<Model, Real> {
  readonly #text: string;
  readonly #needs: (model: Model) => boolean;
  readonly #perform: (model: Model, real: Real, api: RawApiClient) => Promise<void>;
  readonly #client: number;

  constructor(
    text: string,
    client: number,
    needs: (model: Model) => boolean,
    perform: (model: Model, real: Real, api: RawApiClient) => Promise<void>,
  ) {
    this.#text = text;
    this.#client = client;
    this.#needs = needs;
    this.#perform = perform;
  }

  check(model: Readonly<Model>): boolean {
    return this.#needs(model);
  }

  async run(model: Model, real: Real): Promise<void> {
    const client = real.clients[this.#client % real.clients.length];
    if (client !== undefined) await this.#perform(model, real, client);
  }

  toString(): string {
    return `${this.#text} by ${this.#client}`;
  }
}

function expectSame(what: string, found: unknown, expected: unknown): void {
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    throw new Error(`${what}: the server says ${JSON.stringify(found)}, the model ${JSON.stringify(expected)}`);
  }
}

const isFinal = (state: RuntimeState): boolean => state === RuntimeState.SUCCEEDED || state === RuntimeState.FAILED;
const runAt = (model: Model, index: number): ModelRun => model.runs[index % model.runs.length] as ModelRun;
const hasRuns = (model: Model): boolean => model.runs.length > 0;
const always = (): boolean => true;
const CODES = {
  OK: "OK",
  NOT_FOUND: "NOT_FOUND",
  ALREADY_EXISTS: "ALREADY_EXISTS",
  FAILED_PRECONDITION: "FAILED_PRECONDITION",
  ABORTED: "ABORTED",
  INVALID_ARGUMENT: "INVALID_ARGUMENT",
} as const;

const client = fc.nat(2);
const index = fc.nat(20);
const name = fc.constantFrom("a", "b", "c");
const taskState = fc.constantFrom(TaskState.RUNNING, TaskState.SUCCEEDED, TaskState.FAILED);

const commands: fc.Arbitrary<fc.AsyncCommand<Model, Real>>[] = [
  fc.tuple(client, name).map(
    ([by, displayName]) =>
      new Call(`create experiment ${displayName}`, by, always, async (model, _, api) => {
        const { answer, code } = await outcomeOf(api.createExperiment({ experiment: { displayName } }));
        expectSame("create experiment", code, model.experiments.has(displayName) ? CODES.ALREADY_EXISTS : CODES.OK);
        if (answer !== undefined) model.experiments.set(displayName, { id: answer.experimentId, isArchived: false });
      }),
  ),
  fc.tuple(client, name, fc.constantFrom("archive", "unarchive", "delete")).map(
    ([by, displayName, action]) =>
      new Call(
        `${action} experiment ${displayName}`,
        by,
        (model) => model.experiments.has(displayName),
        async (model, _, api) => {
          const experiment = model.experiments.get(displayName);
          if (experiment === undefined) return;
          const request = { experimentId: experiment.id };
          if (action === "archive") {
            await api.archiveExperiment(request);
            experiment.isArchived = true;
            for (const run of model.runs) if (run.experiment === experiment.id) run.isArchived = true;
          } else if (action === "unarchive") {
            await api.unarchiveExperiment(request);
            experiment.isArchived = false;
          } else {
            await api.deleteExperiment(request);
            model.experiments.delete(displayName);
            expectSame("deleted", (await outcomeOf(api.getExperiment(request))).code, CODES.NOT_FOUND);
          }
        },
      ),
  ),
  fc.tuple(client, fc.option(name)).map(
    ([by, inside]) =>
      new Call(
        `create run in ${inside}`,
        by,
        (model) => inside === null || model.experiments.has(inside),
        async (model, real, api) => {
          const experiment =
            inside === null ? real.server.store.experiments.defaultId() : (model.experiments.get(inside)?.id ?? "");
          const { runId } = await api.createRun({
            run: { displayName: "r", experimentId: experiment, pipelineSource: { case: "pipelineSpec", value: SPEC } },
          });
          model.runs.push({ id: runId, experiment, state: RuntimeState.PENDING, isArchived: false, tasks: new Map() });
        },
      ),
  ),
  fc.tuple(client, index, fc.constantFrom(RuntimeState.SUCCEEDED as const, RuntimeState.FAILED as const)).map(
    ([by, at, state]) =>
      new Call(`finish run ${at}`, by, hasRuns, async (model, real) => {
        const run = runAt(model, at);
        real.server.runs.finishRun(run.id, state);
        run.state = state;
        for (const task of run.tasks.values()) if (task.state === TaskState.RUNNING) task.state = TaskState.FAILED;
        await nextTurn();
      }),
  ),
  fc.tuple(client, index).map(
    ([by, at]) =>
      new Call(`retry run ${at}`, by, hasRuns, async (model, _, api) => {
        const run = runAt(model, at);
        const { code } = await outcomeOf(api.retryRun({ runId: run.id }));
        expectSame("retry", code, run.state === RuntimeState.FAILED ? CODES.OK : CODES.ABORTED);
        if (run.state !== RuntimeState.FAILED) return;
        run.state = RuntimeState.PENDING;
        for (const task of run.tasks.values()) {
          if (task.state === TaskState.SUCCEEDED) continue;
          task.state = TaskState.RUNNING;
          task.outputs.clear();
        }
      }),
  ),
  fc.tuple(client, index, fc.boolean()).map(
    ([by, at, archive]) =>
      new Call(`${archive ? "archive" : "unarchive"} run ${at}`, by, hasRuns, async (model, real, api) => {
        const run = runAt(model, at);
        const { code } = await outcomeOf(archive ? api.archiveRun({ runId: run.id }) : api.unarchiveRun({ runId: run.id }));
        const inside = [...model.experiments.values()].find(({ id }) => id === run.experiment);
        const isDefault = run.experiment === real.server.store.experiments.defaultId();
        let expected: string = CODES.OK;
        if (!archive && !isDefault && inside === undefined) expected = CODES.NOT_FOUND;
        if (!archive && inside?.isArchived === true) expected = CODES.FAILED_PRECONDITION;
        expectSame("archive or unarchive", code, expected);
        if (code === CODES.OK) run.isArchived = archive;
      }),
  ),
  fc.tuple(client, index).map(
    ([by, at]) =>
      new Call(`delete run ${at}`, by, hasRuns, async (model, _, api) => {
        const [run] = model.runs.splice(at % model.runs.length, 1);
        if (run === undefined) return;
        await api.deleteRun({ runId: run.id });
        expectSame("deleted", (await outcomeOf(api.getRun({ runId: run.id }))).code, CODES.NOT_FOUND);
      }),
  ),
  fc.tuple(client, index, name, taskState).map(
    ([by, at, taskName, state]) =>
      new Call(`create task ${taskName} of run ${at}`, by, hasRuns, async (model, real, api) => {
        const run = runAt(model, at);
        const task = { name: taskName, scopePath: `root.${taskName}`, type: TaskType.RUNTIME, state };
        const { answer, code } = await outcomeOf(api.createTask({ runId: run.id, task }));
        expectSame("create task", code, isFinal(run.state) ? CODES.FAILED_PRECONDITION : CODES.OK);
        if (answer === undefined) return;
        const key = `${run.id}/${taskName}`;
        const known = real.taskIds.get(key);
        if (known === undefined) run.tasks.set(taskName, { state, outputs: new Map() });
        else expectSame("the same row", answer.taskId, known);
        real.taskIds.set(key, answer.taskId);
      }),
  ),
  fc.tuple(client, index, name, taskState, fc.constantFrom("x", "y"), fc.nat(9)).map(
    ([by, at, taskName, state, key, value]) =>
      new Call(
        `update task ${taskName} of run ${at}`,
        by,
        (model) => hasRuns(model) && runAt(model, at).tasks.has(taskName),
        async (model, real, api) => {
          const run = runAt(model, at);
          const taskId = real.taskIds.get(`${run.id}/${taskName}`) ?? "";
          const parameters = [{ parameterKey: key, type: 9, value: { kind: { case: "numberValue", value } as const } }];
          const { code } = await outcomeOf(api.updateTask({ runId: run.id, taskId, task: { state, outputs: { parameters } } }));
          expectSame("update task", code, isFinal(run.state) ? CODES.FAILED_PRECONDITION : CODES.OK);
          if (code !== CODES.OK) return;
          const task = run.tasks.get(taskName);
          if (task === undefined) return;
          task.state = state;
          task.outputs.set(key, value);
        },
      ),
  ),
  fc
    .tuple(client)
    .map(([by]) => new Call("look at everything", by, always, async (model, real, api) => await compareAll(model, real, api))),
];

/** Rows in an order of their own. */
function sorted(rows: readonly unknown[]): string[] {
  return rows.map((row) => JSON.stringify(row)).toSorted();
}

async function compareAll(model: Model, real: Real, api: RawApiClient): Promise<void> {
  const { runs } = await api.listRuns({ pageSize: 200 });
  expectSame("ids of runs", runs.map(({ runId }) => runId).toSorted(), model.runs.map(({ id }) => id).toSorted());
  for (const run of model.runs) {
    const stored = await api.getRun({ runId: run.id, view: RunView.FULL });
    expectSame("state", [stored.state, stored.storageState === StorageState.ARCHIVED], [run.state, run.isArchived]);
    const tasks = stored.tasks.map((task) => [
      task.name,
      task.state,
      sorted((task.outputs?.parameters ?? []).map(({ parameterKey, value }) => [parameterKey, value?.kind.value])),
    ]);
    const expected = [...run.tasks].map(([taskName, { state, outputs }]) => [taskName, state, sorted([...outputs])]);
    expectSame("tasks", sorted(tasks), sorted(expected));
  }
  const { experiments } = await api.listExperiments({ pageSize: 200 });
  const states = experiments
    .filter(({ experimentId }) => experimentId !== real.server.store.experiments.defaultId())
    .map(({ displayName, storageState }) => [displayName, storageState === ExperimentState.ARCHIVED]);
  expectSame("experiments", sorted(states), sorted([...model.experiments].map(([key, { isArchived }]) => [key, isArchived])));
}

test("random calls of three clients are answered as the model answers them", async ({ expect }) => {
  await fc.assert(
    fc.asyncProperty(fc.commands(commands, { maxCommands: 40, size: "+1" }), async (all) => {
      const server = await startApiServer({ database: ":memory:" });
      const clients = [1, 2, 3].map(() => createRawClient(server.address));
      const model: Model = { experiments: new Map(), runs: [] };
      const real: Real = { server, clients, taskIds: new Map() };
      try {
        await fc.asyncModelRun(() => ({ model, real }), all);
        await compareAll(model, real, clients[0] as RawApiClient);
        expect(server.store.checkIntegrity()).toEqual([]);
      } finally {
        for (const one of clients) one.close();
        await server.close();
      }
    }),
    { numRuns: 25 },
  );
}, 60_000);

describe("uploads that interleave", () => {
  const actions = fc.array(fc.record({ kind: fc.constantFrom("pipeline", "version", "url-version", "delete"), name }), {
    minLength: 2,
    maxLength: 12,
  });

  test("leave no version without pipeline, no name twice, and as many rows as calls that succeeded", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), actions, async (scheduler, all) => {
        const store = openSqliteStore({ database: ":memory:", nowSeconds: 1, defaultExperimentId: "e" });
        const calls = new PipelineCalls({
          store,
          now: () => 1,
          fetchSpecFile: async () => await scheduler.schedule(Promise.resolve(JSON.stringify(SPEC)), "fetched"),
        });
        const upload = (what: string) => ({ name: what, displayName: "", description: "", tags: {}, text: JSON.stringify(SPEC) });
        const { pipelineId } = await calls.uploadPipeline(upload("shared"));
        const outcomes = all.map(async (action) => {
          await scheduler.schedule(Promise.resolve(), action.kind);
          if (action.kind === "pipeline") await calls.uploadPipeline(upload(action.name));
          else if (action.kind === "version") await calls.uploadVersion(pipelineId, upload(action.name));
          else if (action.kind === "delete") calls.deletePipeline({ pipelineId, cascade: true } as never);
          else {
            const pipelineVersion = { ...upload(action.name), pipelineId, packageUrl: { pipelineUrl: "https://x/p.yaml" } };
            await calls.createPipelineVersion({ pipelineId, pipelineVersion } as never);
          }
          return action;
        });
        await scheduler.waitFor(Promise.allSettled(outcomes));
        const done = (await Promise.allSettled(outcomes)).flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
        const isDeleted = done.some(({ kind }) => kind === "delete");
        const made = done.filter(({ kind }) => kind === "pipeline").map((action) => action.name);
        expect(new Set(made).size).toBe(made.length);
        const { pipelines } = calls.listPipelines({ pageSize: 200, pageToken: "", sortBy: "", filter: "" } as never);
        expect(pipelines.map((one) => one.name).toSorted()).toEqual([...made, ...(isDeleted ? [] : ["shared"])].toSorted());
        if (!isDeleted) {
          const versions = done.filter(({ kind }) => kind.endsWith("version")).map((action) => action.name);
          expect(new Set(versions).size).toBe(versions.length);
          expect(store.pipelines.countVersions(pipelineId)).toBe(versions.length + 1);
        }
        expect(store.checkIntegrity()).toEqual([]);
        store.close();
      }),
      { numRuns: 40 },
    );
  });
});
