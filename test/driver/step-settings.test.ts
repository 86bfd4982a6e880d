/** Task configuration, workspace and models in images, from the run to the patch of the pod. */
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ArtifactType, TaskState, TaskType } from "../../src/core/kfp-types.ts";
import type { DriverResult } from "../../src/driver/result.ts";
import { startClaimRun, type ClaimRun } from "../support/claim-pipeline.ts";

const model = { artifactType: { schemaTitle: "system.Model", schemaVersion: "0.0.1" } };

interface Step {
  readonly component?: JsonObject;
  readonly container?: JsonObject;
  readonly task?: JsonObject;
}

async function start({ component = {}, container = {}, task = {} }: Step): Promise<{ run: ClaimRun; root: string }> {
  const run = await startClaimRun({
    tasks: {
      step: { taskInfo: { name: "step" }, componentRef: { name: "comp-step" }, ...task },
      make: { taskInfo: { name: "make" }, componentRef: { name: "comp-make" } },
    },
    components: {
      "comp-step": { executorLabel: "exec-step", ...component },
      "comp-make": { executorLabel: "exec-step", outputDefinitions: { artifacts: { model } } },
    },
    executors: { "exec-step": { container: { image: "img", command: ["c"], ...container } } },
  });
  return { run, root: await run.root() };
}

function executorInputOf({ podSpecPatch }: DriverResult): JsonObject {
  const command = podSpecPatch?.containers[0].command ?? [];
  return JSON.parse(command[command.indexOf("--executor_input") + 1] ?? "") as JsonObject;
}

describe("task configuration", () => {
  const taking = (fields: JsonObject[]): JsonObject => ({
    inputDefinitions: { parameters: { tc: { parameterType: "TASK_CONFIG" }, again: { parameterType: "TASK_CONFIG" } } },
    taskConfigPassthroughs: fields,
  });
  const empty = {
    affinity: null,
    tolerations: null,
    nodeSelector: null,
    env: null,
    volumes: null,
    volumeMounts: null,
    resources: {},
  };
  const cached = { cachingOptions: { enableCache: true } };

  test("T1 is the value of every input of its type, and all null where nothing is taken", async () => {
    const { run, root } = await start({ component: taking([]) });
    const result = await run.claim("step", root);
    expect(executorInputOf(result)).toMatchObject({ inputs: { parameterValues: { tc: empty, again: empty } } });
  });

  test("holds what the component takes; the row and the fingerprint do not", async () => {
    const fields = [{ field: "RESOURCES" }, { field: "KUBERNETES_VOLUMES", applyToTask: true }];
    const container = { resources: { resourceCpuLimit: "2.0" } };
    const { run, root } = await start({ component: taking(fields), container, task: cached });
    const kubernetesConfig = JSON.stringify({ pvcMount: [{ mountPath: "/d", constant: "p" }] });
    const result = await run.claim("step", root, { kubernetesConfig });
    const volumes = [{ name: "p", persistentVolumeClaim: { claimName: "p" } }];
    const volumeMounts = [{ name: "p", mountPath: "/d" }];
    const expected = { ...empty, volumes, volumeMounts, resources: { limits: { cpu: "2" } } };
    expect(executorInputOf(result)).toMatchObject({ inputs: { parameterValues: { tc: expected, again: expected } } });
    expect(result.podSpecPatch).toMatchObject({ volumes, containers: [{ volumeMounts }] });
    expect(result.podSpecPatch?.containers[0]?.resources).toEqual({});
    const row = await run.task(result.taskId);
    expect(row.inputs?.parameters).toEqual([]);

    const other = await start({ component: taking([]), container, task: cached });
    const plain = await other.run.claim("step", other.root, { kubernetesConfig });
    expect((await other.run.task(plain.taskId)).cacheFingerprint).toBe(row.cacheFingerprint);
  });

  test("may stand in the command of the step", async () => {
    const container = { args: ["--config={{$.inputs.parameters['tc']}}"], env: [{ name: "A", value: "1" }] };
    const { run, root } = await start({ component: taking([{ field: "ENV" }]), container });
    const [command, argument] = (await run.claim("step", root)).podSpecPatch?.containers[0].args ?? [];
    expect(command).toBe("c");
    expect(JSON.parse(argument?.replace("--config=", "") ?? "")).toEqual({ ...empty, env: [{ name: "A", value: "1" }] });
  });
});

describe("models in images", () => {
  async function withModel(uri: string): Promise<{ run: ClaimRun; root: string }> {
    const started = await start({
      component: { inputDefinitions: { artifacts: { m: model } } },
      task: { inputs: { artifacts: { m: { taskOutputArtifact: { producerTask: "make", outputArtifactKey: "model" } } } } },
    });
    const { run, root } = started;
    const place = { runId: run.runId, name: "make", scopePath: "root.make", parentTaskId: root };
    const { taskId } = await run.fake.api.createTask(run.runId, { ...place, type: TaskType.RUNTIME, state: TaskState.SUCCEEDED });
    const artifact = { name: "model", type: ArtifactType.Model, uri, namespace: "ns" };
    await run.fake.api.createArtifact({ runId: run.runId, taskId, producerKey: "model", artifact });
    return started;
  }

  test("bring their containers into the pod of the step that reads them", async () => {
    const { run, root } = await withModel("oci://registry.example.com/team/llama:1.0");
    const result = await run.claim("step", root);
    expect(result.podSpecPatch?.containers.map(({ name, image }) => [name, image])).toEqual([
      ["main", "img"],
      ["oci-0", "registry.example.com/team/llama:1.0"],
    ]);
    expect(executorInputOf(result)).toMatchObject({
      inputs: { artifacts: { m: { artifacts: [{ uri: "oci://registry.example.com/team/llama:1.0" }] } } },
    });
  });

  test("fail the task before it is stored as running where the URI names no image", async () => {
    const { run, root } = await withModel("oci://$(id)");
    await expect(run.claim("step", root)).rejects.toThrow('"oci://$(id)" does not name an image');
    const { tasks } = await run.fake.api.listTasks(run.runId, { parentId: root });
    expect(tasks.find(({ name }) => name === "step")).toMatchObject({
      state: TaskState.FAILED,
      statusMetadata: { message: 'Cannot mount input artifact "m": "oci://$(id)" does not name an image' },
    });
  });
});

describe("the workspace", () => {
  const component = { inputDefinitions: { parameters: { p: { parameterType: "STRING" } } } };
  const task = { inputs: { parameters: { p: { runtimeValue: { constant: "{{$.workspace_path}}/x" } } } } };

  test("is on the pod of a step that names it", async () => {
    const { run, root } = await start({ component, task });
    const result = await run.claim("step", root);
    expect(result.podSpecPatch?.volumes).toEqual([
      { name: "kfp-workspace", persistentVolumeClaim: { claimName: "wf-kfp-workspace" } },
    ]);
    expect(executorInputOf(result)).toMatchObject({ inputs: { parameterValues: { p: "/kfp-workspace/x" } } });
  });

  test("fails the task where a volume would hide it", async () => {
    const { run, root } = await start({ component, task });
    const kubernetesConfig = JSON.stringify({ pvcMount: [{ mountPath: "/kfp-workspace/sub", constant: "p" }] });
    await expect(run.claim("step", root, { kubernetesConfig })).rejects.toThrow(
      "conflicts with workspace mount at /kfp-workspace",
    );
    const { tasks } = await run.fake.api.listTasks(run.runId, { parentId: root });
    expect(tasks.map(({ state, statusMetadata }) => [state, statusMetadata?.message])).toEqual([
      [TaskState.FAILED, expect.stringMatching(/^failed to validate volume mounts: user volume mount at \/kfp-workspace\/sub/)],
    ]);
  });

  test("does not hide which inputs the failed task had", async () => {
    const { run, root } = await start({ component, task });
    const kubernetesConfig = JSON.stringify({ pvcMount: [{ mountPath: "/kfp-workspace/sub", constant: "p" }] });
    await expect(run.claim("step", root, { kubernetesConfig })).rejects.toThrow("workspace mount");
    const { tasks } = await run.fake.api.listTasks(run.runId, { parentId: root });
    expect(tasks[0]?.inputs?.parameters).toMatchObject([
      { parameterKey: "p", value: { kind: { case: "stringValue", value: "/kfp-workspace/x" } } },
    ]);
  });

  test("is not asked about in a step whose condition is false, even without a name of the run (K8S-15)", async () => {
    const { run, root } = await start({ component, task: { ...task, triggerPolicy: { condition: "1 > 2" } } });
    const { taskId } = await run.claim("step", root, { runName: "" });
    expect((await run.task(taskId)).state).toBe(TaskState.SKIPPED);
  });
});
