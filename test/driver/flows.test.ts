/** The three driver types against the embedded server: rows, links, calls, retries, failures. */
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ArtifactType, IoType, TaskState, TaskType, type PipelineTask } from "../../src/core/kfp-types.ts";
import { jsonToValue, valueToJson } from "../../src/core/values/value.ts";
import type { DriverDeps } from "../../src/driver/deps.ts";
import { drive } from "../../src/driver/drive.ts";
import type { ContainerOptions, DagOptions } from "../../src/driver/options.ts";
import type { DriverResult } from "../../src/driver/result.ts";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";
import { startFakeApi, type FakeApi } from "../fakes/kfp-api.ts";
import { FakeObjectStore } from "../fakes/object-store.ts";

const text = { parameterType: "STRING" };
const number = { parameterType: "NUMBER_INTEGER" };
const model = { artifactType: { schemaTitle: "system.Model", schemaVersion: "0.0.1" } };

interface PipelineChanges {
  readonly inputs?: JsonObject;
  readonly tasks?: JsonObject;
  readonly components?: JsonObject;
  readonly executors?: JsonObject;
}

function pipeline(changes: PipelineChanges = {}): JsonObject {
  return {
    pipelineInfo: { name: "demo" },
    schemaVersion: "2.1.0",
    root: {
      inputDefinitions: { parameters: { n: number, word: { ...text, isOptional: true }, ...changes.inputs } },
      outputDefinitions: { parameters: { out: text } },
      dag: {
        outputs: { parameters: { out: { valueFromParameter: { producerSubtask: "say", outputParameterKey: "said" } } } },
        tasks: {
          say: {
            taskInfo: { name: "say it" },
            componentRef: { name: "comp-say" },
            cachingOptions: { enableCache: true },
            inputs: { parameters: { times: { componentInputParameter: "n" } } },
          },
          use: {
            taskInfo: { name: "use" },
            componentRef: { name: "comp-use" },
            dependentTasks: ["say"],
            inputs: { artifacts: { model: { taskOutputArtifact: { producerTask: "say", outputArtifactKey: "model" } } } },
          },
          maybe: {
            taskInfo: { name: "maybe" },
            componentRef: { name: "comp-use" },
            triggerPolicy: { condition: "int(inputs.parameter_values['times']) > 5" },
            inputs: { parameters: { times: { componentInputParameter: "n" } } },
          },
          "for-loop-1": {
            taskInfo: { name: "for-loop-1" },
            componentRef: { name: "comp-loop" },
            parameterIterator: { itemInput: "item", items: { raw: '["a", "b", "c"]' } },
          },
          "condition-1": {
            taskInfo: { name: "condition-1" },
            componentRef: { name: "comp-loop" },
            triggerPolicy: { condition: "inputs.parameter_values['word'] == 'go'" },
            inputs: { parameters: { word: { componentInputParameter: "word" } } },
          },
          ...changes.tasks,
        },
      },
    },
    components: {
      "comp-say": {
        executorLabel: "exec-say",
        inputDefinitions: { parameters: { times: number } },
        outputDefinitions: { parameters: { said: text }, artifacts: { model } },
      },
      "comp-use": {
        executorLabel: "exec-use",
        inputDefinitions: {
          artifacts: { model: { ...model, isOptional: true } },
          parameters: { times: { ...number, isOptional: true } },
        },
      },
      "comp-loop": {
        inputDefinitions: { parameters: { item: { ...text, isOptional: true }, word: { ...text, isOptional: true } } },
        dag: { tasks: { inner: { taskInfo: { name: "inner" }, componentRef: { name: "comp-use" } } } },
      },
      ...changes.components,
    },
    deploymentSpec: {
      executors: {
        "exec-say": {
          container: { image: "busybox", command: ["sh", "-c"], args: ["echo {{$.inputs.parameters['times']}} $HOME"] },
        },
        "exec-use": { container: { image: "busybox", command: ["true"] } },
        ...changes.executors,
      },
    },
  };
}

const common = { pipelineName: "demo", runName: "wf", runDisplayName: "Demo", namespace: "ns", conditionPath: "/unused" };
const paths = { parentTaskIdPath: "/unused", iterationCountPath: "/unused" };

class Driven {
  readonly fake: FakeApi;
  readonly runId: string;
  deps: DriverDeps;
  pod = 0;

  constructor(fake: FakeApi, runId: string, changes: Partial<DriverDeps> = {}) {
    this.fake = fake;
    this.runId = runId;
    let salt = 0;
    this.deps = {
      api: fake.api,
      clock: fake.clock,
      logger: fake.logger,
      files: { ...nodeFileSystem, stat: () => Promise.resolve(undefined) },
      kube: () =>
        Promise.resolve({
          getConfigMap: () => Promise.resolve({ defaultPipelineRoot: "s3://bucket/root" }),
          createVolumeClaim: never,
          findVolumeClaim: never,
          deleteVolumeClaim: never,
        }),
      randomUuid: () => `salt-${(salt += 1)}`,
      settings: { fingerprintsEnvironment: true },
      ...changes,
    };
  }

  /** A pod of its own for every execution, as on a cluster. */
  nextPod(): { name: string; uid: string } {
    this.pod += 1;
    return { name: `pod-${this.pod}`, uid: `uid-${this.pod}` };
  }

  async root(parameterValues: JsonObject = { n: 3 }): Promise<string> {
    const runtimeConfig = JSON.stringify({ parameterValues });
    const options = { type: "ROOT_DAG", ...common, ...paths, pod: this.nextPod(), runId: this.runId, runtimeConfig } as const;
    return (await drive(this.deps, options)).taskId;
  }

  dag(taskName: string, parentTaskId: string, more: Partial<DagOptions> = {}): Promise<DriverResult> {
    return drive(this.deps, {
      type: "DAG",
      ...common,
      ...paths,
      pod: this.nextPod(),
      runId: this.runId,
      taskName,
      parentTaskId,
      ...more,
    });
  }

  container(taskName: string, parentTaskId: string, more: Partial<ContainerOptions> = {}): Promise<DriverResult> {
    return drive(this.deps, {
      type: "CONTAINER",
      ...common,
      pod: this.nextPod(),
      runId: this.runId,
      taskName,
      parentTaskId,
      kubernetesConfig: "",
      cachedDecisionPath: "/unused",
      podSpecPatchPath: "/unused",
      cacheDisabled: false,
      publishLogs: "true",
      logLevel: "1",
      apiServer: { address: "ml-pipeline", port: "8887", tlsEnabled: false, caCertPath: "" },
      proxy: { httpProxy: "", httpsProxy: "", noProxy: "" },
      defaults: {},
      ...more,
    });
  }

  task(taskId: string): Promise<PipelineTask> {
    return this.fake.api.getTask(this.runId, taskId);
  }

  async child(parentId: string, name: string): Promise<PipelineTask> {
    const { tasks } = await this.fake.api.listTasks(this.runId, { parentId });
    const found = tasks.filter((task) => task.name === name);
    expect(found).toHaveLength(1);
    return found[0] as PipelineTask;
  }

  /** What the launcher of `say` leaves behind. */
  async succeed(taskId: string): Promise<void> {
    const artifact = { name: "model", type: ArtifactType.Model, uri: "s3://bucket/model", namespace: "ns" };
    await this.fake.api.createArtifact({ runId: this.runId, taskId, producerKey: "model", artifact });
    const said = { parameterKey: "said", value: jsonToValue("hi"), type: IoType.OUTPUT, producer: { taskName: "say" } };
    await this.fake.api.updateTask(this.runId, taskId, { state: TaskState.SUCCEEDED, outputs: { parameters: [said] } });
  }
}

function never(): never {
  throw new Error("not asked for");
}

async function start(
  changes: Parameters<typeof pipeline>[0] = {},
  options: Parameters<typeof startFakeApi>[0] = {},
): Promise<Driven> {
  const fake = await startFakeApi(options);
  const { run } = fake.server.runs.createRun({
    displayName: "d",
    pipelineSource: { case: "pipelineSpec", value: pipeline(changes) },
  });
  fake.takeCalls();
  return new Driven(fake, run.runId);
}

describe("calls of a fresh run", () => {
  test("are the budget of docs/spec/driver-flows.md#budget", async () => {
    const driven = await start();
    const calls = (): string => driven.fake.takeCalls().join(" ");
    const root = await driven.root({ n: 3, word: null });
    expect(calls()).toBe("getRun createTask");
    const loop = await driven.dag("for-loop-1", root);
    expect(calls()).toBe("getRun createTask");
    const { taskId: inner } = await driven.container("inner", loop.taskId, { iterationIndex: 0 });
    // In an iteration the size of the run is asked for first (tasks/read-run.ts).
    expect(calls()).toBe("getRun getRun createTask");
    expect((await driven.task(inner)).typeAttributes?.iterationIndex).toBe(0n);
    calls();
    const say = await driven.container("say", root);
    expect(calls()).toBe("getRun findCachedTask createTask");
    await driven.succeed(say.taskId);
    calls();
    await driven.container("use", root);
    expect(calls()).toBe("getRun createTask createArtifactTasks");
    await driven.container("maybe", root);
    expect(calls()).toBe("getRun createTask getRun");
    await driven.dag("condition-1", root);
    expect(calls()).toBe("getRun createTask getRun");
  });
});

describe("the CONTAINER driver", () => {
  test("records the task and hands the step over to the launcher", async () => {
    const driven = await start();
    const root = await driven.root();
    const result = await driven.container("say", root);
    expect(result).toMatchObject({ cached: false });
    expect("condition" in result).toBe(false);
    const row = await driven.task(result.taskId);
    expect(row).toMatchObject({
      name: "say",
      displayName: "say it",
      type: TaskType.RUNTIME,
      state: TaskState.RUNNING,
      scopePath: "root.say",
      parentTaskId: root,
    });
    expect(row.cacheFingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(row.inputs?.parameters).toMatchObject([
      { parameterKey: "times", type: IoType.COMPONENT_INPUT, producer: { taskName: "ROOT" }, value: jsonToValue(3) },
    ]);
    const main = result.podSpecPatch?.containers[0];
    expect(main).toMatchObject({ name: "main", image: "busybox", args: ["sh", "-c", "echo 3 $HOME"] });
    expect(main?.resources).toEqual({});
    const command = main?.command ?? [];
    const flag = (name: string): string => command[command.indexOf(name) + 1] as string;
    expect(flag("--task_id")).toBe(result.taskId);
    expect(flag("--fingerprint")).toBe(row.cacheFingerprint);
    expect(JSON.parse(flag("--executor_input"))).toEqual({
      inputs: { parameterValues: { times: 3 } },
      outputs: {
        parameters: { said: { outputFile: "/tmp/kfp/outputs/said" } },
        artifacts: {
          model: {
            artifacts: [
              {
                name: "model",
                type: { schemaTitle: "system.Model", schemaVersion: "0.0.1" },
                uri: `s3://bucket/root/demo/${driven.runId}/say/salt-1/model`,
              },
            ],
          },
          "executor-logs": {
            artifacts: [
              {
                name: "executor-logs",
                type: { schemaTitle: "system.Artifact" },
                uri: `s3://bucket/root/demo/${driven.runId}/say/salt-1/executor-logs`,
              },
            ],
          },
        },
        outputFile: `/s3/bucket/root/demo/${driven.runId}/say/salt-1/output_metadata.json`,
      },
    });
  });

  test("takes outputs from the cache, links and propagates them, and rolls up", async () => {
    const driven = await start();
    const root = await driven.root();
    const first = await driven.container("say", root);
    await driven.succeed(first.taskId);
    const again = driven.fake.server.runs.createRun({
      displayName: "d",
      pipelineSource: { case: "pipelineSpec", value: pipeline() },
    });
    const second = new Driven(driven.fake, again.run.runId);
    const secondRoot = await second.root();
    driven.fake.takeCalls();
    const hit = await second.container("say", secondRoot);
    expect(driven.fake.takeCalls().join(" ")).toBe("getRun findCachedTask createTask createArtifactTasks updateTasks getRun");
    expect(hit).toMatchObject({ cached: true });
    expect(hit.podSpecPatch).toBeUndefined();
    const row = await second.task(hit.taskId);
    expect(row.state).toBe(TaskState.CACHED);
    expect(row.endTime).toBeDefined();
    expect(row.outputs?.parameters).toMatchObject([{ parameterKey: "said", type: IoType.OUTPUT, producer: { taskName: "say" } }]);
    const firstModel = (await driven.task(first.taskId)).outputs?.artifacts[0]?.artifacts[0]?.artifactId;
    expect(row.outputs?.artifacts.map(({ artifacts }) => artifacts[0]?.artifactId)).toEqual([firstModel]);
    const rootRow = await second.task(secondRoot);
    expect(rootRow.outputs?.parameters.map(({ parameterKey, value }) => [parameterKey, valueToJson(value!)])).toEqual([
      ["out", "hi"],
    ]);
    // Four more tasks of the root are still to come.
    expect(rootRow.state).toBe(TaskState.RUNNING);
  });

  test.for<{ name: string; checks: boolean; objects: string[]; refused?: string[]; cached: boolean; warning?: RegExp }>([
    { name: "not asked to look", checks: false, objects: [], cached: true },
    { name: "the artifact is there", checks: true, objects: ["s3://bucket/model"], cached: true },
    {
      name: "the artifact is gone",
      checks: true,
      objects: [],
      cached: false,
      warning: /^The cached artifacts of task "say" are gone; the task runs again$/,
    },
    {
      ...{
        name: "the artifact may not be looked at",
        checks: true,
        objects: ["s3://bucket/model"],
        refused: ["s3://bucket/"],
        cached: false,
      },
      warning: /^The cached artifacts of task "say" cannot be looked at; the task runs again$/,
    },
  ])("a cache hit when $name", async ({ checks, objects, refused = [], cached, warning }, { expect }) => {
    const driven = await start();
    await driven.succeed((await driven.container("say", await driven.root())).taskId);
    const again = driven.fake.server.runs.createRun({
      displayName: "d",
      pipelineSource: { case: "pipelineSpec", value: pipeline() },
    });
    const store = new FakeObjectStore();
    for (const uri of objects) store.objects.set(uri, "x");
    store.refused.push(...refused);
    const second = new Driven(driven.fake, again.run.runId, {
      openStore: () => Promise.resolve(store),
      settings: { fingerprintsEnvironment: true, checksCachedArtifacts: checks },
    });
    const result = await second.container("say", await second.root());
    expect(result.cached).toBe(cached);
    const row = await second.task(result.taskId);
    expect(row.state).toBe(cached ? TaskState.CACHED : TaskState.RUNNING);
    // Its success becomes the newest entry.
    expect(row.cacheFingerprint).not.toBe("");
    expect(store.requests).toEqual(checks ? ["exists s3://bucket/model", "close"] : []);
    const warnings = driven.fake.logger.lines.filter(({ level }) => level === "warn").map(({ message }) => message);
    expect(warnings).toEqual(warning === undefined ? [] : [expect.stringMatching(warning)]);
  });

  test.for([
    { name: "with all outputs that are declared", outputs: ["said"], cached: true },
    { name: "without an output that is declared by now", outputs: ["said", "added"], cached: false },
  ])("a hit of a custom cache key $name (UPS-17)", async ({ outputs, cached }, { expect }) => {
    const keyed = (...keys: string[]): JsonObject => {
      const spec = pipeline() as { components: Record<string, JsonObject>; root: { dag: { tasks: Record<string, JsonObject> } } };
      Object.assign(spec.root.dag.tasks["say"] ?? {}, { cachingOptions: { enableCache: true, cacheKey: "mine" } });
      const { outputDefinitions } = spec.components["comp-say"] as { outputDefinitions: JsonObject };
      outputDefinitions["parameters"] = Object.fromEntries(keys.map((key) => [key, text]));
      return spec;
    };
    const runOf = (spec: JsonObject): string =>
      fake.server.runs.createRun({ displayName: "d", pipelineSource: { case: "pipelineSpec", value: spec } }).run.runId;
    const fake = await startFakeApi();
    const first = new Driven(fake, runOf(keyed("said")));
    await first.succeed((await first.container("say", await first.root())).taskId);
    const second = new Driven(fake, runOf(keyed(...outputs)));
    const result = await second.container("say", await second.root());
    expect(result.cached).toBe(cached);
    expect((await second.task(result.taskId)).state).toBe(cached ? TaskState.CACHED : TaskState.RUNNING);
    const warnings = fake.logger.lines.filter(({ level }) => level === "warn").map(({ fields }) => fields["outputs"]);
    expect(warnings).toEqual(cached ? [] : ["added"]);
  });

  test("asks for no cache when it is disabled, for the task or for all", async () => {
    const driven = await start();
    const root = await driven.root();
    driven.fake.takeCalls();
    const { taskId } = await driven.container("say", root, { cacheDisabled: true });
    expect(driven.fake.takeCalls()).not.toContain("findCachedTask");
    expect((await driven.task(taskId)).cacheFingerprint).toBe("");
  });

  test("applies the Kubernetes config to the pod, values of the run in it", async () => {
    const driven = await start();
    const root = await driven.root({ n: 3, word: "db" });
    const kubernetesConfig = JSON.stringify({
      secretAsVolume: [{ mountPath: "/s", secretNameParameter: { componentInputParameter: "word" } }],
    });
    const { podSpecPatch } = await driven.container("say", root, { kubernetesConfig, defaults: { runAsUser: 7 } });
    expect(podSpecPatch?.volumes).toEqual([{ name: "db", secret: { secretName: "db", optional: false } }]);
    expect(podSpecPatch?.containers[0]).toMatchObject({
      volumeMounts: [{ name: "db", mountPath: "/s" }],
      securityContext: { runAsUser: 7 },
    });
  });

  test("leaves the administrator's defaults to the template where there is no Kubernetes config", async () => {
    const driven = await start();
    const root = await driven.root();
    const defaults = { runAsUser: 7, hostUsers: false };
    const { podSpecPatch } = await driven.container("say", root, { kubernetesConfig: "", defaults });
    expect(podSpecPatch).not.toHaveProperty("hostUsers");
    expect(podSpecPatch?.containers[0]).not.toHaveProperty("securityContext");
  });

  test("tells steps with different claims apart in the cache, whatever order they are mounted in", async () => {
    const driven = await start();
    const root = await driven.root();
    const fingerprintWith = async (...claims: string[]): Promise<string> => {
      const pvcMount = claims.map((constant, index) => ({ mountPath: `/${index}`, constant }));
      const { taskId } = await driven.container("say", root, { kubernetesConfig: JSON.stringify({ pvcMount }) });
      return (await driven.task(taskId)).cacheFingerprint;
    };
    const [none, one, two, turned, twice] = [
      await fingerprintWith(),
      await fingerprintWith("a"),
      await fingerprintWith("a", "b"),
      await fingerprintWith("b", "a"),
      await fingerprintWith("a", "b", "a"),
    ];
    expect(new Set([none, one, two]).size).toBe(3);
    expect([turned, twice]).toEqual([two, two]);
  });

  test("does not look at the Kubernetes config of a step that is skipped or taken from the cache (K8S-15)", async () => {
    const driven = await start();
    const kubernetesConfig = '{"imagePullPolicy":"sometimes"}';
    const root = await driven.root({ n: 5 });
    expect(await driven.container("maybe", root, { kubernetesConfig })).toMatchObject({ condition: false });
    const first = await driven.container("say", root);
    await driven.succeed(first.taskId);
    const { run } = driven.fake.server.runs.createRun({
      displayName: "d",
      pipelineSource: { case: "pipelineSpec", value: pipeline() },
    });
    const second = new Driven(driven.fake, run.runId);
    expect(await second.container("say", await second.root({ n: 5 }), { kubernetesConfig })).toMatchObject({ cached: true });
  });

  test("records a false condition as SKIPPED, with an end time and without a patch", async () => {
    const driven = await start();
    const root = await driven.root({ n: 5 });
    const result = await driven.container("maybe", root);
    expect(result).toMatchObject({ condition: false, cached: false });
    expect(result.podSpecPatch).toBeUndefined();
    const row = await driven.task(result.taskId);
    expect(row.state).toBe(TaskState.SKIPPED);
    expect(row.endTime).toBeDefined();
  });

  test("refuses a step whose pod could not be started, before its patch is written", async () => {
    const driven = await start();
    driven.deps = { ...driven.deps, settings: { ...driven.deps.settings, argumentLimitBytes: 200 } };
    const root = await driven.root();
    await expect(driven.container("say", root)).rejects.toThrow(
      /Cannot start the step: in its pod, argument \d+ \(the value of --executor_input\) has \d+ bytes, and the system takes at most 200 in one argument; input parameter "times" alone has 1 bytes; hand large data over as an artifact/,
    );
    const row = await driven.child(root, "say");
    expect(row.state).toBe(TaskState.FAILED);
    expect(row.statusMetadata?.message).toMatch(/Cannot start the step/);
  });

  test("says that a true condition is true", async () => {
    const driven = await start();
    const result = await driven.container("maybe", await driven.root({ n: 6 }));
    expect(result).toMatchObject({ condition: true, cached: false });
    expect(result.podSpecPatch).toBeDefined();
  });

  test("takes over its row when its pod runs again, without doubling links", async () => {
    const driven = await start();
    const root = await driven.root();
    const say = await driven.container("say", root);
    await driven.succeed(say.taskId);
    const first = await driven.container("use", root);
    const second = await driven.container("use", root);
    expect(second.taskId).toBe(first.taskId);
    const row = await driven.task(second.taskId);
    expect(row.pods.map(({ name }) => name)).toEqual([`pod-${driven.pod}`]);
    expect(row.inputs?.artifacts).toHaveLength(1);
  });

  test.for([
    {
      name: "an input without producer output",
      task: "use",
      options: {},
      message: 'Cannot resolve input "model" of task "root.use": producerTask task "say" not found in "root"',
      changes: {
        components: {
          "comp-use": { executorLabel: "exec-use", inputDefinitions: { artifacts: { model } } },
        },
      },
    },
    {
      name: "a condition that does not compile",
      task: "bad",
      options: {},
      message: "nonsense",
      changes: {
        tasks: {
          bad: { taskInfo: { name: "bad" }, componentRef: { name: "comp-use" }, triggerPolicy: { condition: "nonsense ==" } },
        },
      },
    },
    {
      name: "a Kubernetes config it cannot apply",
      task: "say",
      options: { kubernetesConfig: '{"secretAsEnv":[{"keyToEnv":[{"secretKey":"k","envVar":"E"}]}]}' },
      message: 'Cannot apply secretAsEnv[0] of task "root.say": missing either SecretName or SecretNameParameter',
      changes: {},
    },
    {
      name: "a volume task that says nothing about the volume",
      task: "say",
      options: {},
      message: "failed to create pvc: parameter access_modes not provided",
      changes: { executors: { "exec-say": { container: { image: "argostub/createpvc" } } } },
    },
    {
      name: "a malformed quantity, after the row was created",
      task: "say",
      options: {},
      message: 'Cannot parse memory limit "1gb" as a quantity',
      changes: { executors: { "exec-say": { container: { image: "x", resources: { resourceMemoryLimit: "1gb" } } } } },
    },
  ])("leaves exactly one FAILED task with the message: $name", async ({ task, options, message, changes }) => {
    const driven = await start(changes);
    const root = await driven.root();
    await expect(driven.container(task, root, { ...options, iterationIndex: 2 })).rejects.toThrow(message);
    const row = await driven.child(root, task);
    expect(row).toMatchObject({
      state: TaskState.FAILED,
      statusMetadata: { message: expect.stringContaining(message) as string },
    });
    expect(row.endTime).toBeDefined();
    expect(row.typeAttributes?.iterationIndex).toBe(2n);
    expect((await driven.task(root)).state).toBe(TaskState.FAILED);
  });

  test("reports a failure on the row of an earlier attempt as well", async () => {
    const driven = await start();
    const root = await driven.root();
    await driven.container("say", root);
    const config = { kubernetesConfig: '{"secretAsEnv":[{"keyToEnv":[{"secretKey":"k","envVar":"E"}]}]}' };
    await expect(driven.container("say", root, config)).rejects.toThrow("secretAsEnv");
    expect((await driven.child(root, "say")).state).toBe(TaskState.FAILED);
  });

  test("leaves a FAILED row when the task is not in the pipeline", async () => {
    const driven = await start();
    const root = await driven.root();
    await expect(driven.container("nope", root)).rejects.toMatchObject({ code: "SCOPE_PATH_INVALID" });
    const { tasks } = await driven.fake.api.listTasks(driven.runId, { parentId: root });
    expect(tasks).toMatchObject([{ name: "nope", scopePath: "root.nope", state: TaskState.FAILED }]);
    expect((await driven.task(root)).state).toBe(TaskState.FAILED);
  });

  test("gets through answers that are lost on the way", async () => {
    const driven = await start(
      {},
      {
        faults: [
          { method: "CreateTask", kind: "drop-after-commit", times: 2 },
          { method: "GetRun", kind: "status", code: "UNAVAILABLE", times: 1 },
        ],
      },
    );
    const root = await driven.root();
    expect((await driven.container("say", root)).cached).toBe(false);
    expect((await driven.fake.api.listTasks(driven.runId, { parentId: root })).tasks).toHaveLength(1);
  });
});

describe("the DAG driver", () => {
  test("counts the items of a loop and keeps them for its children", async () => {
    const driven = await start();
    const root = await driven.root();
    const result = await driven.dag("for-loop-1", root);
    expect(result).toMatchObject({ iterationCount: 3 });
    const row = await driven.task(result.taskId);
    expect(row).toMatchObject({
      type: TaskType.LOOP,
      displayName: "Loop",
      state: TaskState.RUNNING,
      typeAttributes: { iterationCount: 3n },
    });
    const items = row.inputs?.parameters.filter(({ parameterKey }) => parameterKey === "item") ?? [];
    expect(
      items.map(({ value, type, producer }) => [valueToJson(value!), type, producer?.taskName, producer?.iteration]),
    ).toEqual([
      ["a", IoType.ITERATOR_INPUT, "for-loop-1", 0n],
      ["b", IoType.ITERATOR_INPUT, "for-loop-1", 1n],
      ["c", IoType.ITERATOR_INPUT, "for-loop-1", 2n],
    ]);
  });

  test.for([
    { word: "go", condition: true, state: TaskState.RUNNING },
    { word: "stop", condition: false, state: TaskState.SKIPPED },
    { word: null, condition: false, state: TaskState.SKIPPED },
  ])("evaluates its condition for $word", async ({ word, condition, state }) => {
    const driven = await start();
    const result = await driven.dag("condition-1", await driven.root({ n: 1, word }));
    expect(result.condition).toBe(condition);
    expect(await driven.task(result.taskId)).toMatchObject({
      type: TaskType.CONDITION_BRANCH,
      displayName: "Condition Branch",
      state,
    });
  });

  test("ends at once when its loop has nothing to do", async () => {
    const loop = {
      taskInfo: { name: "for-loop-1" },
      componentRef: { name: "comp-loop" },
      parameterIterator: { itemInput: "item", items: { raw: "[]" } },
    };
    const driven = await start({ tasks: { "for-loop-1": loop } });
    const result = await driven.dag("for-loop-1", await driven.root());
    expect(result.iterationCount).toBe(0);
    expect((await driven.task(result.taskId)).state).toBe(TaskState.SKIPPED);
  });

  test("leaves a FAILED row that climbs when it fails before its row exists", async () => {
    const loop = {
      taskInfo: { name: "for-loop-1" },
      componentRef: { name: "comp-loop" },
      parameterIterator: { itemInput: "item", items: { raw: "{}" } },
    };
    const driven = await start({ tasks: { "for-loop-1": loop } });
    const root = await driven.root();
    await expect(driven.dag("for-loop-1", root)).rejects.toMatchObject({ code: "ITEMS_NOT_A_LIST" });
    expect(await driven.child(root, "for-loop-1")).toMatchObject({ state: TaskState.FAILED, type: TaskType.LOOP });
    expect((await driven.task(root)).state).toBe(TaskState.FAILED);
  });

  test("refuses a container component", async () => {
    const driven = await start();
    await expect(driven.dag("say", await driven.root())).rejects.toMatchObject({ code: "COMPONENT_KIND_INVALID" });
  });
});

describe("the ROOT_DAG driver", () => {
  test("takes over its row when its pod runs again", async () => {
    const driven = await start();
    const first = await driven.root();
    expect(await driven.root()).toBe(first);
    expect((await driven.task(first)).pods).toMatchObject([{ name: "pod-2" }]);
  });

  test("gives back outputs that a run retry took away, from children that are kept", async () => {
    const driven = await start();
    const root = await driven.root();
    const say = await driven.container("say", root);
    await driven.succeed(say.taskId);
    await driven.root();
    const row = await driven.task(root);
    expect(row.outputs?.parameters.map(({ parameterKey, value }) => [parameterKey, valueToJson(value!)])).toEqual([
      ["out", "hi"],
    ]);
  });

  test("resolves the run's facts in defaults, and leaves what was given alone", async () => {
    const inputs = { id: { ...text, defaultValue: "{{$.pipeline_job_uuid}}" }, given: { ...text, defaultValue: "d" } };
    const driven = await start({ inputs });
    const root = await driven.task(await driven.root({ id: "{{$.pipeline_job_uuid}}", given: "{{$.pipeline_job_uuid}}" }));
    const parameters =
      root.inputs?.parameters.map(({ parameterKey, value }) => [parameterKey, value && valueToJson(value)]) ?? [];
    expect(Object.fromEntries(parameters)).toEqual({ id: driven.runId, given: "{{$.pipeline_job_uuid}}" });
  });

  test.for([
    ['{"parameterValues": {"n": 9007199254740993}}', /Cannot start the run: parameter "n" is an integer beyond/],
    ['{"parameterValues": {"word": {"ids": [9007199254740993]}}}', /member ids\[0\] of parameter "word" is an integer beyond/],
    [
      `{"parameterValues": {"word": ${"[".repeat(31)}${"]".repeat(31)}}}`,
      /parameterValues\.word: the value is nested more than 30 levels deep/,
    ],
  ] as const)("refuses values that nobody could read back: %s", async ([runtimeConfig, message]) => {
    const driven = await start();
    const options = { type: "ROOT_DAG", ...common, ...paths, pod: driven.nextPod(), runId: driven.runId, runtimeConfig } as const;
    await expect(drive(driven.deps, options)).rejects.toThrow(message);
  });

  test("refuses a runtime config that is not a JSON object", async () => {
    const driven = await start();
    const options = {
      type: "ROOT_DAG",
      ...common,
      ...paths,
      pod: driven.nextPod(),
      runId: driven.runId,
      runtimeConfig: "[1]",
    } as const;
    await expect(drive(driven.deps, options)).rejects.toMatchObject({ code: "SPEC_INVALID" });
  });
});
