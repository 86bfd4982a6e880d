/**
 * Drivers that find the row of their step there already: the real ones, on the real server's store, each call a step of an exploration.
 *
 * @module
 */
import { ArtifactType, TaskState, TaskType, type PipelineTask } from "../../src/core/kfp-types.ts";
import { explore, type Take, type World } from "./interleavings.ts";
import { driveStep } from "./model-driver.ts";
import { runLauncher } from "./model-launcher.ts";
import { pipelineOf } from "./specs.ts";
import { StoreModel, type StoreModelOptions } from "./store-model.ts";

const RUN = "run";

/** The step takes an artifact of `prep`, and a value that differs from driver to driver. */
const pipeline = ((): ReturnType<typeof pipelineOf> => {
  const spec = pipelineOf({ root: { tasks: { prep: "comp-prep", step: "comp-step" } } });
  const model = { artifactType: { schemaTitle: "system.Model", schemaVersion: "0.0.1" } };
  Object.assign(spec["components"] as object, {
    "comp-prep": { executorLabel: "exec", outputDefinitions: { artifacts: { model } } },
    "comp-step": {
      executorLabel: "exec",
      inputDefinitions: { artifacts: { model }, parameters: { who: { parameterType: "STRING" } } },
    },
  });
  const { dag } = spec["root"] as { dag: { tasks: Record<string, object> } };
  Object.assign(dag.tasks["step"] ?? {}, {
    dependentTasks: ["prep"],
    cachingOptions: { enableCache: true },
    inputs: {
      parameters: { who: { runtimeValue: { constant: "{{$.pipeline_job_name}}" } } },
      artifacts: { model: { taskOutputArtifact: { producerTask: "prep", outputArtifactKey: "model" } } },
    },
  });
  return { ...spec, deploymentSpec: { executors: { exec: { container: { image: "i", command: ["true"] } } } } };
})();

/**
 * `runs` hands over to a launcher that comes later; `succeeds` is followed by one that ends well. The others fail: before they know the row,
 * and after.
 */
export type Driver = "runs" | "succeeds" | "fails early" | "fails late";

async function prepare(options: StoreModelOptions): Promise<StoreModel> {
  const model = new StoreModel(options);
  model.createRun(RUN, pipeline);
  const { setUp } = model;
  const root = await setUp.createTask(RUN, { name: "ROOT", scopePath: "root", type: TaskType.ROOT, state: TaskState.RUNNING });
  const { taskId } = await setUp.createTask(RUN, {
    ...{ name: "prep", scopePath: "root.prep", parentTaskId: root.taskId },
    ...{ type: TaskType.RUNTIME, state: TaskState.SUCCEEDED },
  });
  const artifact = { name: "model", type: ArtifactType.Model, uri: "s3://b/m", namespace: "ns" };
  await setUp.createArtifacts([{ runId: RUN, taskId, producerKey: "model", artifact }]);
  return model;
}

interface AdoptionOptions extends StoreModelOptions {
  /** The drivers want the same row, but for their pods. */
  readonly areAlike?: boolean;
}

async function runDriver(
  model: StoreModel,
  driver: Driver,
  { index, take, areAlike }: { index: number; take: Take; areAlike: boolean | undefined },
): Promise<void> {
  const deps = {
    ...(driver === "fails early" ? { kube: () => Promise.reject(new Error("no configuration")) } : {}),
    ...(driver === "fails late" ? { deliver: () => Promise.reject(new Error("no room for the result")) } : {}),
    settings: { fingerprintsEnvironment: true, fingerprintSalt: areAlike === true ? "all" : String(index) },
  };
  const api = model.api(take);
  const place = { runId: RUN, parentTaskId: `${RUN}/ROOT`, taskName: "step" };
  const pod = `pod-${String(index)}`;
  const driven = driveStep(api, { ...place, pod, runDisplayName: areAlike === true ? "all" : pod, deps });
  if (driver.startsWith("fails")) return driven.then(unexpected, () => undefined);
  const { taskId } = await driven;
  if (driver === "runs") return;
  await runLauncher(api, { ...place, taskId, pod: `launcher-${String(index)}`, parameters: { out: index } });
}

function unexpected(): never {
  throw new Error("the driver ended well");
}

/** The row of the step; a second one would be a fault. */
function rowOf(model: StoreModel): PipelineTask | undefined {
  const rows = model.rows(RUN).filter(({ name }) => name === "step");
  if (rows.length > 1) throw new Error(`the step has ${String(rows.length)} rows`);
  return rows[0];
}

/** What a driver decided, or the launcher after it: of a row that is one driver's, nothing is another's. */
function decisionOf({ state, pods, endTime, statusMetadata, inputs, outputs, cacheFingerprint }: PipelineTask): string {
  const message = statusMetadata?.message ?? "";
  const ended = endTime !== undefined;
  if (state === TaskState.RUNNING) {
    const links = inputs?.artifacts.map(({ artifacts }) => artifacts.map(({ artifactId }) => artifactId));
    return JSON.stringify({
      state,
      message,
      ended,
      pod: pods.map(({ name }) => name),
      inputs: inputs?.parameters,
      links,
      cacheFingerprint,
    });
  }
  // What a launcher adds to a row stands beside what is there, and nobody takes published outputs away.
  const published = state === TaskState.FAILED ? {} : { outputs: outputs?.parameters };
  return JSON.stringify({ state, message, ended, pod: pods.at(-1)?.name, ...published });
}

/** Every decision of a driver that is alone, from its first row to its last. */
async function decisionsAlone(driver: Driver, index: number, options: AdoptionOptions): Promise<string[]> {
  const model = await prepare(options);
  const decisions: string[] = [];
  const take: Take = async ({ act }) => {
    const result = act();
    const row = rowOf(model);
    if (row !== undefined) decisions.push(decisionOf(row));
    return result;
  };
  await runDriver(model, driver, { index, take, areAlike: options.areAlike });
  return decisions;
}

/** A write with a state; one without only takes a message back. */
const DECIDES = new RegExp(`^UpdateTask ${RUN}/ROOT/step \\S`);

/** @returns Empty when every order ends as it should, else the first bad end and how it came about. */
export async function badEnd(drivers: readonly Driver[], options: AdoptionOptions = {}): Promise<string> {
  const alone: string[][] = [];
  for (const [index, driver] of drivers.entries()) alone.push(await decisionsAlone(driver, index, options));
  const makeWorld = async (): Promise<World> => {
    const model = await prepare(options);
    /** Drivers in the order of their decisions in the row, the last one of each; clearing a message decides nothing. */
    let writers: number[] = [];
    let exists = false;
    const watched =
      (take: Take, index: number): Take =>
      (step) =>
        take({
          ...step,
          act: () => {
            const result = step.act();
            const isCreate = step.name.startsWith("CreateTask root.step ");
            if ((isCreate && !exists) || DECIDES.test(step.name)) {
              writers = [...writers.filter((other) => other !== index), index];
            }
            exists ||= isCreate;
            return result;
          },
        });
    return {
      hasOwnWork: true,
      processes: drivers.map(
        (driver, index) => (take) => runDriver(model, driver, { index, take: watched(take, index), areAlike: options.areAlike }),
      ),
      state: () => `${writers.join()} ${model.state()}`,
      check: () => {
        const row = rowOf(model) as PipelineTask;
        const decision = decisionOf(row);
        const lastWriter = writers.at(-1) ?? -1;
        if (alone[lastWriter]?.includes(decision) !== true) {
          throw new Error(`driver ${String(lastWriter)} wrote last, and the row says ${decision}`);
        }
        // One that comes when all others have left must find its own decision in the row.
        if (writers.length < drivers.length) throw new Error(`only these wrote the row: ${writers.join(", ")}`);
        const links = row.inputs?.artifacts.flatMap(({ artifacts }) => artifacts.map(({ artifactId }) => artifactId)) ?? [];
        if (links.length > 1) throw new Error(`links: ${links.join(", ")}`);
      },
    };
  };
  const { failure } = await explore(makeWorld);
  return failure === undefined ? "" : [failure.error.message, ...failure.trace].join("\n");
}

export const SERVERS: readonly { readonly name: string; readonly options: StoreModelOptions }[] = [
  { name: "rows are complete", options: {} },
  { name: "rows hide iterations, and repeated links are refused", options: { hydration: "branch", refusesRepeatedLinks: true } },
];
