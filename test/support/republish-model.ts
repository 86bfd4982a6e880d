/**
 * A run retry of loops in loops: rows above preserved steps have lost their outputs, and drivers put them back while iterations that run
 * again publish theirs.
 *
 * `y` and `x` are loops, `x` inside `y`; each iteration of `x` has a sub-pipeline `l` with the step `cell`, and a step `use` that takes what
 * `l` gives, and a sub-pipeline `sub` that takes it too. All rows are below iteration 0 of `y`: its list is made by every iteration of `x`.
 *
 * @module
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { ArtifactType, IoType, TaskState, TaskType, type PipelineTask, type TaskInit } from "../../src/core/kfp-types.ts";
import { jsonToValue, valueToJson } from "../../src/core/values/value.ts";
import type { KfpApi } from "../../src/ports/kfp-api.ts";
import { linkIdentity, producerMessage } from "../../src/resolver/run/io-entries.ts";
import { outputsOf } from "../../src/resolver/outputs/propagation-step.ts";
import { BatchUpdater } from "../../src/tasks/batch-updater.ts";
import { propagateOutputs } from "../../src/tasks/output-propagation.ts";
import { propagationOptions, readRun } from "../../src/tasks/read-run.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { RecordingLogger } from "../fakes/recording-logger.ts";
import { explore, type Take, type World } from "./interleavings.ts";
import { driveDag, driveStep } from "./model-driver.ts";
import { pipelineOf } from "./specs.ts";
import { StoreModel, type StoreModelOptions } from "./store-model.ts";

export interface RepublishRun {
  /** Iterations of `x` whose cell ended well before the retry: its row has outputs, and nothing above it has. */
  readonly preserved: readonly number[];
  /** Iterations of `x` whose cell runs again, and publishes. */
  readonly published?: readonly number[];
  /** Drivers that run again: of `x`, or of the `l` of an iteration. */
  readonly redriven?: readonly ("x" | number)[];
  /** Those drivers have run once already, before anything else: they are delivered twice. */
  readonly isRedelivery?: boolean;
  /** Iterations in which the driver of `use` asks for what `l` gives. */
  readonly used?: readonly number[];
  /** Iterations in which the driver of `sub` does. */
  readonly usedBelow?: readonly number[];
  /** What the cells give. */
  readonly gives: "parameters" | "artifacts";
}

const RUN = "run";
const Y = `${RUN}/ROOT/y`;
const X = `${Y}/x0`;

const pipelines = { parameters: specOf("parameters"), artifacts: specOf("artifacts") };

function specOf(gives: RepublishRun["gives"]): JsonObject {
  const level = (task: string, more: Record<string, string> = {}): Parameters<typeof pipelineOf>[0][string] => {
    const from = [[task, "out"]] as const;
    const tasks = { [task]: `comp-${task}`, ...more };
    return gives === "parameters"
      ? { tasks, parameters: { out: { from, type: task === "cell" ? "STRING" : "LIST" } } }
      : { tasks, artifacts: { out: { from, list: task !== "cell" } } };
  };
  const spec = pipelineOf({
    root: { tasks: { y: "comp-y" } },
    "comp-y": level("x"),
    "comp-x": level("l", { use: "comp-use", sub: "comp-sub" }),
    "comp-l": level("cell"),
  });
  const components = spec["components"] as Record<string, { dag?: { tasks: Record<string, object> } }>;
  const { dag: rootDag } = spec["root"] as { dag: { tasks: Record<string, object> } };
  for (const tasks of [
    rootDag.tasks,
    components["comp-y"]?.dag?.tasks,
    components["comp-x"]?.dag?.tasks,
    components["comp-l"]?.dag?.tasks,
  ]) {
    for (const [name, task] of Object.entries(tasks ?? {})) {
      if (name !== "use" && name !== "sub")
        Object.assign(
          task,
          name === "cell" || name === "l" ? {} : { parameterIterator: { itemInput: "item", items: { raw: "[0, 1]" } } },
        );
      else {
        const source = { producerTask: "l", [gives === "parameters" ? "outputParameterKey" : "outputArtifactKey"]: "out" };
        const input = gives === "parameters" ? { taskOutputParameter: source } : { taskOutputArtifact: source };
        Object.assign(task, { dependentTasks: ["l"], inputs: { [gives]: { list: input } } });
      }
    }
  }
  const artifactType = { schemaTitle: "system.Dataset", schemaVersion: "0.0.1" };
  const list = gives === "parameters" ? { parameterType: "STRING" } : { artifactType };
  const inputDefinitions = { [gives]: { list } };
  const end = { taskInfo: { name: "end" }, componentRef: { name: "comp-end" } };
  Object.assign(components, {
    "comp-use": { executorLabel: "exec", inputDefinitions },
    "comp-sub": { dag: { tasks: { end } }, inputDefinitions },
    "comp-end": { executorLabel: "exec" },
  });
  return { ...spec, deploymentSpec: { executors: { exec: { container: { image: "i", command: ["true"] } } } } };
}

/** Rows as the retry has left them. */
async function prepare(
  { preserved, published = [], redriven = [], isRedelivery = false, gives }: RepublishRun,
  options: StoreModelOptions,
): Promise<StoreModel> {
  const model = new StoreModel({ ...options, forgetsBeforeWrites: true });
  model.createRun(RUN, pipelines[gives]);
  const create = async (name: string, parent: PipelineTask | undefined, more: TaskInit): Promise<PipelineTask> => {
    const scopePath = parent === undefined ? "root" : `${parent.scopePath}.${name}`;
    const parentTaskId = parent === undefined ? {} : { parentTaskId: parent.taskId };
    return model.setUp.createTask(RUN, { name, scopePath, ...parentTaskId, state: TaskState.RUNNING, ...more });
  };
  const loop = (iterationIndex?: bigint): TaskInit => ({
    type: TaskType.LOOP,
    typeAttributes: { iterationCount: 2n, ...(iterationIndex === undefined ? {} : { iterationIndex }) },
  });
  const root = await create("ROOT", undefined, { type: TaskType.ROOT });
  const x = await create("x", await create("y", root, loop()), loop(0n));
  for (const i of [...preserved, ...published]) {
    const isPreserved = preserved.includes(i);
    // A whole sub-pipeline that ended well keeps its row as it was; where a step of it failed, its row was emptied.
    const isWhole = isPreserved && redriven.includes("x");
    const l = await create("l", x, {
      ...{ type: TaskType.DAG, typeAttributes: { iterationIndex: BigInt(i) } },
      state: isWhole ? TaskState.SUCCEEDED : TaskState.RUNNING,
    });
    const state = isPreserved ? TaskState.SUCCEEDED : TaskState.RUNNING;
    const { taskId } = await create("cell", l, { type: TaskType.RUNTIME, state });
    if (isPreserved) await giveOutputs(model.setUp, taskId, i, gives);
    if (isWhole) await giveOutputs(model.setUp, l.taskId, i, gives);
  }
  if (isRedelivery) {
    for (const start of processesOf(model, { preserved, redriven, gives }, false)) await start(async ({ act }) => act());
  }
  return model;
}

/** What a row has once what it stands for is done. */
async function giveOutputs(api: KfpApi, taskId: string, i: number, gives: RepublishRun["gives"]): Promise<void> {
  if (gives === "parameters") {
    const producer = producerMessage({ taskName: "cell" });
    const parameters = [{ parameterKey: "out", value: jsonToValue(`of ${String(i)}`), type: IoType.OUTPUT, producer }];
    await api.updateTask(RUN, taskId, { outputs: { parameters } });
  } else {
    const artifact = { name: "out", type: ArtifactType.Dataset, uri: `s3://b/${String(i)}`, namespace: "ns" };
    await api.createArtifacts([{ runId: RUN, taskId, producerKey: "out", artifact }]);
  }
}

async function publish(api: KfpApi, i: number, { gives }: RepublishRun, isLargeRun: boolean): Promise<void> {
  const deps = { api, clock: new FakeClock(), logger: new RecordingLogger() };
  const parentTaskId = `${X}/l${String(i)}`;
  const ownTaskId = `${parentTaskId}/cell`;
  const size = isLargeRun ? { taskCountHint: 1000 } : {};
  const snapshot = await readRun(deps, { runId: RUN, parentTaskId, ownTaskId, ...size });
  await giveOutputs(api, ownTaskId, i, gives);
  const own = await api.getTask(RUN, ownTaskId);
  await propagateOutputs({ ...deps, batch: new BatchUpdater(deps, RUN) }, own, propagationOptions(snapshot));
}

function processesOf(model: StoreModel, run: RepublishRun, isLargeRun: boolean): World["processes"] {
  const { published = [], redriven = [], used = [], usedBelow = [] } = run;
  const settings = { fingerprintsEnvironment: true, ...(isLargeRun ? { taskCountHint: 1000 } : {}) };
  const driver = (name: string) => ({ pod: `driver of ${name}`, runId: RUN, deps: { settings } });
  return [
    ...published.map((i) => (take: Take) => publish(model.api(take), i, run, isLargeRun)),
    ...redriven.map((which) => async (take: Take) => {
      const place =
        which === "x"
          ? { taskName: "x", parentTaskId: Y, iterationIndex: 0 }
          : { taskName: "l", parentTaskId: X, iterationIndex: which };
      await driveDag(model.api(take), { ...driver(String(which)), ...place });
    }),
    ...used.map((iterationIndex) => async (take: Take) => {
      await driveStep(model.api(take), {
        ...driver(`use ${String(iterationIndex)}`),
        taskName: "use",
        parentTaskId: X,
        iterationIndex,
      });
    }),
    ...usedBelow.map((iterationIndex) => async (take: Take) => {
      await driveDag(model.api(take), {
        ...driver(`sub ${String(iterationIndex)}`),
        taskName: "sub",
        parentTaskId: X,
        iterationIndex,
      });
    }),
  ];
}

/** Outputs of every row above the cells. */
function publishedIn(model: StoreModel): string {
  return model
    .rows(RUN)
    .filter(({ type }) => type !== TaskType.RUNTIME)
    .map((row) => {
      const { parameters, artifacts } = outputsOf(row);
      const links = artifacts.map((artifact) =>
        linkIdentity({ ...artifact, taskId: row.taskId, producer: producerMessage(artifact.producer) }),
      );
      const values = parameters.map(({ parameterKey, producer, value }) =>
        JSON.stringify([
          parameterKey,
          producer?.taskName,
          String(producer?.iteration),
          value === undefined ? null : valueToJson(value),
        ]),
      );
      return `${row.taskId}: ${[...values, ...links].toSorted().join(" ")}`;
    })
    .join("\n");
}

/** What is published when nobody meets anybody: one after the other, the iterations first. */
export async function inOrder(run: RepublishRun, options: StoreModelOptions = {}): Promise<string> {
  const model = await prepare(run, options);
  for (const process of processesOf(model, run, options.isLargeRun === true)) await process(async ({ act }) => act());
  return publishedIn(model);
}

/** @returns Empty when every order publishes the same; else the first bad end and how it came about. */
export async function badEnd(run: RepublishRun, options: StoreModelOptions = {}): Promise<string> {
  const wanted = await inOrder(run, options);
  const { failure } = await explore(async () => {
    const model = await prepare(run, options);
    return {
      hasOwnWork: true,
      processes: processesOf(model, run, options.isLargeRun === true),
      state: () => model.state(),
      check: () => {
        const found = publishedIn(model);
        if (found !== wanted) throw new Error(`Wrong in the end:\n${found}\nnot\n${wanted}`);
      },
    };
  });
  return failure === undefined ? "" : [failure.error.message, ...failure.trace].join("\n");
}

export const RETRIES: readonly { readonly name: string; readonly run: Omit<RepublishRun, "gives"> }[] = [
  {
    name: "the driver of one iteration, while the step of another publishes",
    run: { preserved: [0], redriven: [0], published: [1] },
  },
  { name: "the drivers of two iterations", run: { preserved: [0, 1], redriven: [0, 1] } },
  {
    name: "the driver of the loop, delivered twice, while an iteration publishes",
    run: { preserved: [0], redriven: ["x"], isRedelivery: true, published: [1] },
  },
  { name: "the drivers of two steps that take what is missing", run: { preserved: [0, 1], used: [0, 1] } },
  {
    name: "the drivers of a step and of a sub-pipeline that take what is missing",
    run: { preserved: [0, 1], used: [0], usedBelow: [1] },
  },
  {
    name: "the driver of a step that takes what is missing, while another iteration publishes",
    run: { preserved: [0], used: [0], published: [1] },
  },
];

export const READERS = [
  { reader: "read whole", options: {} },
  { reader: "read row by row", options: { isLargeRun: true } },
  {
    reader: "of a server that hides iterations and refuses repeated links",
    options: { hydration: "branch", refusesRepeatedLinks: true },
  },
] as const;
