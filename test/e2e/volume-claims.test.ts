/**
 * The built driver does the volume tasks that the Go driver was recorded with: the same requests to Kubernetes, output files, outputs and
 * states; and it says what went wrong.
 */
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import { beforeAll, describe, onTestFinished, test } from "vitest";
import { IoType, TaskState, type PipelineTask } from "../../src/core/kfp-types.ts";
import { valueToJson } from "../../src/core/values/value.ts";
import { startFakeApi, type FakeApi } from "../fakes/kfp-api.ts";
import { startVolumeClaimServer, type VolumeClaimServer } from "../fakes/volume-claim-server.ts";
import { builtPrograms } from "../support/built-programs.ts";
import { kubeconfig } from "../support/claim-pipeline.ts";
import { root, runToEnd } from "../support/probe.ts";

interface Recorded {
  readonly pipeline: string;
  readonly parameters: JsonObject;
  readonly spec: JsonObject;
  readonly programs: readonly RecordedProgram[];
}

interface RecordedProgram {
  readonly type: "DAG" | "CONTAINER";
  readonly task: string;
  readonly kubernetesRequests?: readonly JsonObject[];
  readonly outputFiles?: Readonly<Record<string, string>>;
  readonly row?: { readonly state: string; readonly outputs: readonly JsonObject[]; readonly displayName: string };
  readonly ancestors?: readonly { readonly task: string; readonly outputs: readonly JsonObject[] }[];
}

const recordings = JSON.parse(readFileSync(path.join(root, "test/fixtures/recordings/claims.json"), "utf8")) as Recorded[];
const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

let driver = "";

beforeAll(async () => {
  driver = path.join((await builtPrograms()).bin, "driver");
});

/** One run, its folder of output files, and the cluster. */
class DrivenRun {
  readonly kubernetes: VolumeClaimServer;
  readonly #fake: FakeApi;
  readonly #folder: string;
  readonly #runId: string;
  readonly #pipeline: string;
  readonly #ids = new Map<string, string>();

  constructor(fake: FakeApi, kubernetes: VolumeClaimServer, folder: string, { pipeline, spec }: Recorded) {
    this.#fake = fake;
    this.kubernetes = kubernetes;
    this.#folder = folder;
    this.#pipeline = pipeline;
    const { run } = fake.server.runs.createRun({ displayName: "d", pipelineSource: { case: "pipelineSpec", value: spec } });
    this.#runId = run.runId;
  }

  /** `label` is `ROOT`, or the label of the parent and the task's key. */
  async drive(type: "ROOT_DAG" | "DAG" | "CONTAINER", label: string, more: readonly string[] = []) {
    const slash = label.lastIndexOf("/");
    const file = (name: string): string => path.join(this.#folder, label.replaceAll("/", "-"), name);
    const flags = [
      ...["--type", type, "--pipeline_name", this.#pipeline, "--run_id", this.#runId, "--run_name", "wf"],
      ...["--run_display_name", "d", "--namespace", "local", "--iteration_index", "-1"],
      ...["--parent_task_id", slash < 0 ? "" : (this.#ids.get(label.slice(0, slash)) ?? "")],
      ...["--task_name", slash < 0 ? "" : label.slice(slash + 1)],
      ...["--http_proxy", "", "--https_proxy", "", "--no_proxy", ""],
      ...["--ml_pipeline_server_address", this.#fake.server.host, "--ml_pipeline_server_port", String(this.#fake.server.port)],
      ...["--condition_path", file("condition_path")],
      ...(type === "CONTAINER"
        ? ["--kubernetes_config", "", "--cached_decision_path", file("cached_decision_path")]
        : ["--runtime_config", "{}", "--parent_task_id_path", file("parent"), "--iteration_count_path", file("count")]),
      ...(type === "CONTAINER" ? ["--pod_spec_patch_path", file("pod_spec_patch_path")] : []),
      ...more,
    ];
    const config = path.join(this.#folder, "kubeconfig");
    await writeFile(config, kubeconfig(this.kubernetes.url));
    const { PATH = "" } = process.env;
    const search = `${path.dirname(process.execPath)}:${PATH}`;
    const env = { PATH: search, KFP_POD_NAME: `pod of ${label}`, KFP_POD_UID: label, KUBECONFIG: config };
    const end = await runToEnd(driver, flags, env);
    if (type !== "CONTAINER" && end.code === 0) this.#ids.set(label, await readFile(file("parent"), "utf8"));
    return end;
  }

  async outputFiles(label: string): Promise<Record<string, string>> {
    const folder = path.join(this.#folder, label.replaceAll("/", "-"));
    const names = await readdir(folder).catch(() => []);
    const texts = await Promise.all(names.map(async (name) => [name, await readFile(path.join(folder, name), "utf8")] as const));
    return Object.fromEntries(texts);
  }

  async row(label: string): Promise<PipelineTask> {
    const scopePath = label.replace("ROOT", "root").replaceAll("/", ".");
    const { tasks } = await this.#fake.api.getRun(this.#runId, "FULL");
    const row = tasks.find((task) => task.scopePath === scopePath);
    if (row === undefined) throw new Error(`there is no row of ${label}`);
    return row;
  }
}

async function start(recorded: Recorded): Promise<DrivenRun> {
  const fake = await startFakeApi();
  const kubernetes = await startVolumeClaimServer();
  const folder = await mkdtemp(path.join(tmpdir(), "kfp-claims-e2e-"));
  onTestFinished(async () => {
    await kubernetes.close();
    await rm(folder, { recursive: true, force: true });
  });
  const run = new DrivenRun(fake, kubernetes, folder, recorded);
  const { code, stderr } = await run.drive("ROOT_DAG", "ROOT");
  if (code !== 0) throw new Error(stderr);
  return run;
}

const outputsOf = (row: PipelineTask): JsonObject[] =>
  (row.outputs?.parameters ?? []).map(({ parameterKey, value, type, producer }) => ({
    value: (valueToJson(value!) as string).replaceAll(UUID, "UUID"),
    type: IoType[type],
    parameterKey,
    producer: { taskName: producer?.taskName ?? "" },
  }));

describe("the recorded volume tasks", () => {
  test.for(recordings)("of $pipeline", async (recorded, { expect }) => {
    const run = await start(recorded);
    for (const program of recorded.programs) {
      run.kubernetes.requests.length = 0;
      const { code, stderr } = await run.drive(program.type, program.task);
      expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
      if (program.type === "DAG") continue;
      const asked = run.kubernetes.requests.map(({ method, path: where, body, status }) => ({
        method,
        path: where,
        body,
        status,
      }));
      expect(JSON.parse(JSON.stringify(asked).replaceAll(UUID, "UUID"))).toEqual(program.kubernetesRequests);
      expect(await run.outputFiles(program.task)).toEqual(program.outputFiles);
      const row = await run.row(program.task);
      expect({ state: TaskState[row.state], outputs: outputsOf(row), displayName: row.displayName }).toEqual(program.row);
      for (const { task, outputs } of program.ancestors ?? []) expect(outputsOf(await run.row(task))).toEqual(outputs);
    }
  });
});

test("a driver that may not create claims exits with 1, writes no files, and says why in its log and on the row", async ({
  expect,
}) => {
  const recorded = recordings.find(({ pipeline }) => pipeline === "pipeline_with_volume")!;
  const run = await start(recorded);
  run.kubernetes.rights.delete("create");
  const { code, stderr } = await run.drive("CONTAINER", "ROOT/createpvc");
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /driver failed: failed to create pvc: Kubernetes answered 403 for PersistentVolumeClaim local\/.*cannot create/,
  );
  expect(await run.outputFiles("ROOT/createpvc")).toEqual({});
  expect(await run.row("ROOT/createpvc")).toMatchObject({
    state: TaskState.FAILED,
    statusMetadata: { message: expect.stringContaining("cannot create resource") as unknown },
  });
  expect((await run.row("ROOT")).state).toBe(TaskState.FAILED);
  run.kubernetes.rights.add("create");
  expect((await run.drive("CONTAINER", "ROOT/createpvc")).code).toBe(0);
  expect((await run.row("ROOT/createpvc")).state).toBe(TaskState.SUCCEEDED);
});
