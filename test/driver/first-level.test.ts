/**
 * Root and first-level drivers of real compiled pipelines, against the embedded server.
 *
 * What a row must hold is computed by an independent model of the pipeline (test/support/pipeline-model.ts). Launchers are stood in for
 * by writing every declared output.
 */
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ArtifactType, IoType, TaskState, TaskType, type PipelineTask } from "../../src/core/kfp-types.ts";
import { jsonToValue, valueToJson } from "../../src/core/values/value.ts";
import type { DriverDeps } from "../../src/driver/deps.ts";
import { drive } from "../../src/driver/drive.ts";
import type { DriverResult } from "../../src/driver/result.ts";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";
import { startFakeApi, type FakeApi } from "../fakes/kfp-api.ts";
import { assertValidPod } from "../support/step-pod.ts";
import { conformancePipelines } from "../conformance/pipelines.ts";
import {
  firstLevel,
  member,
  readCompiledPipeline,
  rootParameters,
  sampleValue,
  type ModelTask,
} from "../support/pipeline-model.ts";

const NAMESPACE = "ns";
const common = { pipelineName: "demo", runName: "wf", runDisplayName: "Demo", namespace: NAMESPACE, conditionPath: "/unused" };
const paths = { parentTaskIdPath: "/unused", iterationCountPath: "/unused" };
const pod = { name: "driver-pod", uid: "uid" };

function driverDeps({ api, clock, logger }: FakeApi): DriverDeps {
  return {
    api,
    clock,
    logger,
    files: { ...nodeFileSystem, stat: () => Promise.resolve(undefined) },
    kube: () =>
      Promise.resolve({
        getConfigMap: () => Promise.resolve(undefined),
        createVolumeClaim: unused,
        findVolumeClaim: unused,
        deleteVolumeClaim: unused,
      }),
    randomUuid: randomUUID,
    settings: { fingerprintsEnvironment: true },
  };
}

function unused(): never {
  throw new Error("a driver needs no Kubernetes object but the launcher's ConfigMap");
}

/** Outputs, as task and parameter, whose consumers need more than any value of the type. */
const SPECIAL_OUTPUTS: Readonly<Record<string, JsonValue>> = {
  "make-tolerations Output": [{ key: "gpu", operator: "Exists" }],
};

class DrivenPipeline {
  readonly deps: DriverDeps;
  readonly fake: FakeApi;
  readonly runId: string;
  readonly rows = new Map<string, PipelineTask>();

  constructor(fake: FakeApi, runId: string) {
    this.fake = fake;
    this.deps = driverDeps(fake);
    this.runId = runId;
  }

  async driveRoot(parameterValues: Record<string, JsonValue>): Promise<PipelineTask> {
    const runtimeConfig = JSON.stringify({ parameterValues });
    const { taskId } = await drive(this.deps, { type: "ROOT_DAG", ...common, ...paths, pod, runId: this.runId, runtimeConfig });
    return this.fake.api.getTask(this.runId, taskId);
  }

  async driveChild(task: ModelTask, parentTaskId: string): Promise<DriverResult> {
    const child = { ...common, pod, runId: this.runId, taskName: task.key, parentTaskId };
    if (!task.isContainer) return drive(this.deps, { type: "DAG", ...child, ...paths });
    return drive(this.deps, {
      type: "CONTAINER",
      ...child,
      kubernetesConfig: task.kubernetesConfig === undefined ? "" : JSON.stringify(task.kubernetesConfig),
      cachedDecisionPath: "/unused",
      podSpecPatchPath: "/unused",
      cacheDisabled: false,
      publishLogs: "true",
      logLevel: "1",
      apiServer: { address: "ml-pipeline", port: "8887", tlsEnabled: false, caCertPath: "" },
      proxy: { httpProxy: "", httpsProxy: "", noProxy: "" },
      defaults: {},
    });
  }

  /** Ends a task as if its launcher, or the tasks below it, had written every declared output. */
  async finish(task: ModelTask, taskId: string): Promise<void> {
    const { api } = this.fake;
    const producer = { taskName: task.key };
    const outputs = member(task.component, "outputDefinitions");
    const parameters = Object.entries(member(outputs, "parameters")).map(([parameterKey, definition]) => ({
      parameterKey,
      value: jsonToValue(SPECIAL_OUTPUTS[`${task.key} ${parameterKey}`] ?? sampleValue(member(definition)["parameterType"])),
      type: task.type === "LOOP" ? IoType.ITERATOR_OUTPUT : IoType.OUTPUT,
      producer: task.type === "LOOP" ? { ...producer, iteration: 0n } : producer,
    }));
    for (const producerKey of Object.keys(member(outputs, "artifacts"))) {
      const artifact = {
        name: producerKey,
        type: ArtifactType.Artifact,
        uri: `s3://b/${task.key}/${producerKey}`,
        namespace: NAMESPACE,
      };
      const iteration = task.type === "LOOP" ? { iterationIndex: 0n } : {};
      await api.createArtifact({ runId: this.runId, taskId, producerKey, artifact, ...iteration });
    }
    await api.updateTask(this.runId, taskId, { state: TaskState.SUCCEEDED, outputs: { parameters } });
  }
}

/** What the table of input kinds says for the kinds whose value is known without running anything. */
function expectedInputs(task: ModelTask, root: Record<string, JsonValue>): Array<[string, JsonValue, IoType]> {
  const declared = member(task.component, "inputDefinitions", "parameters");
  return Object.entries(member(task.inputs, "parameters")).flatMap(([key, input]): Array<[string, JsonValue, IoType]> => {
    const { componentInputParameter, runtimeValue, parameterExpressionSelector } = member(input);
    if (parameterExpressionSelector !== undefined) return [];
    const type = member(declared, key)["parameterType"];
    if (typeof componentInputParameter === "string") {
      const value = root[componentInputParameter];
      if (value === undefined || value === null || (type === "STRING" && typeof value !== "string")) return [];
      return [[key, value, IoType.COMPONENT_INPUT]];
    }
    const constant = member(runtimeValue)["constant"] as JsonValue | undefined;
    if (constant === undefined || constant === null || JSON.stringify(constant).includes("{{$")) return [];
    if (type === "STRING" && typeof constant !== "string") return [];
    return [[key, constant, IoType.RUNTIME_VALUE_INPUT]];
  });
}

const fixtures = new URL("../fixtures/pipelines/", import.meta.url);
const own = readdirSync(fixtures)
  .filter((name) => name.endsWith(".yaml"))
  .toSorted()
  .map((name) => ({ name: `fixture ${name}`, text: readFileSync(new URL(name, fixtures), "utf8") }));

describe("drivers of compiled pipelines", () => {
  test.for([...own, ...conformancePipelines()])("$name", async ({ text }) => {
    const pipeline = readCompiledPipeline(text);
    const fake = await startFakeApi();
    const { run } = fake.server.runs.createRun({
      displayName: "Demo",
      pipelineSource: { case: "pipelineSpec", value: pipeline.source },
    });
    const driven = new DrivenPipeline(fake, run.runId);
    const parameters = rootParameters(pipeline.spec);
    const root = await driven.driveRoot(parameters);
    expect(root).toMatchObject({
      name: "ROOT",
      displayName: "Demo",
      type: TaskType.ROOT,
      state: TaskState.RUNNING,
      scopePath: "root",
    });
    expect(
      Object.fromEntries(root.inputs?.parameters.map(({ parameterKey, value }) => [parameterKey, valueToJson(value!)]) ?? []),
    ).toEqual(parameters);
    expect(
      root.inputs?.parameters.every(({ type, producer }) => type === IoType.RUNTIME_VALUE_INPUT && producer?.taskName === "ROOT"),
    ).toBe(true);

    for (const task of firstLevel(pipeline)) {
      // An importer has no driver; the launcher creates its row.
      if (task.isImporter) {
        const row = await fake.api.createTask(driven.runId, {
          ...{ name: task.key, parentTaskId: root.taskId, scopePath: `root.${task.key}` },
          ...{ type: TaskType.IMPORTER, state: TaskState.RUNNING },
        });
        await driven.finish(task, row.taskId);
        continue;
      }
      const refused = task.isVolumeTask || task.needsRootArtifact || task.component["taskConfigPassthroughs"] !== undefined;
      const result = await driven.driveChild(task, root.taskId).catch((error: unknown) => error as Error);
      const rows = (await fake.api.listTasks(driven.runId, { parentId: root.taskId })).tasks;
      const row = rows.find(({ name }) => name === task.key) as PipelineTask;
      if (result instanceof Error) {
        expect(refused, `${task.key}: ${result.message}`).toBe(true);
        expect(row).toMatchObject({ state: TaskState.FAILED, statusMetadata: { message: result.message } });
        expect(row.endTime).toBeDefined();
        await driven.finish(task, row.taskId);
        continue;
      }
      expect(TaskType[row.type], task.key).toBe(task.type);
      expect(row.scopePath).toBe(`root.${task.key}`);
      expect(row.pods).toMatchObject([pod]);
      expect(result.condition === undefined, task.key).toBe(!task.hasCondition);
      const skipped = result.condition === false || result.iterationCount === 0;
      // Two tasks of one pipeline may do the same thing: the second one then takes the first one's outputs.
      const cached = result.cached === true;
      expect(TaskState[row.state], task.key).toBe(skipped ? "SKIPPED" : cached ? "CACHED" : "RUNNING");
      expect(row.endTime === undefined).toBe(!skipped && !cached);
      expect(result.iterationCount !== undefined).toBe(task.hasIterator);
      for (const [key, value, type] of expectedInputs(task, parameters)) {
        const entries = row.inputs?.parameters.filter(({ parameterKey }) => parameterKey === key) ?? [];
        expect(
          entries.map((entry) => valueToJson(entry.value!)),
          `${task.key}.${key}`,
        ).toEqual([value]);
        expect(entries[0]?.type, `${task.key}.${key}`).toBe(type);
      }
      if (task.isContainer) expect(result.podSpecPatch === undefined, task.key).toBe(skipped || cached);
      if (result.podSpecPatch !== undefined) assertValidPod(JSON.parse(JSON.stringify(result.podSpecPatch)) as JsonObject);
      if (!skipped) await driven.finish(task, row.taskId);
      else await fake.api.updateTask(driven.runId, row.taskId, { outputs: { parameters: [] } });
    }
  });
});
