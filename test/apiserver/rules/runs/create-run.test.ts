/**
 * CreateRun, rule by rule, over both transports, both packages and both layouts of `Run`.
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { RUN_WAYS, startWay, type ApiWay } from "../../../support/api-ways.ts";
import { SMALL_SPEC, textAt } from "../../../support/list-cases.ts";

const PLATFORM: JsonObject = { platforms: { kubernetes: { deploymentSpec: { executors: {} } } } };
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const T1000 = "1970-01-01T00:16:40Z";

const run = (change: JsonObject = {}): JsonObject => ({ run: { display_name: "r", pipeline_spec: SMALL_SPEC, ...change } });

async function uploadVersion(api: ApiWay, pipelineId: string, name: string, spec: JsonObject = SMALL_SPEC): Promise<string> {
  const upload = { name, displayName: "", description: "", tags: {}, text: JSON.stringify(spec) };
  return (await api.server.pipelines.uploadVersion(pipelineId, upload)).decode().pipelineVersionId;
}

async function createPipeline(api: ApiWay, name: string): Promise<string> {
  return textAt(await api.call("CreatePipeline", { pipeline: { name } }), "pipeline_id");
}

// docs/spec/api-server.md#createrun
describe.for(RUN_WAYS)("CreateRun over $name", (by) => {
  test("answers the DEFAULT view of a PENDING run, whatever else the request says", async ({ expect }) => {
    const api = await startWay(by);
    const made = await api.call(
      "CreateRun",
      run({
        description: "d",
        state: "SUCCEEDED",
        state_history: [{ state: "FAILED" }],
        finished_at: "2030-01-01T00:00:00Z",
        created_at: "2030-01-01T00:00:00Z",
        task_count: 7,
        tasks: [{ name: "t" }],
        runtime_config: { pipeline_root: "s3://b" },
      }),
    );
    const runId = textAt(made, "run_id");
    const experimentId = textAt(made, "experiment_id");
    expect(made).toEqual({
      run_id: runId,
      experiment_id: experimentId,
      display_name: "r",
      description: "d",
      storage_state: "AVAILABLE",
      pipeline_spec: SMALL_SPEC,
      runtime_config: { pipeline_root: "s3://b" },
      service_account: "pipeline-runner",
      created_at: T1000,
      scheduled_at: T1000,
      finished_at: "1970-01-01T00:00:00Z",
      state: "PENDING",
      state_history: [{ update_time: T1000, state: "PENDING" }],
    });
    expect(runId).toMatch(UUID);
    expect(await api.call("GetRun", { run_id: runId })).toEqual(made);
    const { experiments } = await api.call("ListExperiments");
    expect(experiments).toMatchObject([{ experiment_id: experimentId, display_name: "Default", last_run_created_at: T1000 }]);
  });

  test("takes run id, time of the schedule, schedule and service account of the request", async ({ expect }) => {
    const api = await startWay(by);
    const recurring = { display_name: "s", max_concurrency: "1", pipeline_spec: SMALL_SPEC };
    const { recurring_run_id: schedule } = await api.call("CreateRecurringRun", { recurring_run: recurring });
    const asked = {
      run_id: "mine",
      scheduled_at: "2025-01-02T03:04:05.999Z",
      recurring_run_id: schedule as string,
      service_account: "sa",
    };
    expect(await api.call("CreateRun", run(asked))).toMatchObject({ ...asked, scheduled_at: "2025-01-02T03:04:05Z" });
    expect(await api.send("CreateRun", run({ run_id: "mine" }))).toMatchObject({
      code: "ALREADY_EXISTS",
      detail: { message: "Run mine exists already" },
    });
  });

  test("puts the run into the experiment it names, archived or not, and moves that one's time forward", async ({ expect }) => {
    const api = await startWay(by);
    const experimentId = textAt(await api.call("CreateExperiment", { experiment: { display_name: "e" } }), "experiment_id");
    await api.call("ArchiveExperiment", { experiment_id: experimentId });
    api.setTime(2_000);
    const made = await api.call("CreateRun", run({ experiment_id: experimentId }));
    expect(made).toMatchObject({ experiment_id: experimentId, storage_state: "AVAILABLE" });
    expect(await api.call("GetExperiment", { experiment_id: experimentId })).toMatchObject({
      storage_state: "ARCHIVED",
      last_run_created_at: "1970-01-01T00:33:20Z",
    });
  });

  test("takes version before pipeline before spec, and shows what it took with both ids", async ({ expect }) => {
    const api = await startWay(by);
    const pipelineId = await createPipeline(api, "p");
    const first = await uploadVersion(api, pipelineId, "v1", { ...SMALL_SPEC, pipelineInfo: { name: "first" } });
    const second = await uploadVersion(api, pipelineId, "v2", { ...SMALL_SPEC, pipelineInfo: { name: "second" } });
    const reference = (change: JsonObject): JsonObject => ({
      run: { display_name: "r", pipeline_version_reference: change },
    });
    const both = { pipeline_id: pipelineId, pipeline_version_id: first };
    for (const [asked, versionId, name] of [
      [both, first, "first"],
      [{ pipeline_version_id: first }, first, "first"],
      [{ pipeline_id: pipelineId }, second, "second"],
    ] as const) {
      const made = await api.call("CreateRun", reference(asked));
      expect(made["pipeline_version_reference"]).toEqual({ pipeline_id: pipelineId, pipeline_version_id: versionId });
      expect(made).not.toHaveProperty("pipeline_spec");
      const full = await api.call("GetRun", { run_id: textAt(made, "run_id"), view: "FULL" });
      expect(full["pipeline_spec"]).toMatchObject({ pipelineInfo: { name } });
      expect(full).not.toHaveProperty("pipeline_version_reference");
    }
  });

  test("keeps a spec with its platform document, and a version's spec when the version is deleted", async ({ expect }) => {
    const api = await startWay(by);
    const wrapped = { pipeline_spec: SMALL_SPEC, platform_spec: PLATFORM };
    expect(await api.call("CreateRun", run({ pipeline_spec: wrapped }))).toMatchObject({ pipeline_spec: wrapped });
    const pipelineId = await createPipeline(api, "p");
    const versionId = await uploadVersion(api, pipelineId, "v1");
    const reference = { pipeline_id: pipelineId, pipeline_version_id: versionId };
    const made = await api.call("CreateRun", { run: { display_name: "r", pipeline_version_reference: reference } });
    await api.call("DeletePipelineVersion", reference);
    await api.call("DeletePipeline", { pipeline_id: pipelineId });
    const runId = textAt(made, "run_id");
    expect(await api.call("GetRun", { run_id: runId })).toEqual(made);
    expect((await api.call("GetRun", { run_id: runId, view: "FULL" }))["pipeline_spec"]).toEqual(SMALL_SPEC);
  });

  test("keeps macros as they were sent in the run and in every answer", async ({ expect }) => {
    const api = await startWay(by);
    const spec = { ...SMALL_SPEC, root: { inputDefinitions: { parameters: { a: { parameterType: "STRING" } } }, dag: {} } };
    const parameters = { a: "[[RunUUID]] [[CurrentTime]] {{$.scheduledTime.strftime('%Y')}}" };
    const made = await api.call("CreateRun", run({ pipeline_spec: spec, runtime_config: { parameters } }));
    expect(made["runtime_config"]).toEqual({ parameters });
    const full = await api.call("GetRun", { run_id: textAt(made, "run_id"), view: "FULL" });
    expect(full["runtime_config"]).toEqual({ parameters });
  });
});
