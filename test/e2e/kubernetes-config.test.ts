/** The built driver with a Kubernetes executor config: the patch it writes, and what it says when it cannot. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { TaskState } from "../../src/core/kfp-types.ts";
import type { JsonObject, JsonValue } from "../../src/core/values/value.ts";
import { startFakeApi } from "../fakes/kfp-api.ts";
import { builtPrograms, type Programs } from "../support/built-programs.ts";
import { makeFolder, removeFolder } from "../support/probe.ts";
import { assertValidPod } from "../support/step-pod.ts";

const text = { parameterType: "STRING", isOptional: true };
const spec: JsonObject = {
  pipelineInfo: { name: "demo" },
  schemaVersion: "2.1.0",
  defaultPipelineRoot: "minio://mlpipeline/v2/artifacts",
  root: {
    inputDefinitions: { parameters: { db: text, absent: text } },
    dag: { tasks: { step: { taskInfo: { name: "step" }, componentRef: { name: "comp" } } } },
  },
  components: { comp: { executorLabel: "exec" } },
  deploymentSpec: { executors: { exec: { container: { image: "busybox", command: ["true"] } } } },
};

let programs: Programs;
beforeAll(async () => {
  programs = await builtPrograms();
}, 120_000);

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
}

async function runDriver(argv: readonly string[]): Promise<Ended> {
  const { PATH: searchPath = "" } = process.env;
  const child = spawn(path.join(programs.bin, "driver"), argv, {
    env: { PATH: `${path.dirname(process.execPath)}:${searchPath}`, KFP_POD_NAME: "pod", KFP_POD_UID: "uid" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { code, stderr };
}

/** Drives root and step of a run; the patch is undefined when none was written. */
async function driveStep(kubernetesConfig: JsonObject, parameterValues: Record<string, JsonValue> = {}, more: string[] = []) {
  const fake = await startFakeApi();
  const folder = await makeFolder();
  onTestFinished(() => removeFolder(folder));
  const runId = await fake.createRun(spec);
  const file = (name: string): string => path.join(folder, name);
  const flags = (type: string, parentTaskId: string): string[] => [
    ...["--type", type, "--pipeline_name", "demo", "--run_id", runId, "--run_name", "wf", "--run_display_name", "Demo"],
    ...["--namespace", "ns", "--parent_task_id", parentTaskId, "--task_name", "step", "--iteration_index", "-1"],
    ...["--ml_pipeline_server_address", fake.server.host, "--ml_pipeline_server_port", String(fake.server.port)],
    ...["--http_proxy", "", "--https_proxy", "", "--no_proxy", "", "--condition_path", file("condition")],
  ];
  const root = await runDriver([
    ...flags("ROOT_DAG", ""),
    ...["--runtime_config", JSON.stringify({ parameterValues })],
    ...["--parent_task_id_path", file("parent"), "--iteration_count_path", file("count")],
  ]);
  expect(root).toMatchObject({ code: 0 });
  const rootId = readFileSync(file("parent"), "utf8");
  const ended = await runDriver([
    ...flags("CONTAINER", rootId),
    ...["--kubernetes_config", JSON.stringify(kubernetesConfig)],
    ...["--cached_decision_path", file("cached"), "--pod_spec_patch_path", file("patch")],
    ...more,
  ]);
  const { tasks } = await fake.api.listTasks(runId, { parentId: rootId });
  const patch = existsSync(file("patch")) ? (JSON.parse(readFileSync(file("patch"), "utf8")) as JsonObject) : undefined;
  return { ...ended, row: tasks[0], patch };
}

describe("the driver program with a Kubernetes config", () => {
  test("writes a patch that makes a valid pod", async () => {
    const config = {
      secretAsVolume: [
        { mountPath: "/s", secretNameParameter: { componentInputParameter: "db" } },
        { mountPath: "/t", secretNameParameter: { componentInputParameter: "absent" } },
      ],
      tolerations: [{ tolerationJson: { runtimeValue: { constant: { Key: "k", operator: "Exists" } } } }],
      securityContext: { runAsUser: "5" },
    };
    const { code, stderr, patch } = await driveStep(config, { db: "db-secret" }, ["--default_run_as_group", "0"]);
    expect(stderr).toContain("Key as key");
    expect(code).toBe(0);
    expect(patch).toMatchObject({
      volumes: [{ name: "db-secret", secret: { secretName: "db-secret", optional: false } }],
      tolerations: [{ key: "k", operator: "Exists" }],
      containers: [
        {
          volumeMounts: [{ name: "db-secret", mountPath: "/s" }],
          securityContext: { runAsUser: 5, runAsGroup: 0, capabilities: { drop: ["ALL"] } },
        },
      ],
    });
    assertValidPod(patch ?? {});
  });

  test("fails the task with one line that names task, member and value, and writes no patch", async () => {
    const config = { nodeSelector: { nodeSelectorJson: { runtimeValue: { constant: { gpu: 1 } } } } };
    const { code, stderr, patch, row } = await driveStep(config);
    const message = 'Cannot apply nodeSelector.nodeSelectorJson of task "root.step": failed to resolve node selector';
    expect(code).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr).toContain("must be a text but is number 1");
    expect(patch).toBeUndefined();
    expect(row?.state).toBe(TaskState.FAILED);
    expect(row?.statusMetadata?.message).toContain(message);
  });

  test("refuses a config that is not JSON of the message, and leaves a FAILED task that says so", async () => {
    const { code, stderr, row } = await driveStep({ tolerations: "all" });
    expect(code).toBe(1);
    expect(stderr).toContain("--kubernetes_config");
    expect(row?.state).toBe(TaskState.FAILED);
    expect(row?.statusMetadata?.message).toContain("--kubernetes_config");
  });
});
