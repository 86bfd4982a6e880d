/** What each driver calls, case by case, in order: the table in docs/performance.md is what happens. */
import { readFileSync } from "node:fs";
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { TaskState } from "../../src/core/kfp-types.ts";
import { startFakeApi } from "../fakes/kfp-api.ts";
import { DriverStage } from "../support/driver-stage.ts";
import { root as projectRoot } from "../support/probe.ts";

const model = { artifactType: { schemaTitle: "system.Model", schemaVersion: "0.0.1" } };
const text = { parameterType: "STRING" };
const enableCache = { cachingOptions: { enableCache: true } };
const spec: JsonObject = {
  pipelineInfo: { name: "demo" },
  schemaVersion: "2.1.0",
  root: {
    outputDefinitions: { parameters: { out: text } },
    dag: {
      outputs: { parameters: { out: { valueFromParameter: { producerSubtask: "say", outputParameterKey: "said" } } } },
      tasks: {
        say: { taskInfo: { name: "say" }, componentRef: { name: "comp-say" }, ...enableCache },
        use: {
          taskInfo: { name: "use" },
          componentRef: { name: "comp-use" },
          ...enableCache,
          inputs: { artifacts: { model: { taskOutputArtifact: { producerTask: "say", outputArtifactKey: "model" } } } },
        },
        wrong: {
          taskInfo: { name: "wrong" },
          componentRef: { name: "comp-take" },
          inputs: { parameters: { word: { taskOutputParameter: { producerTask: "say", outputParameterKey: "absent" } } } },
        },
        never: { taskInfo: { name: "never" }, componentRef: { name: "comp-say" }, triggerPolicy: { condition: "1 == 2" } },
        sub: { taskInfo: { name: "sub" }, componentRef: { name: "comp-sub" } },
        skipped: { taskInfo: { name: "skipped" }, componentRef: { name: "comp-sub" }, triggerPolicy: { condition: "1 == 2" } },
        loop: {
          taskInfo: { name: "loop" },
          componentRef: { name: "comp-sub" },
          parameterIterator: { itemInput: "item", items: { raw: '["a", "b"]' } },
        },
        none: {
          taskInfo: { name: "none" },
          componentRef: { name: "comp-sub" },
          parameterIterator: { itemInput: "item", items: { raw: "[]" } },
        },
      },
    },
  },
  components: {
    "comp-say": { executorLabel: "exec", outputDefinitions: { parameters: { said: text }, artifacts: { model } } },
    "comp-use": { executorLabel: "exec", inputDefinitions: { artifacts: { model } } },
    "comp-take": { executorLabel: "exec", inputDefinitions: { parameters: { word: text } } },
    "comp-sub": {
      inputDefinitions: { parameters: { item: { ...text, isOptional: true } } },
      dag: { tasks: { inner: { taskInfo: { name: "inner" }, componentRef: { name: "comp-say" }, ...enableCache } } },
    },
  },
  deploymentSpec: { executors: { exec: { container: { image: "busybox", command: ["true"] } } } },
};

class Calls {
  readonly stage: DriverStage;

  constructor(stage: DriverStage) {
    this.stage = stage;
  }

  static async open(): Promise<Calls> {
    return new Calls(await DriverStage.open(spec));
  }

  async root(): Promise<string> {
    await this.stage.drive(this.stage.rootOptions());
    return (await this.stage.row("ROOT")).taskId;
  }

  async done(name: string, parent: string): Promise<void> {
    await this.stage.drive(this.stage.containerOptions(name, parent));
    await this.stage.succeed((await this.stage.row(name)).taskId, name);
  }

  async loop(name = "loop"): Promise<string> {
    await this.stage.drive(this.stage.dagOptions(name, await this.root()));
    return (await this.stage.row(name)).taskId;
  }

  /** More tasks than are read at once. */
  async fill(parentTaskId: string): Promise<void> {
    const { fake, runId } = this.stage;
    const rows = Array.from({ length: 201 }, (_, index) => index);
    for (const index of rows) {
      await fake.api.createTask(runId, {
        ...{ name: "filler", scopePath: "root.filler", parentTaskId, state: TaskState.RUNNING },
        typeAttributes: { iterationIndex: BigInt(index) },
      });
    }
  }
}

type Case = (calls: Calls) => Promise<Parameters<DriverStage["drive"]>[0]>;

const cases: Readonly<Record<string, Case>> = {
  ROOT_DAG: ({ stage }) => Promise.resolve(stage.rootOptions()),
  "ROOT_DAG, again": async (calls) => {
    await calls.root();
    return calls.stage.rootOptions();
  },
  DAG: async (calls) => calls.stage.dagOptions("sub", await calls.root()),
  "DAG, again": async (calls) => {
    const root = await calls.root();
    await calls.stage.drive(calls.stage.dagOptions("sub", root));
    return calls.stage.dagOptions("sub", root);
  },
  "DAG, condition false": async (calls) => calls.stage.dagOptions("skipped", await calls.root()),
  "DAG, loop": async (calls) => calls.stage.dagOptions("loop", await calls.root()),
  "DAG, loop without items": async (calls) => calls.stage.dagOptions("none", await calls.root()),
  "CONTAINER, cache disabled": async (calls) => calls.stage.containerOptions("say", await calls.root(), { cacheDisabled: true }),
  "CONTAINER, cache miss": async (calls) => calls.stage.containerOptions("say", await calls.root()),
  "CONTAINER, cache miss, artifact input": async (calls) => {
    const root = await calls.root();
    await calls.done("say", root);
    return calls.stage.containerOptions("use", root);
  },
  "CONTAINER, cache hit with outputs": async (calls) => {
    await calls.done("say", await calls.root());
    const second = new Calls(await DriverStage.open(spec, calls.stage.fake));
    return second.stage.containerOptions("say", await second.root());
  },
  "CONTAINER, condition false": async (calls) => calls.stage.containerOptions("never", await calls.root()),
  "CONTAINER, input cannot be resolved": async (calls) => {
    const root = await calls.root();
    await calls.done("say", root);
    return calls.stage.containerOptions("wrong", root);
  },
  "CONTAINER, again": async (calls) => {
    const root = await calls.root();
    await calls.stage.drive(calls.stage.containerOptions("say", root));
    return calls.stage.containerOptions("say", root);
  },
  "CONTAINER, in an iteration": async (calls) => calls.stage.containerOptions("inner", await calls.loop(), { iterationIndex: 1 }),
  "CONTAINER, in an iteration of a run of more than 200 tasks": async (calls) => {
    const loop = await calls.loop();
    await calls.fill(loop);
    return calls.stage.containerOptions("inner", loop, { iterationIndex: 1 });
  },
};

/** Rows of the table: case, number, calls in order. */
function documented(): Map<string, { count: number; calls: string[] }> {
  const [, section = ""] = readFileSync(`${projectRoot}/docs/performance.md`, "utf8").split("## Calls of a driver\n");
  const rows = (section.split("\n## ")[0] ?? "").split("\n").filter((line) => /^\| (?:ROOT_DAG|DAG|CONTAINER)/.test(line));
  return new Map(
    rows.map((line) => {
      const [name = "", count = "", calls = ""] = line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim());
      return [name, { count: Number(count), calls: calls.split(", ") }];
    }),
  );
}

describe("the calls of a driver (DRV-8, DRV-14)", () => {
  const table = documented();

  test("the table in docs/performance.md has exactly these cases", () => {
    expect([...table.keys()]).toEqual(Object.keys(cases));
  });

  test.for(Object.entries(cases))("%s", async ([name, prepare]) => {
    const calls = await Calls.open();
    const options = await prepare(calls);
    const stage = new DriverStage(calls.stage.fake, options.runId);
    const driven = await stage.drive(options);
    const row = table.get(name);
    expect(driven.calls.map((call) => call.charAt(0).toUpperCase() + call.slice(1))).toEqual(row?.calls);
    expect(driven.calls).toHaveLength(row?.count ?? -1);
  });
});

test("what n iterations of a container step call grows with n, not faster", async () => {
  const countOf = async (n: number): Promise<number> => {
    const fake = await startFakeApi();
    const calls = new Calls(await DriverStage.open(spec, fake));
    const loop = await calls.loop();
    let count = 0;
    for (let iterationIndex = 0; iterationIndex < n; iterationIndex += 1) {
      const options = calls.stage.containerOptions("inner", loop, { iterationIndex, cacheDisabled: true });
      count += (await calls.stage.drive(options)).calls.length;
    }
    return count;
  };
  const [small, large] = [await countOf(4), await countOf(12)];
  expect(large).toBe(3 * small);
});
