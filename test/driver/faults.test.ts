/** One refused call, at every place of every kind of driver: FAILED with message and end time, and the same end when it runs again. */
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ApiError } from "../../src/core/errors.ts";
import { TaskState, type PipelineTask } from "../../src/core/kfp-types.ts";
import type { DriverOptions } from "../../src/driver/options.ts";
import type { KfpApi } from "../../src/ports/kfp-api.ts";
import { DriverStage } from "../support/driver-stage.ts";

const model = { artifactType: { schemaTitle: "system.Model", schemaVersion: "0.0.1" } };
const text = { parameterType: "STRING" };
const cached = { cachingOptions: { enableCache: true } };
const modelOfSay = { artifacts: { model: { taskOutputArtifact: { producerTask: "say", outputArtifactKey: "model" } } } };
const falseCondition = { triggerPolicy: { condition: "1 == 2" } };

const spec: JsonObject = {
  pipelineInfo: { name: "demo" },
  schemaVersion: "2.1.0",
  root: {
    outputDefinitions: { parameters: { out: text } },
    dag: {
      outputs: { parameters: { out: { valueFromParameter: { producerSubtask: "say", outputParameterKey: "said" } } } },
      tasks: {
        say: { taskInfo: { name: "say" }, componentRef: { name: "comp-say" }, ...cached },
        use: { taskInfo: { name: "use" }, componentRef: { name: "comp-use" }, inputs: modelOfSay },
        never: { taskInfo: { name: "never" }, componentRef: { name: "comp-say" }, ...falseCondition },
        sub: { taskInfo: { name: "sub" }, componentRef: { name: "comp-sub" }, inputs: modelOfSay },
        skipped: { taskInfo: { name: "skipped" }, componentRef: { name: "comp-sub" }, inputs: modelOfSay, ...falseCondition },
      },
    },
  },
  components: {
    "comp-say": { executorLabel: "exec", outputDefinitions: { parameters: { said: text }, artifacts: { model } } },
    "comp-use": { executorLabel: "exec", inputDefinitions: { artifacts: { model } } },
    "comp-sub": {
      inputDefinitions: { artifacts: { model } },
      dag: { tasks: { inner: { taskInfo: { name: "inner" }, componentRef: { name: "comp-say" } } } },
    },
  },
  deploymentSpec: { executors: { exec: { container: { image: "busybox", command: ["true"] } } } },
};

interface Scene {
  readonly stage: DriverStage;
  readonly options: () => DriverOptions;
  readonly name: string;
}

async function withSay(stage: DriverStage): Promise<string> {
  await stage.drive(stage.rootOptions());
  const root = (await stage.row("ROOT")).taskId;
  await stage.drive(stage.containerOptions("say", root));
  await stage.succeed((await stage.row("say")).taskId, "say");
  return root;
}

async function child(name: string, kind: "DAG" | "CONTAINER"): Promise<Scene> {
  const stage = await DriverStage.open(spec);
  const root = await withSay(stage);
  const options = () => (kind === "DAG" ? stage.dagOptions(name, root) : stage.containerOptions(name, root));
  return { stage, options, name };
}

const scenes: Readonly<Record<string, { open: () => Promise<Scene>; end: TaskState }>> = {
  ROOT_DAG: {
    open: async () => {
      const stage = await DriverStage.open(spec);
      return { stage, options: () => stage.rootOptions(), name: "ROOT" };
    },
    end: TaskState.RUNNING,
  },
  "DAG with an artifact input": { open: () => child("sub", "DAG"), end: TaskState.RUNNING },
  "DAG, condition false": { open: () => child("skipped", "DAG"), end: TaskState.SKIPPED },
  "CONTAINER with an artifact input": { open: () => child("use", "CONTAINER"), end: TaskState.RUNNING },
  "API-5: CONTAINER, condition false": { open: () => child("never", "CONTAINER"), end: TaskState.SKIPPED },
  "CONTAINER, cache hit": {
    open: async () => {
      const first = await DriverStage.open(spec);
      await withSay(first);
      const stage = await DriverStage.open(spec, first.fake);
      await stage.drive(stage.rootOptions());
      const root = (await stage.row("ROOT")).taskId;
      return { stage, options: () => stage.containerOptions("say", root), name: "say" };
    },
    end: TaskState.CACHED,
  },
};

type Fate = "is refused" | "is done and its answer refused";

/** The nth call meets its fate, once. */
function failAt(api: KfpApi, n: number, fate: Fate): KfpApi {
  let calls = 0;
  return new Proxy(api, {
    get(target, name): unknown {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return async (...args: unknown[]): Promise<unknown> => {
        calls += 1;
        const isTheOne = calls === n;
        if (isTheOne && fate === "is refused") throw refusal();
        const answer: unknown = await (Reflect.apply(member, target, args) as Promise<unknown>);
        if (isTheOne) throw refusal();
        return answer;
      };
    },
  });
}

function refusal(): ApiError {
  return new ApiError("API_REJECTED", "the server is full", { details: { status: "RESOURCE_EXHAUSTED" } });
}

/** What counts of the rows: no ids of attempts, no times. */
function essence(rows: readonly PipelineTask[]): unknown[] {
  return rows
    .map(({ name, scopePath, state, statusMetadata, inputs, outputs, parentTaskId }) => ({
      ...{ name, scopePath, state, message: statusMetadata?.message ?? "", isRoot: parentTaskId === undefined },
      inputs: [
        inputs?.parameters.map(({ parameterKey }) => parameterKey) ?? [],
        inputs?.artifacts.map(({ artifactKey }) => artifactKey) ?? [],
      ],
      outputs: [
        outputs?.parameters.map(({ parameterKey }) => parameterKey) ?? [],
        outputs?.artifacts.map(({ artifactKey, artifacts }) => `${artifactKey} ${String(artifacts.length)}`) ?? [],
      ],
    }))
    .toSorted((left, right) => (left.scopePath < right.scopePath ? -1 : 1));
}

describe("a call of a driver that is refused", () => {
  for (const [title, { open, end }] of Object.entries(scenes)) {
    test.for<Fate>(["is refused", "is done and its answer refused"])(`${title}: any call, %s`, async (fate) => {
      const undisturbed = await open();
      const sound = await undisturbed.stage.drive(undisturbed.options());
      expect(sound.exitCode).toBe(0);
      if (end === TaskState.SKIPPED) expect((await undisturbed.stage.row(undisturbed.name)).endTime).toBeDefined();
      const expected = essence(await undisturbed.stage.rows());
      for (let n = 1; n <= sound.calls.length; n += 1) {
        const { stage, options, name } = await open();
        const place = `call ${String(n)}, ${sound.calls[n - 1] ?? ""}`;
        const driven = await stage.drive(options(), { api: failAt(stage.fake.api, n, fate) });
        expect(driven.exitCode, place).toBe(1);
        expect(driven.files.size, place).toBe(0);
        // The first call reads the run: whoever refuses it gets no report (early-failure.test.ts).
        if (n > 1) {
          const row = await stage.row(name);
          expect(row.state, place).toBe(TaskState.FAILED);
          expect(row.statusMetadata?.message, place).toMatch(/the server is full/);
          expect(row.endTime, place).toBeDefined();
          expect((await stage.row("ROOT")).state, place).toBe(TaskState.FAILED);
        }
        expect((await stage.drive(options())).exitCode, place).toBe(0);
        expect((await stage.row(name)).state, place).toBe(end);
        const again = essence(await stage.rows()) as { name: string; state: TaskState }[];
        // A parent stays FAILED until its children end: the state of the root is theirs to write.
        const comparable = (rows: unknown[]) =>
          (rows as { name: string }[]).map((row) =>
            row.name === "ROOT" && name !== "ROOT" ? { ...row, state: undefined } : row,
          );
        expect(comparable(again), place).toEqual(comparable(expected));
      }
    });
  }
});

test("a failure that cannot be recorded is one error, which says what failed first, and a warning", async () => {
  const { stage, options } = await child("use", "CONTAINER");
  let calls = 0;
  const api = new Proxy(stage.fake.api, {
    get(target, name): unknown {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]): unknown => {
        calls += 1;
        return calls === 1 ? Reflect.apply(member, target, args) : Promise.reject(refusal());
      };
    },
  });
  stage.fake.logger.lines.length = 0;
  expect((await stage.drive(options(), { api })).exitCode).toBe(1);
  expect(stage.fake.logger.messages("error")).toEqual([expect.stringMatching(/^driver failed: .*the server is full/)]);
  expect(stage.fake.logger.messages("warn")).toContain("Cannot record the failure of the task");
});
